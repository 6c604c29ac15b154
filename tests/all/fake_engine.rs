//! An engine that plays its part, for tests of what asks one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// An engine that answers by the book of `answer`: request line and body → status and body.
pub struct Fake {
    /// Where it listens.
    pub socket: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

/// How long an answer is held back at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which answers wait for what.
#[derive(Clone, Copy, Default)]
pub struct Hold {
    /// Answers to requests that contain this are held back.
    pub back: &'static str,
    /// They come once requests that contain this were heard
    pub until: &'static str,
    /// so often.
    pub times: usize,
}

impl Hold {
    fn holds(&self, request: &str, heard: &[String]) -> bool {
        let heard = heard.iter().filter(|it| it.contains(self.until));
        request.contains(self.back) && heard.count() < self.times
    }
}

/// What it says to a request with its body: a status and a body.
pub type Answer = fn(&str, &str) -> (u16, String);

impl Fake {
    /// One that answers at once.
    pub fn start(folder: &Path, answer: Answer) -> Self {
        Self::start_holding(folder, Hold::default(), answer)
    }

    /// One that says nothing about itself before it has heard a request that contains `first`.
    pub fn start_after(folder: &Path, first: &'static str, answer: Answer) -> Self {
        let holds = Hold {
            back: "/version",
            until: first,
            times: 1,
        };
        Self::start_holding(folder, holds, answer)
    }

    /// One that holds some answers back.
    pub fn start_holding(folder: &Path, hold: Hold, answer: Answer) -> Self {
        let socket = folder.join("engine.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (log, count) = (Arc::clone(&heard), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, Arc::clone(&log), hold, answer));
            }
        });
        Self {
            socket,
            heard,
            connections,
        }
    }

    /// The request lines so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(
    stream: UnixStream,
    heard: Arc<Mutex<Vec<String>>>,
    hold: Hold,
    answer: Answer,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        stream
            .read_line(&mut request)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            let header = header.trim().to_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request = request.trim_end_matches(" HTTP/1.1\r\n").to_owned();
        let body = String::from_utf8(body).ok()?;
        let (status, said) = answer(&request, &body);
        heard.lock().unwrap().push(request.clone());
        let deadline = Instant::now() + PATIENCE;
        while hold.holds(&request, &heard.lock().unwrap()) {
            assert!(Instant::now() < deadline, "{request} was held for too long");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let status_line = if status == 101 {
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".to_owned()
        } else {
            format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n",
                said.len()
            )
        };
        stream.write_all(status_line.as_bytes()).await.ok()?;
        stream.write_all(said.as_bytes()).await.ok()?;
        if status == 101 {
            // What is typed comes back once the input ends, as a frame of standard error.
            let mut typed = Vec::new();
            stream.read_to_end(&mut typed).await.ok()?;
            stream
                .write_all(frame(2, &String::from_utf8(typed).ok()?).as_bytes())
                .await
                .ok()?;
            return None;
        }
        if request.contains("close-after-me") {
            return None;
        }
    }
}

/// A piece of a container's output: 1 is standard output, 2 standard error.
pub fn frame(stream: u8, text: &str) -> String {
    let length = u8::try_from(text.len()).unwrap();
    format!(
        "{}\0\0\0\0\0\0{}{text}",
        char::from(stream),
        char::from(length)
    )
}

/// Docker 26's answers to what is asked first.
pub fn modern(request: &str, _: &str) -> (u16, String) {
    let said = match request.split_once(' ').unwrap().1 {
        "/version" => {
            r#"{"Version":"26.1.5","ApiVersion":"1.45","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}"#
        }
        "/info" => {
            r#"{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"DockerRootDir":"/var/lib/docker"}"#
        }
        _ => return known(request),
    };
    (200, said.to_owned())
}

fn known(request: &str) -> (u16, String) {
    let target = request.split(['?', ' ']).nth(1).unwrap();
    let (status, said) = match target.trim_start_matches("/v1.45") {
        "/containers/json" => (200, "[]".to_owned()),
        "/containers/web/json" => (200, r#"{"Config":{"Tty":false}}"#.to_owned()),
        "/containers/web/logs" => (
            200,
            frame(1, "2024-01-01T00:00:01Z out\n") + &frame(2, "2024-01-01T00:00:02Z err\n"),
        ),
        "/containers/web/exec" => (201, r#"{"Id":"e1"}"#.to_owned()),
        "/exec/e1/start" => (101, frame(1, "hello ")),
        "/exec/e1/json" => (200, r#"{"Running":false,"ExitCode":7}"#.to_owned()),
        "/containers/gone/json" => (404, r#"{"message":"No such container: gone"}"#.to_owned()),
        "/containers/web/start" => (304, String::new()),
        "/containers/create" => (409, r#"{"message":"The name is in use"}"#.to_owned()),
        "/images/load" => (
            200,
            "{\"stream\":\"Loading\"}\n{\"error\":\"write: no space left on device\"}\n".to_owned(),
        ),
        "/networks/close-after-me" => (200, "{}".to_owned()),
        _ => (404, r#"{"message":"page not found"}"#.to_owned()),
    };
    (status, said)
}
