use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::image::stat_cache::StatCache;
use crate::model::fixtures::service;

type Change = fn(&mut Fixture);

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
    root: PathBuf,
    service: Service,
    base: ServiceName,
    base_source: Digest,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("app");
        fs::create_dir_all(root.join("src/empty")).unwrap();
        fs::write(root.join("Dockerfile"), "FROM scratch\n").unwrap();
        fs::write(root.join("src/main.c"), "int main;").unwrap();
        symlink("main.c", root.join("src/link")).unwrap();
        let mut service = service("web");
        service.build = Some(Build {
            context: root.to_str().unwrap().to_owned(),
            ..Build::default()
        });
        Self {
            store: Store::at(folder.path().join("store")).unwrap(),
            _folder: folder,
            root,
            service,
            base: "base".parse().unwrap(),
            base_source: Digest::of(b"base"),
        }
    }

    fn build(&mut self) -> &mut Build {
        self.service.build.as_mut().unwrap()
    }

    fn try_fingerprint(&self) -> Result<Digest> {
        let build = self.service.build.as_ref().unwrap();
        let images = BTreeMap::from([(&self.base, self.base_source.clone())]);
        fingerprint(&self.store, &self.service, build, &images, |name| {
            (name == "FROM_ENV").then(|| "yes".to_owned())
        })
    }

    fn fingerprint(&self) -> Digest {
        self.try_fingerprint().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.join(name), text).unwrap();
    }
}

#[test]
fn the_same_source_has_the_same_fingerprint() {
    let fixture = Fixture::new();
    let first = fixture.fingerprint();
    assert_eq!(fixture.fingerprint(), first);
    let other = Fixture::new();
    assert_eq!(other.fingerprint(), first, "wherever the folder is");
    // A fresh checkout has new times.
    fixture.write("src/main.c", "int main;");
    assert_eq!(fixture.fingerprint(), first);
}

#[test]
fn every_input_changes_the_fingerprint() {
    let changes: [(&str, Change); 26] = [
        ("content", |f| f.write("src/main.c", "int main")),
        ("same length", |f| f.write("src/main.c", "int mainX")),
        ("a new file", |f| f.write("new", "")),
        ("a folder", |f| fs::create_dir(f.root.join("d")).unwrap()),
        ("the mode", |f| {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(f.root.join("src/main.c"), mode).unwrap();
        }),
        ("a link", |f| {
            fs::remove_file(f.root.join("src/link")).unwrap();
            symlink("elsewhere", f.root.join("src/link")).unwrap();
        }),
        ("the Dockerfile", |f| f.write("Dockerfile", "FROM x\n")),
        ("an argument", |f| {
            f.build().args.insert("A".into(), Some("1".into()));
        }),
        ("an argument from the environment", |f| {
            f.build().args.insert("FROM_ENV".into(), None);
        }),
        ("the target", |f| f.build().target = Some("t".into())),
        ("a label", |f| {
            f.build().labels.insert("a".into(), "b".into());
        }),
        ("the network", |f| f.build().network = Some("host".into())),
        ("a host", |f| {
            f.build().extra_hosts = vec!["a:1.2.3.4".into()];
        }),
        ("the platform", |f| {
            f.service.platform = Some("linux/arm64".into());
        }),
        ("the inline Dockerfile", |f| {
            f.build().dockerfile_inline = Some("FROM y".into());
        }),
        ("platforms", |f| {
            f.build().platforms = vec!["linux/arm64".into()];
        }),
        ("an additional folder", |f| {
            let folder = NamedContext::Folder(f.root.join("src"));
            f.build().contexts.insert("more".into(), folder);
        }),
        ("an additional image", |f| {
            let image = NamedContext::Fetched("docker-image://alpine".into());
            f.build().contexts.insert("more".into(), image);
        }),
        ("a secret", |f| {
            f.build().secrets.push(secret("a", "/x/key"));
        }),
        ("shm_size", |f| f.build().shm_size = Some(1)),
        ("a limit", |f| {
            let limit = Ulimit { soft: 1, hard: 2 };
            f.build().ulimits.insert("nofile".into(), limit);
        }),
        ("an entitlement", |f| {
            f.build().entitlements = vec!["network.host".into()];
        }),
        ("privileged", |f| f.build().privileged = true),
        ("isolation", |f| {
            f.build().isolation = Some("default".into());
        }),
        ("another service's image", |f| {
            let base = NamedContext::Service(f.base.clone());
            f.build().contexts.insert("more".into(), base);
        }),
        ("no labels, but a target named so", |f| {
            f.build().target = Some("labels".into());
        }),
    ];
    for (what, change) in changes {
        let mut fixture = Fixture::new();
        let before = fixture.fingerprint();
        change(&mut fixture);
        assert_ne!(fixture.fingerprint(), before, "{what}");
    }
}

