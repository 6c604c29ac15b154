//! The real script, run by this machine's shell in a folder of the test's own.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::files::{Files, Question, look};
use crate::error::Result;
use crate::event::{Event, Events};
use crate::model::{self, Claim, ProjectState, Ssh, StackKey};
use crate::remote::Host;

struct Place {
    folder: TempDir,
    warnings: Arc<Mutex<Vec<Event>>>,
}

fn key(context: &str, project: &str) -> StackKey {
    StackKey {
        context: context.parse().unwrap(),
        project: project.parse().unwrap(),
    }
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            warnings: Arc::default(),
        }
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    async fn look(&self, proxy_files: &[String]) -> Result<Files> {
        let host = model::fixtures::host("here", "");
        let host = Host::new(&Ssh::default(), &host, &Events::none()).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let sink = Arc::clone(&self.warnings);
        let question = Question {
            root: &text(&self.folder.path().join("state")),
            key: &key("lab", "shop"),
            cache: &text(&self.folder.path().join("cache")),
            proxy_files,
        };
        let events = Events::new(move |event| sink.lock().unwrap().push(event));
        look(&host, &question, &events).await
    }
}

#[tokio::test]
async fn an_untouched_host_has_nothing_but_disk() {
    let files = Place::new().look(&[]).await.unwrap();
    assert_eq!(files.state.bytes, None);
    assert!(files.state.path.ends_with("state/lab/shop/state.json"));
    assert!(files.claims.is_empty());
    assert!(files.disk_free > 0);
}

#[tokio::test]
async fn files_come_back_byte_by_byte_whatever_is_in_them() {
    let place = Place::new();
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    place.put("state/lab/shop/state.json", &binary);
    let hostile = "line\n\n@ end -\n$(touch x) `id` \\ ' \"\n";
    let present = place.put("caddy/it's a $(file); x.caddy", hostile);
    let paths = [
        present.to_str().unwrap().to_owned(),
        place
            .folder
            .path()
            .join("gone")
            .to_str()
            .unwrap()
            .to_owned(),
        "/two\nlines".to_owned(),
    ];
    let files = place.look(&paths).await.unwrap();
    assert_eq!(files.state.bytes, Some(binary));
    assert_eq!(files.proxy.len(), 2);
    assert_eq!(files.proxy[&paths[0]].as_deref(), Some(hostile));
    assert_eq!(files.proxy[&paths[1]], None);
}

#[tokio::test]
async fn other_projects_claims_are_read_and_ours_are_not() {
    let place = Place::new();
    let claim = |key: StackKey, domain: &str| Claim {
        owner: key,
        domains: vec![domain.to_owned()],
        ports: BTreeSet::from([20_001]),
    };
    let line = |claim: &Claim| serde_json::to_string(claim).unwrap() + "\n";
    let theirs = claim(key("lab", "blog"), "blog.test");
    let elsewhere = claim(key("prod", "shop"), "shop.test");
    let ours = claim(key("lab", "shop"), "ours.test");
    place.put("state/lab/blog/claims", line(&theirs));
    place.put("state/prod/shop/claims", line(&elsewhere).trim_end());
    place.put("state/lab/shop/claims", line(&ours));
    // A copy of our state under another name must not make us our own rival.
    place.put("state/lab/copy/claims", line(&ours));
    let by_hand = ProjectState::empty(key("lab", "restored"));
    let text = serde_json::to_string(&by_hand).unwrap();
    place.put("state/lab/restored/state.json", text);
    let files = place.look(&[]).await.unwrap();
    assert_eq!(files.claims[..2], [theirs, elsewhere]);
    assert_eq!(files.claims[2].owner, key("lab", "restored"));
    assert_eq!(files.claims.len(), 3);
    assert!(place.warnings.lock().unwrap().is_empty());
}

#[tokio::test]
async fn broken_claims_of_others_are_a_warning() {
    let place = Place::new();
    place.put("state/lab/blog/claims", b"\xff{\"owner\": \x1b[2J");
    let good = "{\"owner\":{\"context\":\"lab\",\"project\":\"ok\"},\"domains\":[],\"ports\":[]}";
    place.put("state/lab/ok/claims", good);
    place.put("state/lab/wiki/state.json", [0xff, 0xfe]);
    let files = place.look(&[]).await.unwrap();
    assert_eq!(files.claims.len(), 1);
    let warnings = place.warnings.lock().unwrap();
    for whose in ["lab/blog", "lab/wiki"] {
        let named =
            |event: &Event| matches!(event, Event::Warning { message } if message.contains(whose));
        assert!(warnings.iter().any(named), "{whose}: {warnings:?}");
    }
}

#[tokio::test]
async fn ports_that_this_machine_listens_on_are_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let files = Place::new().look(&[]).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(files.listening.contains(&port), "{:?}", files.listening);
}
