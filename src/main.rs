//! The `webpods` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    webpods::cli::main()
}
