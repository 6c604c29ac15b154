//! A container as the Engine API creates it, in a stable text form.

use bollard::models::ContainerCreateBody;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Digest;

/// The Engine API's create body with a deterministic serialisation: object keys sorted.
///
/// The engine's own types hold hash maps, whose order changes from run to run; plans, golden
/// files and configuration digests need one order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(pub ContainerCreateBody);

impl Template {
    /// The body as JSON with sorted keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // The generated types serialise without fail: string keys, no foreign values.
        sorted(serde_json::to_value(&self.0).unwrap_or_default())
    }

    /// sha256 over the sorted JSON form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().to_string().as_bytes())
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ContainerCreateBody::deserialize(deserializer).map(Self)
    }
}
