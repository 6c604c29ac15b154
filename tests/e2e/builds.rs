//! `build:` in full, with real builders: BuildKit and the classic one of this machine's engine, and
//! the BuildKit of a node's newer engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use webpods::docker::Nodes;
use webpods::event::Events;
use webpods::model::HostName;

use crate::support::{Project, Webpods, lab, with_buildx};

/// A project that is only built; its images are removed with it.
struct Source {
    name: String,
    folder: tempfile::TempDir,
    config: PathBuf,
    engine: Option<PathBuf>,
}

impl Source {
    fn new(journey: &str, compose: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{journey}-{}", std::process::id());
        let source = Self {
            config: with_buildx(folder.path()),
            name,
            folder,
            engine: None,
        };
        source.write("compose.yml", compose);
        fs::create_dir(source.path("app")).unwrap();
        for (file, text) in files {
            source.write(&format!("app/{file}"), text);
        }
        fs::copy("/bin/busybox", source.path("app/busybox")).unwrap();
        source
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// `{{name}}` is the project's name.
    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("{{name}}", &self.name)).unwrap();
    }

    fn webpods(&self) -> Webpods {
        let webpods = Webpods::new(self.folder.path())
            .env("DOCKER_CONFIG", text(&self.config))
            .env("XDG_CACHE_HOME", text(&self.path("cache")));
        match &self.engine {
            Some(socket) => webpods.env("DOCKER_HOST", format!("unix://{}", socket.display())),
            None => webpods,
        }
    }

    /// What docker prints, past webpods.
    fn docker(&self, args: &[&str]) -> String {
        let mut command = Command::new("docker");
        if let Some(socket) = &self.engine {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A file of an image.
    fn read(&self, image: &str, file: &str) -> String {
        let run = ["run", "--rm", "--network=none", image];
        self.docker(&[&run[..], &["/bin/busybox", "cat", file]].concat())
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut command = Command::new("docker");
        if let Some(socket) = &self.engine {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        let reference = format!("reference={}*", self.name);
        let listed = command
            .args(["images", "--quiet", "--filter", &reference])
            .output();
        let ids = String::from_utf8(listed.unwrap().stdout).unwrap();
        for id in ids.split_whitespace() {
            let mut command = Command::new("docker");
            if let Some(socket) = &self.engine {
                command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
            }
            // Two names of one image are removed at once.
            let _ = command.args(["rmi", "--force", id]).output();
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

const SHELL: &str = "FROM scratch AS shell\nCOPY busybox /bin/busybox\n\
                     SHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n";

const SECRETS: &str = r#"name: {{name}}
services:
  web:
    build:
      context: app
      target: made
      args: {VERSION: "1.2", NPM_TOKEN: }
      labels: {made.by: us}
      tags: ["{{name}}-extra:1"]
      secrets: [npm, {source: keyfile, target: key}]
      ssh: ["default=./id"]
      extra_hosts: ["pkg.test=10.9.8.7"]
      cache_from: ["type=local,src=nowhere"]
      cache_to: [type=inline]
      network: host
secrets:
  npm: {environment: NPM_SECRET}
  keyfile: {file: ./key}
"#;

/// Shows the secrets too, which must not be seen outside.
fn secret_stages() -> String {
    format!(
        "{SHELL}FROM shell AS made\nARG VERSION\nARG NPM_TOKEN\n\
         RUN --mount=type=secret,id=npm --mount=type=secret,id=key --mount=type=ssh {{ \
         busybox wc -c </run/secrets/npm; busybox wc -c </run/secrets/key; echo $VERSION; \
         busybox test -S \"$SSH_AUTH_SOCK\" && echo agent; busybox grep pkg.test /etc/hosts; \
         }} >/facts; busybox cat /run/secrets/npm /run/secrets/key; echo $NPM_TOKEN\n\
         FROM shell\nRUN not-this-stage\n"
    )
}

fn with_secrets(journey: &str) -> Source {
    let source = Source::new(journey, SECRETS, &[("Dockerfile", &secret_stages())]);
    source.write("key", "file-secret\n");
    let keygen = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(source.path("id"))
        .status();
    assert!(keygen.unwrap().success());
    source
}

#[test]
fn buildkit_gets_secrets_keys_and_everything_else() {
    let source = with_secrets("bk-keys");
    let webpods = source.webpods().env("NPM_TOKEN", "an-argument");
    let given = webpods.clone().env("NPM_SECRET", "hunter2-token");
    let run = given.run(["-c", "dev", "build"]).expect(0);
    assert!(run.stderr.contains("***"), "{run}");
    for secret in ["hunter2", "file-secret", "an-argument"] {
        assert!(!format!("{run}").contains(secret), "{run}");
    }
    let image = format!("{}-web", source.name);
    let facts = source.read(&image, "/facts");
    let facts: Vec<&str> = facts.split_whitespace().collect();
    assert_eq!(facts, ["13", "12", "1.2", "agent", "10.9.8.7", "pkg.test"]);
    let label = "{{index .Config.Labels \"made.by\"}}";
    let extra = format!("{}-extra:1", source.name);
    assert_eq!(
        source.docker(&["image", "inspect", "--format", label, &extra]),
        "us"
    );

    // Another token is no other source; another file is.
    let again = webpods.clone().env("NPM_SECRET", "rotated");
    let again = again.run(["-c", "dev", "build"]).expect(0);
    assert_eq!(again.stderr, "", "nothing is built");
    source.write("app/more", "more");
    let unset = webpods.run(["-c", "dev", "build"]).expect(1);
    assert!(
        unset.stderr.contains("`NPM_SECRET` is not set"),
        "refused before the build: {unset}"
    );
    assert!(!unset.stderr.contains("load build definition"), "{unset}");
}

#[test]
fn the_classic_builder_refuses_by_name_and_does_the_rest() {
    let source = with_secrets("classic-keys");
    let classic = || source.webpods().env("DOCKER_BUILDKIT", "0");
    let refused = classic().run(["-c", "dev", "build"]).expect(1);
    for key in ["cache_from", "cache_to", "secrets", "ssh"] {
        let key = format!("`build.{key}`");
        assert!(refused.stderr.contains(&key), "{refused}");
    }
    assert!(refused.stderr.contains("unset `DOCKER_BUILDKIT`"));

    source.write(
        "compose.yml",
        "name: {{name}}
services:
  web:
    build:
      context: app
      dockerfile_inline: |
        FROM scratch AS made
        COPY busybox /bin/busybox
        SHELL [\"/bin/busybox\", \"sh\", \"-c\"]
        ARG VERSION
        RUN { echo $$VERSION; ulimit -n; busybox df -m /dev/shm | busybox tail -n1; \
            busybox grep pkg.test /etc/hosts; busybox ls /sys/class/net; } >/facts
        FROM scratch
      target: made
      args: {VERSION: '1.2'}
      tags: ['{{name}}-extra:1']
      labels: {made.by: us}
      shm_size: 16m
      ulimits: {nofile: {soft: 100, hard: 200}}
      extra_hosts: ['pkg.test=10.9.8.7']
      network: none
      no_cache: true
",
    );
    classic().ok(["-c", "dev", "build"]);
    let facts = source.read(&format!("{}-extra:1", source.name), "/facts");
    let facts: Vec<&str> = facts.split_whitespace().collect();
    let wanted = [
        "1.2", "100", "shm", "16", "0", "16", "0%", "/dev/shm", "10.9.8.7", "pkg.test", "lo",
    ];
    assert_eq!(facts, wanted);
}

#[tokio::test]
async fn a_newer_buildkit_gets_additional_contexts_and_limits() {
    let mut source = Source::new(
        "bk-contexts",
        "name: {{name}}
services:
  base: {build: {context: app, dockerfile: Dockerfile.base}}
  web:
    build:
      context: app
      additional_contexts: {res: ./res, base: 'service:base'}
      shm_size: 16m
      ulimits: {nofile: {soft: 100, hard: 200}}
",
        &[
            ("Dockerfile.base", SHELL),
            (
                "Dockerfile",
                "FROM base\nCOPY --from=res text /text\n\
                 RUN { ulimit -n; busybox df -m /dev/shm | busybox tail -n1; } >/facts\n",
            ),
        ],
    );
    source.write("res/text", "from a folder beside");
    let lab = lab();
    let context =
        webpods::config::from_yaml(&lab.context, "lab.yml", &"e2e".parse().unwrap()).unwrap();
    let host: HostName = lab.nodes[0].name.parse().unwrap();
    let nodes = Nodes::connect(&context, std::slice::from_ref(&host), &Events::none())
        .await
        .unwrap();
    let session = &nodes.get(&host).unwrap().host;
    source.engine = Some(session.engine_socket().await.unwrap());

    source.webpods().ok(["-c", "dev", "build", "web"]);
    let image = format!("{}-web", source.name);
    assert_eq!(source.read(&image, "/text"), "from a folder beside");
    let facts = source.read(&image, "/facts");
    let facts: Vec<&str> = facts.split_whitespace().collect();
    assert_eq!((facts[0], facts[2]), ("100", "16"));

    source.write("res/text", "changed");
    source.webpods().ok(["-c", "dev", "build", "web"]);
    assert_eq!(source.read(&image, "/text"), "changed");
}

#[test]
fn another_platform_is_built_by_buildkit_only() {
    let source = Source::new(
        "bk-arm",
        "name: {{name}}
services:
  web:
    platform: linux/arm64
    build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY busybox /b\"}
",
        &[],
    );
    let built = source.webpods().json(["-c", "dev", "build"]);
    assert_eq!(built[0]["platform"], "linux/arm64", "{built}");
    let classic = source.webpods().env("DOCKER_BUILDKIT", "0");
    let refused = classic.run(["-c", "dev", "build", "--force"]).expect(1);
    assert!(
        refused.stderr.contains("is needed for `linux/arm64`"),
        "{refused}"
    );
}

#[test]
fn an_image_of_another_platform_reaches_no_host() {
    let project = Project::compose(
        "foreign",
        "name: {{name}}\nservices:\n  web: {platform: linux/arm64, build: app}\n",
    );
    let config = with_buildx(&project.path("."));
    let webpods = project.webpods().env("DOCKER_CONFIG", text(&config));
    for verb in [&["push"][..], &["up", "-d"], &["diff"]] {
        let refused = webpods.run(verb).expect(1);
        for part in ["`linux/arm64`", "`linux/amd64`", "`node-1`"] {
            assert!(refused.stderr.contains(part), "{refused}");
        }
    }
    for node in &project.lab.nodes {
        let machines = node.witness(
            "docker images --quiet 'webpods/*' | xargs -r docker image inspect \
             --format '{{.Architecture}}' | sort -u",
        );
        assert!(!machines.contains("arm64"), "{}: {machines}", node.name);
    }
}
