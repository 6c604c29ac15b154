//! One request to a node's Caddy, as a visitor of a domain sends it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON; null when it is none, as a proxy's own pages are.
    pub fn json_or_null(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How a failure ends when the connection was closed before the first byte of an answer.
///
/// A Caddy that reloads does that to a connection that it accepted before and whose request it reads
/// after: its server is shutting down by then, and Go's server answers nothing new. A client may
/// repeat a request without consequences, as RFC 9110 (9.2.2) has it.
pub const UNANSWERED: &str = "closed without an answer";

/// Asks `addr` on port 80 for `http://<domain><path>`, on a connection of its own.
pub fn get(addr: &str, domain: &str, path: &str) -> Result<Answer, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((addr, 80))?;
        let limit = Some(Duration::from_secs(15));
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        // With 1.0 nobody answers in chunks. In one piece, as clients send it.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {domain}\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ask().map_err(|error| format!("{addr}: {error}"))?;
    if text.is_empty() {
        return Err(format!("{addr}: {UNANSWERED}"));
    }
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("{addr}: the answer was cut off: {text:?}"))?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| format!("{addr}: no status: {head:?}"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}
