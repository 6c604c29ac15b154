//! Domains of `x-ingress`: validated, and claimed by one project only (spec §7.6).

use super::fleet::list;
use crate::error::{Error, Result};
use crate::model::{Context, Ingress, Observed, ServiceName, StackKey};

/// The domain in its one form: lower case, no final dot. A first label `*` is allowed.
///
/// # Errors
/// It is not a host name. Everything that could mean something to a proxy's configuration
/// language is refused here.
pub(super) fn normalise(service: &ServiceName, host: &str) -> Result<String> {
    let domain = host.trim_end_matches('.').to_ascii_lowercase();
    let name = domain.strip_prefix("*.").unwrap_or(&domain);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() <= 253 && name.split('.').all(label) {
        return Ok(domain);
    }
    Err(Error::user(format!(
        "service `{service}`: `x-ingress.host` is {host:?}, which is not a host name"
    ))
    .hint("write it like `api.example.com`, without scheme, port or path"))
}

/// # Errors
/// The path does not start with `/`, or holds what no URL path holds as such.
pub(super) fn check_path(service: &ServiceName, ingress: &Ingress) -> Result<()> {
    let Some(path) = &ingress.health_path else {
        return Ok(());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@?".contains(c);
    if path.starts_with('/') && path.chars().all(plain) {
        return Ok(());
    }
    Err(Error::user(format!(
        "service `{service}`: `x-ingress.health_path` is {path:?}, which is not a path"
    ))
    .hint("write it like `/healthz`"))
}

/// Refuses a domain that the context may not serve, or that another project has.
///
/// # Errors
/// See above; the owner is named.
pub(super) fn check(
    context: &Context,
    key: &StackKey,
    observed: &Observed,
    service: &ServiceName,
    domain: &str,
) -> Result<()> {
    let allowed = &context.proxy.domains;
    if !allowed.is_empty() && !allowed.iter().any(|one| covers(one, domain)) {
        return Err(Error::user(format!(
            "service `{service}` claims `{domain}`, which context `{}` may not serve; it may serve {}",
            context.name,
            list(allowed.iter().map(|one| one.escape_debug().to_string()))
        ))
        .hint(format!(
            "add the domain to `proxy.domains` of context `{}`, or change `x-ingress.host`",
            context.name
        )));
    }
    for (host, seen) in &observed.hosts {
        for claim in seen.claims.iter().filter(|claim| claim.owner != *key) {
            let taken = claim
                .domains
                .iter()
                .any(|one| one.trim_end_matches('.').eq_ignore_ascii_case(domain));
            if taken {
                return Err(Error::user(format!(
                    "service `{service}` claims `{domain}`, which project `{}` of context `{}` \
                     already serves on host `{host}`",
                    claim.owner.project, claim.owner.context
                ))
                .hint(format!(
                    "change `x-ingress.host`, or take the domain from `{}` first",
                    claim.owner.project
                )));
            }
        }
    }
    Ok(())
}

/// Whether an entry of `proxy.domains` allows `domain`; `*.example.com` allows one more label.
fn covers(allowed: &str, domain: &str) -> bool {
    let allowed = allowed.trim_end_matches('.').to_ascii_lowercase();
    if allowed == domain {
        return true;
    }
    let Some(parent) = allowed.strip_prefix("*.") else {
        return false;
    };
    domain
        .split_once('.')
        .is_some_and(|(_, rest)| rest == parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(host: &str) -> Result<String> {
        normalise(&"web".parse().unwrap(), host)
    }

    #[test]
    fn domains_have_one_form() {
        assert_eq!(normal("API.Example.COM.").unwrap(), "api.example.com");
        assert_eq!(normal("*.example.com").unwrap(), "*.example.com");
        assert_eq!(normal("localhost").unwrap(), "localhost");
    }

    #[test]
    fn what_a_proxy_could_misread_is_refused() {
        for host in [
            "",
            ".",
            "*",
            "a b",
            "a.com {\n respond \"x\" }",
            "http://a.com",
            "a.com:80",
            "a.com/x",
            "a..com",
            "-a.com",
            "a.*.com",
            "`a`",
            "a.com,b.com",
            "bücher.de",
            "{$HOME}",
        ] {
            assert!(normal(host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn allow_lists_cover_one_label() {
        assert!(covers("API.example.com", "api.example.com"));
        assert!(covers("*.example.com", "api.example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("example.com", "api.example.com"));
    }

    #[test]
    fn health_paths_are_paths() {
        let path = |path: &str| {
            check_path(
                &"web".parse().unwrap(),
                &Ingress {
                    host: "a.com".to_owned(),
                    port: 80,
                    health_path: Some(path.to_owned()),
                    tls: None,
                },
            )
        };
        assert!(path("/healthz?deep=1").is_ok());
        for bad in ["", "healthz", "/a b", "/a\n}", "/{x}", "/\"", "/é", "/`"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }
}
