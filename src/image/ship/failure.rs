//! Why an attempt to send blobs failed, and whether another one may succeed.

use crate::error::{Error, Kind};
use crate::model::Digest;

/// Why an attempt failed.
pub(super) enum Failure {
    /// Another one may succeed.
    Again(Error),
    /// Another one will that sends this blob whole.
    Whole(Digest),
    /// No other would.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.kind() == Kind::Unreachable {
            Self::Again(error)
        } else {
            Self::Final(error)
        }
    }
}
