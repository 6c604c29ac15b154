use super::Repo;

#[test]
fn the_version_is_one_line() {
    let repo = Repo::empty();
    let expected = format!("webpods {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(repo.run(&["--version"]).ok(), expected);
    assert_eq!(repo.run(&["-V"]).ok(), expected);
}

#[test]
fn help_is_on_stdout_and_lists_global_flags_at_every_level() {
    let repo = Repo::empty();
    for arguments in [
        &["--help"][..],
        &["context", "--help"],
        &["context", "ls", "--help"],
    ] {
        let ran = repo.run(arguments);
        assert!(ran.ok().contains("-c, --context <NAME>"), "{}", ran.out);
        assert_eq!(ran.err, "");
    }
}

#[test]
fn a_wrong_command_line_is_exit_2() {
    let repo = Repo::empty();
    repo.run(&["frobnicate"])
        .refused(2, &["unrecognized subcommand 'frobnicate'"]);
    repo.run(&["context", "inspekt"]).refused(2, &["inspect"]);
    repo.run(&["context", "ls", "--wat"]).refused(2, &["--wat"]);
    repo.run(&["--from", "moon", "context", "ls"])
        .refused(2, &["local", "ci"]);
    repo.run(&[]).refused(2, &["Usage: webpods"]);
}

#[test]
fn verbs_that_are_not_there_say_what_is() {
    let repo = Repo::empty();
    repo.run(&["-c", "x", "doctor"]).refused(
        2,
        &["`webpods doctor` is not there yet", "webpods node check"],
    );
    repo.run(&["port", "web"]).refused(2, &["not there yet"]);
    repo.run(&["context", "rm", "x"]).refused(
        2,
        &["`webpods context rm` is not there yet", "remove the file"],
    );
    repo.run(&["context", "use", "production"]).refused(
        2,
        &[
            "`webpods context use` does not exist, on purpose",
            "-c NAME",
            "default_context",
        ],
    );
}

#[test]
fn completions_know_the_verbs() {
    let repo = Repo::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            repo.run(&["completion", shell]).ok().contains("context"),
            "{shell}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    use std::process::{Command, Stdio};
    let repo = Repo::empty();
    let mut child = Command::new(env!("CARGO_BIN_EXE_webpods"))
        .args(["completion", "bash"])
        .current_dir(repo.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// The verbs that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn the_help_of_every_verb_has_an_example() {
    let repo = Repo::empty();
    let mut open = vec![Vec::new()];
    let (mut verbs, mut without) = (0, Vec::new());
    while let Some(verb) = open.pop() {
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let ran = repo.run(&[&words[..], &["--help"]].concat());
        let below = listed(ran.ok());
        if below.is_empty() {
            verbs += 1;
            let examples = ran.out.split_once("\nExamples:\n");
            if !examples.is_some_and(|(_, lines)| lines.starts_with("  webpods ")) {
                without.push(words.join(" "));
            }
        }
        open.extend(below.into_iter().map(|one| [&verb[..], &[one]].concat()));
    }
    assert_eq!(without, Vec::<String>::new());
    assert!(verbs > 30, "{verbs}");
}

#[test]
fn help_looks_like_this() {
    let ran = Repo::empty().run(&["context", "inspect", "-h"]);
    assert_eq!(ran.ok(), include_str!("help.txt"));
}

#[test]
fn flags_that_would_mean_nothing_are_refused() {
    let repo = Repo::empty();
    for verb in [
        &["stop"][..],
        &["start"],
        &["restart"],
        &["rm"],
        &["prune"],
        &["cleanup"],
    ] {
        let line = [verb, &["--on-failure", "keep"]].concat();
        repo.run(&line)
            .refused(2, &["unexpected argument '--on-failure'"]);
    }
    repo.run(&["proxy", "config", "--no-build"])
        .refused(2, &["add `--planned`"]);
    repo.run(&["proxy", "config", "web"])
        .refused(2, &["add `--planned`"]);
}
