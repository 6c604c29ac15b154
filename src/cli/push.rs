//! `webpods push` (spec §6.2, §12).

use std::path::PathBuf;

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::RolloutOptions;
use crate::error::{Error, Kind, Result};
use crate::report::bytes;

/// Ship the images of services to the hosts that will run them, without deploying
///
/// Only blobs that a host lacks are sent, and its engine loads the images. A later `up` finds them
/// there; after `--from`, a later `up --no-build`.
#[derive(Debug, Args)]
pub struct Push {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,

    /// Take the images from this archive (`docker save`, `webpods pull --to`, an OCI layout) or
    /// OCI layout's folder; the origin is stated before the verb: `webpods --from ci push`
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

impl Push {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
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
            ..RolloutOptions::default()
        };
        for sent in engine
            .push(&authority, &options, self.from.as_deref())
            .await?
        {
            let what = match sent.total {
                0 => "nothing to send".to_owned(),
                total => format!("sent {} of {}", bytes(sent.sent), bytes(total)),
            };
            app.report.line(&format!("{}: {what}", sent.host));
        }
        Ok(())
    }
}
