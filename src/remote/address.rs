//! Where and how one host is reached: validated once, so that nothing hostile becomes an ssh flag.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::{self, Digest, HostKeyCheck, HostName, Ssh};

use super::quote::quoted;

/// Everything that identifies an ssh connection.
#[derive(Debug, Clone)]
pub struct Address {
    /// The host's name in the inventory, for messages.
    pub name: HostName,
    /// What ssh connects to: a name, an address, or an alias of `~/.ssh/config`.
    pub addr: String,
    /// Login name; none: ssh's own default.
    pub user: Option<String>,
    /// Port; none: ssh's own default.
    pub port: Option<u16>,
    key: Option<PathBuf>,
    pub(super) bastion: Option<Bastion>,
    /// Time limit for one connection attempt.
    pub connect_timeout: Duration,
    host_key: HostKeyCheck,
    known_hosts: Option<PathBuf>,
}

/// A jump host.
#[derive(Debug, Clone)]
pub(super) struct Bastion {
    pub user: Option<String>,
    pub addr: String,
    pub port: Option<u16>,
}

impl Address {
    /// The address of `host` under a context's ssh settings (spec §5.2).
    ///
    /// # Errors
    /// An address, user or bastion that ssh could take for something else.
    pub fn new(ssh: &Ssh, host: &model::Host) -> Result<Self> {
        let of = |what: &str| format!("{what} of host `{}`", host.name);
        let user = host.user.clone().or_else(|| ssh.user.clone());
        if let Some(user) = &user {
            check(user, &of("ssh user"), "@")?;
        }
        check(&host.addr, &of("address"), "@")?;
        Ok(Self {
            name: host.name.clone(),
            addr: host.addr.clone(),
            user,
            port: host.port.or(ssh.port),
            key: ssh.key.clone(),
            bastion: ssh.bastion.as_deref().map(Bastion::parse).transpose()?,
            connect_timeout: ssh.connect_timeout.max(Duration::from_secs(1)),
            host_key: ssh.host_key,
            known_hosts: ssh.known_hosts.clone(),
        })
    }

    /// ssh's arguments for this address, the destination last. What a bastion's ssh complains about
    /// is appended to the file `complaints`: the final ssh would drop it.
    pub fn arguments(&self, complaints: Option<&Path>) -> Vec<String> {
        let mut args = self.options();
        if let Some(bastion) = &self.bastion {
            let mut command = self.proxy_command(bastion);
            if let Some(path) = complaints {
                command.push_str(" 2>>");
                command.push_str(&quoted(&path.to_string_lossy().replace('%', "%%")));
            }
            args.push("-o".to_owned());
            args.push(format!("ProxyCommand={command}"));
        }
        destination(&mut args, self.user.as_deref(), self.port, &self.addr);
        args
    }

    /// The key under which a connection to this address is shared between commands.
    pub fn identity(&self) -> Digest {
        // The arguments are exactly what makes the connection; NUL cannot occur within one.
        Digest::of(self.arguments(None).join("\0").as_bytes())
    }

    /// The file of known host keys that is used in place of the user's own.
    pub fn known_hosts(&self) -> Option<&Path> {
        self.known_hosts.as_deref()
    }

    /// What a person types to try the connection by hand.
    pub fn by_hand(&self) -> String {
        let mut words = vec!["ssh".to_owned()];
        if let Some(key) = &self.key {
            words.extend(["-i".to_owned(), quoted(&key.to_string_lossy())]);
        }
        if let Some(file) = &self.known_hosts {
            let option = format!("UserKnownHostsFile={}", file.display());
            words.extend(["-o".to_owned(), quoted(&option)]);
        }
        if let Some(bastion) = &self.bastion {
            words.extend(["-J".to_owned(), bastion.to_string()]);
        }
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        words.push(self.to_string());
        words.join(" ")
    }

