//! How containers are attached to networks.

use std::collections::BTreeMap;

use bollard::models::{EndpointIpamConfig, EndpointSettings};
use indexmap::IndexMap;

use super::names;
use crate::error::{Error, Result};
use crate::model::{NamedNetwork, NetworkAttachment, Service, StackKey};

/// The network of the create body, and those to connect before the start.
pub(super) type Attached = (
    Option<(String, EndpointSettings)>,
    BTreeMap<String, EndpointSettings>,
);

/// The first network goes into the create body; engines before 25 take only one there.
pub(super) fn attach(
    key: &StackKey,
    networks: &IndexMap<String, NamedNetwork>,
    service: &Service,
) -> Result<Attached> {
    let (mut first, mut further) = (None, BTreeMap::new());
    if service.network_mode.is_some() {
        return Ok((first, further));
    }
    for (network, attachment) in &service.networks {
        let name = network_name(key, networks, service, network)?;
        let endpoint = endpoint(service, attachment);
        if first.is_none() {
            first = Some((name, endpoint));
        } else {
            further.insert(name, endpoint);
        }
    }
    Ok((first, further))
}

fn endpoint(service: &Service, attachment: &NetworkAttachment) -> EndpointSettings {
    let mut aliases = vec![service.name.to_string()];
    for alias in &attachment.aliases {
        if !aliases.contains(alias) {
            aliases.push(alias.clone());
        }
    }
    let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let address = EndpointIpamConfig {
        ipv4_address: attachment.ipv4_address.clone(),
        ipv6_address: attachment.ipv6_address.clone(),
        link_local_ips: given(&attachment.link_local_ips),
    };
    let options = &attachment.driver_opts;
    EndpointSettings {
        links: given(&service.links),
        aliases: Some(aliases),
        ipam_config: (address != EndpointIpamConfig::default()).then_some(address),
        mac_address: attachment.mac_address.clone(),
        gw_priority: attachment.gw_priority,
        driver_opts: (!options.is_empty()).then(|| options.clone().into_iter().collect()),
        ..EndpointSettings::default()
    }
}

/// Gives a container the name that Docker Compose would give it, as one of its names on a network.
pub(super) fn also_known_as(endpoint: &mut EndpointSettings, name: &str) {
    let aliases = endpoint.aliases.get_or_insert_default();
    aliases.retain(|alias| alias != name);
    aliases.insert(0, name.to_owned());
}

fn network_name(
    key: &StackKey,
    networks: &IndexMap<String, NamedNetwork>,
    service: &Service,
    network: &str,
) -> Result<String> {
    let defined = networks.get(network).ok_or_else(|| {
        Error::user(format!(
            "service `{}` is on network `{}`, which is not defined",
            service.name,
            network.escape_debug()
        ))
        .hint("add it to the top-level `networks:`")
    })?;
    resolve_network(key, network, defined)
}

/// The name the engine knows the network by.
///
/// # Errors
/// The name the user wrote is not valid.
pub(super) fn resolve_network(
    key: &StackKey,
    network: &str,
    defined: &NamedNetwork,
) -> Result<String> {
    match &defined.name {
        Some(name) => Ok(names::written("network", network, name)?.to_owned()),
        None if defined.external => Ok(names::written("network", network, network)?.to_owned()),
        None => Ok(names::network(key, network)),
    }
}
