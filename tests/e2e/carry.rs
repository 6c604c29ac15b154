//! Images in files, for fleets that reach no registry and machines that never built them.

use std::fs;
use std::process::Command;

use crate::support::Project;

const WEB: &str = "name: {{name}}
services:
  web:
    build: app
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_machine_that_never_built_deploys_from_a_file() {
    let project = Project::compose("carry", WEB);
    let path = |name: &str| project.path(name).to_str().unwrap().to_owned();
    let built = project.webpods().json(["pull", "--to", "images.tar"]);
    let digest = built[0]["digest"].as_str().unwrap();
    let short = &digest["sha256:".len()..][..12];
    let image = format!("{}-web", project.name);

    // What webpods wrote, what docker writes, and both as folders: one image.
    docker(&["save", "--output", &path("saved.tar"), &image]);
    for name in ["images", "saved"] {
        fs::create_dir(project.path(name)).unwrap();
        let archive = path(&format!("{name}.tar"));
        let unpacked = Command::new("tar")
            .args(["-xf", &archive, "-C", &path(name)])
            .status();
        assert!(unpacked.unwrap().success());
    }
    for (number, from) in ["images.tar", "saved.tar", "images", "saved"]
        .iter()
        .enumerate()
    {
        let fresh = path(&format!("cache-{number}"));
        let stranger = project.webpods().env("XDG_CACHE_HOME", fresh);
        let pushed = stranger.run(["push", "--from", from, "web"]).expect(0);
        assert!(pushed.stderr.contains(short), "{from}: {pushed}");
    }

    // Docker reads it too.
    docker(&["rmi", "--force", &image]);
    docker(&["load", "--input", &path("images.tar")]);
    docker(&["image", "inspect", &image]);
    docker(&["rmi", "--force", &image]);

    let stranger = project.webpods().env("XDG_CACHE_HOME", path("cache-0"));
    stranger.ok(["up", "-d", "--no-build"]);
    project.answers();

    // Someone else's name, a damaged file, no file.
    let wrong = stranger.run(["push", "--from", "compose.yml"]).expect(1);
    assert!(
        wrong.stderr.contains("`compose.yml` cannot be used"),
        "{wrong}"
    );
    let bytes = fs::read(project.path("saved.tar")).unwrap();
    fs::write(project.path("cut.tar"), &bytes[..bytes.len() / 2]).unwrap();
    let empty = project.webpods().env("XDG_CACHE_HOME", path("cache-cut"));
    let cut = empty.run(["push", "--from", "cut.tar"]).expect(1);
    assert!(cut.stderr.contains("incomplete"), "{cut}");
    let gone = stranger.run(["push", "--from", "gone.tar"]).expect(1);
    assert!(gone.stderr.contains("`gone.tar`"), "{gone}");
}