    /// Options that a jump host's connection shares with the final one.
    fn options(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut option = |name: &str, value: &str| {
            args.push("-o".to_owned());
            args.push(format!("{name}={value}"));
        };
        option("BatchMode", "yes");
        let timeout = self.connect_timeout.as_secs().to_string();
        option("ConnectTimeout", &timeout);
        option("ServerAliveInterval", "5");
        option("ServerAliveCountMax", "4");
        let check = match self.host_key {
            HostKeyCheck::Strict => "yes",
            HostKeyCheck::AcceptNew => "accept-new",
        };
        option("StrictHostKeyChecking", check);
        if let Some(file) = &self.known_hosts {
            // ssh splits the value at blanks unless it is quoted, and expands `%`.
            let file = file.to_string_lossy().replace('%', "%%");
            option("UserKnownHostsFile", &format!("\"{file}\""));
        }
        if let Some(key) = &self.key {
            args.push("-i".to_owned());
            args.push(key.to_string_lossy().into_owned());
        }
        args
    }

    /// `ProxyJump` would start its ssh without our options: it would ask for unknown keys and
    /// passwords on the terminal, and not know the key file. Hence the same by hand.
    fn proxy_command(&self, bastion: &Bastion) -> String {
        let mut args = vec!["-W".to_owned(), "[%h]:%p".to_owned()];
        let mut own = self.options();
        let user = bastion.user.as_deref();
        destination(&mut own, user, bastion.port, &bastion.addr);
        args.extend(own.into_iter().map(|arg| arg.replace('%', "%%")));
        let words: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        format!("ssh {}", words.join(" "))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.addr)
    }
}

impl std::fmt::Display for Bastion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.port.is_some() && self.addr.contains(':') {
            write!(f, "[{}]", self.addr)?;
        } else {
            f.write_str(&self.addr)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Bastion {
    /// `[user@]host[:port]`; an IPv6 address with a port stands in brackets.
    fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("ssh bastion {text:?} is not `user@host[:port]`"))
                .hint("for several jumps, set `ProxyJump` for the host in ~/.ssh/config")
        };
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, text),
        };
        let (addr, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (addr, port) = rest.split_once(']').ok_or_else(wrong)?;
                (
                    addr,
                    port.strip_prefix(':')
                        .or((!port.is_empty()).then_some(port)),
                )
            }
            None if place.matches(':').count() > 1 => (place, None),
            None => match place.split_once(':') {
                Some((addr, port)) => (addr, Some(port)),
                None => (place, None),
            },
        };
        let port = port
            .map(|port| port.parse().map_err(|_| wrong()))
            .transpose()?;
        if let Some(user) = &user {
            check(user, "ssh user of the bastion", "@,")?;
        }
        check(addr, "address of the bastion", "@,")?;
        Ok(Self {
            user,
            addr: addr.to_owned(),
            port,
        })
    }
}

fn destination(args: &mut Vec<String>, user: Option<&str>, port: Option<u16>, addr: &str) {
    if let Some(user) = user {
        args.extend(["-l".to_owned(), user.to_owned()]);
    }
    if let Some(port) = port {
        args.extend(["-p".to_owned(), port.to_string()]);
    }
    args.extend(["--".to_owned(), addr.to_owned()]);
}

