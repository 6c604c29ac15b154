//! Reading the printed model, whose values already have their types.

use serde_json::{Map, Value as Json};

use crate::compose::units;

/// A text that is not empty.
pub fn string(value: &Json) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A list, or nothing: what is not written is left to the engine.
pub fn list_or_null(list: Vec<Json>) -> Json {
    if list.is_empty() {
        Json::Null
    } else {
        Json::Array(list)
    }
}

/// An object, or nothing.
pub fn object_or_null(map: Map<String, Json>) -> Json {
    if map.is_empty() {
        Json::Null
    } else {
        Json::Object(map)
    }
}

/// A list of texts; none is an empty one.
pub fn texts(value: &Json) -> Vec<String> {
    items(value)
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The items of a list.
pub fn items(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

/// The entries of an object.
pub fn object(value: &Json) -> impl Iterator<Item = (&String, &Json)> {
    value.as_object().into_iter().flatten()
}

/// The entries of an object whose values are texts.
pub fn strings(value: &Json) -> impl Iterator<Item = (String, String)> {
    object(value).filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
}

/// A whole number.
pub fn number(value: &Json) -> Option<i64> {
    value.as_i64()
}

/// True only when it is there and true.
pub fn flag(value: &Json) -> bool {
    value.as_bool() == Some(true)
}

/// Bytes, which are printed as text.
pub fn bytes(value: &Json) -> Option<i64> {
    value.as_str()?.parse().ok()
}

/// A duration's nanoseconds.
pub fn nanoseconds(value: &Json) -> Option<i64> {
    units::nanoseconds(value.as_str()?).ok()
}

/// CPUs in billionths.
pub fn nano_cpus(value: &Json) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "CPUs times 1e9 fit by far")]
    value.as_f64().map(|cpus| (cpus * 1e9).round() as i64)
}
