//! A session with a host: run a script, stream, forward a socket, dial a port.
//!
//! In: a context's ssh settings and one host of its inventory (spec §3.3). Out: a [`Host`] whose
//! `sh`, `stream`, `engine_stream` and `dial` work the same over one multiplexed OpenSSH connection
//! and on this machine itself. The system's `ssh` makes the connection, so `~/.ssh/config`, agents,
//! jump hosts and hardware keys work; it outlives the command by a minute, so the next command
//! starts in milliseconds. Shell quoting happens here and nowhere else.

mod address;
mod classify;
mod docker_context;
mod folder;
mod host;
mod known;
mod lend;
mod link;
mod local;
mod master;
mod noise;
mod output;
mod process;
mod quote;
mod ssh;

pub use host::{Host, Options, Stream};
pub use output::Output;
pub use process::{Process, Reader, Writer};
pub use quote::{command_line, quoted};
