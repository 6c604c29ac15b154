//! One attempt to send blobs to one host.

use std::collections::{BTreeMap, BTreeSet};

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::Sizes;
use super::answer::{Answer, Packing};
use super::archive::Archive;
use super::delta;
use super::failure::Failure;
use super::feed::{self, Load, Packet};
use super::part::Part;
use super::road::Road;
use super::said::Said;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::image::{Store, amount, unique};
use crate::model::{Blob, Digest};
use crate::plan::BlobShipment;
use crate::remote::{Host, Process, Writer};

pub(super) const RECEIVE: &str = concat!(
    include_str!("../sh/engine.sh"),
    include_str!("../sh/receive.sh")
);
pub(super) const PERL: &str = include_str!("../sh/rebuild.pl");
pub(super) const PYTHON: &str = include_str!("../sh/rebuild.py");
/// Packets on their way from the reader to the connection.
const IN_FLIGHT: usize = 3;
/// Left free on the host, in bytes.
pub(super) const RESERVE: u64 = 64 << 20;

/// One attempt.
pub(super) struct Transfer<'a> {
    pub(super) host: &'a Host,
    pub(super) cache_dir: &'a str,
    pub(super) store: &'a Store,
    /// This machine's store; parts that it began are continued.
    pub(super) client: &'a str,
    pub(super) events: &'a Events,
    /// Blobs that are sent whole, because making them of others failed.
    pub(super) whole: &'a BTreeSet<Digest>,
    /// What the engine is given at the same time.
    pub(super) archive: Option<&'a Archive>,
}

/// What the script said while it was fed.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Blobs that arrived.
    blobs: usize,
    /// The engine did not take the archive.
    pub(super) refused: bool,
}

/// What the host wants and can do.
pub(super) struct Wanted {
    pub(super) parts: Vec<Part>,
    /// Blobs that it has without their index.
    bare: Vec<Blob>,
    pub(super) packing: Packing,
    /// How many of its blobs have an index; none: it cannot make blobs of others.
    pub(super) indexes: Option<u64>,
    /// What it has.
    pub(super) there: BTreeSet<Digest>,
    /// Bytes that it has room for.
    pub(super) free: u64,
}

