//! `webpods cleanup` and `prune` (spec §19).

use clap::Args;

use super::App;
use super::rollout::LockFlags;
use crate::error::Result;
use crate::report::{Table, bytes};

/// Remove what old releases left: stopped containers, files, networks, and releases beyond
/// `artifacts.retain_releases`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging cleanup --dry-run
  webpods -c staging cleanup")]
pub struct Cleanup {
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    lock: LockFlags,
}

/// Free blobs and images that no retained release of any project needs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  webpods -c staging prune --dry-run
  webpods -c staging prune")]
pub struct Prune {
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    lock: LockFlags,
}

impl Cleanup {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let authority = engine.authorize("cleanup").await?;
        app.banner(&engine).await?;
        let done = engine
            .cleanup(&authority, self.dry_run, self.lock.wait)
            .await?;
        let word = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        for line in &done {
            app.report.line(&format!("{word} {line}"));
        }
        if done.is_empty() {
            app.report.line("nothing to do");
        }
        Ok(())
    }
}

impl Prune {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        let engine = app.engine().await?;
        let authority = engine.authorize("prune").await?;
        app.banner(&engine).await?;
        let all = engine
            .prune(&authority, self.dry_run, self.lock.wait)
            .await?;
        let freed = if self.dry_run { "WOULD FREE" } else { "FREED" };
        let mut table = Table::new(&["HOST", freed, "BLOBS", "IMAGES", "RELEASES"]);
        for on in &all {
            let evicted: Vec<String> = on.evicted.iter().map(ToString::to_string).collect();
            table.row([
                on.host.to_string(),
                bytes(on.bytes),
                on.blobs.to_string(),
                on.images.to_string(),
                evicted.join(","),
            ]);
        }
        app.report.table(&table, &all)
    }
}
