//! This machine's engine, which builds and pulls.

use crate::docker::Engine;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::model::{Host as Described, Ssh};
use crate::remote::Host;

/// Reaches it.
///
/// # Errors
/// There is none, or it does not answer, with the likely reason.
pub async fn engine(events: &Events) -> Result<Engine> {
    let described = Described {
        name: "local".parse()?,
        addr: "localhost".to_owned(),
        mesh_ip: None,
        user: None,
        port: None,
        labels: std::collections::BTreeMap::new(),
        local: true,
    };
    let host = Host::new(&Ssh::default(), &described, events)?;
    Engine::connect(host).await.map_err(|error| {
        Error::from(error)
            .with_kind(crate::error::Kind::User)
            .hint("images are built and pulled with this machine's Docker")
    })
}
