//! What ssh says when it cannot connect, as an error a person can act on.

use crate::error::Error;

use super::address::Address;

/// The error for a connection attempt whose ssh printed `said` on stderr.
pub fn refused(address: &Address, said: &str) -> Error {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_noise(line))
        .collect();
    let has = |what: &str| lines.iter().any(|line| line.contains(what));
    let (name, by_hand) = (&address.name, address.by_hand());
    let error = |message: String| Error::unreachable(message);

    let mut error = if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        error(format!(
            "host `{name}` ({address}) shows another ssh host key than the known one"
        ))
        .hint(
            "if the server was reinstalled, remove the old key with `ssh-keygen -R` as ssh's \
             message says; if not, somebody may be in between",
        )
        .hint(format!("to see ssh's whole message: `{by_hand}`"))
    } else if has("Host key verification failed") || has("host key is known for") {
        error(format!(
            "the ssh host key of `{name}` ({address}) is not known, so it was refused"
        ))
        .hint(format!(
            "connect once by hand and check the key: `{by_hand}`"
        ))
        .hint("or set `ssh.host_key: accept-new` in the context to trust keys on first contact")
    } else if has("Permission denied (") || has("Too many authentication failures") {
        let who = match &address.user {
            Some(user) => format!("user `{user}`"),
            None => "your user".to_owned(),
        };
        error(format!("host `{name}` ({address}) lets {who} in with none of the keys tried"))
            .hint("check `ssh.user` and `ssh.key` of the context, and that the key is in `~/.ssh/authorized_keys` there")
            .hint(format!("try it by hand: `{by_hand}`"))
    } else if has("Could not resolve hostname") {
        error(format!(
            "the address of host `{name}`, {address}, has no entry in DNS"
        ))
        .hint("check `addr` of the host in the context, or add an alias to ~/.ssh/config")
    } else if has("Connection refused") {
        error(format!(
            "host `{name}` ({address}) answers, but no ssh server does"
        ))
        .hint("check `ssh.port` of the context, and that sshd runs on the host")
    } else if has("timed out") || has("No route to host") || has("Network is unreachable") {
        error(format!(
            "host `{name}` ({address}) cannot be reached: no answer within {} s",
            address.connect_timeout.as_secs()
        ))
        .hint("check that the host is up, that a firewall lets ssh in, and `addr` in the context")
    } else if has("no such identity") || has("UNPROTECTED PRIVATE KEY") {
        error(format!(
            "the ssh key for host `{name}` ({address}) cannot be used"
        ))
        .hint("check that the file `ssh.key` names exists and only you can read it")
    } else {
        error(format!("cannot connect to host `{name}` ({address})"))
            .hint(format!("try it by hand: `{by_hand}`"))
    };
    if let Some(bastion) = &address.bastion {
        error = error.hint(format!(
            "it is reached through the bastion {bastion}, which may be what fails"
        ));
    }
    match most_telling(&lines) {
        Some(line) => error.cause(line),
        None => error.cause("ssh ended without a message"),
    }
}

/// True when a busy sshd dropped the connection before asking who it is: worth another attempt.
pub fn was_dropped(said: &str) -> bool {
    [
        "kex_exchange_identification",
        "Connection reset by",
        "Exceeded MaxStartups",
    ]
    .iter()
    .any(|sign| said.contains(sign))
        && !said.contains("Permission denied")
        && !said.contains("verification failed")
        && !said.contains("timed out")
        && !said.contains("refused")
        && !said.contains("resolve")
}

/// ssh's last line, unless it only says that the connection is gone and an earlier one says why.
fn most_telling<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let empty = |line: &&&str| {
        line.starts_with("kex_exchange_identification")
            || line.starts_with("Connection closed by")
            || line.starts_with("ssh_exchange_identification")
            || line.starts_with("stdio forwarding failed")
    };
    lines
        .iter()
        .rev()
        .find(|line| !empty(line))
        .or(lines.last())
        .copied()
}

fn is_noise(line: &str) -> bool {
    line.starts_with("Warning: Permanently added") || line.chars().all(|c| c == '@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::model::{Host, Ssh};

    fn address(bastion: Option<&str>) -> Address {
        let ssh = Ssh {
            user: Some("deploy".to_owned()),
            bastion: bastion.map(str::to_owned),
            ..Ssh::default()
        };
        let host = Host {
            name: "web-1".parse().unwrap(),
            addr: "10.0.0.9".to_owned(),
            mesh_ip: None,
            user: None,
            port: None,
            labels: std::collections::BTreeMap::new(),
            local: false,
        };
        Address::new(&ssh, &host).unwrap()
    }

    #[test]
    fn each_complaint_of_ssh_has_its_own_message() {
        let cases = [
            (
                "ssh: connect to host 10.0.0.9 port 22: Connection timed out",
                "no answer within 10 s",
            ),
            (
                "ssh: connect to host 10.0.0.9 port 22: No route to host",
                "cannot be reached",
            ),
            (
                "ssh: connect to host 10.0.0.9 port 22: Connection refused",
                "no ssh server",
            ),
            (
                "ssh: Could not resolve hostname x: Name or service not known",
                "no entry in DNS",
            ),
            (
                "deploy@10.0.0.9: Permission denied (publickey).",
                "user `deploy` in with none",
            ),
            (
                "Received disconnect from 10.0.0.9 port 22:2: Too many authentication failures",
                "none of the keys",
            ),
            (
                "No ED25519 host key is known for 10.0.0.9 and you have requested strict checking.\nHost key verification failed.",
                "is not known",
            ),
            (
                "@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@\nHost key verification failed.",
                "another ssh host key",
            ),
            ("something new", "cannot connect to host `web-1`"),
            ("", "cannot connect to host `web-1`"),
        ];
        for (said, expected) in cases {
            let error = refused(&address(None), said);
            assert_eq!(error.kind(), Kind::Unreachable, "{said}");
            assert!(error.message().contains(expected), "{said}: {error}");
            assert!(!error.hints().is_empty(), "{said}");
            assert!(!error.causes().is_empty(), "{said}");
        }
    }

    #[test]
    fn a_failing_bastion_is_named_and_its_own_words_are_the_cause() {
        let said = "jump@b: Permission denied (publickey).\r\n\
                    kex_exchange_identification: Connection closed by remote host\r\n\
                    Connection closed by UNKNOWN port 65535\r\n";
        let error = refused(&address(Some("jump@b")), said);
        assert_eq!(error.causes(), ["jump@b: Permission denied (publickey)."]);
        assert!(
            error
                .hints()
                .iter()
                .any(|hint| hint.contains("bastion jump@b"))
        );
    }

    #[test]
    fn only_a_dropped_connection_is_worth_a_retry() {
        assert!(was_dropped(
            "kex_exchange_identification: read: Connection reset by peer"
        ));
        assert!(was_dropped("Connection reset by 10.0.0.9 port 22"));
        assert!(!was_dropped(
            "deploy@10.0.0.9: Permission denied (publickey)."
        ));
        assert!(!was_dropped(
            "b: Permission denied (publickey).\nkex_exchange_identification: Connection closed by remote host"
        ));
        assert!(!was_dropped(""));
    }
}
