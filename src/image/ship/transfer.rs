//! One attempt to send blobs to one host.

use std::collections::BTreeMap;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::sync::mpsc;

use super::answer::{Answer, Packing};
use super::feed::{self, Packet, Part};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, Events};
use crate::image::{Store, amount, unique};
use crate::model::Digest;
use crate::plan::BlobShipment;
use crate::remote::{Host, Process, Reader, Writer};

const RECEIVE: &str = include_str!("../sh/receive.sh");
/// Packets on their way from the reader to the connection.
const IN_FLIGHT: usize = 3;
/// Left free on the host, in bytes.
const RESERVE: u64 = 64 << 20;

/// Why an attempt failed.
pub(super) enum Failure {
    /// Another one may succeed.
    Again(Error),
    /// No other would.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.kind() == Kind::Unreachable {
            Self::Again(error)
        } else {
            Self::Final(error)
        }
    }
}

/// One attempt.
pub(super) struct Transfer<'a> {
    pub(super) host: &'a Host,
    pub(super) cache_dir: &'a str,
    pub(super) store: &'a Store,
    /// This machine's store; parts that it began are continued.
    pub(super) client: &'a str,
    pub(super) events: &'a Events,
}

/// What the host wants.
struct Wanted {
    parts: Vec<Part>,
    packing: Packing,
}

