//! Images in files: brought to a machine that reaches no registry, or taken to one.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::archive::{Archive, Wanted, in_full};
use super::layout::{self, Named};
use super::{Store, survey};
use crate::error::{Error, Explain, Result};
use crate::model::{Image, Project, Service, ServiceName};

impl Store {
    /// Reads the images of services from an archive or an OCI layout's folder, by what the Compose
    /// file calls them. A single service takes an archive's only image, whatever its name. Services
    /// whose image is not there are left out.
    ///
    /// `platform` is that of the hosts, when they agree; a service's own goes first.
    ///
    /// # Errors
    /// The archive is damaged, hostile, or has none of these images; an image is for another
    /// platform; the store is full.
    pub async fn carry_in(
        &self,
        project: &Project,
        services: &[ServiceName],
        platform: Option<&str>,
        path: &Path,
    ) -> Result<BTreeMap<ServiceName, Image>> {
        let store = self.clone();
        let chosen: Vec<(Service, String)> = services
            .iter()
            .filter_map(|name| project.services.get(name))
            .map(|service| Ok((service.clone(), survey::reference(project, service)?)))
            .collect::<Result<_>>()?;
        let platform = platform.map(str::to_owned);
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || read(&store, &chosen, platform.as_deref(), &path))
            .await
            .unwrap_or_else(|error| Err(Error::user("the archive cannot be read").cause(error)))
    }

    /// Writes images under what the Compose file calls them into an archive that `docker load`
    /// reads, and [`Store::carry_in`]. The file appears when it is complete.
    ///
    /// # Errors
    /// An image is not complete in the store; the file cannot be written.
    pub async fn carry_out(&self, images: Vec<Image>, path: &Path) -> Result<()> {
        let store = self.clone();
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || write(&store, images, &path))
            .await
            .unwrap_or_else(|error| Err(Error::user("the archive cannot be written").cause(error)))
    }
}

fn read(
    store: &Store,
    services: &[(Service, String)],
    platform: Option<&str>,
    path: &Path,
) -> Result<BTreeMap<ServiceName, Image>> {
    let archive = Archive::open(store, path)?;
    if archive.is_empty() {
        return Err(Error::user(format!(
            "`{}` is no archive of images: it has neither a `manifest.json` nor an `index.json` \
             with one",
            path.display()
        ))
        .hint(
            "`webpods pull --to`, `docker save` and `docker buildx build --output type=oci` write \
             some",
        ));
    }
    let mut found = BTreeMap::new();
    for (service, reference) in services {
        let wanted = Wanted {
            reference,
            platform: service.platform.as_deref().or(platform),
        };
        let image = match (archive.named(wanted)?, services) {
            (None, [_]) => archive.only(wanted)?,
            (image, _) => image,
        };
        if let Some(image) = image {
            store.remember_named(reference, &image)?;
            found.insert(service.name.clone(), image);
        }
    }
    if found.is_empty() {
        let listed = |names: Vec<String>| match names.as_slice() {
            [] => "none with a name".to_owned(),
            names => names.join(", "),
        };
        let wanted = services.iter().map(|(_, name)| in_full(name)).collect();
        let names = archive.names().into_iter().map(str::to_owned).collect();
        return Err(Error::user(format!(
            "archive `{}` has no image of these services",
            path.display()
        ))
        .cause(format!("wanted: {}", listed(wanted)))
        .cause(format!("it holds: {}", listed(names)))
        .hint("name one service after the flag to give it the archive's only image"));
    }
    Ok(found)
}

