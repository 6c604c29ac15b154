//! The little that the shop's services need of HTTP/1.1, with nothing but the standard library.
//!
//! A service that is deployed without a lost request has three duties, and all of them are here:
//! it answers its health check, it finishes what it has begun when it is asked to stop, and as
//! process 1 of its container it takes care of SIGTERM itself.

// Each service uses a part of this file.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// An answer: status and body.
pub type Answer = (u16, String);

static STOPPING: AtomicBool = AtomicBool::new(false);
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// Answers requests on `port` with `handler(path)` until SIGTERM, then finishes and returns.
pub fn serve(port: u16, handler: impl Fn(&str) -> Answer + Send + Sync + 'static) {
    // Before the first thread, so that all of them leave the signal to `wait`.
    let stop = signal::block();
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is free");
    let handler = Arc::new(handler);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            thread::spawn(move || converse(stream, &*handler));
        }
    });
    println!("listening on port {port}");

    signal::wait(stop);
    println!("stopping: {} requests to finish", BUSY.load(Ordering::SeqCst));
    STOPPING.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(8);
    while BUSY.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `work` beside the main thread until SIGTERM, then returns.
pub fn until_stopped(work: impl FnOnce() + Send + 'static) {
    let stop = signal::block();
    thread::spawn(work);
    signal::wait(stop);
}

/// One connection, request after request.
fn converse(stream: TcpStream, handler: &dyn Fn(&str) -> Answer) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(path) = request(&mut reader) {
        BUSY.fetch_add(1, Ordering::SeqCst);
        let (status, body) = handler(&path);
        let last = STOPPING.load(Ordering::SeqCst);
        let sent = write!(
            writer,
            "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n{body}",
            if status < 400 { "OK" } else { "Error" },
            body.len(),
            if last { "close" } else { "keep-alive" },
        );
        BUSY.fetch_sub(1, Ordering::SeqCst);
        if last || sent.is_err() {
            return;
        }
    }
}

/// Reads a request and returns its path. None at the end of the connection.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let first = line(reader)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let header = line(reader)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    // Nobody here looks at bodies, but the next request begins behind them.
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    Some(path)
}

/// A line of at most 8 KiB without its end.
fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    let read = reader.take(8192).read_line(&mut text).ok()?;
    (read > 0).then(|| text.trim_end().to_owned())
}

/// Asks `http://<host>:<port><path>`, for at most two seconds.
pub fn get(host: &str, port: u16, path: &str) -> Result<String, String> {
    let limit = Duration::from_secs(2);
    let addr = (host, port)
        .to_socket_addrs()
        .map_err(|_| format!("no {host} on this host"))?
        .next()
        .ok_or("no address")?;
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&addr, limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        if !first.contains(" 200 ") {
            return Err(std::io::Error::other(first.trim_end().to_owned()));
        }
        let (mut header, mut length) = (String::new(), 0);
        while reader.read_line(&mut header)? > 2 {
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            header.clear();
        }
        let mut body = String::new();
        reader.take(length).read_to_string(&mut body)?;
        Ok(body)
    };
    ask().map_err(|error| error.to_string())
}

/// The health check of the Compose file: `["CMD", "/app", "health"]` runs the same program, since
/// an image made from scratch has no curl. Ends the program when it was called like that.
pub fn health_check(port: u16) {
    if std::env::args().nth(1).as_deref() == Some("health") {
        std::process::exit(match get("127.0.0.1", port, "/healthz") {
            Ok(_) => 0,
            Err(error) => {
                println!("{error}");
                1
            }
        });
    }
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// An environment variable; empty when it is not set.
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Who is speaking. webpods tells every container its host and the number of its replica; the
/// version is a file in the image.
pub fn identity() -> String {
    format!(
        r#""service":{},"version":{},"host":{},"replica":{}"#,
        quoted(&env("WEBPODS_SERVICE")),
        quoted(std::fs::read_to_string("/VERSION").unwrap_or_default().trim()),
        quoted(&env("WEBPODS_HOST")),
        quoted(&env("WEBPODS_REPLICA")),
    )
}

/// Waiting for SIGTERM or SIGINT. Process 1 has no default action for them: without this a
/// container would ignore `docker stop` until it is killed.
mod signal {
    #[repr(C, align(8))]
    pub struct Set([u8; 128]);

    extern "C" {
        fn sigemptyset(set: *mut Set) -> i32;
        fn sigaddset(set: *mut Set, signal: i32) -> i32;
        fn pthread_sigmask(how: i32, set: *const Set, old: *mut Set) -> i32;
        fn sigwait(set: *const Set, signal: *mut i32) -> i32;
    }

    const BLOCK: i32 = 0;
    const INTERRUPT: i32 = 2;
    const TERMINATE: i32 = 15;

    pub fn block() -> Set {
        let mut set = Set([0; 128]);
        unsafe {
            sigemptyset(&mut set);
            sigaddset(&mut set, INTERRUPT);
            sigaddset(&mut set, TERMINATE);
            pthread_sigmask(BLOCK, &set, std::ptr::null_mut());
        }
        set
    }

    pub fn wait(set: Set) {
        let mut signal = 0;
        unsafe { sigwait(&set, &mut signal) };
    }
}
