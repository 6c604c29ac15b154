//! What hosts give archives to their engine with: whichever of four programs a host has, an engine
//! that took it, one that refused, and one that went away are told apart (spec §12.5).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

const SCRIPT: &str = include_str!("../../src/image/sh/engine.sh");
const PROGRAMS: [&str; 4] = ["perl", "docker", "curl", "python3"];
const TAKEN: i32 = 0;
const REFUSED: i32 = 1;
/// `EX_TEMPFAIL`: another attempt may succeed.
const AWAY: i32 = 75;

/// Gives an archive to the engine behind a socket on a host that has one program only. Its status,
/// and what was said.
fn give(program: &str, socket: &Path, archive: &Path) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    // A script in its place would need others.
    let found = match program {
        "python3" => "python3 -c 'import sys; print(sys.executable)'".to_owned(),
        _ => format!("command -v {program}"),
    };
    let found = Command::new("sh").args(["-c", &found]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    symlink(found.trim(), folder.path().join(program)).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{SCRIPT}\ninto_engine \"$1\" 2>&1"), "give"])
        .arg(socket)
        .env("PATH", folder.path())
        .stdin(File::open(archive).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), said)
}

/// An engine that reads some of what it is asked, answers this and hangs up.
fn engine(socket: &Path, reads: usize, answer: &'static str) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        // Docker's client asks how it is first, and the second question is the one that counts.
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = vec![0; reads];
            let n = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            if request.starts_with("HEAD ") || request.starts_with("GET ") {
                let pong = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 0\r\n\
                            Connection: close\r\n\r\n";
                stream.write_all(pong.as_bytes()).unwrap();
                continue;
            }
            if !answer.is_empty() {
                // All of it, so that the answer is not lost with what nobody read.
                while !request.ends_with("0\r\n\r\n") && !rest(&mut stream) {}
                stream.write_all(answer.as_bytes()).unwrap();
            }
            return;
        }
    })
}

/// Reads on; true at the end of a request in chunks.
fn rest(stream: &mut impl Read) -> bool {
    let mut bytes = vec![0; 65536];
    let n = stream.read(&mut bytes).unwrap();
    n == 0 || bytes[..n].ends_with(b"0\r\n\r\n")
}

#[test]
fn engines_that_went_away_are_told_from_those_that_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::write(&archive, vec![b'x'; 3_000_000]).unwrap();
    let answers = [
        ("without a word", "", AWAY),
        (
            "in the middle",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             10\r\n{\"stream\":\"Loa",
            AWAY,
        ),
        (
            "taken",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: 25\r\n\r\n{\"stream\":\"Loaded image\"}",
            TAKEN,
        ),
        (
            "refused in the stream",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: 56\r\n\r\n\
             {\"errorDetail\":{\"message\":\"no tar\"},\"error\":\"no tar\"}   ",
            REFUSED,
        ),
        (
            "refused at once",
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: 20\r\n\r\n{\"message\":\"no tar\"}",
            REFUSED,
        ),
    ];
    for program in PROGRAMS {
        let nobody = folder.path().join("nobody");
        let (status, said) = give(program, &nobody, &archive);
        assert_eq!(status, AWAY, "{program}, nobody there: {said}");
        for (what, answer, wanted) in answers {
            let socket = folder.path().join("socket");
            let serving = engine(&socket, 65536, answer);
            let (status, said) = give(program, &socket, &archive);
            assert_eq!(status, wanted, "{program}, {what}: {said}");
            if wanted == REFUSED {
                assert!(said.contains("no tar"), "{program}, {what}: {said}");
            }
            serving.join().unwrap();
            fs::remove_file(&socket).unwrap();
        }
    }
}

#[test]
fn a_real_engine_takes_an_archive_from_each_and_refuses_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("into-engine-{}", std::process::id());
    let [content, archive, wrong] =
        ["content.tar", "archive.tar", "wrong"].map(|name| folder.path().join(name));
    let mut builder = tar::Builder::new(File::create(&content).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "file", &b"data"[..])
        .unwrap();
    builder.finish().unwrap();
    fs::write(&wrong, vec![b'x'; 100_000]).unwrap();
    docker(&["import", content.to_str().unwrap(), &name]);
    docker(&["save", "--output", archive.to_str().unwrap(), &name]);
    let socket = Path::new("/var/run/docker.sock");
    for program in PROGRAMS {
        docker(&["rmi", &name]);
        let (status, said) = give(program, socket, &archive);
        assert_eq!(status, TAKEN, "{program}: {said}");
        docker(&["image", "inspect", &name]);
        let (status, said) = give(program, socket, &wrong);
        assert_eq!(status, REFUSED, "{program}: {said}");
    }
    docker(&["rmi", &name]);
}

fn docker(args: &[&str]) {
    let status = Command::new("docker")
        .args(args)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "docker {args:?}");
}
