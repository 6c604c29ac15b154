//! What a real sshd refuses, and what real ssh then says.

use std::sync::{Arc, Mutex};

use webpods::error::{Error, Kind};
use webpods::event::{Event, Events};
use webpods::model::{HostKeyCheck, Ssh};

use super::sshd::Sshd;

async fn refused(sshd: &Sshd, change: impl FnOnce(&mut Ssh)) -> Error {
    let mut ssh = sshd.ssh();
    change(&mut ssh);
    let host = super::session(&ssh, "127.0.0.1", &sshd.options());
    let error = host.connect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    error
}

#[tokio::test]
async fn wrong_users_and_keys_are_named() {
    let sshd = Sshd::start("");
    let stranger = sshd.path("stranger");
    let error = refused(&sshd, |ssh| ssh.key = Some(stranger)).await;
    assert!(
        error.message().contains("none of the keys tried"),
        "{error:?}"
    );
    assert!(error.causes()[0].contains("Permission denied"), "{error:?}");
    let error = refused(&sshd, |ssh| ssh.user = Some("no-such-user".to_owned())).await;
    assert!(error.message().contains("user `no-such-user`"), "{error:?}");
}

#[tokio::test]
async fn unknown_host_keys_are_refused_unless_new_ones_are_accepted() {
    let sshd = Sshd::start("");
    let empty = sshd.path("empty_known_hosts");
    std::fs::write(&empty, "").unwrap();
    let error = refused(&sshd, |ssh| ssh.known_hosts = Some(empty.clone())).await;
    assert!(error.message().contains("is not known"), "{error:?}");
    assert_eq!(std::fs::read_to_string(&empty).unwrap(), "");
    assert!(
        error.hints().iter().any(|hint| hint.contains("accept-new")),
        "{error:?}"
    );

    let ssh = Ssh {
        known_hosts: Some(empty.clone()),
        host_key: HostKeyCheck::AcceptNew,
        ..sshd.ssh()
    };
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notices);
    let events = Events::new(move |event| heard.lock().unwrap().push(event));
    let host = webpods::model::Host {
        name: "web-1".parse().unwrap(),
        addr: "127.0.0.1".to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::new(),
        local: false,
    };
    let host = webpods::remote::Host::with(&ssh, &host, &events, &sshd.options()).unwrap();
    host.connect().await.unwrap();
    assert!(std::fs::read_to_string(&empty).unwrap().contains("ed25519"));
    let notices = notices.lock().unwrap();
    assert!(
        matches!(&notices[..], [Event::Notice { message }] if message.contains("Permanently added")),
        "{notices:?}"
    );
}

#[tokio::test]
async fn a_file_of_host_keys_that_cannot_be_read_is_not_taken_for_an_unknown_key() {
    let sshd = Sshd::start("");
    // Root may read every file, and nobody a folder.
    let folder = sshd.path("known_folder");
    std::fs::create_dir(&folder).unwrap();
    let error = refused(&sshd, |ssh| ssh.known_hosts = Some(folder.clone())).await;
    assert!(error.message().contains("cannot be read"), "{error:?}");
    assert!(error.message().contains("known_folder"), "{error:?}");
    assert!(error.causes()[0].contains("directory"), "{error:?}");
    assert!(!format!("{error:?}").contains("accept-new"), "{error:?}");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_even_when_new_ones_are_accepted() {
    let sshd = Sshd::start("");
    let stranger = std::fs::read_to_string(sshd.path("stranger.pub")).unwrap();
    let changed = sshd.path("changed_known_hosts");
    std::fs::write(&changed, format!("[127.0.0.1]:{} {stranger}", sshd.port)).unwrap();
    for check in [HostKeyCheck::Strict, HostKeyCheck::AcceptNew] {
        let error = refused(&sshd, |ssh| {
            ssh.known_hosts = Some(changed.clone());
            ssh.host_key = check;
        })
        .await;
        assert!(
            error.message().contains("another ssh host key"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nothing_listening_and_no_such_name_are_told_apart() {
    let sshd = Sshd::start("");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = refused(&sshd, |ssh| ssh.port = Some(port)).await;
    assert!(error.message().contains("no ssh server"), "{error:?}");
    let host = super::session(&sshd.ssh(), "no-such-host.invalid", &sshd.options());
    let error = host.connect().await.unwrap_err();
    assert!(error.message().contains("no entry in DNS"), "{error:?}");
}

#[tokio::test]
async fn a_bastion_that_refuses_is_named() {
    let sshd = Sshd::start("");
    let bastion = format!("no-such-user@127.0.0.1:{}", sshd.port);
    let error = refused(&sshd, |ssh| ssh.bastion = Some(bastion)).await;
    assert!(error.causes()[0].contains("Permission denied"), "{error:?}");
    assert!(
        error.message().contains("no-such-user@127.0.0.1"),
        "{error:?}"
    );
}
