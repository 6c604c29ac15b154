//! As much of the tar format as cutting needs: where contents begin and end.
//!
//! A mistake here costs bytes on the wire and nothing else.

use xxhash_rust::xxh3::xxh3_64;

/// The size of a header, and what contents are padded to.
pub(super) const BLOCK: usize = 512;

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The content of a file.
    File,
    /// More about the next entry: a long name, attributes, times.
    About,
    /// Nothing.
    Nothing,
}

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes that follow, without padding.
    pub(super) size: u64,
    /// Depends on the entry's name and on nothing that changes when the file is touched.
    pub(super) name: u64,
}

/// Reads a header. Nothing: this is none.
pub(super) fn header(block: &[u8]) -> Option<Header> {
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            u64::from(if (148..156).contains(&at) {
                b' '
            } else {
                *byte
            })
        })
        .sum();
    if block.len() != BLOCK || number(&block[148..156])? != sum {
        return None;
    }
    let kind = match block[156] {
        b'0' | 0 | b'7' => Kind::File,
        b'x' | b'g' | b'L' | b'K' => Kind::About,
        b'1'..=b'6' => Kind::Nothing,
        _ => return None,
    };
    let size = match kind {
        Kind::Nothing => 0,
        Kind::File | Kind::About => number(&block[124..136])?,
    };
    let name = xxh3_64(&block[..100]) ^ xxh3_64(&block[345..500]);
    Some(Header { kind, size, name })
}

/// A number of a header: octal digits, or binary where those do not suffice.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let (high, low) = field.split_at(field.len().checked_sub(8)?);
        let small = high.iter().enumerate().all(|(at, byte)| match at {
            0 => *byte == 0x80,
            _ => *byte == 0,
        });
        return small.then_some(u64::from_be_bytes(low.try_into().ok()?));
    }
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

/// The size in the extended attributes of an entry, which goes before the one in its header.
pub(super) fn extended_size(mut about: &[u8]) -> Option<u64> {
    let mut size = None;
    while let Some(space) = about.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&about[..space]).ok()?.parse().ok()?;
        let record = about.get(space + 1..length)?;
        if let Some(value) = record.strip_prefix(b"size=") {
            let text = std::str::from_utf8(value).ok()?.trim_end();
            size = Some(text.parse().ok()?);
        }
        about = &about[length..];
    }
    size
}

/// Padding after contents of this size.
pub(super) fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    if over == 0 { 0 } else { BLOCK - over }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(change: impl FnOnce(&mut ::tar::Header)) -> Vec<u8> {
        let mut header = ::tar::Header::new_ustar();
        header.set_path("usr/bin/true").unwrap();
        header.set_size(1234);
        change(&mut header);
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    #[test]
    fn headers_are_told_from_other_blocks() {
        let read = header(&block(|_| {})).unwrap();
        assert_eq!((read.kind, read.size), (Kind::File, 1234));
        let touched = header(&block(|header| header.set_mtime(7))).unwrap();
        assert_eq!(touched.name, read.name);
        let link = block(|header| header.set_entry_type(::tar::EntryType::Link));
        assert_eq!(header(&link).unwrap().size, 0);
        let huge = block(|header| header.set_size(1 << 40));
        assert_eq!(header(&huge).unwrap().size, 1 << 40);

        let mut wrong = block(|_| {});
        wrong[0] ^= 1;
        assert_eq!(header(&wrong), None);
        assert_eq!(header(&[0; BLOCK]), None);
        assert_eq!(header(&[0xff; BLOCK]), None);
        assert_eq!(header(b"short"), None);
    }

    #[test]
    fn sizes_too_large_for_a_header_are_read_from_the_attributes() {
        assert_eq!(extended_size(b"11 size=42\n"), Some(42));
        assert_eq!(extended_size(b"9 path=a\n11 size=42\n"), Some(42));
        for without in [
            &b"9 path=a\n"[..],
            b"",
            b"x size=1\n",
            b"99 size=1\n",
            b"0 ",
        ] {
            assert_eq!(extended_size(without), None, "{without:?}");
        }
    }

    #[test]
    fn contents_end_at_a_block() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
