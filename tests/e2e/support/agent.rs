//! An ssh agent of a journey's own, with the lab's key in it.

use std::process::{Child, Command, Stdio};

use super::{Lab, Webpods, eventually};

/// It runs for as long as this value lives.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    folder: tempfile::TempDir,
}

impl Agent {
    /// Starts it.
    #[track_caller]
    pub fn start(lab: &Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(folder.path().join("agent"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self { child, folder };
        let mut lines = lab.context.lines();
        let key = lines.find_map(|line| line.trim().strip_prefix("key: "));
        let key: String = serde_json::from_str(key.unwrap()).unwrap();
        eventually("the agent to take the key", 20, || {
            let added = Command::new("ssh-add")
                .arg(&key)
                .env("SSH_AUTH_SOCK", agent.socket())
                .output()
                .unwrap();
            if added.status.success() {
                return Ok(());
            }
            Err(String::from_utf8_lossy(&added.stderr).into_owned())
        });
        agent
    }

    /// Its socket.
    pub fn socket(&self) -> String {
        self.folder
            .path()
            .join("agent")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The program with this agent.
    pub fn given(&self, webpods: Webpods) -> Webpods {
        webpods.env("SSH_AUTH_SOCK", self.socket())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
