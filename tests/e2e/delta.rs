//! Little changes, and clients that know nothing: only what a host lacks travels, and what a plan
//! relies on stays.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use crate::support::{CACHE, ONE, Project, eventually, noise, sent};

/// A folder for a client that never did anything.
fn nothing_known() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn of_a_large_layer_that_changed_a_little_only_that_travels() {
    let mut bytes = noise(20_000_000);
    let project = Project::with_layer("delta", &bytes[..]);
    let node = &project.lab.nodes[0];
    let first = project
        .webpods()
        .run(["push", "--format", "json"])
        .expect(0);
    assert!(sent(&first) > 20_000_000, "{first}");

    bytes.splice(9_000_000..9_000_010, *b"something else");
    fs::write(project.path("app/layer"), &bytes).unwrap();
    let (_folder, path) = nothing_known();
    let fresh = project.webpods().env("XDG_CACHE_HOME", path);
    let second = fresh.run(["push", "--format", "json"]).expect(0);
    assert!(sent(&second) < 400_000, "{second}");
    // What was made is what was built, whole and loadable.
    project.up();
    project.answers();
    let wrong = node.witness(&format!(
        "cd {CACHE}/blobs/sha256 && for f in $(find . -size +15000k -mmin -5 -printf '%f '); do \
         sha256sum $f; done | awk '$1 != $2'"
    ));
    assert_eq!(wrong, "");
    let told = project.webpods().run(["push"]).expect(0);
    assert!(told.stderr.contains("node-1: nothing to send"), "{told}");
}

#[test]
fn a_connection_that_is_cut_is_made_again_and_the_rest_is_sent() {
    let project = Project::with_layer("cable", &noise(150_000_000)[..]);
    let node = &project.lab.nodes[0];
    project.webpods().ok(["build"]);
    let cache = format!("{CACHE}-{}", project.name);
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    // Sockets of its own, so that nobody else's connection is cut.
    let (_folder, path) = nothing_known();
    let client = project.webpods().env("XDG_CACHE_HOME", path.clone());
    let mut running = client.spawn(["push"]);
    let parts = format!("find {cache}/tmp -size +2000k 2>/dev/null || true");
    eventually("a part of the layer", 120, || match node.witness(&parts) {
        found if found.is_empty() => Err("nothing arrived".to_owned()),
        _ => Ok(()),
    });
    let cut = Command::new("pkill").args(["-f", &path]).status().unwrap();
    assert!(cut.success());
    let mut said = String::new();
    running
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(running.wait().unwrap().success(), "{said}");
    assert!(said.contains("was interrupted"), "{said}");
    assert_eq!(node.witness(&parts), "");
    node.witness(&format!("rm -rf {cache}"));
}

#[test]
fn a_disk_that_is_full_is_said_and_nothing_refers_to_what_is_missing() {
    let project = Project::with_layer("full", &noise(100_000)[..]);
    let node = &project.lab.nodes[0];
    let cache = format!("/mnt/{}", project.name);
    // Bytes are left, files are not: the check before cannot see it.
    node.witness(&format!(
        "mkdir -p {cache} && mount -t tmpfs -o size=1g,nr_inodes=9 tmpfs {cache}"
    ));
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    let failed = project.webpods().run(["push"]);
    assert_ne!(failed.status, 0, "{failed}");
    assert!(
        failed.stderr.contains("No space left on device"),
        "{failed}"
    );
    assert!(failed.stderr.contains("free disk space"), "{failed}");
    assert_eq!(
        node.witness(&format!("find {cache}/refs -type f 2>/dev/null || true")),
        ""
    );

    node.witness(&format!("mount -o remount,nr_inodes=1000 {cache}"));
    project.up();
    project.answers();
    project.webpods().ok(["down"]);
    node.witness(&format!("umount {cache} && rmdir {cache}"));
}

#[test]
fn another_project_that_goes_takes_nothing_that_is_about_to_start() {
    let leaving = Project::compose("leaving", ONE);
    let coming = Project::compose("coming", ONE);
    coming.write("app/VERSION", &leaving.read("app/VERSION"));
    leaving.up();
    coming.webpods().ok(["build"]);
    // It goes when the plan is made and locked, and nothing is started yet.
    let program = env!("CARGO_BIN_EXE_webpods");
    let folder = leaving.path("");
    coming.write(
        ".webpods/pipeline/up.lua",
        &format!(
            "return function(run)
    run.guard()
    run.build()
    run.observe()
    run.plan()
    run.show()
    run.lock()
    webpods.sh({{ 'sh', '-c', 'cd {} && exec {program} down' }})
    run.apply()
end
",
            folder.display()
        ),
    );
    coming.up();
    coming.answers();
    assert_eq!(leaving.containers("{{.Names}}"), Vec::<String>::new());
}