/// Refuses what ssh could read as a flag, a second word, or a piece of its own syntax.
fn check(value: &str, what: &str, also: &str) -> Result<()> {
    let rule = if value.is_empty() {
        "it is empty"
    } else if value.starts_with('-') {
        "it starts with `-`"
    } else if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it holds blanks or control characters"
    } else if value.contains(|c| "'\"`$\\;&|<>(){}*?!#%/".contains(c) || also.contains(c)) {
        "it holds a character that no host or user name has"
    } else {
        return Ok(());
    };
    Err(Error::user(format!("the {what}, {value:?}, cannot be used: {rule}"))
        .hint("write a host name or IP address, like `10.0.0.5` or `web-1.example.com`, and a login name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(addr: &str) -> model::Host {
        model::fixtures::host("web-1", addr)
    }

    #[test]
    fn hostile_addresses_users_and_bastions_are_refused() {
        let hostile = [
            "",
            "-oProxyCommand=id",
            "a b",
            "a\nb",
            "a\tb",
            "a\0b",
            "$(id)",
            "`id`",
            "a;b",
            "a'b",
            "\u{a0}x",
            "x%h",
        ];
        for text in hostile {
            assert!(
                Address::new(&Ssh::default(), &host(text)).is_err(),
                "{text:?}"
            );
            let user = Ssh {
                user: Some(text.to_owned()),
                ..Ssh::default()
            };
            assert!(Address::new(&user, &host("ok")).is_err(), "user {text:?}");
            for bastion in [text.to_owned(), format!("{text}@ok"), format!("ok@{text}")] {
                let ssh = Ssh {
                    bastion: Some(bastion.clone()),
                    ..Ssh::default()
                };
                assert!(
                    Address::new(&ssh, &host("ok")).is_err(),
                    "bastion {bastion:?}"
                );
            }
        }
    }

    #[test]
    fn ordinary_addresses_become_arguments() {
        let ssh = Ssh {
            user: Some("deploy".to_owned()),
            port: Some(2222),
            key: Some("/keys/my key".into()),
            ..Ssh::default()
        };
        let address = Address::new(&ssh, &host("2001:db8::1")).unwrap();
        let args = address.arguments(None);
        let tail = &args[args.len() - 8..];
        let expected = [
            "-i",
            "/keys/my key",
            "-l",
            "deploy",
            "-p",
            "2222",
            "--",
            "2001:db8::1",
        ];
        assert_eq!(tail, expected);
        assert!(args.iter().any(|arg| arg == "StrictHostKeyChecking=yes"));
        assert_eq!(
            address.by_hand(),
            "ssh -i '/keys/my key' -p 2222 deploy@2001:db8::1"
        );
    }

    #[test]
    fn bastions_are_read_in_every_form() {
        let parse = |text| Bastion::parse(text).unwrap();
        let plain = parse("jump.example.com");
        assert_eq!((plain.user, plain.port), (None, None));
        let full = parse("ubuntu@jump.example.com:2200");
        assert_eq!(full.user.as_deref(), Some("ubuntu"));
        assert_eq!(
            (full.addr.as_str(), full.port),
            ("jump.example.com", Some(2200))
        );
        assert_eq!(parse("u@[2001:db8::1]:22").addr, "2001:db8::1");
        assert_eq!(
            parse("u@[2001:db8::1]:22").to_string(),
            "u@[2001:db8::1]:22"
        );
        assert_eq!(parse("2001:db8::1").port, None);
        for wrong in ["a:b", "a:99999", "a,b", "[::1", "[::1]22x", "u@", "@h"] {
            assert!(Bastion::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_changes_the_connection_changes_its_identity() {
        let base = Address::new(&Ssh::default(), &host("a"))
            .unwrap()
            .identity();
        let variants = [
            Ssh {
                user: Some("u".to_owned()),
                ..Ssh::default()
            },
            Ssh {
                port: Some(2222),
                ..Ssh::default()
            },
            Ssh {
                key: Some("/k".into()),
                ..Ssh::default()
            },
            Ssh {
                bastion: Some("b".to_owned()),
                ..Ssh::default()
            },
            Ssh {
                host_key: HostKeyCheck::AcceptNew,
                ..Ssh::default()
            },
            Ssh {
                known_hosts: Some("/h".into()),
                ..Ssh::default()
            },
        ];
        for ssh in &variants {
            assert_ne!(
                Address::new(ssh, &host("a")).unwrap().identity(),
                base,
                "{ssh:?}"
            );
        }
        assert_eq!(
            Address::new(&Ssh::default(), &host("a"))
                .unwrap()
                .identity(),
            base
        );
    }
}
