//! What is built here goes through a registry.

use super::*;

#[test]
fn what_is_built_goes_through_the_registry() {
    let registry = Registry::start();
    let project = Project::compose("regmode", BUILT);
    let more = format!(
        "artifacts:\n  mode: registry\n  registry: {}/built\n",
        registry.name()
    );
    project.use_lab(&more);
    let docker = registry.logged_in(&project.path("docker"));
    let webpods = as_with(&project, &docker);

    let forecast = webpods.run(["diff"]).expect(0);
    assert!(forecast.stdout.contains("never built"), "{forecast}");
    webpods.ok(["build"]);
    let forecast = webpods.run(["diff"]).expect(0);
    assert!(
        forecast.stdout.contains("no, the image is pushed"),
        "{forecast}"
    );
    let up = clean(webpods.run(["up", "-d", "-v"]).expect(0));
    let pushed = format!(
        "was pushed to `{}/built/{}-web`",
        registry.name(),
        project.name
    );
    assert!(up.stderr.contains(&pushed), "{up}");
    project.answers();
    let tag = running(&project, 0);
    assert!(tag[0].ends_with(":pulled"), "{tag:?}");
    let shipped = "ls /var/lib/webpods/cache/blobs/sha256 2>/dev/null; true";
    let hex = &tag[0]["webpods/".len()..][..64];
    assert!(!project.lab.nodes[0].witness(shipped).contains(hex));

    // Nothing is left of it here but what was built.
    let names = project.lab.nodes[0].witness("docker images");
    assert!(!names.contains("/built/"), "{names}");
    let again = webpods.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");
    // Another machine, which never built it, neither builds nor pushes.
    let other = project.path("elsewhere");
    let other = webpods
        .clone()
        .env("XDG_CACHE_HOME", other.to_str().unwrap());
    let again = other.run(["up", "-d"]).expect(0);
    assert!(again.stderr.contains("nothing to do"), "{again}");

    // The registry lost it and another host needs it: it is pushed again.
    registry.forget();
    project.compose_file(&BUILT.replace("[node-1]", "[node-2]"));
    clean(webpods.run(["up", "-d"]).expect(0));
    project.answers();
    assert_eq!(running(&project, 1), tag);

    // Without credentials nothing leaves this machine.
    project.write("app/VERSION", "two\n");
    let nobody = config(&project.path("docker"), "nobody", &json!({}));
    let refused = as_with(&project, &nobody);
    let refused = clean(refused.run(["up", "-d"]).expect(1));
    assert!(refused.stderr.contains("cannot be pushed to"), "{refused}");
    assert!(refused.stderr.contains("`docker login"), "{refused}");
}

/// An archive brings what is sent from here, and what is pushed from here; not what hosts pull.
#[test]
fn an_archive_beside_hosts_that_pull() {
    let registry = Registry::start();
    let project = Project::compose("beside", BUILT);
    registry.push(&project.path("app"), "team/web:1");
    let webpods = as_with(&project, &registry.logged_in(&project.path("docker")));
    webpods.ok(["pull", "--to", "images.tar"]);
    let stranger = project.path("stranger").to_str().unwrap().to_owned();
    let stranger = webpods.clone().env("XDG_CACHE_HOME", stranger);

    let pulled = "  pulled:
    image: REGISTRY/team/web:1
    x-artifacts: {source: host}
    x-placement: {hosts: [node-2]}
";
    let both = format!("{BUILT}{pulled}");
    let both = both.replace("build: app", "image: {{name}}-web");
    project.compose_file(&both.replace("REGISTRY", &registry.name()));
    let pushed = clean(stranger.run(["push", "--from", "images.tar"]).expect(0));
    assert!(pushed.stderr.contains("service `web`: image"), "{pushed}");
    let named = ["push", "--from", "images.tar", "pulled"];
    let refused = clean(stranger.run(named).expect(1));
    let why = "hosts pull the image of service `pulled` themselves";
    assert!(refused.stderr.contains(why), "{refused}");
    clean(stranger.run(["up", "-d", "--no-build"]).expect(0));
    assert!(running(&project, 0)[0].ends_with(":latest"));
    assert!(running(&project, 1)[0].ends_with(":pulled"));

    // With a registry of the context's own it goes there.
    project.compose_file(BUILT);
    let mode = format!(
        "artifacts: {{mode: registry, registry: '{}/own'}}\n",
        registry.name()
    );
    project.use_lab(&mode);
    let pushed = clean(stranger.run(["push", "--from", "images.tar"]).expect(0));
    let there = format!(
        "was pushed to `{}/own/{}-web`",
        registry.name(),
        project.name
    );
    assert!(pushed.stderr.contains(&there), "{pushed}");
    clean(stranger.run(["up", "-d", "--no-build"]).expect(0));
    assert!(running(&project, 0)[0].ends_with(":pulled"));
    project.answers();
}
