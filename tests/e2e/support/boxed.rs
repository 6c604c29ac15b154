//! Projects made of a shell, to look at a container from inside.

use std::fs;

use super::{Node, Project};

impl Project {
    /// A project with this Compose text whose folder `box` builds an image with a shell.
    pub fn boxed(journey: &str, text: &str) -> Self {
        let project = Self::compose(journey, text);
        project.write(
            "box/Dockerfile",
            "FROM scratch\nCOPY busybox /bin/busybox\nCOPY VERSION /VERSION\n\
             CMD [\"/bin/busybox\", \"sleep\", \"1000000\"]\n",
        );
        project.write("box/VERSION", &project.name);
        fs::copy("/bin/busybox", project.path("box/busybox")).unwrap();
        project
    }

    /// The container of a service on a node, as a word of a shell.
    pub fn container(&self, service: &str) -> String {
        format!(
            "$(docker ps -q --filter label=webpods.project={} --filter label=webpods.service={service})",
            self.name
        )
    }

    /// What a command prints in the container of a service on a node.
    #[track_caller]
    pub fn inside(&self, node: &Node, service: &str, command: &str) -> String {
        node.witness(&format!(
            "docker exec {} {command}",
            self.container(service)
        ))
    }
}
