//! An index as a file: one line that a host's script reads, and the pieces, packed.
//!
//! The line: `webpods-index 1 <hexadecimal digest> <size> <sketch>`. Behind it a zstd frame with the
//! number of groups and pieces; for each group its name and number of pieces; for each piece its
//! length and whether it has a name; the names.

use std::io::{self, Read};
use std::num::NonZero;

use super::cut::{Group, Piece, Pieces};
use super::index::Index;
use crate::model::Digest;

/// The largest file that is believed, in bytes.
pub(in crate::image) const LARGEST: u64 = 16 << 20;
/// What it may become when unpacked.
const UNPACKED: u64 = 32 << 20;
/// The longest first line.
const LINE: usize = 1 << 10;
const MAGIC: &str = "webpods-index 1";
/// Bytes of a piece's name.
const NAME: usize = 6;
/// Names do not pack, and the rest is small.
const LEVEL: i32 = 3;

impl Index {
    /// The file.
    pub(in crate::image) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        number(&mut body, self.made.groups.len() as u64);
        number(&mut body, self.made.pieces.len() as u64);
        for group in &self.made.groups {
            body.extend(group.name.to_le_bytes());
            number(&mut body, u64::from(group.pieces));
        }
        for piece in &self.made.pieces {
            let named = u64::from(piece.name.is_some());
            number(&mut body, u64::from(piece.length) << 1 | named);
        }
        for name in self.made.pieces.iter().filter_map(|piece| piece.name) {
            body.extend(&name.get().to_le_bytes()[..NAME]);
        }
        let line = format!(
            "{MAGIC} {} {} {}\n",
            self.digest.hex(),
            self.size,
            self.sketch()
        );
        let mut encoder = zstd::stream::write::Encoder::new(line.into_bytes(), LEVEL)?;
        encoder.include_checksum(true)?;
        io::Write::write_all(&mut encoder, &body)?;
        encoder.finish()
    }

    /// Reads a file, from whomever. Nothing: it is damaged, or that of another blob.
    pub(in crate::image) fn parse(bytes: &[u8], digest: &Digest) -> Option<Self> {
        if bytes.len() as u64 > LARGEST {
            return None;
        }
        let end = bytes.iter().take(LINE).position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut words = line.strip_prefix(MAGIC)?.strip_prefix(' ')?.split(' ');
        if words.next()? != digest.hex() {
            return None;
        }
        let size = words.next()?.parse().ok()?;
        let mut body = Vec::new();
        let unpack = zstd::stream::read::Decoder::new(&bytes[end + 1..]).ok()?;
        unpack.take(UNPACKED + 1).read_to_end(&mut body).ok()?;
        if body.len() as u64 > UNPACKED {
            return None;
        }
        let index = Self {
            digest: digest.clone(),
            size,
            made: pieces(&mut &body[..])?,
        };
        index.is_whole().then_some(index)
    }
}

fn pieces(from: &mut &[u8]) -> Option<Pieces> {
    let (groups, pieces) = (take_number(from)?, take_number(from)?);
    // Every one of them takes a byte at least: nobody reserves memory on a damaged file's word.
    if groups.checked_add(pieces)? > from.len() as u64 {
        return None;
    }
    let mut made = Pieces::default();
    for _ in 0..groups {
        made.groups.push(Group {
            name: u64::from_le_bytes(take(from)?),
            pieces: take_number(from)?.try_into().ok()?,
        });
    }
    for _ in 0..pieces {
        let number = take_number(from)?;
        made.pieces.push(Piece {
            // Which name comes later.
            name: (number & 1 == 1).then_some(NonZero::<u64>::MAX),
            length: (number >> 1).try_into().ok()?,
        });
    }
    for piece in made.pieces.iter_mut().filter(|piece| piece.name.is_some()) {
        let mut name = [0; 8];
        name[..NAME].copy_from_slice(&take::<NAME>(from)?);
        piece.name = Some(NonZero::new(u64::from_le_bytes(name))?);
    }
    from.is_empty().then_some(made)
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn number(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn take_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = take(from)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_come_back() {
        for wanted in [0, 1, 127, 128, 300, 1 << 40, (1 << 63) - 1] {
            let mut bytes = Vec::new();
            number(&mut bytes, wanted);
            assert_eq!(take_number(&mut &bytes[..]), Some(wanted));
            assert_eq!(take_number(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take_number(&mut &[0xff; 20][..]), None);
    }

    fn written() -> (Digest, Vec<u8>) {
        let blob: Vec<u8> = (0u32..50_000).flat_map(u32::to_le_bytes).collect();
        let digest = Digest::of(&blob);
        let index = Index::of(&*blob, &digest, blob.len() as u64).unwrap();
        let bytes = index.as_ref().unwrap().to_bytes().unwrap();
        assert_eq!(Index::parse(&bytes, &digest), index);
        (digest, bytes)
    }

    #[test]
    fn an_index_of_another_blob_is_none() {
        let (_, bytes) = written();
        assert_eq!(Index::parse(&bytes, &Digest::of(b"other")), None);
    }

    proptest! {
        #[test]
        fn a_damaged_index_is_no_index(at: prop::sample::Index, bit in 0..8u8, cut: prop::sample::Index) {
            let (digest, mut bytes) = written();
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            prop_assert_eq!(Index::parse(&bytes[..cut.index(bytes.len())], &digest), None);
            // The sketch is the host's; everything else is checked.
            let at = end + at.index(bytes.len() - end);
            bytes[at] ^= 1 << bit;
            let read = Index::parse(&bytes, &digest);
            prop_assert!(read.is_none_or(|index| index.is_whole()));
        }

        #[test]
        fn noise_is_no_index(bytes: Vec<u8>) {
            let digest = Digest::of(b"x");
            let mut file = format!("{MAGIC} {} 5 \n", digest.hex()).into_bytes();
            file.extend(zstd::encode_all(&*bytes, 1).unwrap());
            prop_assert!(Index::parse(&file, &digest).is_none_or(|index| index.is_whole()));
        }
    }
}
