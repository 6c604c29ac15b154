//! The real scripts, run by this machine's shell in a folder of the test's own; several folders
//! stand for several hosts.

mod claims;
mod copies;
mod lease;
mod lock;
mod logs;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::keep::renew;
use super::lock::Members;
use super::site::Site;
use super::*;
use crate::error::Kind;
use crate::event::{Event, Events};
use crate::interrupt::Interrupt;
use crate::model::{self, ProjectState, ReleaseId, Ssh, StackKey};
use crate::remote::Host;

struct Fleet {
    folder: TempDir,
    copies: Copies,
    sites: Vec<Site>,
}

fn key(project: &str) -> StackKey {
    StackKey {
        context: "lab".parse().unwrap(),
        project: project.parse().unwrap(),
    }
}

fn host(name: &str) -> Arc<Host> {
    let host = model::Host {
        name: name.parse().unwrap(),
        addr: String::new(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::new(),
        local: true,
    };
    Host::new(&Ssh::default(), &host, &Events::none()).unwrap()
}

impl Fleet {
    fn of(names: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let sites: Vec<_> = names
            .iter()
            .map(|name| {
                let root = folder.path().join(name).join("state");
                Site::under(root.to_str().unwrap(), host(name), &key("shop"))
            })
            .collect();
        Self {
            copies: Copies::at(&key("shop"), sites.clone()),
            folder,
            sites,
        }
    }

    fn file(&self, host: &str, file: &str) -> PathBuf {
        self.folder
            .path()
            .join(host)
            .join("state/lab/shop")
            .join(file)
    }

    fn put(&self, host: &str, file: &str, content: impl AsRef<[u8]>) {
        let path = self.file(host, file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn request(by: &str) -> Request {
    Request {
        who: Who::here(by),
        verb: "up".to_owned(),
        release: Some(ReleaseId(1)),
        goal: None,
        wait: None,
        stop: Interrupt::never(),
        events: Events::none(),
    }
}

fn state(serial: u64) -> ProjectState {
    ProjectState {
        serial,
        last: ReleaseId(serial),
        ..ProjectState::empty(key("shop"))
    }
}
