//! Sends requests for as long as a command runs, and counts the ones that fail.
//!
//!     ./load shop.test 172.18.0.2 172.18.0.3 -- webpods -c lab up -d
//!
//! Two visitors per address: one keeps its connection, one opens a new one for each request.
//! A kept connection may be closed by the server while nothing is on it, as Caddy does when it gets
//! a new configuration. Like every browser, a visitor who finds it closed opens another one and
//! asks again; that is counted, and is no failure as long as the second try is answered.
//! Exits with the command's status, or with 1 when a request failed.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::process::{exit, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

static OVER: AtomicBool = AtomicBool::new(false);
static SENT: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicUsize = AtomicUsize::new(0);
static REOPENED: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let mut args = std::env::args().skip(1);
    let domain = args.next().unwrap_or_default();
    let addrs: Vec<String> = args.by_ref().take_while(|arg| arg != "--").collect();
    let Some(program) = args.next() else {
        eprintln!("usage: load DOMAIN ADDRESS... -- COMMAND [ARGUMENT...]");
        exit(2);
    };
    let visitors: Vec<_> = addrs
        .iter()
        .flat_map(|addr| [(addr, true), (addr, false)])
        .map(|(addr, keep)| {
            let (addr, domain) = (addr.clone(), domain.clone());
            thread::spawn(move || visit(&addr, &domain, keep))
        })
        .collect();
    let status = Command::new(&program).args(args).status();
    OVER.store(true, SeqCst);
    for visitor in visitors {
        visitor.join().expect("a visitor does not panic");
    }
    let (sent, failed) = (SENT.load(SeqCst), FAILED.load(SeqCst));
    println!("{sent} requests sent while the command ran, {failed} failed");
    let reopened = REOPENED.load(SeqCst);
    if reopened > 0 {
        println!("({reopened} of them found their idle connection closed and opened another)");
    }
    match status {
        Err(error) => {
            eprintln!("{program}: {error}");
            exit(127)
        }
        Ok(status) if !status.success() => exit(status.code().unwrap_or(1)),
        Ok(_) => exit(i32::from(failed > 0 || sent == 0)),
    }
}

fn visit(addr: &str, domain: &str, keep: bool) {
    let mut connection = None;
    while !OVER.load(SeqCst) {
        SENT.fetch_add(1, SeqCst);
        if let Err(error) = request(addr, domain, keep, &mut connection) {
            FAILED.fetch_add(1, SeqCst);
            eprintln!("request to {addr} failed: {error}");
            connection = None;
            thread::sleep(Duration::from_millis(200));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// One request, on the connection of the one before if there is one.
fn request(
    addr: &str,
    domain: &str,
    keep: bool,
    connection: &mut Option<BufReader<TcpStream>>,
) -> Result<()> {
    if let Some(mut reader) = connection.take() {
        if ask(&mut reader, domain, keep).and_then(|()| begun(&mut reader)).is_ok() {
            *connection = answer(reader)?;
            return Ok(());
        }
        REOPENED.fetch_add(1, SeqCst);
    }
    let limit = Some(Duration::from_secs(10));
    let stream = TcpStream::connect((addr, 80))?;
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    let mut reader = BufReader::new(stream);
    ask(&mut reader, domain, keep)?;
    let reusable = answer(reader)?;
    *connection = reusable.filter(|_| keep);
    Ok(())
}

fn ask(reader: &mut BufReader<TcpStream>, domain: &str, keep: bool) -> Result<()> {
    let close = if keep { "" } else { "Connection: close\r\n" };
    write!(reader.get_mut(), "GET / HTTP/1.1\r\nHost: {domain}\r\n{close}\r\n")
}

/// Waits for the first byte of the answer. A server that answers has taken the request; one that
/// closes without a byte has not seen it.
fn begun(reader: &mut BufReader<TcpStream>) -> Result<()> {
    match reader.fill_buf()? {
        [] => Err(Error::other("closed without an answer")),
        _ => Ok(()),
    }
}

/// Reads an answer, which must be a good one. Returns the connection if it can be used again.
fn answer(mut reader: BufReader<TcpStream>) -> Result<Option<BufReader<TcpStream>>> {
    begun(&mut reader)?;
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut header, mut length, mut last) = (String::new(), 0, false);
    while reader.read_line(&mut header)? > 2 {
        let lower = header.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(Error::other)?;
        }
        last |= lower.starts_with("connection: close");
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if !first.contains(" 200 ") {
        let body = String::from_utf8_lossy(&body);
        return Err(Error::other(format!("{} {body}", first.trim_end())));
    }
    Ok(Some(reader).filter(|_| !last))
}
