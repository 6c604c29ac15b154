//! Projects whose image has a layer of its own.

use std::fs::File;
use std::io::{self, Read};

use super::Project;

/// Where hosts keep blobs.
pub const CACHE: &str = "/var/lib/webpods/cache";

/// One replica of `app` on the first node, behind its proxy.
pub const ONE: &str = "
name: {{name}}
services:
  web:
    build: app
    x-placement: { hosts: [node-1] }
    x-ingress: { host: '{{domain}}', port: 8080, health_path: /healthz }
";

impl Project {
    /// [`ONE`], with these bytes on top of its image.
    pub fn with_layer(journey: &str, bytes: impl Read) -> Self {
        let project = Self::compose(journey, ONE);
        project.add_layer(bytes);
        project
    }

    /// Puts these bytes on top of the image of `app`: the file `app/layer`.
    pub fn add_layer(&self, mut bytes: impl Read) {
        let mut file = File::create(self.path("app/layer")).unwrap();
        io::copy(&mut bytes, &mut file).unwrap();
        let dockerfile = self.read("app/Dockerfile");
        self.write(
            "app/Dockerfile",
            &format!("{dockerfile}COPY layer /layer\n"),
        );
    }
}
