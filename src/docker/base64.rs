//! Base64 as registries' credentials need it.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The alphabet for URLs, padded: what engines expect in `X-Registry-Auth`.
pub(super) fn encode_url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
            } else {
                let index = (bits >> (18 - 6 * place)) & 63;
                text.push(char::from(LETTERS[index as usize]));
            }
        }
    }
    text
}

/// Either alphabet, padded or not. None: it is something else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut filled) = (0_u32, 0);
    for byte in text.bytes() {
        let letter = match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        let value = LETTERS.iter().position(|one| *one == letter)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        filled += 6;
        if filled >= 8 {
            filled -= 8;
            bytes.push(u8::try_from((bits >> filled) & 0xff).ok()?);
        }
    }
    (text.len() % 4 != 1).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("{}", "e30="),
            ("\u{3ff}\u{fff}~", "z7_gv79-"),
        ] {
            assert_eq!(encode_url(plain.as_bytes()), encoded);
            assert_eq!(decode(encoded).unwrap(), plain.as_bytes());
            let bare = encoded.trim_end_matches('=');
            assert_eq!(decode(bare).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode("z7/gv79+").unwrap(), "\u{3ff}\u{fff}~".as_bytes());
        for bad in ["Z", "Zg=g", "Z g", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
