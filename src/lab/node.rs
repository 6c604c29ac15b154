//! A node's container: what it is created with, and bringing it to life.

use std::net::Ipv4Addr;

use super::docker::{ADDR, ENGINE, LAB, NODE, STORE, USER, container, docker};
use super::folders::Folders;
use super::settings::Settings;
use crate::error::Result;
use crate::model::{ContextName, HostName};

/// Every capability except SYS_RESOURCE, by the names that Docker 20.10 knows. `--privileged`
/// would ask for all the kernel has, and fails on machines that withhold a single one.
const CAPABILITIES: [&str; 37] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// A node to be made.
#[derive(Debug)]
pub(super) struct Blueprint<'a> {
    pub(super) lab: &'a ContextName,
    pub(super) name: &'a HostName,
    pub(super) addr: Ipv4Addr,
    pub(super) network: &'a str,
    pub(super) image: &'a str,
    pub(super) settings: Settings,
}

impl Blueprint<'_> {
    /// The arguments of `docker` that create the container, without starting it.
    fn create(&self) -> Vec<String> {
        let name = container(self.lab, self.name);
        let mut args: Vec<String> = vec!["create".into()];
        let mut flag = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        flag("--name", name.clone());
        flag("--hostname", self.name.to_string());
        for (label, value) in [
            (LAB, self.lab.to_string()),
            (NODE, self.name.to_string()),
            (ADDR, self.addr.to_string()),
            (ENGINE, self.settings.engine.to_string()),
            (STORE, self.settings.store.to_string()),
            (USER, self.settings.user.to_string()),
        ] {
            flag("--label", format!("{label}={value}"));
        }
        flag("--network", self.network.to_owned());
        flag("--ip", self.addr.to_string());
        flag("--env", format!("LAB_NODE={name}"));
        // A lab outlives a reboot of this machine.
        flag("--restart", "unless-stopped".into());
        for capability in CAPABILITIES {
            flag("--cap-add", capability.into());
        }
        for option in [
            "seccomp=unconfined",
            "apparmor=unconfined",
            // The engine inside writes to /proc/sys and mounts proc for its own containers.
            "systempaths=unconfined",
        ] {
            flag("--security-opt", option.into());
        }
        flag("--cgroupns", "host".into());
        flag("--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw".into());
        // An overlay cannot be the upper layer of another one: the engine needs a real disk.
        // Its containerd keeps its things below the same folder.
        flag("--volume", format!("{name}:/var/lib/docker"));
        flag("--tmpfs", "/run".into());
        args.push(self.image.to_owned());
        args
    }

    /// Makes the volume with the lab's label, then the container.
    pub(super) async fn make(&self) -> Result<()> {
        let label = format!("{LAB}={}", self.lab);
        let name = container(self.lab, self.name);
        docker(&["volume", "create", "--label", &label, &name]).await?;
        docker(&self.create()).await.map(drop)
    }
}

/// Hands the node its keys and starts it. Both are harmless when they were done before.
pub(super) async fn start(folders: &Folders, lab: &ContextName, node: &HostName) -> Result<()> {
    let name = container(lab, node);
    let keys = folders.node(lab, node).join(".");
    let target = format!("{name}:/etc/webpods-lab");
    docker(&["cp".as_ref(), keys.as_os_str(), target.as_ref()]).await?;
    docker(&["start", &name]).await.map(drop)
}

/// Stops and removes a node with its volume.
pub(super) async fn remove(lab: &ContextName, node: &HostName) -> Result<()> {
    use super::docker::ask;

    let name = container(lab, node);
    // Asked to stop, the node's engine tidies its control groups up; killed, it could not.
    ask(&["stop", "--time", "20", &name]).await?;
    ask(&["rm", "--force", "--volumes", &name]).await?;
    ask(&["volume", "rm", &name]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_labelled_addressed_and_not_privileged() {
        let lab = "a".parse().unwrap();
        let name = "node-1".parse().unwrap();
        let args = Blueprint {
            lab: &lab,
            name: &name,
            addr: Ipv4Addr::new(10, 1, 0, 2),
            network: "webpods-lab-a",
            image: "image:tag",
            settings: Settings::default(),
        }
        .create();
        let has = |flag: &str, value: &str| {
            args.windows(2)
                .any(|pair| pair[0] == flag && pair[1] == value)
        };
        assert!(has("--label", "webpods.lab=a"));
        assert!(has("--label", "webpods.lab.engine=26.1"));
        assert!(has("--ip", "10.1.0.2"));
        assert!(has("--volume", "webpods-lab-a-node-1:/var/lib/docker"));
        assert!(has("--cap-add", "SYS_ADMIN"));
        assert!(!has("--cap-add", "SYS_RESOURCE"));
        assert!(!args.iter().any(|arg| arg == "--privileged"));
        assert_eq!(args.first().unwrap(), "create");
        assert_eq!(args.last().unwrap(), "image:tag");
    }
}
