//! `networks:`, of a service and of the file.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::read::{flag, items, number, object, string, texts};
use super::written_name;
use crate::compose::node::Node;
use crate::model::{NamedNetwork, NetworkAttachment};

/// How the engine's bridge driver is told the name of an interface.
const INTERFACE: &str = "com.docker.network.endpoint.ifname";

/// Networks of a service in order of priority, highest first, then by name. The first also gets the
/// service's own `mac_address`.
pub fn read(tree: &Json) -> IndexMap<String, NetworkAttachment> {
    let mut list: Vec<(i64, &String, NetworkAttachment)> = object(&tree["networks"])
        .map(|(key, tree)| {
            (
                number(&tree["priority"]).unwrap_or(0),
                key,
                attachment(tree),
            )
        })
        .collect();
    list.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    if let Some((_, _, first)) = list.first_mut()
        && first.mac_address.is_none()
    {
        first.mac_address = string(&tree["mac_address"]);
    }
    list.into_iter()
        .map(|(_, key, attachment)| (key.clone(), attachment))
        .collect()
}

fn attachment(tree: &Json) -> NetworkAttachment {
    let mut driver_opts: BTreeMap<String, String> = object(&tree["driver_opts"])
        .map(|(key, value)| {
            let text = value.as_str().map(str::to_owned);
            (key.clone(), text.unwrap_or_else(|| value.to_string()))
        })
        .collect();
    if let Some(name) = string(&tree["interface_name"]) {
        driver_opts.insert(INTERFACE.to_owned(), name);
    }
    NetworkAttachment {
        aliases: texts(&tree["aliases"]),
        ipv4_address: string(&tree["ipv4_address"]),
        ipv6_address: string(&tree["ipv6_address"]),
        link_local_ips: texts(&tree["link_local_ips"]),
        mac_address: string(&tree["mac_address"]),
        gw_priority: number(&tree["gw_priority"]).filter(|priority| *priority != 0),
        driver_opts,
    }
}

/// An entry of the top-level section.
pub fn network(key: &str, node: Option<&Node>, tree: &Json) -> NamedNetwork {
    let external = flag(&tree["external"]);
    let mut body = serde_json::Map::new();
    let mut put = |name: &str, value: Json| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    put("Driver", tree["driver"].clone());
    put("Options", tree["driver_opts"].clone());
    put("Internal", tree["internal"].clone());
    put("Attachable", tree["attachable"].clone());
    put("EnableIPv4", tree["enable_ipv4"].clone());
    put("EnableIPv6", tree["enable_ipv6"].clone());
    put("Labels", tree["labels"].clone());
    put("IPAM", ipam(&tree["ipam"]));
    NamedNetwork {
        name: written_name(key, node, external, tree),
        external,
        body: Json::Object(body),
    }
}

fn ipam(tree: &Json) -> Json {
    let pools: Vec<Json> = items(&tree["config"])
        .map(|pool| {
            let mut config = serde_json::Map::new();
            for (from, to) in [
                ("subnet", "Subnet"),
                ("ip_range", "IPRange"),
                ("gateway", "Gateway"),
                ("aux_addresses", "AuxiliaryAddresses"),
            ] {
                if let Some(value) = pool.get(from) {
                    config.insert(to.to_owned(), value.clone());
                }
            }
            Json::Object(config)
        })
        .collect();
    let driver = string(&tree["driver"]);
    if pools.is_empty() && driver.is_none() {
        return Json::Null;
    }
    let mut ipam = serde_json::Map::new();
    if let Some(driver) = driver {
        ipam.insert("Driver".to_owned(), json!(driver));
    }
    if !pools.is_empty() {
        ipam.insert("Config".to_owned(), json!(pools));
    }
    Json::Object(ipam)
}
