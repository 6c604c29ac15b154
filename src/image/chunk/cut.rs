//! Cuts a blob into pieces: at the entries of a tar archive, and large contents by what they hold.

use std::io::{self, Read};
use std::num::NonZero;

use fastcdc::v2020::FastCDC;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::rest::Rest;
use super::tar::{self, BLOCK, Kind};

/// A stretch of a blob. Without a name it belongs to the archive: headers, padding, the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Piece {
    pub(super) name: Option<Name>,
    /// Bytes.
    pub(super) length: u32,
}

/// 48 bits of a hash of the bytes: enough to find them, not to trust them.
pub(super) type Name = NonZero<u64>;

/// Pieces in a row, headers and all: what did not change at all is found with one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// A hash of all its bytes.
    pub(super) name: u64,
    /// How many pieces.
    pub(super) pieces: u32,
}

/// Groups, and the pieces of all of them, in the order of the blob.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) groups: Vec<Group>,
    pub(super) pieces: Vec<Piece>,
}

/// Contents up to this size are one piece.
const WHOLE: u64 = 16 << 10;
/// Contents this small are no piece: naming them costs more than sending them.
const TINY: u64 = 64;
/// More pieces than this, and the blob is sent whole: indexes are kept in memory.
const MOST: usize = 500_000;
/// Extended attributes larger than this are not looked into.
const ABOUT: u64 = 256 << 10;
/// A group ends at a name of which this many bits are zero, …
const ENDING: u64 = 31;
/// … or after this many entries, …
const ENTRIES: u32 = 128;
/// … or bytes.
const BYTES: u64 = 4 << 20;

/// The smallest, the usual and the largest piece of contents of this size.
fn widths(size: u64) -> (usize, usize, usize) {
    let usual = match size >> 20 {
        0..128 => 8 << 10,
        128..1024 => 32 << 10,
        _ => 128 << 10,
    };
    (usual / 4, usual, usual * 4)
}

/// The short name of these bytes.
fn name(bytes: &[u8]) -> Name {
    NonZero::new(xxh3_64(bytes) >> 16).unwrap_or(Name::MIN)
}

/// Cuts a stream of `size` bytes. Nothing: it has too many pieces.
pub(super) fn cut(from: impl Read, size: u64) -> io::Result<Option<Pieces>> {
    let mut cutter = Cutter {
        rest: Rest::new(from),
        made: Pieces::default(),
        unnamed: 0,
        group: Xxh3::new(),
        group_start: 0,
        group_bytes: 0,
        entries: 0,
    };
    cutter.archive(size)?;
    cutter.end_group();
    Ok((cutter.made.pieces.len() <= MOST).then_some(cutter.made))
}

struct Cutter<R> {
    rest: Rest<R>,
    made: Pieces,
    /// Bytes without a name since the last piece.
    unnamed: u32,
    group: Xxh3,
    /// The group's first piece.
    group_start: usize,
    group_bytes: u64,
    entries: u32,
}

impl<R: Read> Cutter<R> {
    fn archive(&mut self, size: u64) -> io::Result<()> {
        let mut extended = None;
        while self.made.pieces.len() <= MOST {
            let Some(header) = tar::header(self.rest.look(BLOCK)?) else {
                // The end of the archive, or something else altogether.
                return self.contents(u64::MAX, size);
            };
            self.pass(BLOCK);
            match header.kind {
                Kind::About => {
                    let about = self.about(header.size)?;
                    extended = about.or(extended);
                    continue;
                }
                Kind::File => {
                    let size = extended.unwrap_or(header.size);
                    self.contents(size, size)?;
                    self.skip(tar::padding(size) as u64)?;
                }
                Kind::Nothing => {}
            }
            extended = None;
            self.entries += 1;
            if header.name & ENDING == 0 || self.entries >= ENTRIES || self.group_bytes >= BYTES {
                self.end_group();
            }
        }
        Ok(())
    }

    /// What is said of the next entry; returns its size where that is said.
    fn about(&mut self, size: u64) -> io::Result<Option<u64>> {
        let mut found = None;
        if size <= ABOUT {
            let length = usize::try_from(size).unwrap_or(0);
            found = tar::extended_size(self.rest.look(length)?);
        }
        self.skip(size)?;
        self.skip(tar::padding(size) as u64)?;
        Ok(found)
    }

    /// Bytes of the archive itself.
    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let wanted = usize::try_from(count.min(64 << 10)).unwrap_or(BLOCK);
            let got = self.rest.look(wanted)?.len();
            if got == 0 {
                return Ok(());
            }
            self.pass(got);
            count -= got as u64;
        }
        Ok(())
    }

    /// The content of a file, or whatever is left; `whole` is what widths are chosen by.
    fn contents(&mut self, mut size: u64, whole: u64) -> io::Result<()> {
        let (smallest, usual, largest) = widths(whole);
        while size > 0 && self.made.pieces.len() <= MOST {
            let wanted = usize::try_from(size.min(largest as u64)).unwrap_or(largest);
            let bytes = self.rest.look(wanted)?;
            if bytes.is_empty() {
                return Ok(());
            }
            let length = if whole <= WHOLE {
                bytes.len()
            } else {
                let (_, end) = FastCDC::new(bytes, smallest, usual, largest).cut(0, bytes.len());
                end.clamp(1, bytes.len())
            };
            let bytes = &bytes[..length];
            if length as u64 > TINY && bytes.iter().any(|byte| *byte != 0) {
                let name = name(bytes);
                self.piece(name, length);
            } else {
                self.pass(length);
            }
            size -= length as u64;
            if self.group_bytes >= BYTES {
                self.end_group();
            }
        }
        Ok(())
    }

    /// A piece with a name.
    fn piece(&mut self, name: Name, length: usize) {
        self.end_unnamed();
        self.count(length);
        self.made.pieces.push(Piece {
            name: Some(name),
            length: u32::try_from(length).unwrap_or(u32::MAX),
        });
    }

    /// Bytes without a name.
    fn pass(&mut self, length: usize) {
        // Names are given to pieces of at most half a window; so much fits in any case.
        if self.unnamed > u32::MAX / 2 {
            self.end_unnamed();
        }
        self.count(length);
        self.unnamed += u32::try_from(length).unwrap_or(0);
    }

    fn count(&mut self, length: usize) {
        // They were looked at, so they are there.
        if let Ok(bytes) = self.rest.look(length) {
            self.group.update(bytes);
        }
        self.rest.pass(length);
        self.group_bytes += length as u64;
    }

    fn end_unnamed(&mut self) {
        if self.unnamed > 0 {
            self.made.pieces.push(Piece {
                name: None,
                length: self.unnamed,
            });
            self.unnamed = 0;
        }
    }

    fn end_group(&mut self) {
        self.end_unnamed();
        let pieces = self.made.pieces.len() - self.group_start;
        if pieces > 0 {
            self.made.groups.push(Group {
                name: self.group.digest(),
                pieces: u32::try_from(pieces).unwrap_or(u32::MAX),
            });
        }
        self.group.reset();
        self.group_start = self.made.pieces.len();
        (self.group_bytes, self.entries) = (0, 0);
    }
}
