//! Reads blobs, packs them and hands over packets; runs on a thread of its own.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::mpsc::Sender;

use super::answer::Packing;
use super::archive::{Assembly, End};
use super::level::{SHORT, Spent};
use super::pack::Packer;
use super::part::Part;
use crate::error::{Error, Explain, Result};
use crate::image::Store;
use crate::image::chunk::{Base, Recipe, SMALLEST, Stretch};
use crate::image::growing::Growing;
use crate::image::layout;
use crate::model::{Blob, Digest};

/// Bytes read at once.
const CHUNK: usize = 512 << 10;
/// Bytes that an unpacker may hold back until more come: gzip's window.
pub(super) static HELD_BACK: [u8; 64 << 10] = [0; 64 << 10];

/// A piece of the packed stream.
pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    /// Bytes of blobs that are there or on their way when this piece has arrived.
    pub(super) done: u64,
}

/// Everything that goes to a host.
pub(super) struct Load {
    pub(super) parts: Vec<Part>,
    /// Blobs whose index goes too.
    pub(super) indexes: Vec<Blob>,
    /// What the host's engine gets at the same time.
    pub(super) archive: Option<Assembly>,
}

/// Sends the whole stream as packets. Ends early, without error, when nobody receives any more.
pub(super) fn feed(
    store: &Store,
    load: &Load,
    packing: Packing,
    packets: Sender<Packet>,
) -> Result<()> {
    let sent = load.parts.iter().map(Part::sent).sum();
    let mut feeder = Feeder::new(store, packing, sent, packets)?;
    if let Some(archive) = &load.archive {
        feeder.open()?;
        for blob in &archive.given {
            feeder.give(blob)?;
        }
    }
    for part in &load.parts {
        let whole = match &load.archive {
            Some(_) => feeder.member(part)?,
            None => feeder.part(part)?,
        };
        if !whole {
            return Ok(());
        }
    }
    if let Some(archive) = &load.archive {
        feeder.close(&archive.end)?;
    }
    for blob in &load.indexes {
        if !feeder.index(blob)? {
            return Ok(());
        }
    }
    feeder.finish()
}

/// A base, when it is here.
pub(super) fn here(store: &Store, base: &Base) -> Option<File> {
    let blob = Blob {
        digest: base.digest.clone(),
        size: base.size,
    };
    store.holds(&blob).then(|| store.read(&blob.digest).ok())?
}

fn unpackable() -> &'static str {
    "the blobs cannot be packed"
}

pub(super) struct Feeder<'a> {
    store: &'a Store,
    packer: Packer,
    /// Whether there is so much that indexes take a while.
    long: bool,
    packets: Sender<Packet>,
    chunk: Vec<u8>,
    /// Bytes of a base.
    old: Vec<u8>,
    /// Bytes of blobs that went through.
    done: u64,
    /// As many as when the packer was last told.
    reported: u64,
    since: Instant,
    /// Whether the rest is not wanted any more.
    stop: Arc<AtomicBool>,
}

impl<'a> Feeder<'a> {
    /// For about so many bytes.
    pub(super) fn new(
        store: &'a Store,
        packing: Packing,
        bytes: u64,
        packets: Sender<Packet>,
    ) -> Result<Self> {
        Ok(Self {
            store,
            packer: Packer::new(packing, bytes).explain(unpackable)?,
            long: bytes > SHORT,
            packets,
            chunk: vec![0; CHUNK],
            old: Vec::new(),
            done: 0,
            reported: 0,
            since: Instant::now(),
            stop: Arc::default(),
        })
    }

