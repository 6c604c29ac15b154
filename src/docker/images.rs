//! Images: list, inspect, tag, remove, load, export, pull.

use std::io;

use bollard::models::{ImageHistoryResponseItem, ImageInspect, ImageSummary};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::call::Call;
use super::wire::concealed;
use super::{Engine, EngineError, Result};

/// The longest line of progress that is read.
const LONGEST: usize = 1024 * 1024;

/// One line of what the engine reports while it loads or pulls.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    stream: Option<String>,
    status: Option<String>,
    error: Option<String>,
    aux: Option<serde_json::Value>,
}

/// What an engine reported until it was done.
pub(super) struct Report {
    /// Its lines as one text.
    pub said: String,
    /// The last facts it gave beside them.
    pub aux: Option<serde_json::Value>,
}

/// What decides whether an image is the one that is meant.
///
/// An engine with the containerd store lists images whose content is missing, and leaves out most
/// of their description; [`ImageInspect`] cannot be read then, this can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageContent {
    /// The engine's identifier.
    pub id: String,
    /// `linux`; empty when the content is missing.
    pub os: String,
    /// `amd64`; empty when the content is missing.
    pub architecture: String,
    /// About how many bytes its layers are; nothing sensible when the content is missing.
    pub size: i64,
    #[serde(rename = "RootFS")]
    root: Root,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Root {
    layers: Option<Vec<String>>,
}

impl ImageContent {
    /// Diff IDs from the base up; none when the content is missing.
    #[must_use]
    pub fn layers(&self) -> &[String] {
        self.root.layers.as_deref().unwrap_or_default()
    }
}

impl Engine {
    /// What an image consists of, by name or identifier; complete or not.
    ///
    /// # Errors
    /// Not found.
    pub async fn image_content(&self, image: &str) -> Result<ImageContent> {
        let doing = format!("inspect image `{image}`");
        self.wire
            .json(Call::get(doing, &["images", image, "json"]))
            .await
    }

    /// Images with all of these labels (`key=value` or `key`); no labels: every image that has a
    /// name or is used.
    ///
    /// # Errors
    /// No answer.
    pub async fn images(&self, labels: &[String]) -> Result<Vec<ImageSummary>> {
        let call = Call::get("list images", &["images", "json"]).labels(labels);
        self.wire.json(call).await
    }

    /// What the engine knows of an image, by name or identifier.
    ///
    /// # Errors
    /// Not found.
    pub async fn inspect_image(&self, image: &str) -> Result<ImageInspect> {
        let doing = format!("inspect image `{image}`");
        self.wire
            .json(Call::get(doing, &["images", image, "json"]))
            .await
    }

    /// The steps an image was built in.
    ///
    /// # Errors
    /// Not found.
    pub async fn image_history(&self, image: &str) -> Result<Vec<ImageHistoryResponseItem>> {
        let doing = format!("read the history of image `{image}`");
        let call = Call::get(doing, &["images", image, "history"]);
        self.wire.json(call).await
    }

    /// Gives an image another name; an image that had it loses it.
    ///
    /// # Errors
    /// Not found.
    pub async fn tag_image(&self, image: &str, repository: &str, tag: &str) -> Result<()> {
        let doing = format!("name image `{image}` `{repository}:{tag}`");
        let call = Call::post(doing, &["images", image, "tag"])
            .query("repo", repository)
            .query("tag", tag);
        self.wire.done(call).await
    }

    /// Removes a name, and the image when it was its last.
    ///
    /// # Errors
    /// Not found; a container uses it (conflict).
    pub async fn remove_image(&self, image: &str) -> Result<()> {
        let doing = format!("remove image `{image}`");
        self.wire
            .done(Call::delete(doing, &["images", image]))
            .await
    }

    /// Loads an archive of images that arrives in chunks; what the engine said.
    ///
    /// # Errors
    /// The archive is incomplete or damaged, the disk is full, the connection broke.
    pub async fn load_images<S>(&self, archive: S) -> Result<String>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let call = Call::post("load images", &["images", "load"])
            .query("quiet", "1")
            .upload(archive);
        Ok(self.follow(call, |_| {}).await?.said)
    }

    /// Images as one archive, as `docker save` writes it.
    ///
    /// # Errors
    /// Not found. An item that is an error ends the stream: the connection broke.
    pub async fn export_images(
        &self,
        images: &[&str],
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static + use<>> {
        let names = images.join("`, `");
        let mut call = Call::get(format!("export `{names}`"), &["images", "get"]).patience(None);
        for image in images {
            call = call.query("names", image);
        }
        self.wire.download(call).await
    }

    /// Pulls an image, telling `progress` what the engine reports line by line.
    ///
    /// # Errors
    /// The registry does not have it, does not answer, or wants credentials.
    pub async fn pull_image(
        &self,
        image: &str,
        platform: Option<&str>,
        progress: impl FnMut(&str),
    ) -> Result<()> {
        let mut call = Call::post(format!("pull `{image}`"), &["images", "create"])
            .query("fromImage", image)
            .patience(None);
        // Without a tag the engine would pull all of them.
        let last = image.rsplit('/').next().unwrap_or(image);
        if !last.contains([':', '@']) {
            call = call.query("tag", "latest");
        }
        if let Some(platform) = platform {
            call = call.query("platform", platform);
        }
        self.follow(call, progress).await.map(drop)
    }

    /// Reads a report of JSON lines to its end: the engine answers 200 before it knows whether it
    /// will succeed, and says so in the last line.
    pub(super) async fn follow(
        &self,
        call: Call,
        mut progress: impl FnMut(&str),
    ) -> Result<Report> {
        let (doing, auth) = (call.doing.clone(), call.auth.clone());
        let body = self.wire.download(call).await?;
        let codec = LinesCodec::new_with_max_length(LONGEST);
        let mut lines = FramedRead::new(StreamReader::new(body), codec);
        let (mut said, mut aux) = (String::new(), None);
        while let Some(line) = lines.next().await {
            let line = line.map_err(|error| EngineError::broken(self.host(), &doing, &error))?;
            let Ok(report) = serde_json::from_str::<Progress>(&line) else {
                continue;
            };
            if let Some(error) = report.error {
                let error = concealed(auth.as_ref(), &error);
                return Err(EngineError::answered(self.host(), &doing, 500, &error));
            }
            aux = report.aux.or(aux);
            if let Some(text) = report.stream.or(report.status) {
                let text = concealed(auth.as_ref(), &text);
                progress(text.trim_end());
                said.push_str(&text);
            }
        }
        Ok(Report { said, aux })
    }
}
