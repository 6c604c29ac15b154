use std::fs;

use super::*;
use crate::image::manifest::tests::image;
use crate::model::Build;
use crate::model::fixtures::{self, service};

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
    project: Project,
    recorded: BTreeMap<ServiceName, Image>,
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

impl Fixture {
    /// `web` is built, `db` is pulled.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = folder.path().join("web");
        fs::create_dir(&context).unwrap();
        fs::write(context.join("Dockerfile"), "FROM scratch").unwrap();
        let mut web = service("web");
        web.build = Some(Build {
            context: context.to_str().unwrap().to_owned(),
            ..Build::default()
        });
        let mut db = service("db");
        db.image = Some("db:1".to_owned());
        let mut project = fixtures::project([web, db]);
        project.working_dir = folder.path().to_owned();
        Self {
            store: Store::at(folder.path().join("store")).unwrap(),
            folder,
            project,
            recorded: BTreeMap::new(),
        }
    }

    async fn survey(&self, service: &str, mode: BuildMode) -> Result<ImageState> {
        let services = [name(service)];
        let mut states = self
            .store
            .survey(&self.project, &services, mode, &self.recorded, None)
            .await?;
        assert_eq!(states.len(), 1);
        Ok(states.remove(service).unwrap())
    }

    async fn reason(&self, service: &str, mode: BuildMode) -> String {
        match self.survey(service, mode).await.unwrap() {
            ImageState::Pending { reason, .. } => reason,
            known => panic!("{known:?}"),
        }
    }

    async fn source(&self) -> Digest {
        let service = &self.project.services["web"];
        fingerprint(&self.store, &self.project, service)
            .await
            .unwrap()
    }

    /// Remembers an image as a build of the present source would.
    async fn built(&self, layer: &[u8]) -> Image {
        let mut image = image(&self.store, &[layer]);
        image.reference = "shop-web".to_owned();
        let source = self.source().await;
        image.source = Some(source.clone());
        self.store.remember(Key::Source(&source), &image).unwrap();
        self.store
            .remember(Key::Reference("shop-web"), &image)
            .unwrap();
        image
    }

    fn change_source(&self) {
        let file = self.folder.path().join("web/Dockerfile");
        fs::write(file, "FROM scratch\nENV a=b").unwrap();
    }
}

#[tokio::test]
async fn what_was_never_built_is_built() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.survey("web", BuildMode::Auto).await.unwrap(),
        ImageState::Pending {
            reference: "shop-web".to_owned(),
            build: true,
            reason: "never built".to_owned(),
            platforms: Vec::new(),
        }
    );
    let error = fixture.survey("web", BuildMode::Never).await.unwrap_err();
    assert!(error.message().contains("`web` was never built"), "{error}");
    assert!(error.hints()[0].contains("webpods build web"));
}

#[tokio::test]
async fn the_same_source_is_not_built_twice() {
    let fixture = Fixture::new();
    let image = fixture.built(b"one").await;
    let known = ImageState::Known(image.clone());
    assert_eq!(fixture.survey("web", BuildMode::Auto).await.unwrap(), known);
    assert_eq!(
        fixture.survey("web", BuildMode::Never).await.unwrap(),
        known
    );
    assert_eq!(fixture.reason("web", BuildMode::Always).await, "--build");

    fixture.change_source();
    let reason = fixture.reason("web", BuildMode::Auto).await;
    assert_eq!(reason, "source changed since the last build");
    assert_eq!(
        fixture.survey("web", BuildMode::Never).await.unwrap(),
        known
    );
    let second = fixture.built(b"two").await;
    assert_eq!(
        fixture.survey("web", BuildMode::Auto).await.unwrap(),
        ImageState::Known(second)
    );
}

#[tokio::test]
async fn an_image_that_left_the_store_is_built_again() {
    let fixture = Fixture::new();
    let image = fixture.built(b"one").await;
    fs::remove_file(fixture.store.path(&image.layers[0].digest)).unwrap();
    let reason = fixture.reason("web", BuildMode::Auto).await;
    assert_eq!(reason, "its image is no longer in the local store");
    assert!(fixture.survey("web", BuildMode::Never).await.is_err());
}

#[tokio::test]
async fn a_release_with_the_same_source_is_enough() {
    let mut fixture = Fixture::new();
    let mut recorded = image(&fixture.store, &[b"built elsewhere"]);
    recorded.source = Some(fixture.source().await);
    recorded.reference = "shop-web".to_owned();
    // As on a machine that never built it.
    for blob in recorded.blobs() {
        fs::remove_file(fixture.store.path(&blob.digest)).unwrap();
    }
    fixture.recorded.insert(name("web"), recorded.clone());
    assert_eq!(
        fixture.survey("web", BuildMode::Auto).await.unwrap(),
        ImageState::Known(recorded.clone())
    );
    fixture.change_source();
    let reason = fixture.reason("web", BuildMode::Auto).await;
    assert_eq!(reason, "source changed since the active release");
    fs::remove_file(fixture.folder.path().join("web/Dockerfile")).unwrap();
    assert!(fixture.survey("web", BuildMode::Auto).await.is_err());
    assert_eq!(
        fixture.survey("web", BuildMode::Never).await.unwrap(),
        ImageState::Known(recorded),
        "without the source"
    );
}

#[tokio::test]
async fn an_image_that_is_not_here_is_pulled() {
    let mut fixture = Fixture::new();
    assert_eq!(
        fixture.reason("db", BuildMode::Auto).await,
        "not on this machine"
    );
    let mut recorded = image(&fixture.store, &[b"db"]);
    recorded.reference = "db:0".to_owned();
    fixture.recorded.insert(name("db"), recorded.clone());
    assert_eq!(
        fixture.reason("db", BuildMode::Always).await,
        "not on this machine",
        "another tag is another image"
    );
    recorded.reference = "db:1".to_owned();
    fixture.recorded.insert(name("db"), recorded.clone());
    assert_eq!(
        fixture.survey("db", BuildMode::Auto).await.unwrap(),
        ImageState::Known(recorded)
    );
    fixture.project.services[1].platform = Some("linux/arm64".to_owned());
    assert_eq!(
        fixture.reason("db", BuildMode::Auto).await,
        "not on this machine"
    );
}

#[tokio::test]
async fn a_service_without_image_is_refused() {
    let mut fixture = Fixture::new();
    fixture.project.services[1].image = None;
    let error = fixture.survey("db", BuildMode::Auto).await.unwrap_err();
    assert!(error.message().contains("neither `image` nor `build`"));
}
