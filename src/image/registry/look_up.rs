//! What a registry has under a name: asked once, so that every host runs the same.

use super::credentials::Credentials;
use super::fault::{Asked, Fault};
use crate::docker::{Distribution, Engine};
use crate::error::{Error, Result};
use crate::image::archive::same_platform;
use crate::model::{Image, Pinned, Reference, ServiceName};

/// An image as a registry offers it.
#[derive(Debug, Clone)]
pub struct Offer {
    written: String,
    pinned: Pinned,
    found: Distribution,
}

impl Offer {
    /// The image for hosts of this platform; where the registry has none for it, the one that it
    /// has. Without a platform, whatever comes first.
    #[must_use]
    pub fn image(&self, platform: Option<&str>) -> Image {
        let offered = &self.found.platforms;
        let fits = |one: &&String| platform.is_none_or(|wanted| same_machine(one, wanted));
        let first = offered.iter().find(fits).or(offered.first());
        let chosen = first.map(String::as_str).or(platform).unwrap_or_default();
        Image::pulled(
            self.written.clone(),
            self.pinned.clone(),
            self.found.size,
            chosen.to_owned(),
        )
    }
}

/// Same system and processor; a variant counts where both name one.
fn same_machine(have: &str, wanted: &str) -> bool {
    same_platform(have, wanted) || same_platform(wanted, have)
}

/// Looks a name up through the first of these engines that reaches its registry.
///
/// # Errors
/// None reaches it; it has no such image; it wants other credentials.
pub async fn look_up(engines: &[&Engine], service: &ServiceName, written: &str) -> Result<Offer> {
    let what = format!("image `{written}` of service `{service}` cannot be looked up");
    let reference: Reference = written
        .parse()
        .map_err(|error: Error| error.context(what.as_str()))?;
    let repository = &reference.repository;
    let credentials = Credentials::find(repository.registry()).await?;
    let mut refused = None;
    for engine in engines {
        match engine.look_up(&reference, &credentials.auth).await {
            Ok(found) => {
                let pinned = repository.at(found.digest.clone());
                let written = written.to_owned();
                return Ok(Offer {
                    written,
                    pinned,
                    found,
                });
            }
            Err(error) => {
                let asked = Asked {
                    what: what.clone(),
                    engine,
                    repository,
                    credentials: &credentials,
                };
                let (fault, error) = asked.failed(error);
                refused = Some(error);
                // What one machine cannot reach another may.
                let elsewhere = [
                    Fault::Plain,
                    Fault::Untrusted,
                    Fault::Unreachable,
                    Fault::Other,
                ];
                if !elsewhere.contains(&fault) {
                    break;
                }
            }
        }
    }
    Err(refused.unwrap_or_else(|| Error::user(format!("{what}: there is no engine to ask"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn offer(platforms: &[&str]) -> Offer {
        let digest = Digest::of(b"x");
        let reference: Reference = "r.io/app:1".parse().unwrap();
        Offer {
            written: "r.io/app:1".to_owned(),
            pinned: reference.repository.at(digest.clone()),
            found: Distribution {
                digest,
                size: 7,
                platforms: platforms.iter().map(|one| (*one).to_owned()).collect(),
            },
        }
    }

    #[test]
    fn each_platform_gets_what_runs_there() {
        let both = offer(&["linux/amd64", "linux/arm64/v8"]);
        let platform = |offer: &Offer, wanted| offer.image(wanted).platform;
        assert_eq!(platform(&both, Some("linux/arm64")), "linux/arm64/v8");
        assert_eq!(platform(&both, Some("linux/amd64")), "linux/amd64");
        assert_eq!(platform(&both, None), "linux/amd64");
        // The plan says which hosts this does not fit.
        assert_eq!(platform(&both, Some("linux/s390x")), "linux/amd64");
        assert_eq!(platform(&offer(&[]), Some("linux/s390x")), "linux/s390x");
        let image = both.image(None);
        assert_eq!(image.blobs().count(), 0);
        assert_eq!(image.needed().count(), 1);
        assert_eq!(image.size(), 0);
        assert!(image.host_tag().ends_with(":pulled"));
        let tagged = Image::digest_of_tag(&image.host_tag());
        assert_eq!(tagged, Some(image.manifest.digest));
    }
}
