//! What step scripts reach on a host: files and HTTP.

use std::os::unix::fs::PermissionsExt as _;

use webpods::plan::{FileSource, StagedFile, StepKind};

use super::acting::{Bench, fails};

#[tokio::test]
async fn files_are_written_whole_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let bench = Bench::doing(&format!(
        "local root = '{root}'
        local bytes = {{}}
        for i = 0, 255 do table.insert(bytes, string.char(i)) end
        local all = string.rep(table.concat(bytes), 1000)
        host:write({{
            {{ path = root .. '/a b/one', content = 'first\\n' }},
            {{ path = root .. '/empty', content = '' }},
            {{ path = root .. '/bytes', content = all, mode = tonumber('600', 8) }},
        }})
        assert(host:read(root .. '/a b/one') == 'first\\n')
        assert(host:read(root .. '/empty') == '')
        assert(host:read(root .. '/bytes') == all)
        assert(host:read(root .. '/nothing') == nil)
        host:write({{ {{ path = root .. '/a b/one', content = 'second' }} }})
        assert(host:read(root .. '/a b/one') == 'second')
        host:remove({{ root .. '/empty', root .. '/nothing' }})
        host:write({{}})
        host:remove({{}})"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    let mode = |name: &str| {
        let metadata = folder.path().join(name).metadata().unwrap();
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!(mode("bytes"), 0o600);
    assert_eq!(mode("a b/one"), 0o644);
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["a b", "bytes"], "no temporary names are left");
}