#[test]
fn cache_settings_and_ignored_files_do_not_change_it() {
    let mut fixture = Fixture::new();
    fixture.write(".dockerignore", "*.log\n.dockerignore\n.git\n!keep.log");
    let before = fixture.fingerprint();
    fixture.write("x.log", "noise");
    fs::create_dir(fixture.root.join(".git")).unwrap();
    fixture.write(".git/HEAD", "ref");
    fixture.build().no_cache = true;
    fixture.build().pull = true;
    fixture.build().cache_from = vec!["x".into()];
    fixture.build().tags = vec!["x:1".into()];
    fixture.build().cache_to = vec!["type=inline".into()];
    fixture.build().ssh = vec!["default".into()];
    assert_eq!(fixture.fingerprint(), before);
    fixture.write("keep.log", "kept");
    assert_ne!(fixture.fingerprint(), before);
}

#[test]
fn only_what_no_builder_would_send_is_left_out() {
    let fixture = Fixture::new();
    fixture.write(".dockerignore", "*.a");
    fixture.write("Dockerfile.dockerignore", "*.a\n*.b");
    let before = fixture.fingerprint();
    fixture.write("x.a", "");
    assert_eq!(fixture.fingerprint(), before);
    fixture.write("x.b", "");
    assert_ne!(fixture.fingerprint(), before);
}

fn secret(id: &str, path: &str) -> BuildSecret {
    BuildSecret {
        id: id.to_owned(),
        source: SecretSource::File(path.into()),
    }
}

#[test]
fn a_secret_counts_by_its_name_and_not_by_its_value_or_folder() {
    let with = |source| {
        let mut fixture = Fixture::new();
        let id = "token".to_owned();
        fixture.build().secrets.push(BuildSecret { id, source });
        fixture.fingerprint()
    };
    let variable = |name: &str, value: &str| {
        let value = Some(value.to_owned().into());
        with(SecretSource::Variable(name.to_owned(), value))
    };
    assert_eq!(variable("A", "1"), variable("A", "2"));
    assert_ne!(variable("A", "1"), variable("B", "1"));
    let file = |path: &str| with(SecretSource::File(path.into()));
    assert_eq!(file("/home/a/key"), file("/ci/key"));
    assert_ne!(file("/ci/key"), file("/ci/other"));
}

#[test]
fn what_is_in_an_additional_context_counts() {
    let mut fixture = Fixture::new();
    let more = fixture.root.with_file_name("more");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("a"), "1").unwrap();
    fs::write(more.join(".dockerignore"), "b").unwrap();
    let folder = NamedContext::Folder(more.clone());
    fixture.build().contexts.insert("more".into(), folder);
    let before = fixture.fingerprint();
    fs::write(more.join("b"), "ignored").unwrap();
    assert_eq!(fixture.fingerprint(), before);
    fs::write(more.join("a"), "2").unwrap();
    assert_ne!(fixture.fingerprint(), before);
    fs::remove_dir_all(&more).unwrap();
    let error = fixture.try_fingerprint().unwrap_err();
    assert!(error.message().contains("more` of service"), "{error}");
}

