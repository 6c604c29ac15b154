//! A fake `ssh` that records its arguments and fails like the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use webpods::error::{Error, Kind};
use webpods::model::Ssh;
use webpods::remote::Options;

use super::{options, session};

/// Connects with an ssh that prints `says` and exits with 255; the error and the arguments of each
/// attempt.
async fn attempt(ssh: &Ssh, says: &str) -> (Error, Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let options = with_ssh(folder.path(), says);
    let error = session(ssh, "10.0.0.9", &options)
        .connect()
        .await
        .unwrap_err();
    let recorded = fs::read_to_string(folder.path().join("argv")).unwrap();
    let attempts = recorded.split_terminator("--end--\n");
    let argv = attempts.map(|one| one.lines().map(str::to_owned).collect());
    // `-G` prints settings and connects to nobody.
    let argv = argv.filter(|argv: &Vec<String>| argv.iter().all(|one| one != "-G"));
    (error, argv.collect())
}

fn with_ssh(folder: &Path, says: &str) -> Options {
    let says_file = folder.join("says");
    fs::write(&says_file, says).unwrap();
    let program = folder.join("ssh");
    let script = format!(
        "#!/bin/sh\n{{ printf '%s\\n' \"$@\"; echo --end--; }} >>{0}/argv\ncat {0}/says >&2\nexit 255\n",
        folder.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Options {
        ssh: program,
        ..options(folder)
    }
}

#[tokio::test]
async fn every_way_to_fail_is_told_apart() {
    let changed = "@@@@@@@@@@@@@@@@\n\
        @    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
        @@@@@@@@@@@@@@@@\n\
        Offending ED25519 key in /home/u/.ssh/known_hosts:3\n\
        Host key verification failed.\n";
    let cases = [
        (
            "ssh: connect to host 10.0.0.9 port 22: Connection timed out\r\n",
            "host `web-1` (deploy@10.0.0.9) does not answer within 10 s",
        ),
        (
            "deploy@10.0.0.9: Permission denied (publickey).\r\n",
            "host `web-1` (deploy@10.0.0.9) lets user `deploy` in with none of the keys tried",
        ),
        (
            "Host key verification failed.\r\n",
            "the ssh host key of host `web-1` (deploy@10.0.0.9) is not known, so it was refused",
        ),
        (
            "ssh: Could not resolve hostname 10.0.0.9: Name or service not known\r\n",
            "the address of host `web-1` (deploy@10.0.0.9) has no entry in DNS",
        ),
        (
            "ssh: connect to host 10.0.0.9 port 22: Connection refused\r\n",
            "host `web-1` (deploy@10.0.0.9) answers, but no ssh server does",
        ),
        (
            changed,
            "host `web-1` (deploy@10.0.0.9) shows another ssh host key than the known one",
        ),
        ("", "cannot connect to host `web-1` (deploy@10.0.0.9)"),
    ];
    let ssh = Ssh {
        user: Some("deploy".to_owned()),
        ..Ssh::default()
    };
    for (says, expected) in cases {
        let (error, attempts) = attempt(&ssh, says).await;
        assert_eq!(error.message(), expected);
        assert_eq!(error.kind(), Kind::Unreachable);
        assert_eq!(error.kind().exit_code(), 7);
        let last = says
            .lines()
            .last()
            .map_or("ssh ended without a message", str::trim);
        assert_eq!(error.causes(), [last]);
        assert!(!error.hints().is_empty(), "{says}");
        assert_eq!(attempts.len(), 1, "not worth another attempt: {says}");
    }
}

#[tokio::test]
async fn a_dropped_connection_is_tried_again() {
    let says = "kex_exchange_identification: Connection closed by remote host\r\n\
                Connection closed by 10.0.0.9 port 22\r\n";
    let (error, attempts) = attempt(&Ssh::default(), says).await;
    assert_eq!(attempts.len(), 4);
    assert_eq!(error.message(), "cannot connect to host `web-1` (10.0.0.9)");
}

#[tokio::test]
async fn ssh_gets_the_contexts_settings_and_never_asks() {
    let ssh = Ssh {
        user: Some("deploy".to_owned()),
        port: Some(2222),
        key: Some("/keys/my key".into()),
        bastion: Some("jump@gate.example.com:2200".to_owned()),
        known_hosts: Some("/known hosts".into()),
        ..Ssh::default()
    };
    let (_, attempts) = attempt(&ssh, "").await;
    let argv = &attempts[0];
    let has = |option: &str| argv.iter().any(|arg| arg == option);
    assert!(has("BatchMode=yes"));
    assert!(has("StrictHostKeyChecking=yes"));
    assert!(has("ConnectTimeout=10"));
    assert!(has("UserKnownHostsFile=\"/known hosts\""));
    let proxy = argv
        .iter()
        .find(|arg| arg.starts_with("ProxyCommand="))
        .unwrap();
    assert!(proxy.contains("-W '[%h]:%p'"), "{proxy}");
    assert!(proxy.contains("-o BatchMode=yes"), "{proxy}");
    assert!(
        proxy.contains("-l jump -p 2200 -- gate.example.com 2>>"),
        "{proxy}"
    );
    let tail = &argv[argv.len() - 6..];
    assert_eq!(tail, ["-l", "deploy", "-p", "2222", "--", "10.0.0.9"]);
}

#[tokio::test]
async fn a_missing_ssh_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        ssh: folder.path().join("no-such-program"),
        ..options(folder.path())
    };
    let error = session(&Ssh::default(), "10.0.0.9", &options)
        .connect()
        .await
        .unwrap_err();
    assert!(error.message().contains("not installed"), "{error}");
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.hints()[0].contains("openssh-client"));
}
