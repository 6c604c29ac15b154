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
    let Subject { place, user } = subject(address, &lines);
    let by_hand = address.by_hand();

    let error = if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        error(format!(
            "{place} shows another ssh host key than the known one"
        ))
        .hint(
            "if the server was reinstalled, remove the old key with `ssh-keygen -R` as ssh's \
                 message says; if not, somebody may be in between",
        )
        .hint(format!("to see ssh's whole message: `{by_hand}`"))
    } else if has("Host key verification failed") || has("host key is known for") {
        error(format!(
            "the ssh host key of {place} is not known, so it was refused"
        ))
        .hint(format!(
            "connect once by hand and check the key: `{by_hand}`"
        ))
        .hint("or set `ssh.host_key: accept-new` in the context to trust keys on first contact")
    } else if has("Permission denied (") || has("Too many authentication failures") {
        let who = user.map_or_else(|| "your user".to_owned(), |user| format!("user `{user}`"));
        error(format!("{place} lets {who} in with none of the keys tried"))
            .hint(
                "check `ssh.user` and `ssh.key` of the context, and that the key is in \
                 `~/.ssh/authorized_keys` there",
            )
            .hint(format!("try it by hand: `{by_hand}`"))
    } else if has("Could not resolve hostname") {
        error(format!("the address of {place} has no entry in DNS"))
            .hint("check the address in the context, or add an alias to ~/.ssh/config")
    } else if has("Connection refused") {
        error(format!("{place} answers, but no ssh server does"))
            .hint("check `ssh.port` of the context, and that sshd runs there")
    } else if has("timed out") {
        let seconds = address.connect_timeout.as_secs();
        error(format!("{place} does not answer within {seconds} s")).hint(
            "check that it is up, that a firewall lets ssh in, and its address in the context",
        )
    } else if has("No route to host") || has("Network is unreachable") {
        error(format!("there is no route to {place} from here"))
            .hint("check its address in the context, and your network or VPN")
    } else if has("no such identity") || has("UNPROTECTED PRIVATE KEY") {
        error(format!("the ssh key for {place} cannot be used"))
            .hint("check that the file `ssh.key` names exists and only you can read it")
    } else {
        error(format!("cannot connect to {place}")).hint(format!("try it by hand: `{by_hand}`"))
    };
    match most_telling(&lines) {
        Some(line) => error.cause(line),
        None => error.cause("ssh ended without a message"),
    }
}

/// True when ssh refused a host because it knows no key of it.
pub fn is_unknown(said: &str) -> bool {
    let has = |what| said.contains(what);
    !has("REMOTE HOST IDENTIFICATION HAS CHANGED")
        && (has("Host key verification failed") || has("host key is known for"))
}

/// The error for a host that ssh refused as unknown because it cannot read `file`.
pub fn keys_unreadable(address: &Address, file: &str, why: &std::io::Error) -> Error {
    let Subject { place, .. } = subject(address, &[]);
    error(format!(
        "`{file}`, which says what host keys are known, cannot be read, so {place} was refused"
    ))
    .cause(why)
    .hint(format!(
        "make it a file that you may read: `ls -l {file}` shows what it is"
    ))
}

fn error(message: String) -> Error {
    Error::unreachable(message)
}

/// Who it was that refused.
struct Subject {
    /// For messages, with its address.
    place: String,
    /// The login name, when it is set.
    user: Option<String>,
}

/// The host, or its bastion when the message names that one.
fn subject(address: &Address, lines: &[&str]) -> Subject {
    let name = &address.name;
    if let Some(bastion) = &address.bastion {
        let addr = &bastion.addr;
        // The final ssh talks through the bastion: it looks up no name and opens no connection.
        let of_bastion = |line: &&str| {
            line.contains(" connect to host ")
                || line.contains("Could not resolve hostname")
                || line.starts_with(&format!("{bastion}: "))
                || line.contains(&format!("@{addr}: "))
                || line.contains(&format!("known for {addr} "))
                || line.contains(&format!("known for [{addr}]"))
        };
        if addr != &address.addr && lines.iter().any(of_bastion) {
            return Subject {
                place: format!("bastion {bastion} before host `{name}`"),
                user: bastion.user.clone(),
            };
        }
        return Subject {
            place: format!("host `{name}` ({address}, through bastion {bastion})"),
            user: address.user.clone(),
        };
    }
    Subject {
        place: format!("host `{name}` ({address})"),
        user: address.user.clone(),
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
    use crate::model::{Ssh, fixtures};

    fn address(bastion: Option<&str>) -> Address {
        let ssh = Ssh {
            user: Some("deploy".to_owned()),
            bastion: bastion.map(str::to_owned),
            ..Ssh::default()
        };
        let host = fixtures::host("web-1", "10.0.0.9");
        Address::new(&ssh, &host).unwrap()
    }

    #[test]
    fn each_complaint_of_ssh_has_its_own_message() {
        let cases = [
            (
                "ssh: connect to host 10.0.0.9 port 22: Connection timed out",
                "within 10 s",
            ),
            (
                "ssh: connect to host 10.0.0.9 port 22: No route to host",
                "there is no route",
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
                "No ED25519 host key is known for 10.0.0.9 and you have requested strict \
                 checking.\nHost key verification failed.",
                "is not known",
            ),
            (
                "@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@\n\
                 Host key verification failed.",
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
        let lost = "kex_exchange_identification: Connection closed by remote host\r\n\
                    Connection closed by UNKNOWN port 65535\r\n";
        let through =
            |said: &str| refused(&address(Some("jump@gate")), &format!("{said}\r\n{lost}"));
        let denied = through("jump@gate: Permission denied (publickey).");
        assert_eq!(
            denied.causes(),
            ["jump@gate: Permission denied (publickey)."]
        );
        assert_eq!(
            denied.message(),
            "bastion jump@gate before host `web-1` lets user `jump` in with none of the keys tried"
        );
        let down = through("ssh: connect to host gate port 22: Connection refused");
        assert!(
            down.message().starts_with("bastion jump@gate before"),
            "{down}"
        );

        let behind = through(
            "channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed",
        );
        assert_eq!(
            behind.message(),
            "host `web-1` (deploy@10.0.0.9, through bastion jump@gate) answers, but no ssh server does"
        );
        let host = through("deploy@10.0.0.9: Permission denied (publickey).");
        assert!(host.message().starts_with("host `web-1`"), "{host}");
        assert!(host.message().contains("user `deploy`"), "{host}");
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
