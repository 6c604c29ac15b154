//! The Docker Engine API of one host, over that host's session.
//!
//! In: hosts of a context. Out: [`Nodes`], each a session and an [`Engine`] with typed calls, and
//! one kind of error. The client is small and our own, over hyper: every connection comes from
//! [`crate::remote::Host`], create bodies pass through untouched, and the API version is always
//! sent. `bollard` supplies the types of the answers.

mod acquaintance;
mod call;
mod containers;
mod engine;
mod exec;
mod failure;
mod frames;
mod images;
mod logs;
mod networks;
mod node;
mod observed;
mod registry;
mod silence;
mod volumes;
mod wire;

pub use containers::Published;
pub use engine::{Engine, EngineIdentity};
pub use exec::{Exec, ExecInput, ExecOptions};
pub use failure::{EngineError, Found};
pub use frames::{Chunk, Source};
pub use images::ImageContent;
pub use logs::{LogLine, LogOptions};
pub use node::{Node, Nodes};
pub use observed::container as observe_container;
pub use registry::{Distribution, RegistryAuth};

/// What an engine's call gives back.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;
