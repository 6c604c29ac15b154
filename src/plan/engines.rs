//! What engines of different versions can do (`docs/compose.md` has the same list).

use super::fleet::Member;
use crate::model::{MountKind, Service};

/// A key, the Docker version that carries it out, and whether a service uses it.
struct Since(&'static str, u32, fn(&Service) -> bool);

const SINCE: [Since; 7] = [
    Since("annotations", 24, |service| {
        let host = service.template.0.host_config.as_ref();
        host.is_some_and(|host| host.annotations.is_some())
    }),
    Since("healthcheck.start_interval", 25, |service| {
        let health = service.template.0.healthcheck.as_ref();
        health.is_some_and(|health| health.start_interval.is_some())
    }),
    Since("mac_address", 25, |service| {
        let mut networks = service.networks.values();
        networks.any(|network| network.mac_address.is_some())
    }),
    Since("volumes.bind.recursive", 25, |service| {
        let keys = ["ReadOnlyNonRecursive", "ReadOnlyForceRecursive"];
        let mut mounts = service.mounts.iter();
        mounts.any(|mount| {
            let options = mount.options.get("BindOptions");
            options.is_some_and(|options| keys.iter().any(|key| options.get(key).is_some()))
        })
    }),
    Since("volumes.volume.subpath", 26, |service| {
        let mut mounts = service.mounts.iter();
        mounts.any(|mount| {
            let volume = matches!(mount.kind, MountKind::Volume { .. });
            let options = mount.options.get("VolumeOptions");
            volume && options.is_some_and(|options| options.get("Subpath").is_some())
        })
    }),
    Since("networks.gw_priority", 28, |service| {
        let mut networks = service.networks.values();
        networks.any(|network| network.gw_priority.is_some())
    }),
    Since("networks.interface_name", 28, |service| {
        let mut options = service
            .networks
            .values()
            .flat_map(|one| one.driver_opts.keys());
        options.any(|option| option == "com.docker.network.endpoint.ifname")
    }),
];

/// Keys of the service that have no effect on this host, with the version that carries them out.
pub(super) fn too_new<'s>(
    service: &'s Service,
    member: &Member<'_>,
) -> impl Iterator<Item = (&'static str, u32)> + use<'s> {
    let engine = major(&member.observed.engine);
    let known = SINCE
        .iter()
        .filter(move |since| engine.is_some_and(|major| major < since.1));
    let used = known.filter(|since| since.2(service));
    used.map(|since| (since.0, since.1))
}

/// Whether the engine takes all networks of a container when it is created. Older ones take one;
/// newer ones forget the hardware address of those that are connected later.
pub(super) fn takes_all_networks(member: &Member<'_>) -> bool {
    major(&member.observed.engine).is_some_and(|major| major >= 25)
}

/// `26` of `26.1.5+dfsg1`.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_start_with_a_number() {
        let versions = ["20.10.24+dfsg1", "26.1.5", "28", "dev", ""].map(major);
        assert_eq!(versions, [Some(20), Some(26), Some(28), None, None]);
    }
}
