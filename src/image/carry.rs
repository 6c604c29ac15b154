//! Images in files: brought to a machine that reaches no registry, or taken to one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::archive::{Archive, WRITERS, Wanted, in_full};
use super::layout::{self, Named};
use super::outlet::Outlet;
use super::{Store, survey};
use crate::error::{Error, Result};
use crate::model::{Image, Project, ServiceName};

impl Store {
    /// Reads the images of services from an archive or an OCI layout's folder, by what the Compose
    /// file calls them. A single service takes an archive's only image, whatever its name. Services
    /// whose image is not there are left out.
    ///
    /// `platforms` are those that each service's image is needed for; none: any. Of an image for
    /// several, those are read that the archive has.
    ///
    /// # Errors
    /// The archive is damaged, hostile, or has none of these images; an image is for none of the
    /// platforms that it is needed for; the store is full.
    pub async fn carry_in(
        &self,
        project: &Project,
        services: &[ServiceName],
        platforms: &BTreeMap<ServiceName, Vec<String>>,
        path: &Path,
    ) -> Result<BTreeMap<ServiceName, Image>> {
        let store = self.clone();
        let chosen: Vec<Asked> = services
            .iter()
            .filter_map(|name| project.services.get(name))
            .map(|service| {
                Ok(Asked {
                    service: service.name.clone(),
                    reference: survey::reference(project, service)?,
                    platforms: platforms.get(&service.name).cloned().unwrap_or_default(),
                })
            })
            .collect::<Result<_>>()?;
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || read(&store, &chosen, &path))
            .await
            .unwrap_or_else(|error| Err(Error::user("the archive cannot be read").cause(error)))
    }

    /// Writes images under what the Compose file calls them into an archive that `docker load`
    /// reads, and [`Store::carry_in`]. The file appears when it is complete; dropped before, nothing is left of it.
    ///
    /// # Errors
    /// An image is not complete in the store; the file cannot be written.
    pub async fn carry_out(&self, images: Vec<Image>, outlet: Outlet) -> Result<()> {
        let store = self.clone();
        let (file, unfinished) = outlet.into_parts();
        tokio::task::spawn_blocking(move || write(&store, &images, file))
            .await
            .unwrap_or_else(|error| Err(unwritable().cause(error)))?;
        unfinished.complete()
    }
}

/// An image that is looked for in an archive.
struct Asked {
    service: ServiceName,
    reference: String,
    /// None: any.
    platforms: Vec<String>,
}