impl Transfer<'_> {
    /// Adds to `wire` the bytes that travelled, either way, and to `lacked` of each blob what the
    /// host had no part of.
    pub(super) async fn run(
        &self,
        blobs: &[BlobShipment],
        wire: &mut u64,
        lacked: &mut Sizes,
    ) -> Result<Arrivals, Failure> {
        let sizes: BTreeMap<&Digest, u64> =
            blobs.iter().map(|blob| (&blob.digest, blob.size)).collect();
        let (process, mut stdin, mut said) = self.open().await?;
        let mut list: Vec<String> = sizes
            .iter()
            .map(|(digest, size)| format!("{} {size}\n", digest.hex()))
            .collect();
        let members = self.archive.iter().flat_map(|archive| &archive.members);
        let known = members.filter(|blob| !sizes.contains_key(&blob.digest));
        list.extend(known.map(|blob| format!("{} {} known\n", blob.digest.hex(), blob.size)));
        list.push("\n".to_owned());
        let list = list.concat();
        let mut asked = list.len() as u64;
        let wanted = match send(&mut stdin, &list).await {
            Some(()) => self.wanted(&mut said, &sizes).await?,
            None => None,
        };
        let Some(mut wanted) = wanted else {
            drop(stdin);
            return Err(self.refused(process).await);
        };
        let planned = self.plan(&mut wanted, &mut said, &mut stdin, &mut asked);
        let ready = planned.await? && send(&mut stdin, "send\n").await.is_some();
        *wire += asked + said.bytes;
        if !ready {
            drop(stdin);
            return Err(self.ended(process).await);
        }
        let parts = wanted.parts.iter();
        lacked.extend(parts.map(|part| (part.blob.digest.clone(), part.sent())));
        let before = said.bytes;
        let expected = wanted.parts.len();
        let made: BTreeMap<Digest, Vec<Digest>> = wanted.parts.iter().filter_map(made_of).collect();
        let road = Road::of(&wanted.parts);
        let (store, packing) = (self.store.clone(), wanted.packing);
        let load = self.load(wanted);
        let run = move |sender| feed::feed(&store, &load, packing, sender);
        let (fed, arrived) = self.stream(run, &road, stdin, &mut said, &made, wire).await;
        *wire += said.bytes - before;
        fed?;
        let arrived = arrived?;
        if arrived.blobs == expected {
            process.wait().await?;
            return Ok(arrived);
        }
        Err(self.ended(process).await)
    }

    /// Starts the script that receives.
    pub(super) async fn open(&self) -> Result<(Process, Writer, Said), Failure> {
        let attempt = unique();
        let socket = self.host.engine_path().to_string_lossy();
        let arguments = [self.cache_dir, self.client, &attempt, PERL, PYTHON, &socket];
        let mut process = self.host.stream(RECEIVE, &arguments).await?;
        let Some(stdin) = process.stdin.take() else {
            return Err(Failure::Final(Error::user("a process without input")));
        };
        let nothing = Box::new(tokio::io::empty());
        let said = Said::new(std::mem::replace(&mut process.stdout, nothing));
        Ok((process, stdin, said))
    }

    /// Finds out what the host can make of what it has. False: the script ended.
    async fn plan(
        &self,
        wanted: &mut Wanted,
        said: &mut Said,
        stdin: &mut Writer,
        asked: &mut u64,
    ) -> Result<bool> {
        let may_help = wanted.parts.iter().any(delta::may_help);
        if may_help && wanted.indexes.is_none() {
            self.events.notice(format!(
                "host `{}` has neither perl nor python3, so blobs are sent whole, also those of \
                 which it has most",
                self.host.name()
            ));
        }
        if !may_help || wanted.indexes.unwrap_or_default() == 0 {
            return Ok(true);
        }
        delta::plan(
            self.store,
            &mut wanted.parts,
            self.whole,
            said,
            stdin,
            asked,
        )
        .await
    }

    /// Reads what the host has, lacks and can do. None: the script ended early.
    pub(super) async fn wanted(
        &self,
        said: &mut Said,
        sizes: &BTreeMap<&Digest, u64>,
    ) -> Result<Option<Wanted>, Failure> {
        let mut wanted = Wanted {
            parts: Vec::new(),
            bare: Vec::new(),
            packing: Packing::None,
            indexes: None,
            there: BTreeSet::new(),
            free: 0,
        };
        let known = |digest: Digest| {
            let size = *sizes.get(&digest)?;
            Some(Blob { digest, size })
        };
        while let Some(answer) = said.answer().await {
            match answer {
                Answer::Want(digest, offset) => {
                    if let Some(blob) = known(digest).filter(|blob| offset <= blob.size) {
                        wanted.parts.push(Part {
                            blob,
                            offset,
                            recipe: None,
                        });
                    }
                }
                Answer::Have(digest) => {
                    wanted.there.insert(digest);
                }
                Answer::Bare(digest) => {
                    wanted.there.insert(digest.clone());
                    wanted.bare.extend(known(digest));
                }
                Answer::Free { kib, needed } => {
                    wanted.free = kib.saturating_mul(1024);
                    self.check_space(wanted.free, needed)?;
                }
                Answer::Pack(by) => wanted.packing = by,
                Answer::Indexes(count) => wanted.indexes = Some(count),
                Answer::Go => return Ok(Some(wanted)),
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

    /// Sends what is fed and counts the blobs that arrived.
    pub(super) async fn stream(
        &self,
        run: impl FnOnce(mpsc::Sender<Packet>) -> Result<()> + Send + 'static,
        road: &Road,
        stdin: Writer,
        said: &mut Said,
        made: &BTreeMap<Digest, Vec<Digest>>,
        wire: &mut u64,
    ) -> (Result<()>, Result<Arrivals, Failure>) {
        let (sender, packets) = mpsc::channel(IN_FLIGHT);
        let feeder = tokio::task::spawn_blocking(move || run(sender));
        let arrived = {
            let arrivals = self.arrivals(said, made);
            tokio::pin!(arrivals);
            tokio::select! {
                () = self.write(stdin, packets, road, wire) => arrivals.await,
                // The host said no, or is gone: nobody reads the rest.
                arrived = &mut arrivals => arrived,
            }
        };
        let fed = feeder.await.unwrap_or_else(|error| {
            Err(Error::user("the thread that packs blobs ended early").cause(error))
        });
        (fed, arrived)
    }

    /// What goes: the parts, and the indexes that a host can use.
    fn load(&self, wanted: Wanted) -> Load {
        let mut indexes = Vec::new();
        if wanted.indexes.is_some() {
            indexes.extend(wanted.parts.iter().map(|part| part.blob.clone()));
            let here = |blob: &Blob| self.store.holds(blob);
            indexes.extend(wanted.bare.into_iter().filter(here));
        }
        let archive = self.archive;
        Load {
            archive: archive.and_then(|archive| archive.assembly(&wanted.parts, &wanted.there)),
            parts: wanted.parts,
            indexes,
        }
    }

    async fn write(
        &self,
        mut stdin: Writer,
        mut packets: mpsc::Receiver<Packet>,
        road: &Road,
        wire: &mut u64,
    ) {
        while let Some(packet) = packets.recv().await {
            *wire += packet.bytes.len() as u64;
            // A broken connection shows in what the script says, or in how it ends.
            if stdin.write_all(&packet.bytes).await.is_err() {
                return;
            }
            self.events.emit(Event::Shipping {
                host: self.host.name().clone(),
                what: road.at(packet.done),
                done: packet.done,
                total: road.total(),
            });
        }
        let _ = stdin.shutdown().await;
    }

    async fn arrivals(
        &self,
        said: &mut Said,
        made: &BTreeMap<Digest, Vec<Digest>>,
    ) -> Result<Arrivals, Failure> {
        let mut arrived = Arrivals::default();
        while let Some(answer) = said.answer().await {
            match answer {
                Answer::Arrived(_) => arrived.blobs += 1,
                Answer::Refused => arrived.refused = true,
                Answer::Damaged(digest) => self.events.warn(format!(
                    "blob `{digest}` in the image cache of host `{}` was damaged and is removed; a \
                     release that needs it gets it again when it is shipped",
                    self.host.name()
                )),
                Answer::Bad(digest) => {
                    return Err(match made.get(&digest) {
                        Some(bases) => self.not_made(digest, bases),
                        None => self.bad(digest).await,
                    });
                }
                _ => {}
            }
        }
        Ok(arrived)
    }

    /// A blob that the host made of others, and that is something else.
    fn not_made(&self, digest: Digest, bases: &[Digest]) -> Failure {
        for index in bases.iter().chain([&digest]) {
            self.store.forget_index(index);
        }
        Failure::Whole(digest)
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

/// A blob that is made of others, with these.
fn made_of(part: &Part) -> Option<(Digest, Vec<Digest>)> {
    let bases = part.recipe.as_ref()?.bases.iter();
    let digests = bases.map(|base| base.digest.clone()).collect();
    Some((part.blob.digest.clone(), digests))
}

/// Nothing: nobody reads it.
pub(super) async fn send(stdin: &mut Writer, text: &str) -> Option<()> {
    stdin.write_all(text.as_bytes()).await.ok()?;
    stdin.flush().await.ok()
}
