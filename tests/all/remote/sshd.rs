//! A real sshd on loopback with keys of its own, gone when the test ends.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use webpods::model::Ssh;
use webpods::remote::{Host, Options};

/// Where distributions put the server; it insists on being started by its absolute path.
const PROGRAMS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

pub struct Sshd {
    folder: TempDir,
    child: Child,
    pub port: u16,
}

impl Sshd {
    /// A server with these lines added to its configuration. A machine without sshd fails here:
    /// a test that passes because it did nothing would say nothing.
    pub fn start(extra: &str) -> Self {
        let program = PROGRAMS
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("these tests need sshd: `scripts/setup.sh test` installs openssh-server");
        let folder = tempfile::tempdir().unwrap();
        for key in ["host", "user", "stranger"] {
            generate(&folder.path().join(key));
        }
        let path = |name: &str| folder.path().join(name);
        fs::copy(path("user.pub"), path("authorized_keys")).unwrap();
        if rustix::process::getuid().is_root() {
            // Where no service manager does it. The privileged part of sshd changes into it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // Another process may take the port between finding and using it.
        for _ in 0..10 {
            let port = free_port();
            let dir = folder.path().display();
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\n\
                 AuthorizedKeysFile {dir}/authorized_keys\nPidFile none\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin yes\nLogLevel INFO\nSetEnv HOME={dir}\n{extra}\n"
            );
            fs::write(path("config"), config).unwrap();
            let mut child = Command::new(program)
                .args(["-D", "-f"])
                .arg(path("config"))
                .arg("-E")
                .arg(path("log"))
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            if answers(port, &mut child) {
                let key = fs::read_to_string(path("host.pub")).unwrap();
                fs::write(path("known_hosts"), format!("[127.0.0.1]:{port} {key}")).unwrap();
                return Self {
                    folder,
                    child,
                    port,
                };
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!(
            "sshd does not start: {}",
            fs::read_to_string(path("log")).unwrap()
        );
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings that this server lets in.
    pub fn ssh(&self) -> Ssh {
        Ssh {
            port: Some(self.port),
            key: Some(self.path("user")),
            known_hosts: Some(self.path("known_hosts")),
            ..Ssh::default()
        }
    }

    pub fn options(&self) -> Options {
        super::options(self.folder.path())
    }

    /// A session with this server; all of them share one connection.
    pub fn session(&self) -> Arc<Host> {
        super::session(&self.ssh(), "127.0.0.1", &self.options())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// How many logins there were.
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// The control sockets of masters that connected to this server.
    pub fn masters(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit())
            })
            .collect()
    }

    /// The process id of the only master.
    pub fn master(&self) -> rustix::process::Pid {
        let [socket] = &self.masters()[..] else {
            panic!("there is not one master: {:?}", self.masters());
        };
        let said = control(socket, "check");
        let digits = said
            .split("pid=")
            .nth(1)
            .unwrap()
            .split(')')
            .next()
            .unwrap();
        rustix::process::Pid::from_raw(digits.parse().unwrap()).unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for master in self.masters() {
            control(&master, "exit");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn control(socket: &Path, what: &str) -> String {
    let output = Command::new("ssh")
        .arg("-S")
        .arg(socket)
        .args(["-O", what, "127.0.0.1"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn generate(path: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn answers(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        sleep(Duration::from_millis(10));
    }
    false
}