fn read(store: &Store, asked: &[Asked], path: &Path) -> Result<BTreeMap<ServiceName, Image>> {
    let archive = Archive::open(store, path)?;
    if archive.is_empty() {
        return Err(Error::user(format!(
            "`{}` is no archive of images: it has neither a `manifest.json` nor an `index.json` \
             with one",
            path.display()
        ))
        .hint(WRITERS));
    }
    let mut found = BTreeMap::new();
    for one in asked {
        let images = of_platforms(&archive, one, asked.len() == 1)?;
        for image in &images {
            store.remember_named(&one.reference, image)?;
        }
        if let Some(image) = Image::of_platforms(images) {
            found.insert(one.service.clone(), image);
        }
    }
    if found.is_empty() {
        let listed = |names: Vec<String>| match names.as_slice() {
            [] => "none with a name".to_owned(),
            names => names.join(", "),
        };
        let wanted = asked.iter().map(|one| in_full(&one.reference)).collect();
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

/// The images of a service, one for each platform that the archive has of those it is needed for.
/// `alone`: it takes the archive's only image, whatever that is called.
fn of_platforms(archive: &Archive<'_>, asked: &Asked, alone: bool) -> Result<Vec<Image>> {
    let find = |platform| {
        let wanted = Wanted {
            reference: &asked.reference,
            platform,
        };
        match archive.named(wanted)? {
            None if alone => archive.only(wanted),
            image => Ok(image),
        }
    };
    if asked.platforms.is_empty() {
        return Ok(find(None)?.into_iter().collect());
    }
    let (mut images, mut refused) = (Vec::new(), None);
    for platform in &asked.platforms {
        match find(Some(platform)) {
            Ok(image) => images.extend(image),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if images.is_empty() => Err(error),
        // Whether a host goes without is for the plan to say.
        _ => Ok(images),
    }
}

fn unwritable() -> Error {
    Error::user("the archive cannot be written")
}

fn write(store: &Store, images: &[Image], file: File) -> Result<()> {
    let mut named: Vec<Named> = Vec::new();
    for image in images.iter().flat_map(Image::all).map(Image::alone) {
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
    let mut file = BufWriter::with_capacity(256 << 10, file);
    layout::archive(store, &named, &mut file)
        .and_then(|()| file.flush())
        .and_then(|()| file.get_ref().sync_all())
        .map_err(|error| unwritable().cause(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::tests::{image, image_for};
    use crate::image::records::Key;

    fn service(name: &str, reference: &str) -> Asked {
        needed(name, reference, &[])
    }

    fn needed(name: &str, reference: &str, platforms: &[&str]) -> Asked {
        Asked {
            service: name.parse().unwrap(),
            reference: reference.to_owned(),
            platforms: platforms.iter().copied().map(str::to_owned).collect(),
        }
    }

    fn write(store: &Store, images: &[Image], path: &Path) -> Result<()> {
        let (file, rest) = Outlet::open(path)?.into_parts();
        super::write(store, images, file)?;
        rest.complete()
    }

    /// Two images in one archive, and a store that has seen neither.
    fn carried() -> (tempfile::TempDir, Vec<Image>, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let mut images = vec![image(&store, &[b"base", b"web"]), image(&store, &[b"base"])];
        images[0].reference = "shop-web".to_owned();
        images[1].reference = "ghcr.io/me/db:1".to_owned();
        let path = folder.path().join("images.tar");
        write(&store, &images, &path).unwrap();
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
        let found = read(&store, &services, &path).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found["web"], images[0]);
        assert_eq!(found["db"], images[1]);
        let recalled = store.recall_complete(Key::Reference("shop-web"));
        assert_eq!(recalled.as_ref(), Some(&images[0]));

        // The same in a compressed file, and unpacked into a folder.
        let packed = folder.path().join("images.tar.zst");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&packed, zstd::encode_all(&*bytes, 1).unwrap()).unwrap();
        assert_eq!(read(&store, &services, &packed).unwrap(), found);
        let unpacked = folder.path().join("layout");
        tar::Archive::new(&*bytes).unpack(&unpacked).unwrap();
        let third = Store::at(folder.path().join("c")).unwrap();
        assert_eq!(read(&third, &services, &unpacked).unwrap(), found);
    }

    #[test]
    fn what_is_no_archive_is_said_and_not_shown() {
        let (folder, _, store) = carried();
        let services = [service("web", "shop-web")];
        let refused = |path: &Path| read(&store, &services, path).unwrap_err();
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
        for (name, text) in [("text", "no block"), (".env", "PASSWORD=hunter2\n")] {
            let short = folder.path().join(name);
            std::fs::write(&short, text).unwrap();
            let error = refused(&short);
            assert!(
                error.causes()[0].contains("no archive of images"),
                "{error:?}"
            );
            assert!(error.hints()[0].contains("docker save"), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = refused(&pipe);
        assert!(
            error.message().contains("neither a file nor a folder"),
            "{error}"
        );
        assert!(error.hints()[0].contains("into a file"), "{error:?}");
    }

    #[test]
    fn a_blob_that_is_missing_in_a_folder_is_named() {
        let (folder, images, store) = carried();
        let unpacked = folder.path().join("layout");
        let bytes = std::fs::read(folder.path().join("images.tar")).unwrap();
        tar::Archive::new(&*bytes).unpack(&unpacked).unwrap();
        // The base of both.
        let base = images[0].layers[0].digest.hex();
        std::fs::remove_file(unpacked.join("blobs/sha256").join(base)).unwrap();
        std::fs::remove_file(unpacked.join("manifest.json")).unwrap();
        let services = [service("web", "shop-web")];
        let error = read(&store, &services, &unpacked).unwrap_err();
        assert!(error.to_string().contains(base), "{error}");
        assert!(error.to_string().contains("does not hold it"), "{error}");
    }

    #[test]
    fn names_that_are_not_there_are_listed() {
        let (folder, _, store) = carried();
        let path = folder.path().join("images.tar");
        let services = [service("cache", "redis")];
        let error = read(&store, &services, &path).unwrap_err();
        assert!(error.causes()[0].contains("docker.io/library/redis:latest"));
        assert!(error.causes()[1].contains("docker.io/library/shop-web:latest"));
        assert!(error.causes()[1].contains("ghcr.io/me/db:1"), "{error:?}");
        let gone = read(&store, &services, Path::new("/nonexistent.tar"));
        assert!(gone.unwrap_err().message().contains("`/nonexistent.tar`"));
    }

    #[test]
    fn one_service_takes_the_only_image_if_it_fits_the_hosts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let path = folder.path().join("one.tar");
        let image = image(&store, &[b"layer"]);
        write(&store, std::slice::from_ref(&image), &path).unwrap();
        let on = |platform| [needed("web", "other:2", &[platform])];
        let found = read(&store, &on("linux/amd64"), &path).unwrap();
        assert_eq!(found["web"].manifest, image.manifest);
        assert_eq!(found["web"].reference, "other:2");
        let error = read(&store, &on("linux/arm64"), &path).unwrap_err();
        assert!(error.message().contains("for `linux/amd64`"), "{error}");
        assert!(error.message().contains("`linux/arm64`"), "{error}");
    }

    #[test]
    fn of_an_image_for_several_platforms_those_are_read_that_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let path = folder.path().join("both.tar");
        let amd = image(&store, &[b"layer"]);
        let arm = image_for(&store, &[b"other"], "arm64");
        let both = Image::of_platforms([amd.clone(), arm.clone()]).unwrap();
        write(&store, &[both], &path).unwrap();
        let other = Store::at(folder.path().join("b")).unwrap();
        let found = |name: &str, platforms: &[&str]| {
            let asked = [needed("web", name, platforms), service("db", "db")];
            read(&other, &asked, &path)
        };
        let two = &["linux/amd64", "linux/arm64"];
        let all = found("app:1", two).unwrap();
        assert_eq!(all["web"].manifest, amd.manifest);
        assert_eq!(all["web"].on("linux/arm64").manifest, arm.manifest);
        let one = found("app:1", &["linux/arm64"]).unwrap();
        assert_eq!(one["web"], arm);
        let most = found("app:1", &["linux/s390x", "linux/arm64"]).unwrap();
        assert_eq!(most["web"].manifest, arm.manifest, "the plan refuses it");
        let error = found("app:1", &["linux/s390x"]).unwrap_err();
        assert!(error.message().contains("`linux/s390x`"), "{error}");
        let error = found("app:1", &[]).unwrap_err();
        assert!(error.hints()[0].contains("`platform:`"), "{error:?}");
        // A single service takes the only image, on every platform.
        let alone = [needed("web", "other", two)];
        let found = read(&other, &alone, &path).unwrap();
        assert_eq!(found["web"].all().count(), 2);
        assert_eq!(found["web"].reference, "other");
        for (platform, image) in two.iter().zip([amd, arm]) {
            let recalled = other.recall_named("app:1", Some(platform)).unwrap();
            assert_eq!(recalled.manifest, image.manifest);
        }
    }

    #[test]
    fn nothing_incomplete_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("a")).unwrap();
        let image = image(&store, &[b"layer"]);
        std::fs::remove_file(store.path(&image.layers[0].digest)).unwrap();
        let path = folder.path().join("x.tar");
        let error = write(&store, &[image], &path).unwrap_err();
        assert!(error.message().contains("not complete"), "{error}");
        assert!(!path.exists());
    }
}
