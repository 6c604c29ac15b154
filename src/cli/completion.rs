//! `webpods completion`.

use clap_complete::Shell;

use super::App;
use crate::error::Result;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  webpods completion bash > /etc/bash_completion.d/webpods
  webpods completion zsh > ~/.zfunc/_webpods
  webpods completion fish > ~/.config/fish/completions/webpods.fish")]
pub struct Completion {
    /// The shell.
    shell: Shell,
}

impl Completion {
    pub fn run(self, app: &App) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "webpods", &mut script);
        app.report.out_unredacted(&String::from_utf8_lossy(&script))
    }
}