#[test]
fn a_new_host_gets_its_images_from_another_one_when_the_client_has_none() {
    let project = Project::compose("fetch", ONE);
    project.up();
    let spread = ONE.replace(
        "hosts: [node-1] }",
        "hosts: [node-1, node-2] }\n    scale: 2",
    );
    project.compose_file(&spread);
    let (_folder, path) = nothing_known();
    let fresh = project.webpods().env("XDG_CACHE_HOME", path);
    // Nor does its engine.
    let fresh = fresh.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let up = fresh.run(["up", "-d", "--no-build"]).expect(0);
    assert!(up.stderr.contains("fetched from host `node-1`"), "{up}");
    let hosts = project.containers("{{.Names}}");
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    project.answers();

    // A copy that is damaged goes no further; another host's is found the next time.
    let label = "{{.Label \"webpods.image\"}}";
    let digest = project.lab.nodes[0]
        .containers(&project.name, label)
        .remove(0);
    let config = format!(
        "{CACHE}/blobs/sha256/$(grep -o '\"config\":{{[^}}]*}}' {CACHE}/blobs/sha256/{} | \
         grep -o '[0-9a-f]\\{{64\\}}')",
        &digest["sha256:".len()..]
    );
    project.lab.nodes[0].witness(&format!("printf '[' | dd of={config} conv=notrunc 2>&1"));
    let all = spread.replace("[node-1, node-2]", "[node-1, node-2, node-3]");
    project.compose_file(&all.replace("scale: 2", "scale: 3"));
    let (_folder, path) = nothing_known();
    let fresh = project.webpods().env("XDG_CACHE_HOME", path);
    let fresh = fresh.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let refused = fresh.run(["up", "-d", "--no-build"]).expect(1);
    let why = "in the cache of host `node-1` was damaged and is removed";
    assert!(refused.stderr.contains(why), "{refused}");
    fresh.ok(["up", "-d", "--no-build"]);
    assert_eq!(project.containers("{{.Names}}").len(), 3);
}

#[test]
fn a_client_that_never_built_it_rolls_back_and_ships_nothing() {
    let project = Project::compose("undone", ONE);
    project.up();
    let mut file = fs::File::options();
    let mut file = file.append(true).open(project.path("app/VERSION")).unwrap();
    writeln!(file, "2").unwrap();
    project.up();
    let (_folder, path) = nothing_known();
    let fresh = project.webpods().env("XDG_CACHE_HOME", path);
    let back = fresh.run(["rollback"]).expect(0);
    assert!(!back.stderr.contains("fetched from"), "{back}");
    project.answers();
}

/// Has the project pushed to a cache of its own.
fn alone(project: &Project) -> String {
    let cache = format!("{CACHE}-{}", project.name);
    project.use_lab(&format!("artifacts: {{ remote_cache_dir: {cache} }}\n"));
    cache
}

/// Removes what no `down` does: the cache, and the image, which was only pushed.
fn clear(project: &Project, cache: &str) {
    let images = project.webpods().json(["images"]);
    let digest = images[0]["digest"].as_str().unwrap();
    let image = digest.replace("sha256:", "webpods/");
    project.lab.nodes[0].witness(&format!(
        "rm -rf {cache}; docker rmi -f {image} >/dev/null 2>&1; true"
    ));
}

#[test]
fn of_a_program_whose_addresses_moved_the_client_that_built_it_sends_the_difference() {
    // Far from what a linker makes, and like it in one thing: little numbers that move, everywhere.
    let program = |base: u32| {
        let mut bytes = filler(12_000_000);
        for (number, place) in bytes.chunks_exact_mut(64).enumerate() {
            let address = base + u32::try_from(number).unwrap() * 16;
            place[..4].copy_from_slice(&address.to_le_bytes());
        }
        // What stays as it is: by this the host knows the old one again.
        bytes.extend(filler(3_000_000));
        bytes
    };
    let project = Project::with_layer("linked", &program(0x40_0000)[..]);
    let cache = alone(&project);
    let node = &project.lab.nodes[0];
    project.webpods().ok(["push"]);
    fs::write(project.path("app/layer"), program(0x40_1000)).unwrap();
    project.webpods().ok(["build"]);
    let push = project.webpods().run(["push", "--format", "json"]);
    let push = push.expect(0);
    assert!(sent(&push) < 1_500_000, "{push}");
    assert!(!push.stderr.contains("is sent whole"), "{push}");
    let wrong = format!("cd {cache}/blobs/sha256 && sha256sum * | awk '$1 != $2'");
    assert_eq!(node.witness(&wrong), "");
    clear(&project, &cache);
}

/// Bytes that do not pack, the same every time.
fn filler(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(length).collect()
}

#[test]
fn a_client_that_is_killed_while_it_sends_a_difference_leaves_nothing_wrong() {
    let mut bytes = noise(60_000_000);
    let project = Project::with_layer("slain", &bytes[..]);
    let cache = alone(&project);
    let node = &project.lab.nodes[0];
    project.webpods().ok(["push"]);
    bytes.extend(noise(250_000_000));
    fs::write(project.path("app/layer"), &bytes).unwrap();
    project.webpods().ok(["build"]);
    let mut client = project.webpods().spawn(["push"]);
    // Beyond what is copied from the old layer.
    let parts = format!("find {cache}/tmp -maxdepth 1 -type f -size +80000k");
    let part = eventually("a part of the layer", 120, || match node.witness(&parts) {
        found if found.is_empty() => Err("nothing arrived".to_owned()),
        found => Ok(found),
    });
    client.kill().unwrap();
    client.wait().unwrap();
    let layer = part.rsplit('/').next().unwrap().split('.').next().unwrap();
    let blob = format!("{cache}/blobs/sha256/{layer}");
    assert_eq!(node.witness(&format!("ls {blob} 2>/dev/null || true")), "");
    let inode = node.witness(&format!("stat -c %i {part}"));

    let push = project.webpods().run(["push", "--format", "json"]);
    let push = push.expect(0);
    assert!(
        sent(&push) < 250_000_000,
        "what arrived is not sent again: {push}"
    );
    assert_eq!(node.witness(&format!("stat -c %i {blob}")), inode);
    let wrong = format!("cd {cache}/blobs/sha256 && sha256sum * | awk '$1 != $2'");
    assert_eq!(node.witness(&wrong), "");
    assert_eq!(node.witness(&parts), "");
    clear(&project, &cache);
}
