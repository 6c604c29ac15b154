//! Blobs on their way from one host to another, past this machine.
//!
//! The first host connects to the second one with this machine's agent, checks its host key against
//! what this machine knows, and sends what the receiving script there wants. It keeps nothing of
//! that. Why it cannot be done is an obstacle and no error: this machine can always send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::answer::{Answer, Obstacle};
use super::said::Said;
use super::transfer::{PERL, PYTHON, RECEIVE};
use super::{ATTEMPTS, PAUSE};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::image::unique;
use crate::model::Digest;
use crate::plan::BlobShipment;
use crate::remote::{Host, Process, command_line};

const PASS: &str = include_str!("../sh/pass.sh");
/// Prints the login name and, last, the port at which the host's sshd was reached.
const WHO: &str = r#"echo "$(id -un) ${SSH_CONNECTION:-}""#;
/// What the other host is called in the list of known host keys.
const ALIAS: &str = "webpods";

/// From one host to another.
pub(super) struct Pass<'a> {
    /// The host that has the blobs.
    pub(super) source: &'a Host,
    /// The one that lacks them.
    pub(super) target: &'a Host,
    /// Where the one reaches the other.
    pub(super) address: &'a str,
    /// How long that may take.
    pub(super) timeout: Duration,
    pub(super) cache_dir: &'a str,
    /// This machine's store; parts that it began are continued, and it continues these.
    pub(super) client: &'a str,
    pub(super) events: &'a Events,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Bytes between this machine and the hosts.
    pub(super) wire: u64,
    /// What the other host has now.
    pub(super) there: BTreeSet<Digest>,
    /// Bytes of what it got.
    pub(super) bytes: u64,
    /// Why the rest did not arrive.
    pub(super) obstacle: Option<String>,
}

/// How the first host logs in to the other one.
struct Login {
    user: String,
    port: String,
    /// Lines of a `known_hosts` file.
    keys: String,
}

/// Why an attempt ended before everything arrived.
enum Ended {
    /// Another one may succeed.
    Again(String),
    /// No other would.
    Never(String),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Never(error.to_string())
    }
}

