//! Sessions with hosts: a fake `ssh` that fails in every known way, and a real sshd on loopback.

mod acquaintance;
mod engine;
mod fake;
mod loopback;
mod nodes;
mod refusal;
mod sshd;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use webpods::event::Events;
use webpods::model::{self, Ssh};
use webpods::remote::{Host, Options};

/// A session with `addr` whose sockets are in `folder`.
fn session(ssh: &Ssh, addr: &str, options: &Options) -> Arc<Host> {
    let host = model::Host {
        name: "web-1".parse().unwrap(),
        addr: addr.to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: BTreeMap::new(),
        local: false,
    };
    Host::with(ssh, &host, &Events::none(), options).unwrap()
}

fn options(folder: &Path) -> Options {
    Options {
        sockets: Some(folder.to_owned()),
        ..Options::default()
    }
}
