//! One request to the Engine API, before it is sent.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use serde::Serialize;

use super::RegistryAuth;
use crate::error::{Error, Result};

/// A request's body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How long most calls may take until the engine's answer begins.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request: what for, method, path, query, body.
pub struct Call {
    /// For messages: `create container x`.
    pub doing: String,
    pub method: Method,
    /// Path and query, encoded, without the API version.
    pub target: String,
    /// A JSON body, when there is one; it can be sent twice.
    pub json: Option<Bytes>,
    /// A body that streams, with its content type.
    pub stream: Option<Body>,
    /// Until the answer begins; none: forever.
    pub patience: Option<Duration>,
    /// Asks to turn the connection into a raw stream.
    pub upgrade: bool,
    /// Credentials for a registry, for this call only.
    pub auth: Option<RegistryAuth>,
}

impl Call {
    /// `segments` are path segments from outside; each is encoded.
    pub fn new(method: Method, doing: impl Into<String>, segments: &[&str]) -> Self {
        let mut target = String::new();
        for segment in segments {
            target.push('/');
            encode(&mut target, segment, "/:@");
        }
        Self {
            doing: doing.into(),
            method,
            target,
            json: None,
            stream: None,
            patience: Some(PATIENCE),
            upgrade: false,
            auth: None,
        }
    }

    pub fn get(doing: impl Into<String>, segments: &[&str]) -> Self {
        Self::new(Method::GET, doing, segments)
    }

    pub fn post(doing: impl Into<String>, segments: &[&str]) -> Self {
        Self::new(Method::POST, doing, segments)
    }

    pub fn delete(doing: impl Into<String>, segments: &[&str]) -> Self {
        Self::new(Method::DELETE, doing, segments)
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.target
            .push(if self.target.contains('?') { '&' } else { '?' });
        encode(&mut self.target, name, "");
        self.target.push('=');
        encode(&mut self.target, value.as_ref(), "");
        self
    }

    /// Adds a `filters` parameter: label filters in the form `key=value` or `key`.
    pub fn labels(self, labels: &[String]) -> Self {
        if labels.is_empty() {
            return self;
        }
        let filters = serde_json::json!({ "label": labels });
        self.query("filters", filters.to_string())
    }

    /// Sets a JSON body.
    ///
    /// # Errors
    /// The body does not serialise.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(body)
            .map_err(|error| Error::user(format!("cannot {}", self.doing)).cause(error))?;
        self.json = Some(Bytes::from(text));
        Ok(self)
    }

    /// Sets a body that is sent as it comes, and waits for the answer without limit.
    pub fn upload<S>(mut self, chunks: S) -> Self
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        let frames = chunks.map(|chunk| chunk.map(Frame::data));
        self.stream = Some(StreamBody::new(frames).boxed_unsync());
        self.patience = None;
        self
    }

    /// Waits this long for the answer to begin; none: forever.
    pub fn patience(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    /// Gives the engine credentials for a registry.
    pub fn auth(mut self, auth: &RegistryAuth) -> Self {
        self.auth = Some(auth.clone());
        self
    }

    /// The body to send now.
    pub fn body(&mut self) -> Body {
        if let Some(stream) = self.stream.take() {
            return stream;
        }
        Full::new(self.json.clone().unwrap_or_default())
            .map_err(|never| match never {})
            .boxed_unsync()
    }

    /// Refuses path segments that a server would resolve away.
    ///
    /// # Errors
    /// An empty name, or one with `.` or `..` as a segment.
    pub fn check(&self) -> Result<()> {
        let path = self.target.split('?').next().unwrap_or_default();
        let wrong = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
        if path.split('/').skip(1).any(wrong) {
            return Err(Error::user(format!(
                "cannot {}: not a valid name",
                self.doing
            )));
        }
        Ok(())
    }
}

/// Percent-encodes all but letters, digits, `-._~` and `also`.
fn encode(target: &mut String, text: &str, also: &str) {
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && also.contains(c)) {
            target.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(target, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_segment() {
        let call = |name: &str| Call::get("inspect", &["images", name, "json"]);
        assert_eq!(call("a/b:1@sha256:0").target, "/images/a/b:1@sha256:0/json");
        assert_eq!(
            call("a?b#c d%2e\n").target,
            "/images/a%3Fb%23c%20d%252e%0A/json"
        );
        assert!(call("ok").check().is_ok());
        for name in ["", "..", "../containers/x", "a/../b", ".", "a//b", "/a"] {
            assert!(call(name).check().is_err(), "{name:?}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        let call = Call::get("list", &["containers", "json"])
            .query("all", "1")
            .labels(&["a=b&c".to_owned()]);
        assert_eq!(
            call.target,
            "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%26c%22%5D%7D"
        );
    }
}
