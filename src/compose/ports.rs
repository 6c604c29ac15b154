//! The short form of `ports:`: `[[ip:]published:]target[/protocol]` with ranges.

/// One published port, before it becomes a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The host's address.
    pub host_ip: Option<String>,
    /// The container's port.
    pub target: u16,
    /// A port or a range of the host.
    pub published: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// All ports that a short form stands for, in order of the container's port.
pub fn parse(spec: &str) -> Result<Vec<Port>, String> {
    let bad = |why: &str| format!("{spec:?} is not a port: {why}");
    let (address, protocol) = match spec.rsplit_once('/') {
        Some((address, protocol)) => (address, protocol.to_lowercase()),
        None => (spec, "tcp".to_owned()),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(bad(&format!(
            "the protocol is `tcp`, `udp` or `sctp`, not {protocol:?}"
        )));
    }
    let (ip, published, target) = split(address).ok_or_else(|| bad("the address is not valid"))?;
    if target.is_empty() {
        return Err(bad("the container's port is missing"));
    }
    let host_ip = match ip {
        "" => None,
        ip if ip.parse::<std::net::IpAddr>().is_ok() => Some(ip.to_owned()),
        _ => return Err(bad(&format!("{ip:?} is not an IP address"))),
    };
    let (first, last) = range(target).ok_or_else(|| bad(&no_port("container", target)))?;
    let wanted = u32::from(last) - u32::from(first);
    let host = match published {
        "" => None,
        published => Some(range(published).ok_or_else(|| bad(&no_port("host", published)))?),
    };
    if let Some((from, to)) = host
        && u32::from(to) - u32::from(from) != wanted
        && first != last
    {
        return Err(bad(&format!(
            "{published} and {target} are ranges of different length"
        )));
    }
    let one = |step: u16| {
        let published = host.map(|(from, to)| {
            // A range of the host for a single port: the engine picks one of them.
            if first == last && from != to {
                format!("{from}-{to}")
            } else {
                (from + step).to_string()
            }
        });
        Port {
            host_ip: host_ip.clone(),
            target: first + step,
            published,
            protocol: protocol.clone(),
        }
    };
    Ok((0..=last - first).map(one).collect())
}

fn no_port(whose: &str, text: &str) -> String {
    format!("{text:?} is no port of the {whose}, which is a number up to 65535 or a range")
}

/// How many ports a short form stands for; 1 for what is none.
pub fn count(spec: &str) -> usize {
    let address = spec.rsplit_once('/').map_or(spec, |(address, _)| address);
    let (first, last) = split(address)
        .and_then(|(_, _, target)| range(target))
        .unwrap_or_default();
    usize::from(last - first) + 1
}

/// Address, host ports and container ports of `[ip:][published:]target`; `[::1]:80:80` too.
fn split(address: &str) -> Option<(&str, &str, &str)> {
    let Some((rest, target)) = address.rsplit_once(':') else {
        return Some(("", "", address));
    };
    let Some((ip, published)) = rest.rsplit_once(':') else {
        return Some(("", rest, target));
    };
    let ip = match ip.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None => ip,
    };
    Some((ip, published, target))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(spec: &str) -> Vec<String> {
        let ports = parse(spec).unwrap();
        ports
            .iter()
            .map(|port| {
                let published = port.published.as_deref().unwrap_or("-");
                let ip = port.host_ip.as_deref().unwrap_or("*");
                format!("{ip} {published} {} {}", port.target, port.protocol)
            })
            .collect()
    }

    #[test]
    fn forms() {
        assert_eq!(shown("80"), ["* - 80 tcp"]);
        assert_eq!(shown("8080:80/UDP"), ["* 8080 80 udp"]);
        assert_eq!(shown("127.0.0.1::80"), ["127.0.0.1 - 80 tcp"]);
        assert_eq!(shown("[::1]:1:2"), ["::1 1 2 tcp"]);
        assert_eq!(shown("::1:1:2"), ["::1 1 2 tcp"]);
        assert_eq!(shown("90-91:80-81"), ["* 90 80 tcp", "* 91 81 tcp"]);
        assert_eq!(shown("90-95:80"), ["* 90-95 80 tcp"]);
    }

    #[test]
    fn ports_are_counted_without_being_made() {
        for (spec, wanted) in [
            ("80", 1),
            ("1-65535:1-65535/udp", 65535),
            ("x-y", 1),
            ("9-8", 1),
        ] {
            assert_eq!(count(spec), wanted, "{spec}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for spec in [
            "",
            ":",
            "80:",
            "a:80",
            "80/xyz",
            "1-3:1-2",
            "70000",
            "3-1",
            "1.2.3:1:2",
            "-1",
        ] {
            assert!(parse(spec).is_err(), "{spec}");
        }
    }
}
