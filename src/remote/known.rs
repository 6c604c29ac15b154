//! The host keys by which this machine knows a host.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::address::Address;

/// What ssh makes of an address and the user's settings.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    hostname: String,
    port: String,
    alias: Option<String>,
    files: Vec<String>,
}

/// The keys, each as `<type> <base64>`, revoked ones with `@revoked ` before them. None when no key
/// is known, or it cannot be found out.
pub async fn keys(program: &Path, address: &Address) -> Vec<String> {
    let settings = settings_of(program, address).await;
    let mut keys = Vec::new();
    for file in &settings.files {
        let find = ["-F", &settings.name(), "-f", file].map(str::to_owned);
        if let Some(printed) = output(Path::new("ssh-keygen"), &find).await {
            keys.extend(printed.lines().filter_map(key));
        }
    }
    keys
}

/// A file with keys of hosts that is there and cannot be read, and why: to ssh, which does not say
/// so, it is as if it were empty.
pub async fn unreadable(program: &Path, address: &Address) -> Option<(String, io::Error)> {
    let files = settings_of(program, address).await.files;
    files.into_iter().find_map(|file| {
        let read = File::open(&file).and_then(|mut open| open.read(&mut [0]));
        let error = read.err()?;
        (error.kind() != io::ErrorKind::NotFound).then_some((file, error))
    })
}

/// Empty when ssh cannot be asked.
async fn settings_of(program: &Path, address: &Address) -> Settings {
    let mut asked = vec!["-G".to_owned()];
    asked.extend(address.arguments(None));
    let Some(printed) = output(program, &asked).await else {
        return Settings::default();
    };
    let home = std::env::var("HOME").unwrap_or_default();
    let mut settings = settings(&printed, &home);
    if let Some(file) = address.known_hosts() {
        // As ssh prints it, a name with blanks looks like two.
        settings.files = vec![file.to_string_lossy().into_owned()];
    }
    settings
}

async fn output(program: &Path, args: &[String]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads what `ssh -G` prints.
fn settings(printed: &str, home: &str) -> Settings {
    let mut settings = Settings::default();
    for line in printed.lines() {
        let Some((name, value)) = line.split_once(' ') else {
            continue;
        };
        match name {
            "hostname" => value.clone_into(&mut settings.hostname),
            "port" => value.clone_into(&mut settings.port),
            "hostkeyalias" if value != "none" => settings.alias = Some(value.to_owned()),
            "userknownhostsfile" | "globalknownhostsfile" => {
                let files = value.split_whitespace().filter(|file| *file != "none");
                settings.files.extend(files.map(|file| {
                    let below = file.strip_prefix("~/");
                    below.map_or_else(|| file.to_owned(), |rest| format!("{home}/{rest}"))
                }));
            }
            _ => {}
        }
    }
    settings
}

impl Settings {
    /// What the host is called in a `known_hosts` file.
    fn name(&self) -> String {
        match (&self.alias, self.port.as_str()) {
            (Some(alias), _) => alias.clone(),
            (None, "22" | "") => self.hostname.clone(),
            (None, port) => format!("[{}]:{port}", self.hostname),
        }
    }
}

/// The key in a line that `ssh-keygen -F` found. That of an authority says nothing about one host.
fn key(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let revoked = match first {
        "@revoked" => "@revoked ",
        _ => "",
    };
    if !revoked.is_empty() {
        words.next()?;
    } else if first.starts_with(['#', '@']) {
        return None;
    }
    let (kind, base64) = (words.next()?, words.next()?);
    let plain = |text: &str, also: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        text.chars().all(fits)
    };
    (plain(kind, "-.@") && plain(base64, "+/=")).then(|| format!("{revoked}{kind} {base64}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_says_what_a_host_is_called_and_which_files_know_it() {
        let printed = "user deploy\nhostname 10.0.0.9\nport 2222\nhostkeyalias none\n\
                       userknownhostsfile ~/.ssh/known_hosts /home/u/.ssh/known_hosts2\n\
                       globalknownhostsfile /etc/ssh/ssh_known_hosts\n";
        let read = settings(printed, "/home/u");
        assert_eq!(read.name(), "[10.0.0.9]:2222");
        assert_eq!(
            read.files,
            [
                "/home/u/.ssh/known_hosts",
                "/home/u/.ssh/known_hosts2",
                "/etc/ssh/ssh_known_hosts"
            ]
        );
        let usual = settings("hostname web-1\nport 22\n", "");
        assert_eq!(usual.name(), "web-1");
        let alias = settings("hostname 10.0.0.9\nport 2222\nhostkeyalias web\n", "");
        assert_eq!(alias.name(), "web");
        assert_eq!(settings("", ""), Settings::default());
    }

    #[test]
    fn only_keys_of_the_host_itself_count() {
        let cases = [
            ("# Host web found: line 1", None),
            ("web ssh-ed25519 AAAA/+=", Some("ssh-ed25519 AAAA/+=")),
            ("|1|x=|y= ssh-rsa AAAA comment", Some("ssh-rsa AAAA")),
            ("@revoked web ssh-rsa AAAA", Some("@revoked ssh-rsa AAAA")),
            ("@cert-authority *.web ssh-rsa AAAA", None),
            ("web ssh-rsa $(id)", None),
            ("web", None),
            ("", None),
        ];
        for (line, wanted) in cases {
            assert_eq!(key(line).as_deref(), wanted, "{line}");
        }
    }
}
