//! A registry of a journey's own: Debian's `docker-registry` on this machine, which wants a
//! password. It is the same name here and on every node, `127.0.0.1:<port>`, which engines trust
//! without TLS: on the nodes a Caddy passes on what comes there.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Lab, Node, eventually, lab};

/// Who may use it.
pub const USER: &str = "ci";
/// Long enough that nothing else contains it.
pub const PASSWORD: &str = "pull-e2e-secret-7391";
/// The password's hash, as the registry wants it.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuXuiuVQ7hqm9F/kNhxLnt/ePlM2yIBc2";
/// `ci:pull-e2e-secret-7391` in base64, as Docker's configuration keeps it.
pub const AUTH: &str = "Y2k6cHVsbC1lMmUtc2VjcmV0LTczOTE=";

/// A registry that runs for as long as this value lives.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    lab: &'static Lab,
    process: Child,
    folder: tempfile::TempDir,
}

impl Registry {
    /// Starts it, and the way to it on every node of the lab that all journeys share.
    pub fn start() -> Self {
        Self::start_for(lab())
    }

    /// The same for another lab.
    pub fn start_for(lab: &'static Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = any.local_addr().unwrap().port();
        drop(any);
        let path = |name: &str| folder.path().join(name);
        let config = serde_json::json!({
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": path("data")}, "delete": {"enabled": true}},
            "http": {"addr": format!("0.0.0.0:{port}")},
            "auth": {"htpasswd": {"realm": "journey", "path": path("htpasswd")}},
        });
        fs::write(path("config.yml"), config.to_string()).unwrap();
        fs::write(path("htpasswd"), format!("{USER}:{HASH}\n")).unwrap();
        let process = Command::new(program())
            .arg("serve")
            .arg(path("config.yml"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let registry = Self {
            port,
            lab,
            process,
            folder,
        };
        eventually("the registry", 30, || {
            let tried = TcpStream::connect(("127.0.0.1", port));
            tried.map_err(|error| error.to_string())
        });
        for node in &registry.lab.nodes {
            let far = registry.untrusted();
            node.witness(&format!(
                "caddy reverse-proxy --from http://{} --to http://{far} >/dev/null 2>&1 & \
                 echo $! >/run/{port}.pid; \
                 until curl -s -o /dev/null http://{}/v2/; do sleep 0.1; done",
                registry.name(),
                registry.name()
            ));
        }
        registry
    }

    /// What images' names begin with.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same registry by a name that engines do not trust without TLS.
    pub fn untrusted(&self) -> String {
        let way = self.lab.nodes[0].witness("ip route show default");
        let gateway = way.split(' ').nth(2).unwrap();
        format!("{gateway}:{}", self.port)
    }

    /// The same registry behind TLS on a node, with a certificate whose authority nobody knows;
    /// see [`Registry::trusted_by`].
    pub fn behind_tls(&self, node: &Node) -> String {
        // Below the ports that connections and webpods use.
        let name = format!("{}:{}", node.addr, 10_000 + self.port % 10_000);
        let (far, port) = (self.untrusted(), self.port);
        // Caddy would make the node trust it, and its engine too, if that had not looked before.
        let site = format!(
            "{{\n skip_install_trust\n admin off\n auto_https disable_redirects\n}}\n\
             https://{name} {{\n tls internal\n reverse_proxy http://{far}\n}}\n"
        );
        node.witness(&format!(
            "printf '%s' '{site}' >/run/{port}.caddy; \
             caddy run --adapter caddyfile --config /run/{port}.caddy >/dev/null 2>&1 & \
             echo $! >>/run/{port}.pid; \
             until curl -sk -o /dev/null https://{name}/v2/; do sleep 0.1; done"
        ));
        name
    }

    /// Has a node's engine trust what [`Registry::behind_tls`] named, until it is told no more.
    pub fn trusted_by(node: &Node, name: &str) {
        node.witness(&format!(
            "mkdir -p /etc/docker/certs.d/{name} && \
             cp /root/.local/share/caddy/pki/authorities/local/root.crt \
             /etc/docker/certs.d/{name}/ca.crt"
        ));
    }

    /// A folder for `DOCKER_CONFIG` with the password, as `docker login` leaves it.
    pub fn logged_in(&self, folder: &Path) -> PathBuf {
        let auths = serde_json::json!({"auths": {self.name(): {"auth": AUTH}}});
        config(folder, "logged-in", &auths)
    }

    /// Builds the folder and pushes it under this name; nothing of it stays here.
    #[track_caller]
    pub fn push(&self, from: &Path, name: &str) {
        let scratch = tempfile::tempdir().unwrap();
        let config = self.logged_in(scratch.path());
        let full = format!("{}/{name}", self.name());
        let from = from.to_str().unwrap();
        for args in [
            vec!["build", "--quiet", "--tag", &full, from],
            vec!["push", "--quiet", &full],
            vec!["rmi", "--force", &full],
        ] {
            let mut docker = Command::new("docker");
            let output = docker.args(&args).env("DOCKER_CONFIG", &config).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{args:?}: {output:?}");
        }
    }

    /// The digests of all that was pushed, in all repositories.
    pub fn manifests(&self) -> Vec<String> {
        let data = self.folder.path().join("data");
        let find = Command::new("find")
            .arg(data)
            .args(["-path", "*/_manifests/revisions/*", "-name", "link"])
            .output()
            .unwrap();
        let listed = String::from_utf8(find.stdout).unwrap();
        let mut manifests: Vec<String> = listed.lines().map(str::to_owned).collect();
        assert!(!manifests.is_empty(), "nothing was pushed");
        manifests.sort();
        manifests
    }

    /// Forgets every image, as after a disk was lost.
    pub fn forget(&self) {
        let data = self
            .folder
            .path()
            .join("data/docker/registry/v2/repositories");
        fs::remove_dir_all(data).unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for node in &self.lab.nodes {
            let pid = format!("/run/{}.pid", self.port);
            let stop = format!("kill $(cat {pid}) 2>/dev/null; rm -f {pid}");
            let mut docker = Command::new("docker");
            // A node that is gone needs no more.
            _ = docker
                .args(["exec", &node.container(), "sh", "-c", &stop])
                .output();
        }
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// A folder with a configuration of Docker's.
pub fn config(folder: &Path, name: &str, content: &serde_json::Value) -> PathBuf {
    let config = folder.join(name);
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.json"), content.to_string()).unwrap();
    config
}

/// Where `scripts/registry.sh` finds or puts it.
fn program() -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
    let places = [
        PathBuf::from("/usr/bin/docker-registry"),
        cache.join("webpods/docker-registry"),
    ];
    let found = places.into_iter().find(|path| path.exists());
    found.expect("docker-registry is nowhere: run scripts/setup.sh test")
}
