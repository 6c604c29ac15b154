//! Input made to hurt: each is an error, quickly, without a crash.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use webpods::compose::{self, Loaded, Options};
use webpods::error::Result;

fn load(folder: &Path) -> Result<Loaded> {
    compose::load(&Options {
        files: vec!["compose.yml".into()],
        project_name: Some("proj".to_owned()),
        cwd: folder.to_owned(),
        ..Options::default()
    })
}

fn load_bytes(bytes: &[u8]) -> Result<Loaded> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yml"), bytes).unwrap();
    load(folder.path())
}

fn refused(bytes: impl AsRef<[u8]>, part: &str) {
    let error = load_bytes(bytes.as_ref()).unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
    assert!(
        error.len() < 10_000,
        "the message has {} bytes",
        error.len()
    );
}

#[test]
fn alias_bombs() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let repeated = vec![format!("*a{before}"); 10].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{repeated}]");
    }
    refused(&bomb, "aliases repeat too much");

    let long = "x".repeat(1 << 20);
    let repeated = vec!["*a"; 2000].join(", ");
    refused(
        format!("x-a: &a {long}\nx-b: [{repeated}]\n"),
        "aliases repeat too much",
    );
    refused("a: &a [*a]\n", "");
    refused("x-a: &a\n  b: *a\n", "");
}

#[test]
fn anchors_within_anchors() {
    let mut text = "x-a: ".to_owned();
    for depth in 0..100 {
        let _ = write!(text, "&a{depth} [");
    }
    text.push_str(&"v,".repeat(5_000));
    text.push_str(&"]".repeat(100));
    refused(text, "aliases repeat too much");
}

#[test]
fn variables_that_stand_for_more_and_more() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let refused = |part: &str| {
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{error:.300}");
    };
    write("compose.yml", "services: {a: {image: x}}\n");
    let mut text = format!("V0={}\n", "x".repeat(1_000));
    for step in 1..5 {
        let before = format!("${{V{}}}", step - 1);
        let _ = writeln!(text, "V{step}={}", before.repeat(100));
    }
    write(".env", &text);
    refused("/.env` line 4: with this, variables stand for more than 25 MiB of text");

    write(".env", &format!("V={}\n", "x".repeat(1 << 20)));
    let labels: Vec<String> = (0..40).map(|n| format!("l{n}: $V")).collect();
    let text = format!(
        "services: {{a: {{image: x, labels: {{{}}}}}}}\n",
        labels.join(", ")
    );
    write("compose.yml", &text);
    refused("services.a.labels.l25: with this, variables stand for more than 25 MiB of text");

    let variables: String = (0..210_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "V{n}=1");
        text
    });
    write(".env", &variables);
    refused("there are more than 200000 variables");
}

#[test]
fn one_env_file_of_very_many_services() {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = String::new();
    let mut services = "services:\n".to_owned();
    for n in 0..2_000 {
        let _ = writeln!(variables, "V{n}=1");
    }
    for n in 0..300 {
        let _ = writeln!(services, "  s{n}: {{image: x, env_file: many.env}}");
    }
    fs::write(folder.path().join("many.env"), variables).unwrap();
    fs::write(folder.path().join("compose.yml"), services).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("has more than 420000 values"),
        "{error:.300}"
    );
}

#[test]
fn deep_nesting() {
    refused("[".repeat(100_000), "");
    refused(format!("x-a: {}", "{a: ".repeat(100_000)), "");
    let mut text = String::new();
    for level in 0..5_000 {
        let _ = writeln!(text, "{}a:", " ".repeat(level));
    }
    refused(text, "");
    refused(
        format!("services: {{a: {{image: \"{}\"}}}}", "${A:-".repeat(50_000)),
        "is no variable",
    );
}

#[test]
fn bytes_that_are_not_text() {
    refused(b"services:\n  a: {image: \xff\xfe}\n", "is not valid UTF-8");
    refused(b"services:\0", "control character");
    refused(b"\x1b[31m", "control character");
    refused(b"", "empty");
    refused(b"\xff\xfe\x00", "");
    refused(b"- \xe2\x80\xa8\n", "mapping");
}

