//! Why an engine got nothing from a registry, and what to do about it.

use super::credentials::Credentials;
use crate::docker::{Engine, EngineError};
use crate::error::Error;
use crate::model::{Reference, Repository};

/// What went wrong, by what the engine said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The registry speaks HTTP, and the engine wants TLS.
    Plain,
    /// The registry's certificate is not one that the engine trusts.
    Untrusted,
    /// Nobody, or somebody else, may do this.
    Unauthorized,
    /// Nothing there has that name or digest.
    Missing,
    /// There is an image, for other machines.
    Platform,
    /// The registry does not answer.
    Unreachable,
    Other,
}

/// Engines tell these apart in words only.
const WORDS: [(Fault, &[&str]); 6] = [
    (Fault::Plain, &["server gave http response"]),
    (Fault::Untrusted, &["x509:", "certificate", "tls:"]),
    (
        Fault::Platform,
        &[
            "no matching manifest for",
            "does not match the specified platform",
        ],
    ),
    (
        Fault::Unauthorized,
        &[
            "unauthorized",
            "authentication required",
            "no basic auth",
            "denied",
            "incorrect username",
            "insufficient_scope",
            "http 401",
            "http 403",
            "403 forbidden",
        ],
    ),
    (
        Fault::Missing,
        &[
            "manifest unknown",
            "name unknown",
            "not found",
            "does not exist",
        ],
    ),
    (
        Fault::Unreachable,
        &[
            "dial tcp",
            "no such host",
            "connection refused",
            "no route to host",
            "timeout",
            "deadline exceeded",
            "eof",
            "connection reset",
            "lookup ",
            "http 502",
            "http 503",
            "502 bad gateway",
            "503 service unavailable",
        ],
    ),
];

impl Fault {
    pub(super) fn of(said: &str) -> Self {
        // Names and digests say nothing: `shop/certificate` is no certificate.
        let words = said.split_whitespace();
        let words: Vec<&str> = words
            .filter(|word| !word.contains('/') && !word.contains("sha256:"))
            .collect();
        let said = words.join(" ").to_lowercase();
        let found = WORDS.iter().find(|(_, words)| {
            let mut words = words.iter();
            words.any(|word| said.contains(word))
        });
        found.map_or(Self::Other, |(fault, _)| *fault)
    }
}

/// Something that was asked of an engine.
pub(super) struct Asked<'a> {
    /// `image X cannot be pulled`, without who.
    pub(super) what: String,
    pub(super) engine: &'a Engine,
    pub(super) repository: &'a Repository,
    pub(super) credentials: &'a Credentials,
}

impl Asked<'_> {
    /// The fault and the error for people. An engine that cannot be reached is no registry's fault.
    pub(super) fn failed(&self, error: EngineError) -> (Fault, Error) {
        if error.status().is_none() {
            return (Fault::Other, error.into_error());
        }
        let said = error.into_error().causes().join(": ");
        let fault = Fault::of(&said);
        let host = self.engine.host();
        let place = if host.is_local() {
            "this machine".to_owned()
        } else {
            format!("host `{}`", host.name())
        };
        let explained = Error::user(format!("{} on {place}", self.what)).cause(said.trim());
        (fault, self.hinted(explained, fault, &place))
    }

    fn hinted(&self, error: Error, fault: Fault, place: &str) -> Error {
        let error = match fault {
            Fault::Unauthorized => error.cause(self.credentials.describe()),
            _ => error,
        };
        let error = hinted(error, fault, self.repository, place);
        match fault {
            Fault::Unreachable => error.hint(
                "`x-artifacts: {source: client}` has this machine pull the image and send it",
            ),
            _ => error,
        }
    }
}

/// An image that this machine's engine could not pull, with what to do about it.
pub(in crate::image) fn advice(error: Error, reference: &str, said: &str) -> Error {
    let fault = Fault::of(said);
    match reference.parse::<Reference>() {
        Ok(reference) if fault != Fault::Other => {
            hinted(error, fault, &reference.repository, "this machine")
        }
        _ => error.hint("check its name and tag, and `docker login` if it is private"),
    }
}

fn hinted(error: Error, fault: Fault, repository: &Repository, place: &str) -> Error {
    let registry = repository.registry();
    match fault {
        Fault::Plain => error.hint(format!(
            "registry `{registry}` speaks plain HTTP, which the Docker of {place} does not \
                     trust: give the registry TLS, or write `\"insecure-registries\": \
                     [\"{registry}\"]` into `/etc/docker/daemon.json` there and reload Docker"
        )),
        Fault::Untrusted => error.hint(format!(
            "the Docker of {place} does not trust the certificate of registry `{registry}`: \
                 put its authority into `/etc/docker/certs.d/{registry}/ca.crt` there"
        )),
        Fault::Unauthorized => error
            .hint(format!(
                "log in on the machine that runs webpods: `docker login {registry}`"
            ))
            .hint("if nobody may: the name may be wrong, since registries do not tell"),
        Fault::Missing => error.hint(format!(
            "`{repository}` has no such image: check its name and tag, or push it again"
        )),
        Fault::Platform => error.hint(
            "build it for this platform too, or place the service elsewhere with \
                 `x-placement.hosts`",
        ),
        Fault::Unreachable => error.hint(format!(
            "registry `{registry}` must be reachable from {place}: check its name, its port \
                 and the firewall"
        )),
        Fault::Other => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_words_are_understood() {
        for (said, fault) in [
            (
                "Get \"https://10.0.0.1:5000/v2/\": http: server gave HTTP response to HTTPS client",
                Fault::Plain,
            ),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                Fault::Untrusted,
            ),
            (
                "Get \"http://h/v2/app/manifests/1\": no basic auth credentials",
                Fault::Unauthorized,
            ),
            ("unauthorized: authentication required", Fault::Unauthorized),
            (
                "pull access denied for x, repository does not exist or may require 'docker login'",
                Fault::Unauthorized,
            ),
            (
                "manifest for h/app:1 not found: manifest unknown",
                Fault::Missing,
            ),
            (
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                Fault::Platform,
            ),
            (
                "Get \"http://h:5000/v2/\": dial tcp 10.0.0.1:5000: connect: connection refused",
                Fault::Unreachable,
            ),
            ("toomanyrequests: slow down", Fault::Other),
            (
                "manifest for h:5000/tls:/denied-403@sha256:40150214 not found: manifest unknown",
                Fault::Missing,
            ),
            (
                "received unexpected HTTP status: 503 Service Unavailable",
                Fault::Unreachable,
            ),
            (
                "error parsing HTTP 403 response body: invalid character '<'",
                Fault::Unauthorized,
            ),
        ] {
            assert_eq!(Fault::of(said), fault, "{said}");
        }
    }
}
