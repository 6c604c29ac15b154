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

/// Asks `addr` on port 80 for `http://<domain><path>`, on a connection of its own.
pub fn get(addr: &str, domain: &str, path: &str) -> Result<Answer, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((addr, 80))?;
        let limit = Some(Duration::from_secs(15));
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        // With 1.0 nobody answers in chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {domain}\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ask().map_err(|error| format!("{addr}: {error}"))?;
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
