//! The disposable fleet: servers that are containers on this machine (`webpods lab`).
//!
//! In: a name, a number of nodes and what should run on them. Out: containers with sshd, an own
//! Docker engine and Caddy each, keys to reach them, and a context file that names them. To the
//! rest of webpods they are ordinary hosts; nothing else knows about labs.
//!
//! A lab is described by the labels on its containers, so there is no file that can disagree
//! with what runs. Every step looks first and does what is missing, which is why an interrupted
//! `lab up` is finished by the next one.

mod context_file;
mod docker;
mod down;
mod folders;
mod image;
mod keys;
mod lock;
mod network;
mod node;
mod program;
mod ready;
mod settings;
mod shell;
mod up;

pub use docker::{Node, list};
pub use down::{Removed, down, remove_images};
pub use folders::Folders;
pub use settings::{EngineVersion, Settings, Store, User, Wanted};
pub use shell::{logs, ssh};
pub use up::{Lab, up};
