//! The real program in a project's folder, with an environment that holds nothing by accident.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program, ready to be run in a folder.
#[derive(Debug, Clone)]
pub struct Webpods {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The arguments, for messages.
    pub line: String,
    /// The exit status; -1 when a signal ended it.
    pub status: i32,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Webpods {
    /// The program in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            environment: Vec::new(),
        }
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The command, not yet started.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webpods"));
        command
            .args(args)
            .current_dir(&self.folder)
            .env_clear()
            .stdin(Stdio::null());
        for name in [
            "PATH",
            "HOME",
            "USER",
            "DOCKER_HOST",
            "XDG_DATA_HOME",
            "TMPDIR",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        let mut command = self.command(args);
        let line = command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let output = command.output().unwrap();
        Run {
            line,
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it to its end, which must be a good one, and returns what it printed.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        self.run(args).expect(0).stdout
    }

    /// Runs it and reads the JSON that it printed.
    #[track_caller]
    pub fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> serde_json::Value {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let run = self
            .run(args.chain(["--format".into(), "json".into()]))
            .expect(0);
        serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("webpods {}: {error}\n{run}", run.line))
    }

    /// Starts it with its outputs captured.
    pub fn spawn<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Run {
    /// Fails, and shows everything, unless the status is `status`.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "webpods {} ended with {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line, self.status, self.stdout, self.stderr
        )
    }
}