fn write(store: &Store, images: Vec<Image>, path: &Path) -> Result<()> {
    let mut named: Vec<Named> = Vec::new();
    for image in images {
        let name = in_full(&image.reference);
        match named
            .iter_mut()
            .find(|one| one.image.manifest == image.manifest)
        {
            Some(one) if !one.names.contains(&name) => one.names.push(name),
            Some(_) => {}
            None => named.push(Named {
                image,
                names: vec![name],
            }),
        }
    }
    if let Some(lost) = named.iter().find(|one| !store.complete(&one.image)) {
        return Err(Error::user(format!(
            "image `{}` is not complete on this machine",
            lost.image.reference
        ))
        .hint("`webpods build --force` or `webpods pull` makes it whole"));
    }
    let unwritable = || format!("`{}` cannot be written", path.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).explain(unwritable)?;
    let mut buffered = BufWriter::with_capacity(256 << 10, file.as_file_mut());
    layout::archive(store, &named, &mut buffered).explain(unwritable)?;
    buffered.flush().explain(unwritable)?;
    drop(buffered);
    file.as_file().sync_all().explain(unwritable)?;
    // As any file of the user's, where the temporary one is for nobody else.
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file()
        .set_permissions(readable)
        .explain(unwritable)?;
    file.persist(path)
        .map_err(|error| error.error)
        .explain(unwritable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::tests::image;
    use crate::image::records::Key;
    use crate::model::fixtures;

    fn service(name: &str, reference: &str) -> (Service, String) {
        let mut service = fixtures::service(name);
        service.image = Some(reference.to_owned());
        (service, reference.to_owned())
    }

    /// Two images in one archive, and a store that has seen neither.
    fn carried() -> (tempfile::TempDir, Vec<Image>, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let mut images = vec![image(&store, &[b"base", b"web"]), image(&store, &[b"base"])];
        images[0].reference = "shop-web".to_owned();
        images[1].reference = "ghcr.io/me/db:1".to_owned();
        let path = folder.path().join("images.tar");
        write(&store, images.clone(), &path).unwrap();
        let other = Store::at(folder.path().join("b")).unwrap();
        (folder, images, other)
    }

    #[test]
    fn what_is_carried_out_is_carried_in_by_name() {
        let (folder, images, store) = carried();
        let path = folder.path().join("images.tar");
        let services = [
            service("web", "shop-web"),
            service("db", "ghcr.io/me/db:1"),
            service("cache", "redis"),
        ];
        let found = read(&store, &services, None, &path).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found["web"], images[0]);
        assert_eq!(found["db"], images[1]);
        let recalled = store.recall_complete(Key::Reference("shop-web"));
        assert_eq!(recalled.as_ref(), Some(&images[0]));

        // The same in a compressed file, and unpacked into a folder.
        let packed = folder.path().join("images.tar.zst");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&packed, zstd::encode_all(&*bytes, 1).unwrap()).unwrap();
        assert_eq!(read(&store, &services, None, &packed).unwrap(), found);
        let unpacked = folder.path().join("layout");
        tar::Archive::new(&*bytes).unpack(&unpacked).unwrap();
        let third = Store::at(folder.path().join("c")).unwrap();
        assert_eq!(read(&third, &services, None, &unpacked).unwrap(), found);
    }

    #[test]
    fn what_is_no_archive_is_said_and_not_shown() {
        let (folder, _, store) = carried();
        let services = [service("web", "shop-web")];
        let refused = |path: &Path| read(&store, &services, None, path).unwrap_err();
        let empty = folder.path().join("empty.tar");
        std::fs::write(&empty, "").unwrap();
        let folder_of_others = folder.path().join("others");
        std::fs::create_dir(&folder_of_others).unwrap();
        for path in [empty, folder_of_others] {
            let error = refused(&path);
            assert!(
                error.message().contains("is no archive of images"),
                "{error}"
            );
        }
        let secret = folder.path().join(".env");
        std::fs::write(&secret, "PASSWORD=hunter2\n".repeat(100)).unwrap();
        let error = refused(&secret);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(error.message().contains("cannot be used"), "{error}");
    }

    #[test]
    fn names_that_are_not_there_are_listed() {
        let (folder, _, store) = carried();
        let path = folder.path().join("images.tar");
        let services = [service("cache", "redis")];
        let error = read(&store, &services, None, &path).unwrap_err();
        assert!(error.causes()[0].contains("docker.io/library/redis:latest"));
        assert!(error.causes()[1].contains("docker.io/library/shop-web:latest"));
        assert!(error.causes()[1].contains("ghcr.io/me/db:1"), "{error:?}");
        let gone = read(&store, &services, None, Path::new("/nonexistent.tar"));
        assert!(gone.unwrap_err().message().contains("`/nonexistent.tar`"));
    }

    #[test]
    fn one_service_takes_the_only_image_if_it_fits_the_hosts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let path = folder.path().join("one.tar");
        let image = image(&store, &[b"layer"]);
        write(&store, vec![image.clone()], &path).unwrap();
        let services = [service("web", "other:2")];
        let found = read(&store, &services, Some("linux/amd64"), &path).unwrap();
        assert_eq!(found["web"].manifest, image.manifest);
        assert_eq!(found["web"].reference, "other:2");
        let error = read(&store, &services, Some("linux/arm64"), &path).unwrap_err();
        assert!(error.message().contains("for `linux/amd64`"), "{error}");
        assert!(error.message().contains("`linux/arm64`"), "{error}");
    }

    #[test]
    fn nothing_incomplete_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let image = image(&store, &[b"layer"]);
        std::fs::remove_file(store.path(&image.layers[0].digest)).unwrap();
        let path = folder.path().join("x.tar");
        let error = write(&store, vec![image], &path).unwrap_err();
        assert!(error.message().contains("not complete"), "{error}");
        assert!(!path.exists());
    }
}