#[tokio::test]
async fn paths_that_are_none_are_refused() {
    for path in ["x", "/a/../b", "/", "", "/a\\n", "/a/", "~/x"] {
        for body in [
            format!("host:read('{path}')"),
            format!("host:write({{ {{ path = '{path}', content = '' }} }})"),
            format!("host:remove({{ '{path}' }})"),
        ] {
            let error = fails(&body).await;
            assert!(
                error.message().contains("is not an absolute path"),
                "{body}: {error}"
            );
        }
    }
    for (body, expected) in [
        (
            "host:write({ { path = '/tmp/x', content = 'x', mod = 1 } })",
            "did you mean `mode`?",
        ),
        (
            "host:write({ { path = '/tmp/x', content = 'x', mode = 99999 } })",
            "not a file mode",
        ),
        ("host:write({ { path = '/tmp/x' } })", "commit.lua:2"),
        (
            "host:read('/proc/1/mem')",
            "cannot read `/proc/1/mem` on host `here`",
        ),
    ] {
        let error = fails(body).await;
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[tokio::test]
async fn http_goes_to_the_hosts_own_ports() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait";
        stream.write_all(answer).await.unwrap();
        (
            String::from_utf8_lossy(&request[..read]).into_owned(),
            listener,
        )
    });
    let bench = Bench::doing(&format!(
        "local answer = host:http_get({{ port = {port}, path = '/health?x=1', host = 'shop.test' }})
        print(answer.status, answer.body)"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["503 wait"]);
    let (request, listener) = server.await.unwrap();
    assert!(
        request.starts_with("GET /health?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("host: shop.test\r\n"),
        "{request}"
    );

    // Nobody accepts: the answer does not come. Then nobody listens.
    let bench = Bench::doing(&format!(
        "print(host:http_get({{ port = {port}, timeout = 0.2 }}))"
    ));
    bench.run(StepKind::Commit {}).await.unwrap();
    assert_eq!(bench.logged(), ["nil no answer within 0.2 s"]);
    drop(listener);
    bench.run(StepKind::Commit {}).await.unwrap();
    assert!(
        bench.logged()[1].starts_with("nil nothing answers on port"),
        "{:?}",
        bench.logged()
    );
}

#[tokio::test]
async fn hostile_requests_are_refused() {
    for (body, expected) in [
        (
            "host:http_get({ port = 80, path = 'x' })",
            "does not start with `/`",
        ),
        ("host:http_get({ port = 80, timeout = -1 })", "timeout"),
        ("host:http_get({ port = 99999 })", "commit.lua:2"),
        ("host:http_get({ prt = 80 })", "did you mean `port`?"),
    ] {
        let error = fails(body).await;
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
    // Header injection ends before anything is sent.
    let bench = Bench::doing("print(host:http_get({ port = 9, path = '/ x\\r\\nA: b' }))");
    bench.run(StepKind::Commit {}).await.unwrap();
    assert!(
        bench.logged()[0].starts_with("nil the request is not valid"),
        "{:?}",
        bench.logged()
    );
}

#[tokio::test]
async fn files_of_a_release_are_staged_once_with_their_modes() {
    let source = tempfile::tempdir().unwrap();
    std::fs::create_dir(source.path().join("conf.d")).unwrap();
    std::fs::write(source.path().join("conf.d/a.conf"), "a").unwrap();
    std::os::unix::fs::symlink("a.conf", source.path().join("conf.d/link")).unwrap();
    std::fs::write(source.path().join("one.txt"), "one").unwrap();
    let target = tempfile::tempdir().unwrap();
    let path = |name: &str| target.path().join("files").join(name);
    let staged = |name: &str, mode, source| StagedFile {
        path: path(name).display().to_string(),
        mode,
        source,
        uid: None,
        gid: None,
        secret: true,
    };
    let files = vec![
        staged("s3cret", 0o400, FileSource::Content(b"hunter2\0".to_vec())),
        staged(
            "folder",
            0o755,
            FileSource::Local(source.path().join("conf.d")),
        ),
        staged(
            "one",
            0o444,
            FileSource::Local(source.path().join("one.txt")),
        ),
    ];
    let prepare = StepKind::Prepare {
        networks: Vec::new(),
        volumes: Vec::new(),
        files,
    };
    let script = "return { run = function(host, step)
        for _, file in step.files do assert(file.source == nil) end
        print(step.files[1].folder, step.files[2].folder)
        host:stage(step.files)
    end }";
    let bench = Bench::new(&[("steps/prepare.lua", script)]);
    bench.run(prepare.clone()).await.unwrap();
    assert_eq!(bench.logged(), ["false true"]);
    assert_eq!(std::fs::read(path("s3cret")).unwrap(), b"hunter2\0");
    let mode = |name: &str| path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("s3cret"), mode("one")), (0o400, 0o444));
    assert_eq!(std::fs::read_to_string(path("folder/link")).unwrap(), "a");
    assert!(path("folder/link").symlink_metadata().unwrap().is_symlink());

    // What is there is not sent again; what is gone comes back.
    std::fs::remove_file(path("one")).unwrap();
    std::fs::write(path("folder/a.conf"), "kept").unwrap();
    bench.run(prepare).await.unwrap();
    assert_eq!(std::fs::read_to_string(path("one")).unwrap(), "one");
    assert_eq!(
        std::fs::read_to_string(path("folder/a.conf")).unwrap(),
        "kept"
    );
    assert_eq!(
        std::fs::read_dir(target.path().join("files"))
            .unwrap()
            .count(),
        3
    );
}

#[tokio::test]
async fn staging_says_which_file_cannot_be_read() {
    let target = tempfile::tempdir().unwrap();
    let file = |source| StagedFile {
        path: target.path().join("f").display().to_string(),
        mode: 0o444,
        source,
        uid: None,
        gid: None,
        secret: false,
    };
    for (source, expected) in [
        (FileSource::Local("/nonexistent/x".into()), "No such file"),
        (FileSource::Kept, "is gone"),
    ] {
        let bench = Bench::new(&[(
            "steps/prepare.lua",
            "return { run = function(host, step) host:stage(step.files) end }",
        )]);
        let prepare = StepKind::Prepare {
            networks: Vec::new(),
            volumes: Vec::new(),
            files: vec![file(source)],
        };
        let error = bench.run(prepare).await.unwrap_err();
        assert!(
            error.message().contains("cannot read what goes to `"),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!target.path().join("f").exists());
    }
    let error = fails("host:stage({})").await;
    assert!(error.message().contains("`prepare` step only"), "{error}");
}