impl Transfer<'_> {
    pub(super) async fn run(&self, blobs: &[BlobShipment]) -> Result<(), Failure> {
        let sizes: BTreeMap<&Digest, u64> =
            blobs.iter().map(|blob| (&blob.digest, blob.size)).collect();
        let attempt = unique();
        let mut process = self
            .host
            .stream(RECEIVE, &[self.cache_dir, self.client, &attempt])
            .await?;
        let Some(mut stdin) = process.stdin.take() else {
            return Err(Failure::Final(Error::user("a process without input")));
        };
        let mut list: Vec<String> = sizes
            .iter()
            .map(|(digest, size)| format!("{} {size}\n", digest.hex()))
            .collect();
        list.push("\n".to_owned());
        let list = list.concat();
        let asked = async {
            stdin.write_all(list.as_bytes()).await?;
            stdin.flush().await
        }
        .await;
        let stdout: Reader = std::mem::replace(&mut process.stdout, Box::new(tokio::io::empty()));
        let mut lines = BufReader::new(stdout).lines();
        let wanted = match asked {
            Ok(()) => self.wanted(&mut lines, &sizes).await?,
            Err(_) => None,
        };
        let Some(wanted) = wanted else {
            drop(stdin);
            return Err(self.refused(process).await);
        };
        let expected = wanted.parts.len();
        let (fed, arrived) = self.stream(wanted, stdin, &mut lines).await;
        fed?;
        let arrived = arrived?;
        if arrived == expected {
            process.wait().await?;
            return Ok(());
        }
        Err(self.ended(process).await)
    }

    /// Reads what the host has, lacks and can unpack. None: the script ended early.
    async fn wanted(
        &self,
        lines: &mut Lines<BufReader<Reader>>,
        sizes: &BTreeMap<&Digest, u64>,
    ) -> Result<Option<Wanted>, Failure> {
        let mut parts = Vec::new();
        let mut packing = Packing::None;
        while let Ok(Some(line)) = lines.next_line().await {
            match Answer::parse(&line) {
                Some(Answer::Want(digest, offset)) => {
                    if let Some(&size) = sizes.get(&digest).filter(|size| offset <= **size) {
                        parts.push(Part {
                            digest,
                            offset,
                            size,
                        });
                    }
                }
                Some(Answer::Free { kib, needed }) => self.check_space(kib * 1024, needed)?,
                Some(Answer::Pack(by)) => packing = by,
                Some(Answer::Go) => return Ok(Some(Wanted { parts, packing })),
                _ => {}
            }
        }
        Ok(None)
    }

    fn check_space(&self, free: u64, needed: u64) -> Result<()> {
        if needed == 0 || free >= needed + RESERVE {
            return Ok(());
        }
        Err(Error::user(format!(
            "host `{}` has too little space for the images: {} are needed in `{}` and {} are free",
            self.host.name(),
            amount(needed + RESERVE),
            self.cache_dir,
            amount(free)
        ))
        .hint("free disk space on the host; `webpods prune` removes what no release needs"))
    }

    /// Sends the parts and counts those that arrived.
    async fn stream(
        &self,
        wanted: Wanted,
        stdin: Writer,
        lines: &mut Lines<BufReader<Reader>>,
    ) -> (Result<()>, Result<usize, Failure>) {
        let (sender, packets) = mpsc::channel(IN_FLIGHT);
        let total = wanted.parts.iter().map(Part::length).sum();
        let store = self.store.clone();
        let feeder = tokio::task::spawn_blocking(move || {
            feed::feed(&store, &wanted.parts, wanted.packing, &sender)
        });
        let arrived = {
            let arrivals = self.arrivals(lines);
            tokio::pin!(arrivals);
            tokio::select! {
                () = self.write(stdin, packets, total) => arrivals.await,
                // The host said no, or is gone: nobody reads the rest.
                arrived = &mut arrivals => arrived,
            }
        };
        let fed = feeder.await.unwrap_or_else(|error| {
            Err(Error::user("the thread that packs blobs ended early").cause(error))
        });
        (fed, arrived)
    }

    async fn write(&self, mut stdin: Writer, mut packets: mpsc::Receiver<Packet>, total: u64) {
        while let Some(packet) = packets.recv().await {
            // A broken connection shows in what the script says, or in how it ends.
            if stdin.write_all(&packet.bytes).await.is_err() {
                return;
            }
            self.events.emit(Event::Shipping {
                host: self.host.name().clone(),
                what: "images".to_owned(),
                done: packet.done,
                total,
            });
        }
        let _ = stdin.shutdown().await;
    }

    async fn arrivals(&self, lines: &mut Lines<BufReader<Reader>>) -> Result<usize, Failure> {
        let mut arrived = 0;
        while let Ok(Some(line)) = lines.next_line().await {
            match Answer::parse(&line) {
                Some(Answer::Arrived(_)) => arrived += 1,
                Some(Answer::Bad(digest)) => return Err(self.bad(digest).await),
                _ => {}
            }
        }
        Ok(arrived)
    }

    /// A blob that arrived as something else: is it the copy here?
    async fn bad(&self, digest: Digest) -> Failure {
        let store = self.store.clone();
        let checked = digest.clone();
        let sound = tokio::task::spawn_blocking(move || store.check(&checked)).await;
        if let Ok(false) = sound {
            return Failure::Final(
                Error::user(format!(
                    "the copy of blob `{digest}` in the image store was damaged and is removed"
                ))
                .hint("run the command again with `--build`"),
            );
        }
        Failure::Again(Error::user(format!(
            "blob `{digest}` arrived damaged on host `{}`",
            self.host.name()
        )))
    }

    /// Why the script ended before it wanted anything.
    async fn refused(&self, process: Process) -> Failure {
        match process.wait().await {
            Ok(output) if (1..128).contains(&output.status) => {
                Failure::Final(output.error("receive images"))
            }
            Ok(output) => Failure::Again(output.error("receive images")),
            Err(error) => error.into(),
        }
    }

    /// Why the script ended before everything arrived.
    async fn ended(&self, process: Process) -> Failure {
        let output = match process.wait().await {
            Ok(output) => output,
            Err(error) => return error.into(),
        };
        let error = output.error("receive images");
        // A full disk or a missing right has a hint and stays; everything else is an interruption.
        if output.status < 128 && !error.hints().is_empty() {
            Failure::Final(error)
        } else {
            Failure::Again(error)
        }
    }
}
