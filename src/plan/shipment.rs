//! What of images travels where, as a plan says it (spec §12).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, HostName, Image, ServiceName};

/// An image and where it must go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImagePlan {
    /// The image.
    pub image: Image,
    /// Services that use it.
    pub services: Vec<ServiceName>,
    /// Hosts that lack it. Hosts that hold it already are not listed.
    pub shipments: Vec<ImageShipment>,
}

/// What one host lacks of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageShipment {
    /// The host.
    pub host: HostName,
    /// Blobs to send; what another image of the same plan sends already is not repeated.
    pub blobs: Vec<BlobShipment>,
    /// Bytes to send: the sum of `blobs`, without what the host copies from its own engine.
    pub bytes: u64,
    /// The host pulls it from the image's registry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
}

impl ImageShipment {
    /// Bytes by where they come from; nothing is sent: 0 bytes from this machine.
    #[must_use]
    pub fn ways(&self) -> BTreeMap<Way<'_>, u64> {
        let mut ways = BTreeMap::new();
        let mut passed = 0;
        for blob in &self.blobs {
            match blob.way() {
                Way::Sent => continue,
                Way::Passed(_) => passed += blob.size,
                Way::Adopted => {}
            }
            *ways.entry(blob.way()).or_default() += blob.size;
        }
        if self.bytes > passed || ways.is_empty() {
            ways.insert(Way::Sent, self.bytes.saturating_sub(passed));
        }
        ways
    }
}

/// How bytes come into a host's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way<'a> {
    /// From this machine.
    Sent,
    /// From the host's own engine, which cannot supply them to a load as they are.
    Adopted,
    /// From another host.
    Passed(&'a HostName),
}

/// A blob to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobShipment {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The host that passes it on, in its cache by then; none: this machine sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<HostName>,
    /// The host's own engine has it, and the host copies it from there. This machine sends it when
    /// that fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

impl BlobShipment {
    /// How it comes there.
    #[must_use]
    pub fn way(&self) -> Way<'_> {
        match &self.from {
            Some(from) => Way::Passed(from),
            None if self.adopted => Way::Adopted,
            None => Way::Sent,
        }
    }
}
