//! An image into a host's engine, whatever happened to the host since it was looked at.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Shipped, Shipping, have, load};
use crate::docker::Node;
use crate::error::{Error, Kind, Result};
use crate::model::Image;
use crate::plan::BlobShipment;

/// How often a host or its engine may go away while an image is brought.
const LOSSES: u32 = 4;
/// How long an engine that went away has to come back: it stops its containers before it does.
const ABSENCE: Duration = Duration::from_secs(60);
/// The pause before it is asked whether it is back.
const PAUSE: Duration = Duration::from_secs(1);
/// What the next command finds.
const GOES_ON: &str = "when it runs, run the command again: what was shipped is not sent again";

impl Shipping<'_> {
    /// Loads an image. When the host's engine or cache no longer has what it had, since somebody
    /// removed it or it was damaged, and this machine has it, it is sent and loaded once more
    /// (spec §12.3). When the engine goes away, by a restart for instance, it has a minute to come
    /// back, and loads the image then. Returns what had to be sent again.
    ///
    /// # Errors
    /// The engine refuses it, in its own words; what is missing cannot be sent; the engine does not
    /// come back (exit 7).
    pub async fn bring(&self, node: &Node, image: &Image) -> Result<Shipped> {
        let mut losses = 0;
        loop {
            match self.try_to_bring(node, image).await {
                Err(error) if error.kind() == Kind::Unreachable => {
                    losses += 1;
                    if losses > LOSSES {
                        return Err(unsteady(node, error));
                    }
                    self.events.notice(format!(
                        "{}: loading image `{}` was interrupted ({error}); going on when Docker \
                         answers again",
                        node.name(),
                        image.reference
                    ));
                    is_back(node).await?;
                }
                result => return result,
            }
        }
    }

    async fn try_to_bring(&self, node: &Node, image: &Image) -> Result<Shipped> {
        let cache_dir = &self.context.artifacts.remote_cache_dir;
        let Err(error) = load(node, cache_dir, image).await else {
            return Ok(Shipped::default());
        };
        if node.host.is_local() || error.kind() == Kind::Unreachable {
            return Err(error);
        }
        // What the engine seemed to have counts no longer.
        let there = have(node, cache_dir, std::slice::from_ref(image)).await?;
        let missing = image
            .blobs()
            .filter(|blob| !there.blobs.contains(&blob.digest));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.is_empty() || !missing.iter().all(|blob| self.store.holds(blob)) {
            return Err(error);
        }
        self.events.notice(format!(
            "{}: a part of image `{}` is no longer there or was damaged; it is sent again \
             ({error})",
            node.name(),
            image.reference
        ));
        let blobs: Vec<BlobShipment> = missing
            .into_iter()
            .map(|blob| BlobShipment {
                digest: blob.digest,
                size: blob.size,
                from: None,
                adopted: false,
            })
            .collect();
        let again = self.ship(node, &blobs, &[], Shipped::default()).await?;
        load(node, cache_dir, image).await?;
        Ok(again)
    }
}

/// Waits for the engine of a host to answer.
async fn is_back(node: &Node) -> Result<()> {
    let deadline = Instant::now() + ABSENCE;
    let mut why = None;
    while Instant::now() + PAUSE < deadline {
        sleep(PAUSE).await;
        let asked = async {
            let engine = node.engine().await?;
            Ok::<_, Error>(engine.info().await.map(drop)?)
        };
        match timeout_at(deadline, asked).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => why = Some(error),
            Err(_) => break,
        }
    }
    let host = node.name();
    let why = why.unwrap_or_else(|| Error::unreachable("it does not answer"));
    let seconds = ABSENCE.as_secs();
    Err(why
        .context(format!(
            "Docker on host `{host}` went away, and is not back after {seconds} s"
        ))
        .hint(GOES_ON))
}

fn unsteady(node: &Node, last: Error) -> Error {
    last.context(format!(
        "Docker on host `{}` went away {} times while an image was loaded",
        node.name(),
        LOSSES + 1
    ))
    .hint("its log there says why: `journalctl -u docker`")
    .hint(GOES_ON)
}
