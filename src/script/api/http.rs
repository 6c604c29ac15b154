//! `host:http_get{port, path, host, timeout}`: one request to 127.0.0.1 on the host, through its
//! session, so that nothing needs to be reachable from here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use mlua::{Lua, MultiValue, Table, Value};

use super::options;
use crate::error::Error;
use crate::remote::Host;
use crate::script::act::outside;
use crate::script::fault::external;

/// Most that is read of an answer, in bytes.
const LONGEST: usize = 4 << 20;

/// Seconds unless the script says otherwise.
const PATIENCE: f64 = 5.0;

/// What to ask for.
#[derive(Debug)]
pub(super) struct HttpRequest {
    port: u16,
    path: String,
    domain: String,
    timeout: Duration,
}

impl HttpRequest {
    pub fn read(table: &Table) -> mlua::Result<Self> {
        options::known(table, "host:http_get", &["port", "path", "host", "timeout"])?;
        let port: u16 = table.get("port")?;
        let path = table
            .get::<Option<String>>("path")?
            .unwrap_or_else(|| "/".to_owned());
        let domain = table
            .get::<Option<String>>("host")?
            .unwrap_or_else(|| format!("127.0.0.1:{port}"));
        let timeout = table.get::<Option<f64>>("timeout")?.unwrap_or(PATIENCE);
        if !path.starts_with('/') {
            return Err(external(Error::user(format!(
                "the path {path:?} of `host:http_get` does not start with `/`"
            ))));
        }
        if !(0.0..=3600.0).contains(&timeout) {
            return Err(external(Error::user(format!(
                "the timeout {timeout} of `host:http_get` is not between 0 and 3600 seconds"
            ))));
        }
        Ok(Self {
            port,
            path,
            domain,
            timeout: Duration::from_secs_f64(timeout),
        })
    }
}

/// `{status, body}`, or nil and why there was no answer: a probe that fails is no error.
pub(super) async fn get(
    lua: &Lua,
    host: Arc<Host>,
    request: HttpRequest,
) -> mlua::Result<MultiValue> {
    let patience = request.timeout;
    let answer = outside(async move {
        let exchange = exchange(&host, &request);
        Ok(match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", patience.as_secs_f64())),
        })
    })
    .await?;
    Ok(match answer {
        Ok((status, body)) => {
            let table = lua.create_table()?;
            table.set("status", status)?;
            table.set("body", lua.create_string(&body)?)?;
            MultiValue::from_vec(vec![Value::Table(table)])
        }
        Err(reason) => {
            MultiValue::from_vec(vec![Value::Nil, Value::String(lua.create_string(reason)?)])
        }
    })
}

async fn exchange(host: &Host, request: &HttpRequest) -> Result<(u16, Bytes), String> {
    let message = Request::get(&request.path)
        .header("Host", &request.domain)
        .header("User-Agent", "webpods")
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the request is not valid: {error}"))?;
    let stream = host
        .dial(request.port)
        .await
        .map_err(|error| error.to_string())?;
    let nothing = |error: hyper::Error| {
        if error.is_incomplete_message() || error.is_closed() {
            format!("nothing answers on port {}", request.port)
        } else {
            error.to_string()
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(nothing)?;
    let exchange = async {
        let response = sender.send_request(message).await.map_err(nothing)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST)
            .collect()
            .await
            .map_err(|error| format!("the answer broke off: {error}"))?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(exchange, connection);
    let mut open = true;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            // The connection only moves bytes; what it says shows in the exchange as well.
            _ = &mut connection, if open => open = false,
        }
    }
}
