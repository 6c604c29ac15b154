//! `webpods init`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use super::App;
use crate::error::{Error, Explain, Result};
use crate::report::Format;

/// Write a commented starting set of `.webpods/` into this folder
///
/// Files that exist are never changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods init                 write .webpods/ here
  webpods context ls           see the contexts it wrote
  webpods -c staging diff      what a first deployment would do")]
pub struct Init {}

/// What is written, relative to the project's root.
const FILES: [(&str, &str); 6] = [
    (
        ".webpods/config.yml",
        include_str!("../../templates/init/config.yml"),
    ),
    (
        ".webpods/contexts/dev.yml",
        include_str!("../../templates/init/dev.yml"),
    ),
    (
        ".webpods/contexts/staging.yml",
        include_str!("../../templates/init/staging.yml"),
    ),
    (
        ".webpods/contexts/production.yml",
        include_str!("../../templates/init/production.yml"),
    ),
    (
        ".webpods/.luaurc",
        include_str!("../../templates/init/luaurc.json"),
    ),
    // What `webpods` offers to scripts, for editors with luau-lsp.
    (
        ".webpods/webpods.d.luau",
        include_str!("../../lua/meta/webpods.d.luau"),
    ),
];

#[derive(Debug, Default, Serialize)]
struct Written {
    created: Vec<String>,
    kept: Vec<String>,
}

impl Init {
    pub fn run(app: &App) -> Result<()> {
        let mut written = Written::default();
        for (name, text) in FILES {
            if create(&app.cwd.join(name), text)? {
                written.created.push(name.to_owned());
            } else {
                written.kept.push(name.to_owned());
            }
        }
        if app.report.format() == Format::Json {
            return app.report.json(&written);
        }
        for name in &written.created {
            app.report.out(&format!("created  {name}"))?;
        }
        for name in &written.kept {
            app.report.out(&format!("kept     {name} (it was there)"))?;
        }
        if !written.created.is_empty() {
            app.report.line(
                "\nnext: put your servers into .webpods/contexts/staging.yml, then\n  \
                 webpods -c staging node check\n  webpods -c staging diff\n  \
                 webpods -c staging up",
            );
        }
        Ok(())
    }
}

/// Creates a file; false when something of that name is there already, whatever it is.
fn create(path: &Path, text: &str) -> Result<bool> {
    let explain = || format!("cannot write `{}`", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).explain(explain)?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(Error::user(explain()).cause(error)),
    };
    file.write_all(text.as_bytes()).explain(explain)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, from_yaml};
    use crate::model::SafetyLevel;

    #[test]
    fn what_init_writes_is_what_the_loader_reads() {
        for (name, text) in FILES {
            if let Some(stem) = name
                .strip_prefix(".webpods/contexts/")
                .and_then(|name| name.strip_suffix(".yml"))
            {
                let context = from_yaml(text, name, &stem.parse().unwrap()).unwrap();
                let guarded = context.safety.level == SafetyLevel::Guarded;
                assert_eq!(guarded, stem == "production");
            }
        }
        let settings = Settings::from_yaml(FILES[0].1, FILES[0].0).unwrap();
        assert_eq!(settings.default_context, Some("dev".parse().unwrap()));
    }
}
