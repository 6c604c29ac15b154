//! Credentials from wherever Docker keeps them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::*;
use crate::support::registry::{PASSWORD, USER};

#[test]
fn credentials_come_from_where_docker_keeps_them() {
    let registry = Registry::start();
    let project = Project::compose("helped", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    project.compose_file(&PULLED.replace("REGISTRY", &registry.name()));
    let docker = project.path("docker");

    // A helper program: it has them, it has others, it has none, it fails, it is not there.
    let executable = project.path("bin/docker-credential-journey");
    let path = format!(
        "{}:{}",
        executable.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let helpers = json!({"credHelpers": {registry.name(): "journey"}});
    let helped = as_with(&project, &config(&docker, "helped", &helpers)).env("PATH", path);
    let answer = |script: &str| {
        project.write("bin/docker-credential-journey", script);
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).unwrap();
        clean(helped.run(["diff", "-v"]))
    };
    let name = registry.name();
    let good = format!(
        "#!/bin/sh\nread -r asked\n[ \"$1 $asked\" = \"get {name}\" ] || exit 3\n\
         echo '{{\"ServerURL\":\"{name}\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n"
    );
    let _ = answer(&good).expect(0);
    let wrong = answer("#!/bin/sh\necho '{\"Username\":\"eve\",\"Secret\":\"hunter2\"}'\n");
    let wrong = wrong.expect(1);
    let used = "the credentials of `eve` from `docker-credential-journey` were used";
    assert!(wrong.stderr.contains(used), "{wrong}");
    let login = format!("`docker login {name}`");
    assert!(wrong.stderr.contains(&login), "{wrong}");
    let none = "#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n";
    let none = answer(none).expect(1);
    let nothing = format!("there are no credentials for `{name}`");
    assert!(none.stderr.contains(&nothing), "{none}");
    let broken = answer("#!/bin/sh\necho hunter2; echo hunter2 >&2\nexit 7\n").expect(1);
    let gives = format!("`docker-credential-journey` gives no credentials for `{name}`");
    assert!(broken.stderr.contains(&gives), "{broken}");
    let garbled = answer("#!/bin/sh\necho hunter2\n").expect(1);
    assert!(garbled.stderr.contains("is not understood"), "{garbled}");

    // A file: with a wrong password, and one that is damaged.
    let eve = json!({"auths": {registry.name(): {"username": "eve", "password": "hunter2"}}});
    let wrong = as_with(&project, &config(&docker, "wrong", &eve));
    let wrong = clean(wrong.run(["up", "-d", "--format", "json", "-v"]).expect(1));
    assert!(
        wrong.stderr.contains("the credentials of `eve` from"),
        "{wrong}"
    );
    let damaged = json!({"auths": "hunter2"});
    let damaged = as_with(&project, &config(&docker, "damaged", &damaged));
    let damaged = clean(damaged.run(["diff"]).expect(1));
    assert!(
        damaged.stderr.contains("is not Docker's configuration"),
        "{damaged}"
    );
}

/// A credential helper that knows the password of these registries.
fn helper(project: &Project) -> String {
    let program = project.path("bin/docker-credential-journey");
    project.write(
        "bin/docker-credential-journey",
        &format!(
            "#!/bin/sh\nread -r name\n\
             echo '{{\"ServerURL\":\"'$name'\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}'\n"
        ),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = program.parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

/// This machine pulls and sends, and a store for all credentials serves it and hosts alike.
#[test]
fn a_policy_of_always_asks_the_registry_each_time() {
    let registry = Registry::start();
    let project = Project::compose("always", "name: {{name}}\nservices: {}\n");
    registry.push(&project.path("app"), "team/web:1");
    let name = registry.name();
    let sent = "name: {{name}}
services:
  web:
    image: REGISTRY/team/web:1
    pull_policy: always
    x-placement: {hosts: [node-1]}
    x-ingress: {host: '{{domain}}', port: 8080, health_path: /healthz}
";
    project.compose_file(&sent.replace("REGISTRY", &name));
    let stored = config(
        &project.path("docker"),
        "stored",
        &json!({"credsStore": "journey"}),
    );
    let webpods = as_with(&project, &stored).env("PATH", helper(&project));

    let forecast = clean(webpods.run(["diff"]).expect(0)).stdout;
    assert!(forecast.contains("not pulled yet"), "{forecast}");
    assert!(forecast.contains("known after the pull"), "{forecast}");
    clean(webpods.run(["up", "-d", "-v"]).expect(0));
    project.answers();
    let first = running(&project, 0);
    assert!(first[0].ends_with(":latest"), "{first:?}");
    let again = clean(webpods.run(["up", "-d"]).expect(0));
    assert!(again.stderr.contains("nothing to do"), "{again}");

    // The tag moves, then is lost.
    project.write("app/VERSION", "two\n");
    registry.push(&project.path("app"), "team/web:1");
    clean(webpods.run(["up", "-d"]).expect(0));
    let second = running(&project, 0);
    assert_ne!(first, second);
    registry.forget();
    let lost = clean(webpods.run(["up", "-d"]).expect(1));
    let hint = format!("`{name}/team/web` has no such image");
    assert!(lost.stderr.contains(&hint), "{lost}");
    assert_eq!(running(&project, 0), second);

    // The same store, when the host pulls.
    registry.push(&project.path("app"), "team/web:1");
    project.compose_file(&PULLED.replace("REGISTRY", &name));
    clean(webpods.run(["up", "-d", "-v"]).expect(0));
    assert!(running(&project, 1)[0].ends_with(":pulled"));

    // Nobody's credentials, and a registry that nobody can reach.
    project.compose_file(&sent.replace("REGISTRY", &name));
    let nobody = config(&project.path("docker"), "nobody", &json!({}));
    let refused = clean(as_with(&project, &nobody).run(["up", "-d"]).expect(1));
    let login = format!("`docker login {name}`");
    assert!(refused.stderr.contains(&login), "{refused}");
    project.compose_file(&sent.replace("REGISTRY", "127.0.0.1:1"));
    let closed = clean(webpods.run(["up", "-d"]).expect(1));
    let hint = "registry `127.0.0.1:1` must be reachable from this machine";
    assert!(closed.stderr.contains(hint), "{closed}");
}
