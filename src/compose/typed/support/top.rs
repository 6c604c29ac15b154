//! The sections of a file, and what networks, volumes, configs and secrets are made of.

use super::Does::{Carries, Differs, Refuses, Warns};
use super::{Row, Table};

/// The top of a file.
pub static TABLE: Table = Table {
    title: "Sections of a file",
    prefix: "",
    rows: &[
        Row(
            "version",
            Carries("nothing, as in Docker Compose: it is obsolete"),
        ),
        Row(
            "name",
            Carries("the project's name, unless `-p` or `COMPOSE_PROJECT_NAME` gives one"),
        ),
        Row(
            "include",
            Differs("while the file is read; files of other machines are refused"),
        ),
        Row(
            "services",
            Carries("see [keys of a service](#keys-of-a-service)"),
        ),
        Row(
            "models",
            Differs("read; services that use one are warned of"),
        ),
        Row(
            "networks",
            Differs(
                "one per host that needs it; see [below](#networks-volumes-configs-and-secrets)",
            ),
        ),
        Row(
            "volumes",
            Differs(
                "one per host that needs it; see [below](#networks-volumes-configs-and-secrets)",
            ),
        ),
        Row(
            "configs",
            Differs("shipped as files; see [below](#networks-volumes-configs-and-secrets)"),
        ),
        Row(
            "secrets",
            Differs("shipped as files; see [below](#networks-volumes-configs-and-secrets)"),
        ),
    ],
};

/// What is inside the sections that are not services.
pub static RESOURCES: Table = Table {
    title: "Networks, volumes, configs and secrets",
    prefix: "",
    rows: &[
        Row(
            "networks.*.name",
            Carries("the network's name; `<context>--<project>--<key>` when there is none"),
        ),
        Row("networks.*.driver", Carries("`Driver`")),
        Row("networks.*.driver_opts", Carries("`Options`")),
        Row("networks.*.ipam.driver", Carries("`IPAM.Driver`")),
        Row(
            "networks.*.ipam.config",
            Carries("`IPAM.Config`: `subnet`, `ip_range`, `gateway`, `aux_addresses`"),
        ),
        Row(
            "networks.*.ipam.options",
            Warns("Docker Compose does not pass them on either"),
        ),
        Row(
            "networks.*.external",
            Differs("it must exist on every host that needs it"),
        ),
        Row("networks.*.internal", Carries("`Internal`")),
        Row("networks.*.enable_ipv4", Carries("`EnableIPv4`")),
        Row("networks.*.enable_ipv6", Carries("`EnableIPv6`")),
        Row("networks.*.attachable", Carries("`Attachable`")),
        Row("networks.*.labels", Carries("`Labels`")),
        Row(
            "volumes.*.name",
            Carries("the volume's name; `<context>--<project>--<key>` when there is none"),
        ),
        Row("volumes.*.driver", Carries("`Driver`")),
        Row("volumes.*.driver_opts", Carries("`DriverOpts`")),
        Row(
            "volumes.*.external",
            Differs("the service goes only to hosts that have it"),
        ),
        Row("volumes.*.labels", Carries("`Labels`")),
        Row(
            "configs.*.name",
            Carries("nothing, as in Docker Compose: it is for external ones"),
        ),
        Row(
            "configs.*.content",
            Differs("shipped and mounted; Docker Compose copies it into the container"),
        ),
        Row(
            "configs.*.environment",
            Differs("shipped and mounted; Docker Compose copies it into the container"),
        ),
        Row(
            "configs.*.file",
            Differs(
                "read here, at most 1 MiB, or a folder of the project; shipped and mounted; Docker Compose mounts it from where it is",
            ),
        ),
        Row(
            "configs.*.external",
            Differs("refused when a service uses it, as in Docker Compose: it needs a Swarm"),
        ),
        Row(
            "configs.*.labels",
            Warns("only a Swarm has configs that could carry them"),
        ),
        Row(
            "configs.*.template_driver",
            Refuses("templates need a Swarm; write the file as it should be"),
        ),
        Row(
            "secrets.*.name",
            Carries("nothing, as in Docker Compose: it is for external ones"),
        ),
        Row(
            "secrets.*.environment",
            Differs("shipped and mounted; Docker Compose copies it into the container"),
        ),
        Row(
            "secrets.*.file",
            Differs(
                "read here, at most 1 MiB, shipped and mounted; Docker Compose mounts it from where it is",
            ),
        ),
        Row(
            "secrets.*.external",
            Differs("refused when a service uses it, as in Docker Compose: it needs a Swarm"),
        ),
        Row(
            "secrets.*.labels",
            Warns("only a Swarm has secrets that could carry them"),
        ),
        Row(
            "secrets.*.driver",
            Differs(
                "refused when a service uses the secret, as in Docker Compose: it needs a Swarm",
            ),
        ),
        Row("secrets.*.driver_opts", Differs("as `driver`")),
        Row(
            "secrets.*.template_driver",
            Refuses("templates need a Swarm; write the file as it should be"),
        ),
    ],
};
