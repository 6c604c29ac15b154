//! `webpods lab`.

use serde_json::json;

use super::App;
use crate::error::{Error, Kind, Result};
use crate::lab::{self, EngineVersion, Folders, Store, User, Wanted};
use crate::model::{ContextName, HostName};
use crate::report::{Format, Table};

/// Run a disposable fleet on this machine, to try things on
///
/// A lab is a number of containers that behave like servers: each runs sshd, its own Docker
/// engine and Caddy. `lab up` writes the context of the same name, so everything else works on it
/// as on real servers.
#[derive(Debug, clap::Subcommand)]
pub enum Lab {
    Up(Up),
    Down(Down),
    Ls(Ls),
    Ssh(Ssh),
    Logs(Logs),
}

/// Start a lab, or finish one that was left half-made
///
/// Its context takes `compose.<lab>.yml` as an overlay and `.env.<lab>` for variables, where they lie
/// beside the project's Compose file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods lab up                       three nodes, and the context `lab`
  webpods -c lab up                    deploy to them
  webpods lab up --name old --engine 20.10 --nodes 1")]
pub struct Up {
    /// Name of the lab and of its context.
    #[arg(long, default_value = "lab", value_name = "LAB")]
    name: ContextName,
    /// How many nodes, 1 to 32 [default: 3, or as many as there are].
    #[arg(long, value_name = "COUNT")]
    nodes: Option<u8>,
    /// Docker engine of the nodes: 20.10, 26.1 or 28.5 [default: 26.1].
    #[arg(long, value_name = "VERSION")]
    engine: Option<String>,
    /// Image store of the engines: classic or containerd [default: classic].
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// Login: root, or deploy without the rights of root [default: root].
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// Remove a lab with everything that was made for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods lab down                     the lab `lab`
  webpods lab down --name old --images")]
pub struct Down {
    /// Name of the lab.
    #[arg(long, default_value = "lab", value_name = "LAB")]
    name: ContextName,
    /// Remove the node images too, which the next lab would reuse.
    #[arg(long)]
    images: bool,
}

/// List the nodes of every lab.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods lab ls")]
pub struct Ls {}

/// Open a shell on a node, or run a command there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods lab ssh node-1
  webpods lab ssh node-2 -- docker ps")]
pub struct Ssh {
    /// Name of the lab.
    #[arg(long, default_value = "lab", value_name = "LAB")]
    name: ContextName,
    /// The node, like `node-1`.
    node: HostName,
    /// A command instead of a shell.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Show what a node's sshd, engine and Caddy print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods lab logs node-1
  webpods lab logs --name old --follow node-1")]
pub struct Logs {
    /// Name of the lab.
    #[arg(long, default_value = "lab", value_name = "LAB")]
    name: ContextName,
    /// Keep printing what comes.
    #[arg(short, long)]
    follow: bool,
    /// The node, like `node-1`.
    node: HostName,
}

impl Lab {
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Up(verb) => verb.run(app).await,
            Self::Down(verb) => verb.run(app).await,
            Self::Ls(_) => Ls::run(app).await,
            Self::Ssh(verb) => verb.run(app).await,
            Self::Logs(verb) => status(lab::logs(&verb.name, &verb.node, verb.follow).await?),
        }
    }
}

fn folders(app: &App) -> Result<Folders> {
    let get = |key: &str| app.environment.get(key).map(String::as_str);
    Folders::find(get("XDG_DATA_HOME"), get("HOME"))
}

/// A command that ran on a node has said itself what went wrong; only its status is passed on.
fn status(code: u8) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(Error::new(Kind::Status(code), "")),
    }
}

impl Up {
    async fn run(self, app: &App) -> Result<()> {
        let wanted = Wanted {
            nodes: self.nodes,
            engine: parsed::<EngineVersion>(self.engine.as_deref())?,
            store: parsed::<Store>(self.store.as_deref())?,
            user: parsed::<User>(self.user.as_deref())?,
        };
        let root = &app.workspace()?.root;
        let events = app.events();
        let lab = lab::up(&folders(app)?, &self.name, wanted, root, &events).await?;
        if app.report.format() == Format::Json {
            return app.report.json(&lab);
        }
        let file = app.workspace()?.shown(&lab.context);
        app.report.out(&format!(
            "lab `{}` runs: {} nodes with Docker {}; context in {file}",
            lab.name,
            lab.nodes.len(),
            lab.engine
        ))?;
        let other = match lab.name.as_str() {
            "lab" => String::new(),
            name => format!(" --name {name}"),
        };
        app.report.line(&format!(
            "next: webpods -c {} up, webpods lab ssh{other} node-1, webpods lab down{other}",
            lab.name
        ));
        Ok(())
    }
}

fn parsed<T: std::str::FromStr<Err = Error>>(text: Option<&str>) -> Result<Option<T>> {
    text.map(str::parse).transpose()
}

impl Down {
    async fn run(self, app: &App) -> Result<()> {
        let removed = lab::down(&folders(app)?, &self.name, &app.events()).await?;
        let images = if self.images {
            lab::remove_images().await?
        } else {
            Vec::new()
        };
        if app.report.format() == Format::Json {
            return app.report.json(&json!({
                "nodes": removed.nodes, "contexts": removed.contexts, "images": images,
            }));
        }
        if removed.nodes.is_empty() && images.is_empty() {
            return app.report.out(&format!("lab `{}` is not there", self.name));
        }
        for node in &removed.nodes {
            app.report.out(&format!("removed  {node}"))?;
        }
        for context in &removed.contexts {
            app.report.out(&format!("removed  {}", context.display()))?;
        }
        for image in &images {
            app.report.out(&format!("removed  {image}"))?;
        }
        Ok(())
    }
}

impl Ls {
    async fn run(app: &App) -> Result<()> {
        let nodes = lab::list(None).await?;
        let columns = ["lab", "node", "address", "state", "engine", "store", "user"];
        let mut table = Table::new(&columns);
        for node in &nodes {
            table.row([
                node.lab.to_string(),
                node.name.to_string(),
                node.addr.to_string(),
                node.state.clone(),
                node.engine.clone(),
                node.store.clone(),
                node.user.clone(),
            ]);
        }
        app.report.table(&table, &nodes)
    }
}

impl Ssh {
    async fn run(self, app: &App) -> Result<()> {
        status(lab::ssh(&folders(app)?, &self.name, &self.node, &self.command).await?)
    }
}
