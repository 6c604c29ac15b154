//! HTTP to an engine over connections of its host's session.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::Error;
use crate::remote::Host;

use super::call::{Body, Call};
use super::failure::EngineError;
use super::{RegistryAuth, Result};

/// Idle connections kept for the next call.
const IDLE: usize = 4;
/// The most that is read of an answer that says why something failed.
const LONGEST_REASON: usize = 64 * 1024;

/// A client of one engine. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Wire {
    line: Arc<Line>,
    /// `/v1.47`; empty before an engine has said what it speaks.
    version: Arc<str>,
}

struct Line {
    host: Arc<Host>,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Wire {
    pub fn new(host: Arc<Host>) -> Self {
        Self {
            line: Arc::new(Line {
                host,
                idle: Mutex::new(Vec::new()),
            }),
            version: "".into(),
        }
    }

    pub fn host(&self) -> &Arc<Host> {
        &self.line.host
    }

    /// The same connections, with every call in this version of the API.
    pub fn speaking(&self, version: &str) -> Self {
        Self {
            line: Arc::clone(&self.line),
            version: format!("/v{version}").into(),
        }
    }

    /// The answer decoded from JSON.
    pub async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let doing = call.doing.clone();
        let bytes = self.bytes(call).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!(
                "cannot {doing} on host `{}`: Docker's answer is not understood",
                self.line.host.name()
            );
            EngineError::from(Error::user(message).cause(error))
        })
    }

    /// The status alone; 304, "already so", counts as done.
    pub async fn done(&self, call: Call) -> Result<()> {
        self.bytes(call).await.map(|_| ())
    }

    /// The answer as bytes that come as they come.
    pub async fn download(
        &self,
        call: Call,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin + use<>> {
        let (response, sender) = self.send(call).await?;
        let chunks = response.into_body().into_data_stream();
        Ok(Box::pin(chunks.map(move |chunk| {
            // The connection lives as long as its answer is read.
            let _held = &sender;
            chunk.map_err(std::io::Error::other)
        })))
    }

    /// The raw connection after the engine switched protocols, and what it sent already.
    pub async fn upgrade(&self, mut call: Call) -> Result<(UnixStream, Bytes)> {
        call.upgrade = true;
        let doing = call.doing.clone();
        let broken =
            |error: &dyn std::error::Error| EngineError::broken(&self.line.host, &doing, error);
        let (response, _sender) = self.send(call).await?;
        let upgraded = hyper::upgrade::on(response).await.map_err(|e| broken(&e))?;
        let parts = upgraded
            .downcast::<TokioIo<UnixStream>>()
            .map_err(|_| broken(&std::io::Error::other("not a raw connection")))?;
        Ok((parts.io.into_inner(), parts.read_buf))
    }

    async fn bytes(&self, call: Call) -> Result<Bytes> {
        let doing = call.doing.clone();
        let (response, sender) = self.send(call).await?;
        let body = response.into_body().collect().await;
        let bytes = body
            .map_err(|error| EngineError::broken(&self.line.host, &doing, &error))?
            .to_bytes();
        self.keep(sender).await;
        Ok(bytes)
    }

    /// Sends the call; an answer that is not a success becomes an error.
    async fn send(&self, mut call: Call) -> Result<(Response<Incoming>, SendRequest<Body>)> {
        call.check()?;
        let patience = call.patience;
        let doing = call.doing.clone();
        let answer = self.exchange(&mut call);
        let (response, sender) = match patience {
            None => answer.await?,
            Some(patience) => timeout(patience, answer).await.map_err(|_| {
                let message = format!(
                    "Docker on host `{}` did not {doing} within {} s",
                    self.line.host.name(),
                    patience.as_secs()
                );
                EngineError::from(
                    Error::unreachable(message).hint("check its log there: `journalctl -u docker`"),
                )
            })??,
        };
        let status = response.status();
        let auth = call.auth;
        let fine = status.is_success()
            || status == StatusCode::NOT_MODIFIED
            || (call.upgrade && status == StatusCode::SWITCHING_PROTOCOLS);
        if fine {
            return Ok((response, sender));
        }
        let said = http_body_util::Limited::new(response.into_body(), LONGEST_REASON)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        self.keep(sender).await;
        Err(EngineError::answered(
            &self.line.host,
            &doing,
            status.as_u16(),
            &concealed(auth.as_ref(), &reason(&said)),
        ))
    }

    async fn exchange(&self, call: &mut Call) -> Result<(Response<Incoming>, SendRequest<Body>)> {
        let doing = call.doing.clone();
        let broken =
            |error: &dyn std::error::Error| EngineError::broken(&self.line.host, &doing, error);
        let mut request = self.request(call).map_err(|error| broken(&error))?;
        // An upload cannot be sent twice, so it does not risk a connection that may have closed.
        while call.stream.is_none() && !call.upgrade {
            let Some(mut sender) = self.idle() else {
                break;
            };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                Err(mut refused) => match refused.take_message() {
                    // It was never sent: the connection was closed while idle.
                    Some(unsent) => request = unsent,
                    // It may have been sent; asking twice changes nothing.
                    None if call.method == hyper::Method::GET => {
                        request = self.request(call).map_err(|error| broken(&error))?;
                    }
                    None => return Err(broken(&refused.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await;
        Ok((response.map_err(|error| broken(&error))?, sender))
    }

    fn request(&self, call: &mut Call) -> Result<Request<Body>, hyper::http::Error> {
        let version = &self.version;
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{version}{}", call.target))
            .header("Host", "docker");
        if call.stream.is_some() {
            request = request.header("Content-Type", "application/x-tar");
        } else if call.json.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        if let Some(auth) = &call.auth {
            let mut value = hyper::header::HeaderValue::try_from(auth.header())?;
            value.set_sensitive(true);
            request = request.header("X-Registry-Auth", value);
        }
        if call.upgrade {
            request = request
                .header("Connection", "Upgrade")
                .header("Upgrade", "tcp");
        }
        request.body(call.body())
    }

    async fn connect(&self) -> Result<SendRequest<Body>> {
        let stream = self.line.host.engine_stream().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| EngineError::broken(&self.line.host, "speak HTTP", &error))?;
        // It ends when the sender and the answers are dropped; its errors show there.
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    fn idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self
            .line
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to the end.
    async fn keep(&self, mut sender: SendRequest<Body>) {
        let ready = timeout(Duration::from_millis(100), sender.ready()).await;
        if matches!(ready, Ok(Ok(()))) {
            let mut idle = self
                .line
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(sender);
            }
        }
    }
}

/// What was said, without the credentials of the call.
pub(super) fn concealed(auth: Option<&RegistryAuth>, said: &str) -> String {
    auth.map_or_else(|| said.to_owned(), |auth| auth.conceal(said))
}

/// The engine's `{"message": …}`, or the text as it is.
fn reason(said: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    serde_json::from_slice::<Said>(said).map_or_else(
        |_| String::from_utf8_lossy(said).into_owned(),
        |said| said.message,
    )
}