#[test]
fn utf_16_is_read() {
    let text = "services: {a: {image: é}}";
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let loaded = load_bytes(&bytes).unwrap();
    let printed = compose::printed(&loaded, compose::Format::Yaml).unwrap();
    assert!(printed.contains("image: é\n"), "{printed}");
}

#[test]
fn a_line_of_megabytes_is_shown_in_part() {
    let line = format!(
        "services: {{a: {{image: x, labels: {{a: \"{}\"}}, prots: 3}}}}",
        "y".repeat(10 << 20)
    );
    refused(line, "did you mean `ports`?");
}

#[test]
fn names_made_for_shells_and_terminals() {
    for name in ["a; rm -rf /", "../up", "a\\nb", "\\e[31mred", "🐙", ""] {
        let text = format!("services:\n  \"{name}\": {{image: x}}\n");
        let error = load_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[test]
fn includes_and_extends_that_never_end() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    for step in 0..200 {
        let next = step + 1;
        write(
            &format!("i{step}.yml"),
            format!("include: [i{next}.yml]\nservices: {{}}\n"),
        );
    }
    write(
        "compose.yml",
        "include: [i0.yml]\nservices: {a: {image: a}}\n".to_owned(),
    );
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.len() < 20_000, "{}", error.len());

    let mut text = "services:\n".to_owned();
    for step in 0..3_000 {
        let _ = writeln!(text, "  s{step}: {{extends: s{}}}", step + 1);
    }
    refused(text, "more than 100 services extend each other in a row");
}

#[test]
fn a_long_chain_of_dependencies_is_no_circle() {
    let mut text = "services:\n".to_owned();
    for step in 0..2_000 {
        let _ = writeln!(text, "  s{step}: {{image: x, depends_on: [s{}]}}", step + 1);
    }
    text.push_str("  s2000: {image: x}\n");
    assert_eq!(
        load_bytes(text.as_bytes()).unwrap().project.services.len(),
        2_001
    );
}

#[test]
fn a_folder_or_nothing_in_place_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path()).is_err());
    fs::create_dir(folder.path().join("compose.yml")).unwrap();
    assert!(load(folder.path()).is_err());
}

#[test]
fn little_text_that_stands_for_a_lot() {
    let range = |protocol: &str| format!("1-65535:1-65535{protocol}");
    let ports = [range("/tcp"), range("/udp")].map(|port| format!("\"{port}\""));
    refused(
        format!(
            "services: {{a: {{image: x, ports: [{}]}}}}",
            ports.join(", ")
        ),
        "more than 70000 ports",
    );
    let mut text = "services:\n  base:\n    image: x\n    labels:\n".to_owned();
    for label in 0..1_000 {
        let _ = writeln!(text, "      l{label}: v");
    }
    for step in 0..1_000 {
        let _ = writeln!(text, "  s{step}: {{extends: base}}");
    }
    refused(text, "have more than 420000 values together");
    let mut text = "services:\n  a:\n    image: x\n    labels:\n".to_owned();
    for label in 0..430_000 {
        let _ = writeln!(text, "      l{label}: v");
    }
    refused(text, "has more than 420000 values");
}

#[test]
fn what_is_read_never_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [Path::new("/dev/zero"), &pipe] {
        let path = path.display();
        for text in [
            format!("services: {{a: {{image: x, env_file: {path}}}}}"),
            format!("services: {{a: {{image: x, label_file: {path}}}}}"),
            format!("services: {{a: {{extends: {{file: {path}, service: b}}}}}}"),
            format!("include: [{path}]\nservices: {{a: {{image: x}}}}"),
            format!("include: [{{path: b.yml, env_file: {path}}}]\nservices: {{a: {{image: x}}}}"),
        ] {
            let error = load_bytes(text.as_bytes()).unwrap_err().to_string();
            assert!(
                error.contains("is not a file") || error.contains("does not exist"),
                "{text}: {error}"
            );
        }
    }
}
