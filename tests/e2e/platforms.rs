//! A fleet of two platforms: each host gets the image that is made for it.
//!
//! There is one kind of processor here, so the second node only says that it is another: something
//! before its engine changes the architecture in what the engine says of itself. An image that is
//! built for the other platform from nothing holds the same program, so it runs.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::registry::{AUTH, Registry};
use crate::support::{Node, OwnLab, Project, with_buildx};

const WEB: &str = "name: {{name}}
services:
  web:
    build: {context: app}
    deploy: {replicas: 2}
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";
/// Listens where the engine did, and passes everything on.
const DISGUISE: &str = r#"
use strict; use IO::Socket::UNIX; use IO::Select;
my ($front, $back) = @ARGV;
$SIG{CHLD} = "IGNORE";
my $server = IO::Socket::UNIX->new(Local => $front, Listen => 64) or die $!;
while (my $client = $server->accept) {
  next if fork;
  my $engine = IO::Socket::UNIX->new(Peer => $back) or die $!;
  my $both = IO::Select->new($client, $engine);
  while (my @ready = $both->can_read) {
    for my $from (@ready) {
      my $read = sysread($from, my $bytes, 65536);
      my $to = $from == $client ? $engine : $client;
      if (!$read) { $both->remove($from); shutdown($to, 1); exit unless $both->count; next }
      $bytes =~ s/"Arch":"amd64"/"Arch":"arm64"/g if $from == $engine;
      while (length $bytes) {
        my $written = syswrite($to, $bytes) or exit;
        substr($bytes, 0, $written) = "";
      }
    }
  }
  exit;
}
"#;

fn disguise(node: &Node) {
    node.witness(&format!(
        "cat >/disguise.pl <<'END'\n{DISGUISE}\nEND\n\
         mv /run/docker.sock /run/docker.real.sock\n\
         setsid perl /disguise.pl /run/docker.sock /run/docker.real.sock >/disguise.log 2>&1 &\n\
         until docker version >/dev/null 2>&1; do sleep 0.1; done"
    ));
    let says = node.witness("docker version --format '{{.Server.Arch}}'");
    assert_eq!(says, "arm64");
}

/// What the project's container on a node is made from: digest and architecture.
fn runs(project: &Project, node: &Node) -> (String, String) {
    let digests = node.containers(&project.name, "{{.Label \"webpods.image\"}}");
    assert_eq!(digests.len(), 1, "{digests:?}");
    let image = node.containers(&project.name, "{{.Image}}").remove(0);
    assert!(image.contains(&digests[0]["sha256:".len()..]), "{image}");
    let asked = format!("docker image inspect --format '{{{{.Architecture}}}}' {image}");
    (digests[0].clone(), node.witness(&asked))
}