    /// Ends early when somebody says so.
    pub(super) fn until(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Begins an archive for the engine.
    pub(super) fn open(&mut self) -> Result<()> {
        self.write(b"open\n")
    }

    /// Puts what the host has into the archive.
    pub(super) fn give(&mut self, blob: &Blob) -> Result<()> {
        self.copy(&layout::before(blob)?)?;
        let line = format!("give {} {}\n", blob.digest.hex(), blob.size);
        self.write(line.as_bytes())?;
        self.padding(blob)
    }

    /// Sends a blob that is still being written, as a member of the archive, from `offset` on.
    /// False: nobody receives any more.
    pub(super) fn growing(&mut self, growing: &Growing, offset: u64) -> Result<bool> {
        let blob = &growing.blob;
        let unreadable = || format!("blob `{}` does not come to its end", blob.digest);
        self.copy(&layout::before(blob)?)?;
        let head = format!("{} {offset} {}\n", blob.digest.hex(), blob.size);
        self.write(head.as_bytes())?;
        let mut position = offset;
        let file = growing.open().explain(unreadable)?;
        while position < blob.size {
            let most = usize::try_from(blob.size - position).unwrap_or(CHUNK);
            let chunk = &mut self.chunk[..most.min(CHUNK)];
            let asked = Instant::now();
            let read = growing.read_at(&file, chunk, position);
            // Who waits for this machine's engine learns nothing about packing.
            self.since += asked.elapsed();
            let n = read.explain(unreadable)?;
            if n == 0 {
                return Err(Error::user(unreadable()));
            }
            self.packer.write(&self.chunk[..n]).explain(unpackable)?;
            position += n as u64;
            self.done += n as u64;
            if !self.hand_over()? {
                return Ok(false);
            }
        }
        self.padding(blob)?;
        Ok(true)
    }

    /// Sends a blob that is a member of the archive. False: nobody receives any more.
    pub(super) fn member(&mut self, part: &Part) -> Result<bool> {
        self.copy(&layout::before(&part.blob)?)?;
        let whole = self.part(part)?;
        self.padding(&part.blob)?;
        Ok(whole)
    }

    /// Ends the archive, so that the engine unpacks it while indexes are made and sent.
    pub(super) fn close(&mut self, end: &End) -> Result<()> {
        for (manifest, name) in &end.names {
            let line = format!("name {} {}\n{name}\n", manifest.hex(), name.len() + 1);
            self.write(line.as_bytes())?;
        }
        self.copy(&end.tail)?;
        self.write(b"close\n")?;
        if self.long {
            // Unpackers keep what they have not a buffer full of. The archive is over, so this goes
            // nowhere.
            self.copy(&HELD_BACK)?;
            self.packer.push().explain(unpackable)?;
        }
        self.hand_over()?;
        Ok(())
    }

    /// Sends bytes that are for the engine alone.
    fn copy(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(format!("copy {}\n", bytes.len()).as_bytes())?;
        self.write(bytes)
    }

    fn padding(&mut self, blob: &Blob) -> Result<()> {
        let zeros = usize::try_from(layout::behind(blob)).unwrap_or_default();
        if zeros == 0 {
            return Ok(());
        }
        self.copy(&vec![0; zeros])
    }

    /// Sends a blob. False: nobody receives any more.
    fn part(&mut self, part: &Part) -> Result<bool> {
        let mut file = self.store.read(&part.blob.digest)?;
        let whole = |range| Stretch {
            range,
            against: None,
        };
        let Some(recipe) = &part.recipe else {
            self.write(part.head().as_bytes())?;
            let rest = whole(part.offset..part.blob.size);
            return self.stretch(&part.blob.digest, &mut file, &mut [], &rest);
        };
        let mut bases = self.bases(recipe);
        let plain;
        let recipe = if recipe.patches().all(|number| bases[number].is_some()) {
            recipe
        } else {
            // A base that was here a moment ago is not any more.
            plain = recipe.plain();
            &plain
        };
        self.write(part.head().as_bytes())?;
        let before = self.done;
        for batch in recipe.batches(part.offset) {
            self.write(batch.code.as_bytes())?;
            for stretch in &batch.sent {
                if !self.stretch(&part.blob.digest, &mut file, &mut bases, stretch)? {
                    return Ok(false);
                }
            }
            self.done = before + batch.end - part.offset;
        }
        Ok(true)
    }

    /// The bases that are here.
    fn bases(&self, recipe: &Recipe) -> Vec<Option<File>> {
        let bases = recipe.bases.iter();
        bases.map(|base| here(self.store, base)).collect()
    }

    /// Sends bytes of a blob, or how they differ from those of a base.
    fn stretch(
        &mut self,
        digest: &Digest,
        file: &mut File,
        bases: &mut [Option<File>],
        stretch: &Stretch,
    ) -> Result<bool> {
        let unreadable = || format!("blob `{digest}` cannot be read from the image store");
        file.seek(SeekFrom::Start(stretch.range.start))
            .explain(unreadable)?;
        let mut base = None;
        if let Some((number, offset)) = stretch.against {
            let file = bases.get_mut(number).and_then(Option::as_mut);
            let file = file.ok_or_else(|| Error::user(unreadable()))?;
            file.seek(SeekFrom::Start(offset)).explain(unreadable)?;
            base = Some(file);
        }
        let mut left = stretch.range.end - stretch.range.start;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let n = file.read(&mut self.chunk[..most]).explain(unreadable)?;
            if n == 0 {
                return Err(Error::user(unreadable())
                    .cause(format!("it ends {left} bytes too early"))
                    .hint("run the command again with `--build`"));
            }
            if let Some(base) = &mut base {
                self.old.resize(n, 0);
                base.read_exact(&mut self.old).explain(unreadable)?;
                for (new, old) in self.chunk[..n].iter_mut().zip(&self.old) {
                    *new ^= old;
                }
            }
            self.packer.write(&self.chunk[..n]).explain(unpackable)?;
            left -= n as u64;
            self.done += n as u64;
            if !self.hand_over()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the index of a blob, where it has one.
    pub(super) fn index(&mut self, blob: &Blob) -> Result<bool> {
        if blob.size < SMALLEST || self.store.index(blob)?.is_none() {
            return Ok(true);
        }
        let bytes = self.store.kept(&blob.digest).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(true);
        }
        let head = format!("index {} {}\n", blob.digest.hex(), bytes.len());
        self.write(head.as_bytes())?;
        self.write(&bytes)?;
        self.hand_over()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.packer.write(bytes).explain(unpackable)
    }

    /// Hands over what is packed. False: nobody receives any more.
    fn hand_over(&mut self) -> Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let bytes = self.packer.take();
        if bytes.is_empty() {
            return Ok(true);
        }
        let ready = Instant::now();
        let on_the_wire = bytes.len() as u64;
        let packet = Packet {
            bytes,
            done: self.done,
        };
        if self.packets.blocking_send(packet).is_err() {
            return Ok(false);
        }
        let taken = Instant::now();
        let spent = Spent {
            bytes: self.done.saturating_sub(self.reported),
            packed: on_the_wire,
            packing: ready - self.since,
            waiting: taken - ready,
        };
        self.packer.adapt(spent).explain(unpackable)?;
        (self.since, self.reported) = (taken, self.done);
        Ok(true)
    }

    /// Ends the stream.
    pub(super) fn finish(self) -> Result<()> {
        let bytes = self.packer.finish().explain(unpackable)?;
        // Whoever stopped receiving knows why.
        let _ = self.packets.blocking_send(Packet {
            bytes,
            done: self.done,
        });
        Ok(())
    }
}
