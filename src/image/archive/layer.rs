//! One member on its way into the store: decompressed when it is compressed, hashed both ways.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::image::Store;
use crate::image::growing::Watch;
use crate::model::{Blob, Digest};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A stored member: what its bytes were in the archive, and what is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// sha256 as it was in the archive.
    pub(super) raw: Digest,
    /// The uncompressed content.
    pub(super) blob: Blob,
}

/// Stores a member. Tells of a layer that comes as
/// it will be stored, when this is the one that is expected.
pub(super) fn store(
    store: &Store,
    mut member: impl Read,
    expected: Option<(&Watch, Blob)>,
) -> Result<Stored> {
    let mut writer = store.writer()?;
    let failed = |error: io::Error| store.write_error(&error);
    let mut start = [0; 4];
    let mut got = 0;
    while got < start.len() {
        match member.read(&mut start[got..]).map_err(damaged)? {
            0 => break,
            n => got += n,
        }
    }
    let start = &start[..got];
    let mut whole = io::Read::chain(start, &mut member);
    if !start.starts_with(GZIP) && !start.starts_with(ZSTD) {
        if let Some((watch, blob)) = expected {
            writer.tell(watch, blob);
        }
        copy(&mut whole, &mut writer, failed)?;
        let blob = writer.finish()?;
        return Ok(Stored {
            raw: blob.digest.clone(),
            blob,
        });
    }
    let mut whole = Hashing {
        inner: whole,
        hash: Sha256::new(),
    };
    if start.starts_with(GZIP) {
        copy(&mut MultiGzDecoder::new(&mut whole), &mut writer, failed)?;
    } else {
        let mut decoder = zstd::stream::read::Decoder::new(&mut whole).map_err(damaged)?;
        copy(&mut decoder, &mut writer, failed)?;
    }
    // A decoder may stop before the last byte; the raw digest covers all of them.
    io::copy(&mut whole, &mut io::sink()).map_err(damaged)?;
    Ok(Stored {
        raw: Digest::from_hash(whole.hash.finalize()),
        blob: writer.finish()?,
    })
}

/// As `io::copy`, telling a source that cannot be read from a store that cannot be written.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    write_failed: impl Fn(io::Error) -> crate::error::Error,
) -> Result<()> {
    let mut buffer = vec![0; 128 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&buffer[..n]).map_err(&write_failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(error)),
        }
    }
}

/// What writes archives of images.
pub(in crate::image) const WRITERS: &str = "`webpods pull --to`, `docker save` and `docker buildx \
     build --output type=oci` write some";

/// A stream that is unlike an archive from its first byte on.
pub(super) fn unlike(error: io::Error) -> crate::error::Error {
    damaged(error)
        .context("it is no archive of images, or nothing of one is left")
        .hint(WRITERS)
}

pub(super) fn damaged(error: io::Error) -> crate::error::Error {
    let mut said = crate::error::Error::user("the archive is damaged or incomplete");
    // The reason is often one level down, in what a stream of ours reported.
    match error.into_inner() {
        // It would go on with what was read instead of a header, which may be anybody's secret.
        Some(inner) if inner.to_string().starts_with("numeric field ") => {
            said = said.cause("what should be a header of a tar archive is none");
        }
        Some(inner) => said = said.cause(inner),
        None => said = said.cause("it cannot be read to its end"),
    }
    said
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