#[test]
fn each_host_gets_the_image_that_is_made_for_it() {
    let lab = OwnLab::start("mixed", 2, &[]);
    let (first, second) = (&lab.0.nodes[0], &lab.0.nodes[1]);
    disguise(second);
    let project = Project::compose_on(lab.0, "mixed", WEB);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let webpods = project
        .webpods()
        .env("DOCKER_CONFIG", text(&with_buildx(&project.path("tools"))))
        .env("XDG_CACHE_HOME", text(&project.path("cache")));

    // What cannot be is refused before anything is built.
    let classic = webpods.clone().env("DOCKER_BUILDKIT", "0");
    let refused = classic.run(["up", "-d"]).expect(1);
    let why = "`node-2` is `linux/arm64`";
    assert!(refused.stderr.contains(why), "{refused}");
    let cases = [
        (
            "platform: linux/amd64\n    build: {context: app}",
            "remove `platform`",
        ),
        (
            "build: {context: app, platforms: [linux/amd64]}",
            "add `linux/arm64` to `build.platforms`",
        ),
    ];
    for (key, hint) in cases {
        project.compose_file(&WEB.replace("build: {context: app}", key));
        for verb in [&["up", "-d"][..], &["diff"], &["push"]] {
            let refused = webpods.run(verb).expect(1);
            let why = "the image of service `web` will be for `linux/amd64`, but `node-2` is \
                       `linux/arm64`";
            assert!(refused.stderr.contains(why), "{refused}");
            assert!(refused.stderr.contains(hint), "{refused}");
        }
    }
    let image = format!("{}-web", project.name);
    let built = Command::new("docker")
        .args(["images", "-q", &image])
        .output();
    assert_eq!(built.unwrap().stdout, b"", "nothing was built");

    project.compose_file(WEB);
    let up = webpods.run(["up", "-d"]).expect(0);
    assert!(up.stderr.contains(" for linux/arm64"), "{up}");
    project.answers();
    let before = [runs(&project, first), runs(&project, second)];
    assert_eq!((&*before[0].1, &*before[1].1), ("amd64", "arm64"));
    assert_ne!(before[0].0, before[1].0);
    let again = webpods.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");

    project.write("app/VERSION", "two\n");
    webpods.ok(["up", "-d"]);
    let after = [runs(&project, first), runs(&project, second)];
    assert!(after[0].0 != before[0].0 && after[1].0 != before[1].0);

    // A machine that never built anything knows both from the release, and goes back.
    let elsewhere = text(&project.path("elsewhere"));
    let stranger = webpods.clone().env("XDG_CACHE_HOME", elsewhere);
    let same = stranger.run(["up", "-d"]).expect(0);
    assert!(same.stderr.contains("nothing to do"), "{same}");
    stranger.ok(["rollback"]);
    assert_eq!([runs(&project, first), runs(&project, second)], before);
    let rows = webpods.json(["release", "ls"]);
    assert_eq!(rows[0]["restorable"], "yes", "{rows}");

    // Where it is on one of them only, it is made for that one only.
    let there = "replicas: 1}\n    x-placement: {hosts: [node-2]}";
    project.compose_file(&WEB.replace("replicas: 2}", there));
    project.write("app/VERSION", "three\n");
    webpods.ok(["up", "-d"]);
    assert_eq!(runs(&project, second).1, "arm64");

    // `platform:` and `build.platforms` count for files of images as well: whoever made them, and
    // each host takes its own of one with several.
    let arm = "platform: linux/arm64\n    build: {context: app}";
    project.compose_file(&WEB.replace("build: {context: app}", arm));
    let listed = webpods.json(["pull", "--to", "arm.tar"]);
    assert_eq!(listed[0]["platform"], "linux/arm64", "{listed}");
    let both = "build: {context: app, platforms: [linux/amd64, linux/arm64]}";
    project.compose_file(&WEB.replace("build: {context: app}", both));
    webpods.ok(["pull", "--to", "both.tar"]);
    project.compose_file(WEB);
    let fresh = webpods
        .clone()
        .env("XDG_CACHE_HOME", text(&project.path("fresh")));
    let refused = fresh.run(["push", "--from", "arm.tar"]).expect(1);
    let why = "is for `linux/arm64`, but `node-1` is `linux/amd64`";
    assert!(refused.stderr.contains(why), "{refused}");
    fresh.ok(["push", "--from", "both.tar"]);
    fresh.ok(["up", "-d", "--no-build"]);
    let carried = [runs(&project, first), runs(&project, second)];
    assert_eq!((&*carried[0].1, &*carried[1].1), ("amd64", "arm64"));

    // Through a registry too: one name there for each platform, and each host pulls its own.
    let registry = Registry::start_for(lab.0);
    let auths = json!({"auths": {registry.name(): {"auth": AUTH}}});
    project.write("tools/docker/config.json", &auths.to_string());
    let name = registry.name();
    project.use_lab(&format!(
        "artifacts: {{mode: registry, registry: '{name}/mixed'}}\n"
    ));
    project.compose_file(WEB);
    project.write("app/VERSION", "four\n");
    let up = webpods.run(["up", "-d"]).expect(0);
    assert_eq!(up.stderr.matches("was pushed to").count(), 2, "{up}");
    project.answers();
    let before = [runs(&project, first), runs(&project, second)];
    assert_eq!((&*before[0].1, &*before[1].1), ("amd64", "arm64"));
    for node in [first, second] {
        let image = node.containers(&project.name, "{{.Image}}").remove(0);
        assert!(image.ends_with(":pulled"), "{image}");
    }
    let same = stranger.run(["up", "-d"]).expect(0);
    assert!(same.stderr.contains("nothing to do"), "{same}");
    project.write("app/VERSION", "five\n");
    webpods.ok(["up", "-d"]);
    stranger.ok(["rollback"]);
    assert_eq!([runs(&project, first), runs(&project, second)], before);

    // What is made for one of them only is refused, and nobody gets it, not even the registry.
    project.write("app/VERSION", "six\n");
    webpods.ok(["pull", "--to", "one.tar"]);
    let stored = registry.manifests();
    let refused = stranger.run(["push", "--from", "one.tar"]).expect(1);
    let why = "is for `linux/amd64`, but `node-2` is `linux/arm64`";
    assert!(refused.stderr.contains(why), "{refused}");
    assert_eq!(registry.manifests(), stored, "{refused}");
    // Nor does anybody when the file says that it shall be so.
    let only = "platform: linux/amd64\n    build: {context: app}";
    project.compose_file(&WEB.replace("build: {context: app}", only));
    let refused = stranger.run(["push", "--from", "one.tar"]).expect(1);
    assert!(refused.stderr.contains("remove `platform`"), "{refused}");
    assert_eq!(registry.manifests(), stored, "{refused}");
    assert_eq!([runs(&project, first), runs(&project, second)], before);
}

#[test]
fn a_host_is_taken_for_what_it_is_and_not_for_what_it_was() {
    let project = Project::compose("became", WEB);
    let runtime = tempfile::tempdir().unwrap();
    let folder = runtime.path().to_str().unwrap();
    let webpods = project.webpods().env("XDG_RUNTIME_DIR", folder);
    webpods.ok(["up", "-d"]);
    let image = format!("{}-web", project.name);
    let only_here = format!("image: {image}\n    pull_policy: never");
    // What the next command knows of the hosts before it has asked them.
    let mistake = |was: &str, instead: &str| {
        let notes = std::fs::read_dir(runtime.path().join("webpods")).unwrap();
        let notes = notes.map(|it| it.unwrap().path());
        let notes: Vec<_> = notes
            .filter(|it| it.extension().is_some_and(|it| it == "json"))
            .collect();
        assert_eq!(notes.len(), project.lab.nodes.len());
        for path in notes {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(was), "{text}");
            std::fs::write(&path, text.replace(was, instead)).unwrap();
        }
    };
    for verb in [
        &["diff"][..],
        &["push"],
        &["up", "-d"],
        &["ps"],
        &["status"],
    ] {
        mistake("linux/amd64", "linux/arm64");
        let run = webpods.run(verb).expect(0);
        assert!(!run.stderr.contains("arm64"), "{run}");
    }
    mistake("\"api\":\"1.", "\"api\":\"9.");
    let again = webpods.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");

    // There is no such image for another platform, and none is needed.
    project.compose_file(&WEB.replace("build: {context: app}", &only_here));
    mistake("linux/amd64", "linux/arm64");
    webpods.ok(["push"]);
    project.answers();
}
