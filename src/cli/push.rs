//! `webpods push` (spec §6.2, §12).

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::RolloutOptions;
use crate::error::Result;
use crate::report::bytes;

/// Ship the images of services to the hosts that will run them, without deploying
///
/// Only blobs that a host lacks are sent. A later `up` finds them there.
#[derive(Debug, Args)]
pub struct Push {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Push {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let authority = engine.authorize("push").await?;
        app.banner(&engine).await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            ..RolloutOptions::default()
        };
        for sent in engine.push(&authority, &options).await? {
            app.report.line(&format!(
                "{}: sent {} of {}",
                sent.host,
                bytes(sent.sent),
                bytes(sent.total)
            ));
        }
        Ok(())
    }
}
