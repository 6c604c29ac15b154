//! `webpods.sh(argv, options)`: a command on this machine, in the project's folder.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mlua::{Lua, Table};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _};

use super::Api;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::script::act::outside;
use crate::script::fault::external;

/// How long a command of an inventory may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most output that is kept of each stream, in bytes.
const LONGEST: u64 = 8 << 20;

/// Longest line that is told in one piece, in bytes.
const LONGEST_LINE: u64 = 64 << 10;

/// For VMs that decide before there is anything to wait for: blocks.
pub(super) fn register_blocking(api: &Api<'_>) -> mlua::Result<()> {
    let folder = api.scripts.root().map(std::path::Path::to_path_buf);
    let sh =
        api.lua
            .create_function(move |lua, (argv, options): (Vec<String>, Option<Table>)| {
                let options = options_of(options)?;
                let mut command = command(&argv).map_err(external)?;
                if let Some(folder) = &folder {
                    command.current_dir(folder);
                }
                let output = run(command, &argv[0], PATIENCE).map_err(external)?;
                answer(lua, &argv, &options, &output)
            })?;
    api.table.set("sh", sh)
}

/// For VMs that act: other steps go on meanwhile, and each line is told as it comes.
pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let folder = api.scripts.root().map(std::path::Path::to_path_buf);
    let events = api.events.clone();
    let sh = api.lua.create_async_function(
        move |lua, (argv, options): (Vec<String>, Option<Table>)| {
            let (folder, events) = (folder.clone(), events.clone());
            async move {
                let options = options_of(options)?;
                let mut command = command(&argv).map_err(external)?;
                if let Some(folder) = &folder {
                    command.current_dir(folder);
                }
                let program = argv[0].clone();
                let output =
                    outside(async move { follow(command, &program, &events).await }).await?;
                answer(&lua, &argv, &options, &output)
            }
        },
    )?;
    api.table.set("sh", sh)
}

/// Runs a command to its end, however long it takes; it is killed when nobody waits any more.
async fn follow(command: Command, program: &str, events: &Events) -> Result<Output> {
    let cannot =
        |error: std::io::Error| Error::user(format!("cannot run `{program}`")).cause(error);
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) =
        tokio::join!(lines(stdout, events), lines(stderr, events), child.wait());
    Ok(Output {
        status: status.map_err(cannot)?.code().unwrap_or(-1),
        stdout,
        stderr,
    })
}

/// Tells each line and keeps the bytes up to the limit.
async fn lines(pipe: Option<impl AsyncRead + Unpin>, events: &Events) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(pipe) = pipe else { return kept };
    let mut reader = tokio::io::BufReader::new(pipe);
    let mut line = Vec::new();
    // A line without end comes in pieces.
    while let Ok(read) = (&mut reader)
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)
        .await
    {
        if read == 0 {
            break;
        }
        events.emit(Event::ScriptLog {
            level: "info".to_owned(),
            message: String::from_utf8_lossy(&line).trim_end().to_owned(),
        });
        if (kept.len() + line.len()) as u64 <= LONGEST {
            kept.append(&mut line);
        }
        line.clear();
    }
    kept
}

/// What a command printed and how it ended.
struct Output {
    status: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[derive(Debug, Default)]
struct ShOptions {
    allow_failure: bool,
}

fn options_of(table: Option<Table>) -> mlua::Result<ShOptions> {
    let mut options = ShOptions::default();
    let Some(table) = table else {
        return Ok(options);
    };
    for pair in table.pairs::<String, bool>() {
        match pair? {
            (key, value) if key == "allow_failure" => options.allow_failure = value,
            (key, _) => {
                return Err(external(Error::user(format!(
                    "unknown option `{key}` of `webpods.sh`; known is `allow_failure`"
                ))));
            }
        }
    }
    Ok(options)
}

fn command(argv: &[String]) -> Result<Command> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Error::user("`webpods.sh` needs a program to run")
            .hint("write `webpods.sh({\"make\", \"assets\"})`"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

fn run(mut command: Command, program: &str, patience: Duration) -> Result<Output> {
    let cannot = || format!("cannot run `{program}`");
    let mut child = command
        .spawn()
        .map_err(|error| Error::user(cannot()).cause(error))?;
    // Readers end when the last holder of the pipe does; a program that leaves children behind
    // must not keep webpods waiting, so their result is awaited and not the threads.
    let deadline = Instant::now() + patience;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let late = || {
        Error::user(cannot()).cause(format!(
            "it did not end within {} seconds",
            patience.as_secs()
        ))
    };
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let read = stdout
        .recv_timeout(left(deadline))
        .and_then(|out| Ok((out, stderr.recv_timeout(left(deadline))?)));
    let Ok((stdout, stderr)) = read else {
        // It is gone already or is now.
        let _ = child.kill();
        let _ = child.wait();
        return Err(late());
    };
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(late());
            }
            Err(error) => return Err(Error::user(cannot()).cause(error)),
        }
    };
    Ok(Output {
        status: status.code().unwrap_or(-1),
        stdout,
        stderr,
    })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let mut limited = pipe.take(LONGEST);
            // What was read before a failure is what there is.
            let _ = limited.read_to_end(&mut bytes);
            let _ = std::io::copy(&mut limited.into_inner(), &mut std::io::sink());
        }
        // Nobody waits any more when this fails.
        let _ = send.send(bytes);
    });
    receive
}

fn answer(lua: &Lua, argv: &[String], options: &ShOptions, output: &Output) -> mlua::Result<Table> {
    if output.status != 0 && !options.allow_failure {
        return Err(external(failed(argv, output)));
    }
    let table = lua.create_table()?;
    table.set("status", output.status)?;
    table.set("stdout", lua.create_string(&output.stdout)?)?;
    table.set("stderr", lua.create_string(&output.stderr)?)?;
    Ok(table)
}

fn failed(argv: &[String], output: &Output) -> Error {
    let ended = if output.status < 0 {
        "was ended by a signal".to_owned()
    } else {
        format!("ended with status {}", output.status)
    };
    let mut error = Error::user(format!("`{}` {ended}", argv.join(" ")));
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(last) = stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        error = error.cause(last.trim());
    }
    error
}
