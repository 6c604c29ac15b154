//! `webpods push` (spec §6.2, §12).

use std::path::{Path, PathBuf};

use clap::Args;

use super::App;
use super::rollout::{LockFlags, services};
use crate::engine::RolloutOptions;
use crate::error::{Error, Kind, Result};
use crate::report::Format;

/// Ship the images of services to the hosts that will run them, without deploying
///
/// Only blobs that a host lacks are sent, and its engine loads the images. A later `up` finds them
/// there; after `--from`, a later `up --no-build`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging push                       bring the images, for a quick `up` later
  webpods -c staging push --from images.tar     those of a file")]
pub struct Push {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Take the images from this archive (`docker save`, `webpods pull --to`, an OCI layout) or
    /// OCI layout's folder; the origin is stated before the verb: `webpods --from ci push`
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// Send images to one host and let it pass them on to the others, for a thin uplink; its ssh
    /// uses your agent for that
    #[arg(long)]
    fanout: bool,

    #[command(flatten)]
    lock: LockFlags,
}

impl Push {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        if self.from.as_deref() == Some(Path::new("-")) {
            let message = "`push --from` reads a file or a folder, not standard input";
            return Err(Error::new(Kind::Usage, message)
                .hint("write it into a file first: `cat > images.tar`, then `--from images.tar`")
                .hint("for a file of that name: `--from ./-`"));
        }
        if let Some(origin @ ("ci" | "local")) = self.from.as_ref().and_then(|from| from.to_str()) {
            let message = "`--from` of `webpods push` names an archive";
            return Err(Error::new(Kind::Usage, message)
                .hint(format!(
                    "to state the origin: `webpods --from {origin} push`"
                ))
                .hint(format!("for a file of that name: `--from ./{origin}`")));
        }
        let engine = app.engine().await?;
        let authority = engine.authorize("push").await?;
        app.banner(&engine).await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            fanout: self.fanout,
            wait: self.lock.wait,
            ..RolloutOptions::default()
        };
        // What was sent is said when it has arrived.
        let all = engine
            .push(&authority, &options, self.from.as_deref())
            .await?;
        if app.report.format() == Format::Json {
            return app.report.json(&all);
        }
        for idle in all.iter().filter(|sent| sent.sent + sent.passed == 0) {
            let what = match idle.pulled.as_slice() {
                [] => "nothing to send".to_owned(),
                pulled => format!("pulled {}; nothing to send from here", pulled.join(", ")),
            };
            app.report.line(&format!("{}: {what}", idle.host));
        }
        Ok(())
    }
}
