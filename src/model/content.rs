//! File content in JSON: text where it is text, numbers where it is not.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(std::borrow::Cow<'a, str>),
    Bytes(Vec<u8>),
}

/// Text stays readable and can be redacted by value; other bytes become a list of numbers.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Form::Text(text.into()),
        Err(_) => Form::Bytes(bytes.to_vec()),
    }
    .serialize(serializer)
}

/// The inverse of [`serialize`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Ok(match Form::deserialize(deserializer)? {
        Form::Text(text) => text.into_owned().into_bytes(),
        Form::Bytes(bytes) => bytes,
    })
}

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct File(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn text_and_bytes_round_trip() {
        for (bytes, json) in [(&b"a\"b"[..], r#""a\"b""#), (&[0xff, 0], "[255,0]")] {
            let file = File(bytes.to_vec());
            assert_eq!(serde_json::to_string(&file).unwrap(), json);
            assert_eq!(serde_json::from_str::<File>(json).unwrap(), file);
        }
    }
}
