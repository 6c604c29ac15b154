//! Scripts, streams and ports over a real sshd.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use webpods::error::Kind;

use super::sshd::Sshd;

#[tokio::test]
async fn scripts_get_their_arguments_and_give_their_output() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    let hostile = ["", "-rf", "$(id)", "a'b\\c\"d", "; exit 9", "🚀\n\n", "*"];
    let script = "printf '%s\\000' \"$@\"; echo \"$0\" >&2; exit 3";
    let output = host.sh(script, &hostile).await.unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.split_terminator('\0').collect::<Vec<_>>(), hostile);
    assert_eq!(output.stderr, b"webpods\n");
    assert_eq!(output.status, 3);
    let error = output.ok("count sheep").unwrap_err();
    assert_eq!(error.message(), "cannot count sheep on host `web-1`");
    assert_eq!(error.causes(), ["webpods"]);

    let fed = host
        .sh_with_input("cat; cat >&2", &[], b"in\0put")
        .await
        .unwrap();
    assert_eq!(fed.stdout, b"in\0put");
    assert_eq!(fed.status, 0);
}

#[tokio::test]
async fn lines_are_input_however_many_they_are() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    let hostile = "$(id)\n it's \\ %s\n\n-n\nno newline at the end";
    let many = "0123456789abcdef\n".repeat(20_000);
    for lines in ["", "one\n", hostile, &many] {
        // The arguments stay the script's, and so does its status.
        let script = "printf '%s|' \"$#\" \"$1\"; cat; exit 3\n# the end";
        let output = host.sh_with_lines(script, &["a b"], lines).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text == format!("1|a b|{lines}"), "{} bytes", lines.len());
        assert_eq!(output.status, 3);
    }
    let lines = "x\n".repeat(10_000);
    let unread = host.sh_with_lines("exit 4", &[], &lines).await.unwrap();
    assert_eq!((unread.status, &unread.stderr[..]), (4, &b""[..]));
}

#[tokio::test]
async fn what_start_up_files_print_is_not_output() {
    let sshd = Sshd::start("");
    // bash reads it for every command that sshd runs; other shells have files of their own.
    std::fs::write(sshd.path(".bashrc"), "echo Welcome; echo Warning >&2\n").unwrap();
    std::fs::write(sshd.path(".zshenv"), "echo Welcome; echo Warning >&2\n").unwrap();
    let host = sshd.session();
    assert_eq!(host.sh("echo out", &[]).await.unwrap().stdout, b"out\n");
    assert_eq!(host.sh("exit 3", &[]).await.unwrap().stdout, b"");
}

#[tokio::test]
async fn every_status_comes_back() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    for status in [0, 1, 2, 126, 127, 128, 200, 254, 255] {
        let script = "echo out; echo err >&2; exit \"$1\"";
        let output = host.sh(script, &[&status.to_string()]).await.unwrap();
        assert_eq!(output.status, status);
        assert_eq!(output.stdout, b"out\n", "{status}");
        assert_eq!(output.stderr, b"err\n", "{status}");
    }
    let missing = host.sh("no-such-program-here", &[]).await.unwrap();
    assert_eq!(missing.status, 127);
    let error = missing.ok("do it").unwrap_err();
    assert!(error.causes()[0].contains("not found"), "{error}");
    let killed = host.sh("kill -9 $$", &[]).await.unwrap();
    assert_ne!(killed.status, 0);
    assert!(host.sh("exit 0", &[]).await.unwrap().success());
}

#[tokio::test]
async fn a_script_that_does_not_read_its_input_ends_all_the_same() {
    let sshd = Sshd::start("");
    let input = vec![b'x'; 4 << 20];
    let output = sshd.session().sh_with_input("exit 4", &[], &input).await;
    assert_eq!(output.unwrap().status, 4);
}

