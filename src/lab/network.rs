//! A lab's own bridge network, with addresses that nodes keep when they are restarted.

use std::net::Ipv4Addr;

use super::docker::{LAB, ask, docker};
use crate::error::{Error, Result};
use crate::model::ContextName;

/// The network of a lab, and the addresses in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// Its name in Docker.
    pub(super) name: String,
    base: u32,
    size: u32,
}

impl Network {
    /// The address of node `number`, counted from 1. The first address is the gateway's.
    pub(super) fn addr(&self, number: u8) -> Result<Ipv4Addr> {
        let offset = u32::from(number) + 1;
        // The last address of a network is its broadcast address.
        if offset + 1 >= self.size {
            return Err(Error::user(format!(
                "network `{}` has no room for node {number}",
                self.name
            ))
            .hint("give Docker larger `default-address-pools`, or ask for fewer `--nodes`"));
        }
        Ok(Ipv4Addr::from(self.base + offset))
    }

    fn parse(name: String, subnet: &str) -> Result<Self> {
        let parsed = subnet.split_once('/').and_then(|(base, bits)| {
            let base: Ipv4Addr = base.parse().ok()?;
            let bits: u32 = bits.parse().ok().filter(|bits| (8..=30).contains(bits))?;
            Some((u32::from(base), 1 << (32 - bits)))
        });
        let Some((base, size)) = parsed else {
            return Err(Error::user(format!(
                "Docker gave network `{name}` the subnet {subnet:?}, which a lab cannot use"
            )));
        };
        Ok(Self { name, base, size })
    }
}

pub(super) fn name(lab: &ContextName) -> String {
    format!("webpods-lab-{lab}")
}

async fn subnet(network: &str) -> Result<Option<String>> {
    let format = "{{range .IPAM.Config}}{{.Subnet}}\n{{end}}";
    let listed = ask(&["network", "inspect", "--format", format, network]).await?;
    Ok(listed.map(|subnets| {
        // With IPv6 on, a network has two subnets.
        let v4 = subnets.lines().find(|subnet| subnet.contains('.'));
        v4.unwrap_or_default().to_owned()
    }))
}

/// Finds the lab's network or makes it.
///
/// Docker lets a container ask for an address only where the subnet was given by hand, and only
/// Docker knows which subnet is free. So it is asked for one with a network that is removed at
/// once, and the real one gets that subnet.
pub(super) async fn ensure(lab: &ContextName) -> Result<Network> {
    const TRIES: usize = 5;
    let network = name(lab);
    let probe = format!("{network}-probe");
    let label = format!("{LAB}={lab}");
    let mut failure = None;
    for _ in 0..TRIES {
        if let Some(subnet) = subnet(&network).await? {
            return Network::parse(network, &subnet);
        }
        ask(&["network", "rm", &probe]).await?;
        docker(&["network", "create", "--label", &label, &probe]).await?;
        let free = subnet(&probe).await?.unwrap_or_default();
        docker(&["network", "rm", &probe]).await?;
        let create = [
            "network", "create", "--label", &label, "--subnet", &free, &network,
        ];
        // Another lab may have taken the subnet in between.
        failure = docker(&create).await.err();
    }
    Err(failure.unwrap_or_else(|| Error::user(format!("cannot make network `{network}`"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_follow_the_gateway() {
        let network = Network::parse("n".to_owned(), "172.18.0.0/16").unwrap();
        assert_eq!(network.addr(1).unwrap(), Ipv4Addr::new(172, 18, 0, 2));
        assert_eq!(network.addr(32).unwrap(), Ipv4Addr::new(172, 18, 0, 33));
    }

    #[test]
    fn a_small_network_is_full_before_its_broadcast_address() {
        let network = Network::parse("n".to_owned(), "10.0.0.8/29").unwrap();
        assert_eq!(network.addr(5).unwrap(), Ipv4Addr::new(10, 0, 0, 14));
        assert!(network.addr(6).is_err());
    }

    #[test]
    fn what_is_no_subnet_is_refused() {
        for subnet in ["", "fd00::/64", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/x"] {
            assert!(Network::parse("n".to_owned(), subnet).is_err(), "{subnet}");
        }
    }
}