impl Pass<'_> {
    /// Passes on what can be passed on.
    pub(super) async fn run(&self, blobs: &[BlobShipment]) -> Passed {
        let mut passed = Passed::default();
        if let Err(Ended::Again(why) | Ended::Never(why)) = self.attempts(blobs, &mut passed).await
        {
            passed.obstacle = Some(why);
        }
        passed
    }

    async fn attempts(&self, blobs: &[BlobShipment], passed: &mut Passed) -> Result<(), Ended> {
        let login = self.login().await?;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(&login, blobs, passed).await {
                Err(Ended::Again(why)) => self.events.notice(format!(
                    "shipping from host `{}` to host `{}` was interrupted ({why}); going on in {} s",
                    self.source.name(),
                    self.target.name(),
                    pause.as_secs()
                )),
                ended => return ended,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.attempt(&login, blobs, passed).await
    }

    async fn login(&self) -> Result<Login, Ended> {
        let known = self.target.known_keys().await;
        if known.iter().all(|key| key.starts_with('@')) {
            return Err(Ended::Never(format!(
                "no ssh host key of `{}` is known here",
                self.target.name()
            )));
        }
        let said = self.target.sh(WHO, &[]).await?.ok("look who logs in")?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let (user, port) = who(&said).ok_or_else(|| {
            Ended::Never(format!(
                "it is not clear how to log in to `{}`",
                self.target.name()
            ))
        })?;
        let line = |key: &String| match key.strip_prefix("@revoked ") {
            Some(key) => format!("@revoked {ALIAS} {key}\n"),
            None => format!("{ALIAS} {key}\n"),
        };
        Ok(Login {
            user,
            port,
            keys: known.iter().map(line).collect(),
        })
    }

    async fn attempt(
        &self,
        login: &Login,
        blobs: &[BlobShipment],
        passed: &mut Passed,
    ) -> Result<(), Ended> {
        let sizes: BTreeMap<&Digest, u64> = blobs
            .iter()
            .filter(|blob| !passed.there.contains(&blob.digest))
            .map(|blob| (&blob.digest, blob.size))
            .collect();
        let attempt = unique();
        let receive = [self.cache_dir, self.client, &attempt, PERL, PYTHON];
        let seconds = self.timeout.as_secs().to_string();
        let arguments = [
            self.cache_dir,
            &attempt,
            &login.user,
            &login.port,
            self.address,
            &seconds,
            &command_line(RECEIVE, &receive)?,
        ];
        let mut process = self.source.stream_with_agent(PASS, &arguments)?;
        let list = sizes
            .iter()
            .map(|(digest, size)| format!("{} {size}\n", digest.hex()));
        let input = format!("{}\n{}\n", login.keys, list.collect::<String>());
        passed.wire += input.len() as u64;
        // The end of its input ends the script, so the input stays open. One that broke shows in
        // what the script says, or in how it ends.
        let stdin = process.stdin.take();
        let stdin = async {
            let mut stdin = stdin?;
            stdin.write_all(input.as_bytes()).await.ok()?;
            stdin.flush().await.ok()?;
            Some(stdin)
        };
        let _open = stdin.await;
        let mut said = Said::new(std::mem::replace(
            &mut process.stdout,
            Box::new(tokio::io::empty()),
        ));
        let listened = self.listen(&mut said, &sizes, passed).await;
        passed.wire += said.bytes;
        let began = listened?;
        let rest = sizes.keys().filter(|blob| !passed.there.contains(**blob));
        if rest.count() == 0 {
            return Ok(());
        }
        let why = why(process).await;
        Err(if began {
            Ended::Again(why)
        } else {
            Ended::Never(why)
        })
    }

    /// Follows what the script says to its end. Whether blobs began to travel.
    async fn listen(
        &self,
        said: &mut Said,
        sizes: &BTreeMap<&Digest, u64>,
        passed: &mut Passed,
    ) -> Result<bool, Ended> {
        let (mut total, mut began) = (0, false);
        while let Some(answer) = said.answer().await {
            match answer {
                Answer::Have(digest) | Answer::Bare(digest) if sizes.contains_key(&digest) => {
                    passed.there.insert(digest);
                }
                Answer::Arrived(digest) => {
                    if let Some((blob, size)) = sizes.get_key_value(&digest) {
                        passed.bytes += size;
                        passed.there.insert((*blob).clone());
                    }
                }
                Answer::Want(digest, offset) => {
                    total += sizes
                        .get(&digest)
                        .map_or(0, |size| size.saturating_sub(offset));
                }
                Answer::Go => began = true,
                Answer::Passed(done) => self.events.emit(Event::Shipping {
                    host: self.target.name().clone(),
                    what: format!("images from {}", self.source.name()),
                    done,
                    total,
                }),
                Answer::Cannot(obstacle) => return Err(Ended::Never(self.words(obstacle))),
                Answer::Bad(digest) => {
                    return Err(Ended::Never(format!("blob `{digest}` arrived damaged")));
                }
                _ => {}
            }
        }
        Ok(began)
    }

    fn words(&self, obstacle: Obstacle) -> String {
        match obstacle {
            Obstacle::Ssh => format!("`{}` has no program `ssh`", self.source.name()),
            Obstacle::Agent => {
                "no ssh agent is forwarded: none runs here, or sshd there forbids it".to_owned()
            }
            Obstacle::Blobs => format!("`{}` no longer has the blobs", self.source.name()),
            Obstacle::Space => format!("`{}` has too little space", self.target.name()),
        }
    }
}

/// The last words of a script that ended early.
async fn why(process: Process) -> String {
    match process.wait().await {
        Ok(output) => {
            let error = output.error("pass images on");
            let last = error.causes().last().and_then(|cause| {
                let mut lines = cause.lines().rev();
                lines.find(|line| !line.trim().is_empty())
            });
            let last = last.unwrap_or(error.message());
            last.trim().trim_end_matches('.').to_owned()
        }
        Err(error) => error.to_string(),
    }
}

/// Login name and port out of what [`WHO`] prints.
fn who(said: &str) -> Option<(String, String)> {
    let mut words = said.split_whitespace();
    let user = words.next()?;
    let port: u16 = words.last()?.parse().ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let sound = user.chars().all(fits) && !user.starts_with('-');
    sound.then(|| (user.to_owned(), port.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_told_by_the_host_and_not_believed_blindly() {
        let known = |user: &str, port: &str| Some((user.to_owned(), port.to_owned()));
        assert_eq!(
            who("deploy 10.0.0.1 51000 10.0.0.2 2222\n"),
            known("deploy", "2222")
        );
        assert_eq!(who("root fe80::1 5 fe80::2 22\n"), known("root", "22"));
        for strange in [
            "",
            "root",
            "-oProxyCommand=x 1 2 3 22",
            "a b c d 70000",
            "r$(id) 22",
        ] {
            assert_eq!(who(strange), None, "{strange:?}");
        }
    }
}
