//! Bytes of a file to its text.

/// The text of a file: UTF-8, or UTF-16 with a byte order mark.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| "is not valid UTF-16".to_owned())
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest.to_vec())?,
        _ => utf8(bytes)?,
    };
    match text.bytes().position(forbidden) {
        Some(at) => Err(format!(
            "contains a control character (0x{:02x}) at byte {at}",
            text.as_bytes()[at]
        )),
        None => Ok(text),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        format!(
            "is not valid UTF-8 from byte {}",
            error.utf8_error().valid_up_to()
        )
    })
}

fn forbidden(byte: u8) -> bool {
    byte == 0x7f || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
}