#[tokio::test]
async fn streams_carry_megabytes_both_ways() {
    let sshd = Sshd::start("");
    let mut process = sshd
        .session()
        .stream("cat; echo done >&2", &[])
        .await
        .unwrap();
    let sent: Vec<u8> = (0..8_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut input = process.stdin.take().unwrap();
    let copy = sent.clone();
    let feed = tokio::spawn(async move {
        input.write_all(&copy).await.unwrap();
        input.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    process.stdout.read_to_end(&mut received).await.unwrap();
    feed.await.unwrap();
    assert!(
        received == sent,
        "{} of {} bytes",
        received.len(),
        sent.len()
    );
    let output = process.wait().await.unwrap();
    assert_eq!(
        (output.status, output.stderr.as_slice()),
        (0, &b"done\n"[..])
    );
}

#[tokio::test]
async fn at_most_eight_scripts_run_at_once_and_the_rest_wait() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    let folder = sshd.path("running");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    // Each says how many it saw beside it, and stays until eight have been there, and then a
    // moment longer: a ninth would show.
    let script = "mkdir \"$1/$2\"; most=0; n=0
        while [ ! -e \"$1.full\" ] && [ $n -lt 400 ]; do
          most=$(ls \"$1\" | wc -l); n=$((n+1))
          if [ $most -ge 8 ]; then sleep 0.3; most=$(ls \"$1\" | wc -l); : >\"$1.full\"; fi
          sleep 0.02
        done; echo $most; rmdir \"$1/$2\"";
    let runs = (0..24).map(|number: u32| {
        let host = host.clone();
        async move {
            let number = number.to_string();
            let output = host.sh(script, &[folder, &number]).await.unwrap();
            output.ok("count").unwrap().text().parse::<u32>().unwrap()
        }
    });
    let most = futures_util::future::join_all(runs).await.into_iter().max();
    assert_eq!(most, Some(8));
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn a_server_with_fewer_sessions_only_makes_scripts_wait() {
    let sshd = Sshd::start("MaxSessions 2");
    let host = sshd.session();
    let runs = (0..12).map(|_| host.sh("sleep 0.05; echo ok", &[]));
    for output in futures_util::future::join_all(runs).await {
        assert_eq!(output.unwrap().text(), "ok");
    }
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn commands_share_one_connection_even_when_they_start_at_once() {
    let sshd = Sshd::start("");
    let sessions: Vec<_> = (0..6).map(|_| sshd.session()).collect();
    let first = futures_util::future::join_all(sessions.iter().map(|host| host.connect())).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    drop(sessions);
    assert_eq!(
        sshd.session().sh("echo again", &[]).await.unwrap().text(),
        "again"
    );
    assert_eq!(sshd.logins(), 1);
    assert_eq!(sshd.masters().len(), 1);
}

#[tokio::test]
async fn a_dead_master_is_replaced() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    host.connect().await.unwrap();
    // Killed, it leaves its socket behind.
    rustix::process::kill_process(sshd.master(), rustix::process::Signal::KILL).unwrap();
    let other = sshd.session();
    assert_eq!(other.sh("echo new", &[]).await.unwrap().text(), "new");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        // The first session may learn of the loss only as it tries.
        match host.sh("echo back", &[]).await {
            Ok(output) => break assert_eq!(output.text(), "back"),
            Err(error) => assert_eq!(error.kind(), Kind::Unreachable),
        }
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test]
async fn a_connection_lost_under_a_script_is_an_error() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    let mut process = host
        .stream("echo started; exec sleep 600", &[])
        .await
        .unwrap();
    let mut started = [0; 8];
    process.stdout.read_exact(&mut started).await.unwrap();
    rustix::process::kill_process(sshd.master(), rustix::process::Signal::KILL).unwrap();
    let error = timeout(Duration::from_secs(10), process.wait())
        .await
        .expect("the loss is noticed")
        .unwrap_err();
    assert_eq!(
        error.message(),
        "the ssh connection to host `web-1` was lost"
    );
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(host.sh("echo back", &[]).await.unwrap().text(), "back");
}

#[tokio::test]
async fn ports_of_the_host_can_be_dialled() {
    let sshd = Sshd::start("");
    let host = sshd.session();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut peer, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = peer.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
        }
    });
    for text in ["one", "two", "three"] {
        let mut stream = host.dial(port).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, text);
    }
    echo.await.unwrap();

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap().port();
    drop(free);
    let mut refused = host.dial(closed).await.unwrap();
    let mut nothing = Vec::new();
    let read = timeout(Duration::from_secs(10), refused.read_to_end(&mut nothing)).await;
    read.expect("a refused port ends the stream").ok();
    assert!(nothing.is_empty());

    let left = std::fs::read_dir(sshd.path("")).unwrap();
    let left = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains('-')
    });
    assert_eq!(left.count(), 0, "sockets of dialled ports are removed");
}

#[tokio::test]
async fn a_bastion_is_passed_with_the_same_key() {
    let sshd = Sshd::start("");
    let mut ssh = sshd.ssh();
    ssh.bastion = Some(format!("127.0.0.1:{}", sshd.port));
    let host = super::session(&ssh, "127.0.0.1", &sshd.options());
    assert_eq!(
        host.sh("echo through", &[]).await.unwrap().text(),
        "through"
    );
    assert_eq!(sshd.logins(), 2);
}
