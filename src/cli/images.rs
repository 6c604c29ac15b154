//! `webpods images` (spec §6.2).

use clap::Args;

use super::App;
use super::rollout::services;
use crate::engine::{HostImages, ImageRow, RolloutOptions};
use crate::error::Result;
use crate::report::{Table, bytes};

/// List the images of the project's services, and with `--hosts` what each host keeps of them
#[derive(Debug, Args)]
#[command(
    override_usage = "webpods images [OPTIONS] [SERVICE]...\n       webpods images [OPTIONS] --hosts[=<HOSTS>...]",
    after_help = "\
Examples:
  webpods images                       what is known here
  webpods -c staging images --hosts    what the hosts keep, and for whom"
)]
pub struct Images {
    /// Only these services; `--hosts` shows those of all
    #[arg(value_name = "SERVICE", conflicts_with = "hosts")]
    services: Vec<String>,

    /// Ask every host, or these, what its cache and its engine have, and who shares it
    #[arg(
        long,
        value_name = "HOSTS",
        value_delimiter = ',',
        num_args = 0..,
        require_equals = true
    )]
    hosts: Option<Vec<String>>,
}

impl Images {
    /// Runs it.
    pub async fn run(self, app: &App) -> Result<()> {
        if let Some(hosts) = self.hosts {
            let engine = app.engine_on(hosts).await?;
            engine.authorize("images").await?;
            return on_hosts(app, &engine.images_on_hosts().await?);
        }
        let engine = app.engine().await?;
        engine.authorize("images").await?;
        let options = RolloutOptions {
            services: services(&self.services)?,
            ..RolloutOptions::default()
        };
        print(app, &engine.images(&options).await?)
    }
}

/// Prints a list of images.
pub fn print(app: &App, rows: &[ImageRow]) -> Result<()> {
    let mut table = Table::new(&["SERVICE", "IMAGE", "DIGEST", "SIZE", "PLATFORM"]);
    for row in rows {
        let unknown = || "-".to_owned();
        table.row([
            row.service.to_string(),
            row.reference.clone(),
            row.digest
                .as_ref()
                .map_or_else(|| row.pending.clone(), |digest| digest.short().to_owned()),
            row.size.map_or_else(unknown, bytes),
            row.platform.clone().unwrap_or_else(unknown),
        ]);
    }
    app.report.table(&table, &rows)
}

fn on_hosts(app: &App, hosts: &[HostImages]) -> Result<()> {
    let columns = [
        "HOST",
        "IMAGE",
        "DIGEST",
        "SERVICES",
        "RELEASES",
        "CACHED",
        "IN ENGINE",
        "SHARED WITH",
    ];
    let mut table = Table::new(&columns);
    for host in hosts {
        for image in &host.images {
            table.row([
                host.host.to_string(),
                image.reference.clone().unwrap_or_else(|| "-".to_owned()),
                image.digest.short().to_owned(),
                listed(&image.services),
                listed(&image.releases),
                image
                    .size
                    .map_or_else(|| "-".to_owned(), |size| part(image.cached, size)),
                if image.loaded { "yes" } else { "no" }.to_owned(),
                listed(&image.shared_with),
            ]);
        }
        let cache = &host.cache;
        let more = [
            (cache.recent, "that came within the hour"),
            (
                cache.parts,
                "more of transfers that are under way or broke off",
            ),
        ];
        let more = more.into_iter().filter(|(size, _)| *size > 0);
        let more: Vec<String> = more
            .map(|(size, what)| format!(", {} {what}", bytes(size)))
            .collect();
        let more = more.concat();
        app.report.line(&format!(
            "{}: cache {}: {} of this project alone, {} shared with others, {} of others, {} that \
             nobody needs{more}",
            host.host,
            bytes(cache.total),
            bytes(cache.own),
            bytes(cache.shared),
            bytes(cache.others),
            bytes(cache.unused),
        ));
    }
    app.report.table(&table, &hosts)
}

/// `12 MB`, or `8 MB of 12 MB` when not all is there.
fn part(cached: u64, size: u64) -> String {
    match cached {
        0 => "no".to_owned(),
        _ if cached == size => bytes(size),
        _ => format!("{} of {}", bytes(cached), bytes(size)),
    }
}

fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "-".to_owned()
    } else {
        items.join(",")
    }
}
