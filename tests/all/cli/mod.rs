//! The real binary in a temporary folder with an empty environment.

mod asking;
mod config;
mod contexts;
mod init;
mod safety;
mod scripts;
mod usage;

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder to run webpods in.
pub struct Repo(TempDir);

impl Repo {
    /// An empty one.
    pub fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// One with these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        for (name, text) in files {
            repo.write(name, text);
        }
        repo
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// `webpods` here, with nothing in its environment but a home and a user.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webpods"));
        command
            .env_clear()
            .env("HOME", self.path())
            .env("USER", "ann")
            .current_dir(self.path());
        command
    }

    /// Runs `webpods` with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command().args(arguments))
    }
}

/// How a run ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            code: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The run failed with this code and said all of this on stderr, and nothing on stdout.
    #[track_caller]
    pub fn refused(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for said in said {
            assert!(self.err.contains(said), "no {said:?} in: {}", self.err);
        }
        assert_eq!(self.out, "");
    }

    /// The run worked; returns its stdout.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        &self.out
    }
}

/// A context file with one host.
pub const ONE_HOST: &str = "hosts:\n  - { name: web-1, addr: 203.0.113.1 }\n";