#[test]
fn the_source_of_an_image_it_is_built_from_counts() {
    let mut fixture = Fixture::new();
    let base = NamedContext::Service(fixture.base.clone());
    fixture.build().contexts.insert("base".into(), base);
    let before = fixture.fingerprint();
    fixture.base_source = Digest::of(b"changed");
    assert_ne!(fixture.fingerprint(), before);
}

#[test]
fn services_built_from_each_other_are_refused() {
    let fixture = Fixture::new();
    let service = |name: &str, other: &str| {
        let mut service = fixture.service.clone();
        service.name = name.parse().unwrap();
        let other = NamedContext::Service(other.parse().unwrap());
        let build = service.build.as_mut().unwrap();
        build.contexts.insert("other".into(), other);
        (service.name.clone(), service)
    };
    let project = |services: Vec<(ServiceName, Service)>| Project {
        name: "shop".parse().unwrap(),
        working_dir: fixture.root.clone(),
        services: services.into_iter().collect(),
        networks: indexmap::IndexMap::new(),
        volumes: indexmap::IndexMap::new(),
        warnings: Vec::new(),
    };
    let circle = project(vec![service("a", "b"), service("b", "a")]);
    let error = of(&fixture.store, &circle, &circle.services["a"]).unwrap_err();
    assert!(error.message().contains("built from itself"), "{error}");
    let alone = project(vec![service("a", "b")]);
    let error = of(&fixture.store, &alone, &alone.services["a"]).unwrap_err();
    assert!(
        error.message().contains("`b`, which is not active"),
        "{error}"
    );
}

#[test]
fn a_symlink_is_not_followed() {
    let fixture = Fixture::new();
    symlink("/nonexistent/secret", fixture.root.join("dangling")).unwrap();
    symlink(".", fixture.root.join("circle")).unwrap();
    let before = fixture.fingerprint();
    assert_eq!(fixture.fingerprint(), before);
}

#[test]
fn the_stat_cache_is_used_and_never_believed_about_recent_files() {
    let fixture = Fixture::new();
    let file = fixture.root.join("src/main.c");
    let before = fixture.fingerprint();
    let cached = || {
        let folder = fixture.store.root().join("stat");
        let Ok(mut files) = fs::read_dir(folder) else {
            return String::new();
        };
        files
            .next()
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .unwrap_or_default()
    };
    assert!(!cached().contains("main.c"), "it was written just now");

    // Cached: planted digests are returned for files in exactly the recorded state.
    let found = fs::symlink_metadata(&file).unwrap();
    let mut cache = StatCache::load(&fixture.store, &fixture.root);
    cache.set("src/main.c", &found, &Digest::of(b"planted"), i64::MAX);
    cache.save(&fixture.store);
    assert!(cached().contains("main.c"));
    assert_ne!(fixture.fingerprint(), before, "the planted digest counts");
    fixture.write("src/main.c", "int main;");
    assert_eq!(
        fixture.fingerprint(),
        before,
        "a touched file is read again"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut fixture = Fixture::new();
    fs::remove_file(fixture.root.join("Dockerfile")).unwrap();
    let error = fixture.try_fingerprint().unwrap_err();
    assert!(error.message().contains("has no Dockerfile at"), "{error}");
    fixture.build().context = "/nonexistent/app".to_owned();
    let error = fixture.try_fingerprint().unwrap_err();
    assert!(error.message().contains("build context `/nonexistent/app`"));
    fixture.build().context = "/dev/null".to_owned();
    let error = fixture.try_fingerprint().unwrap_err();
    assert!(error.message().contains("is not a folder"), "{error}");
}

#[test]
fn a_remote_context_is_known_by_its_text() {
    let mut fixture = Fixture::new();
    fixture.build().context = "https://example.com/a.git#main".to_owned();
    let before = fixture.fingerprint();
    fixture.build().context = "https://example.com/a.git#next".to_owned();
    assert_ne!(fixture.fingerprint(), before);
}
