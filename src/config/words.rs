//! Texts from files that later reach ssh, paths or proxy configurations: what they may contain.

use std::net::IpAddr;

/// Why an ssh address is refused, if it is.
pub(super) fn check_addr(addr: &str) -> Result<(), String> {
    if addr.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if let Some((user, _)) = addr.split_once('@') {
        return Err(format!(
            "write the login name as `user: {user}` and only the address here"
        ));
    }
    if let Some((_, port)) = addr.rsplit_once(':') {
        return Err(format!(
            "write the port as `port: {port}` and only the address here"
        ));
    }
    if is_host_word(addr) {
        Ok(())
    } else {
        Err("use an IP address, a DNS name or a name from ~/.ssh/config".to_owned())
    }
}

/// An address that ports can be bound to and that other hosts can reach.
pub(super) fn check_mesh_ip(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => {
            Err("it would publish on every interface; write the host's private address".to_owned())
        }
        Ok(ip) if ip.is_multicast() => Err("it is a multicast address".to_owned()),
        Ok(_) => Ok(()),
        Err(_) => Err("it must be an IP address".to_owned()),
    }
}

/// `1500`, `20GB`, `1.5 TB`: powers of 1000.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, part) = match digits.trim().split_once('.') {
        Some((whole, part)) => (whole, part),
        None => (digits.trim(), ""),
    };
    if part.len() > 9 || !part.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let part = match part {
        "" => 0,
        part => part.parse::<u64>().ok()?.checked_mul(unit)? / scale,
    };
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)?
        .checked_add(part)
}

/// A login name.
pub(super) fn check_user(user: &str) -> Result<(), String> {
    let good = user.len() <= 64
        && user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-$".contains(c));
    if good {
        Ok(())
    } else {
        Err("a login name has letters, digits, `_`, `.` and `-`".to_owned())
    }
}

/// A jump host `[user@]host[:port]`, or several with commas between them.
pub(super) fn check_bastion(bastion: &str) -> Result<(), String> {
    for jump in bastion.split(',') {
        let (user, place) = match jump.split_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, jump),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if user.is_some_and(|user| check_user(user).is_err())
            || !(bare.parse::<IpAddr>().is_ok() || is_host_word(host))
            || port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0))
        {
            return Err("write it as `user@host` or `user@host:port`".to_owned());
        }
    }
    Ok(())
}

/// A domain that a proxy may serve; `*.example.com` is one too.
pub(super) fn check_domain(domain: &str) -> Result<(), String> {
    let name = domain.strip_prefix("*.").unwrap_or(domain);
    if name.len() <= 253 && !name.ends_with('.') && is_host_word(name) {
        Ok(())
    } else {
        Err("write only the domain, like `api.example.com`".to_owned())
    }
}

/// An absolute folder on a host that is safe to fill and to prune.
pub(super) fn check_remote_dir(dir: &str) -> Result<(), String> {
    let parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    if !dir.starts_with('/') || parts.len() < 2 || parts.contains(&"..") || parts.contains(&".") {
        return Err("write an absolute folder at least two levels deep, without `..`".to_owned());
    }
    if dir.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it must not contain spaces or control characters".to_owned());
    }
    Ok(())
}

/// The name of a script below `.webpods/`, like `caddy`.
pub(super) fn check_script_name(name: &str) -> Result<(), String> {
    let good = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if good {
        Ok(())
    } else {
        Err("use letters, digits, `-` and `_`".to_owned())
    }
}

fn is_host_word(text: &str) -> bool {
    text.len() <= 253
        && !text.contains("..")
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_a_thousand() {
        assert_eq!(bytes("1500"), Some(1500));
        assert_eq!(bytes("20GB"), Some(20_000_000_000));
        assert_eq!(bytes(" 1.5 tb"), Some(1_500_000_000_000));
        for bad in ["", "GB", "-1", "1.5.2MB", "5 XB", "99999999999TB", "1e9"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_that_would_become_ssh_options_are_refused() {
        for bad in [
            "-oProxyCommand=id",
            "a b",
            "a;b",
            "$(id)",
            "a\nb",
            "h@x",
            "host:22",
            "http://x",
            "",
            "a..b",
            "🚀",
        ] {
            assert!(check_addr(bad).is_err(), "{bad:?}");
        }
        for good in [
            "10.0.0.1",
            "fe80::1",
            "web-1.example.com",
            "my_alias",
            "2001:db8::2",
        ] {
            assert_eq!(check_addr(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn bastions_keep_their_form() {
        for good in [
            "b",
            "ubuntu@b.example.com",
            "u@b:2222",
            "u@[fe80::1]:22",
            "a@b,c@d:3",
        ] {
            assert_eq!(check_bastion(good), Ok(()), "{good}");
        }
        for bad in [
            "-oX=y", "u@-h", "u@h:0", "u@h:ssh", "u@", "a b", "u@h,", "u;id@h",
        ] {
            assert!(check_bastion(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn mesh_addresses_can_be_bound() {
        assert!(check_mesh_ip("10.0.0.2").is_ok());
        for bad in ["0.0.0.0", "::", "web1", "10.0.0.2:80", "224.0.0.1"] {
            assert!(check_mesh_ip(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_cannot_carry_proxy_configuration() {
        for bad in [
            "a.com {",
            "a.com\nb.com",
            "https://a.com",
            "a.com/x",
            "*",
            "-a.com",
            "a..b",
            "a.",
        ] {
            assert!(check_domain(bad).is_err(), "{bad:?}");
        }
        for good in [
            "a.com",
            "*.a.com",
            "shop.localhost",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(check_domain(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn folders_to_prune_are_never_near_the_root() {
        for bad in ["/", "/var", "var/x", "/a/../etc", "/a/./b", "/a b/c", "//x"] {
            assert!(check_remote_dir(bad).is_err(), "{bad:?}");
        }
        assert!(check_remote_dir("/var/lib/webpods/cache").is_ok());
    }
}
