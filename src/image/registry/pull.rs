//! A host's engine pulls an image by digest and gives it its host tag.

use super::credentials::Credentials;
use super::fault::Asked;
use crate::docker::{Engine, Found, ImageContent};
use crate::error::{Error, Result};
use crate::image::archive::same_platform;
use crate::model::{Image, Pinned};

/// Whether the engine has the image under its digest, however it came there.
pub(in crate::image) async fn held(engine: &Engine, image: &Image) -> Result<bool> {
    let Some(pinned) = &image.pull else {
        return Ok(false);
    };
    let found = engine.image_content(&pinned.to_string()).await.found()?;
    Ok(found.is_some_and(|found| is_for(&found, image)))
}

/// Pulls the image unless the engine holds it, and names it.
///
/// # Errors
/// The registry cannot be reached from the host, refuses the credentials, or does not have the
/// image for its platform.
pub(in crate::image) async fn pull(engine: &Engine, image: &Image, pinned: &Pinned) -> Result<()> {
    let name = pinned.to_string();
    let there = held(engine, image).await?;
    if !there {
        let credentials = Credentials::find(pinned.repository().registry()).await?;
        let platform = Some(image.platform.as_str()).filter(|platform| !platform.is_empty());
        let pulled = engine
            .pull_pinned(pinned, platform, &credentials.auth)
            .await;
        pulled.map_err(|error| {
            let asked = Asked {
                what: format!("image `{}` cannot be pulled", image.reference),
                engine,
                repository: pinned.repository(),
                credentials: &credentials,
            };
            asked.failed(error).1
        })?;
        let found = engine.image_content(&name).await?;
        if !is_for(&found, image) {
            engine.remove_image(&name).await.found()?;
            return Err(Error::user(format!(
                "image `{}` is for `{}/{}`, but host `{}` needs it for `{}`",
                image.reference,
                found.os.escape_debug(),
                found.architecture.escape_debug(),
                engine.host().name(),
                image.platform.escape_debug()
            ))
            .hint("place the service elsewhere with `x-placement.hosts`"));
        }
    }
    let tag = image.host_tag();
    let (repository, tag) = tag.split_once(':').unwrap_or((&tag, "pulled"));
    engine.tag_image(&name, repository, tag).await?;
    if !there {
        // Known by one name, the image goes when that goes.
        engine.remove_image(&name).await.found()?;
    }
    Ok(())
}

/// Whether the content is complete and for the image's platform.
pub(in crate::image) fn is_for(found: &ImageContent, image: &Image) -> bool {
    let have = format!("{}/{}", found.os, found.architecture);
    let wanted: Vec<&str> = image.platform.splitn(3, '/').take(2).collect();
    !found.architecture.is_empty()
        && (image.platform.is_empty() || same_platform(&have, &wanted.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_for_another_machine_is_not_it() {
        let pinned = "r.io/app@sha256:\
                      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let image = |platform: &str| {
            let reference = "r.io/app:1".to_owned();
            Image::pulled(reference, pinned.parse().unwrap(), 7, platform.to_owned())
        };
        let found: ImageContent =
            serde_json::from_str(r#"{"Os": "linux", "Architecture": "arm64"}"#).unwrap();
        assert!(is_for(&found, &image("linux/arm64")));
        assert!(is_for(&found, &image("linux/arm64/v8")));
        assert!(is_for(&found, &image("")));
        assert!(!is_for(&found, &image("linux/amd64")));
        assert!(!is_for(&ImageContent::default(), &image("linux/arm64")));
    }
}
