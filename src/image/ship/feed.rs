//! Reads blobs, packs them and hands over packets; runs on a thread of its own.

use std::io::{Read, Seek, SeekFrom};
use std::time::Instant;

use tokio::sync::mpsc::Sender;

use super::answer::Packing;
use super::pack::{Packer, Spent};
use crate::error::{Error, Explain, Result};
use crate::image::Store;
use crate::model::Digest;

/// Bytes read at once.
const CHUNK: usize = 512 << 10;

/// A blob, or its rest, to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Part {
    pub(super) fn length(&self) -> u64 {
        self.size - self.offset
    }
}

/// A piece of the packed stream.
pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    /// Bytes of blobs read when this piece was made.
    pub(super) done: u64,
}

/// Sends the whole stream as packets. Ends early, without error, when nobody receives any more.
pub(super) fn feed(
    store: &Store,
    parts: &[Part],
    packing: Packing,
    packets: &Sender<Packet>,
) -> Result<()> {
    let packing_failed = || "the blobs cannot be packed";
    let mut packer = Packer::new(packing).explain(packing_failed)?;
    let mut chunk = vec![0; CHUNK];
    let (mut done, mut reported) = (0, 0);
    let mut since = Instant::now();
    for part in parts {
        let head = format!("{} {} {}\n", part.digest.hex(), part.offset, part.size);
        packer.write(head.as_bytes()).explain(packing_failed)?;
        let unreadable = || format!("blob `{}` cannot be read from the image store", part.digest);
        let mut file = store.read(&part.digest)?;
        file.seek(SeekFrom::Start(part.offset))
            .explain(unreadable)?;
        let mut file = file.take(part.length());
        let mut left = part.length();
        while left > 0 {
            let n = file.read(&mut chunk).explain(unreadable)?;
            if n == 0 {
                return Err(Error::user(unreadable())
                    .cause(format!("it ends {left} bytes too early"))
                    .hint("run the command again with `--build`"));
            }
            packer.write(&chunk[..n]).explain(packing_failed)?;
            left -= n as u64;
            done += n as u64;
            let bytes = packer.take();
            if bytes.is_empty() {
                continue;
            }
            let ready = Instant::now();
            if packets.blocking_send(Packet { bytes, done }).is_err() {
                return Ok(());
            }
            let taken = Instant::now();
            let spent = Spent {
                bytes: done - reported,
                packing: ready - since,
                waiting: taken - ready,
            };
            packer.adapt(spent).explain(packing_failed)?;
            (since, reported) = (taken, done);
        }
    }
    let bytes = packer.finish().explain(packing_failed)?;
    // Whoever stopped receiving knows why.
    let _ = packets.blocking_send(Packet { bytes, done });
    Ok(())
}
