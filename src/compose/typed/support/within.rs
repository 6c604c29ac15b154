//! Keys inside the keys of a service.

use super::Does::{Carries, Differs, Warns, WarnsIf};
use super::{Row, Table};

/// Small sections with keys of their own.
pub static TABLE: Table = Table {
    title: "Inside other keys of a service",
    prefix: "services.*.",
    rows: &[
        Row(
            "configs[].source",
            Carries("which of the top-level `configs`"),
        ),
        Row(
            "configs[].target",
            Carries("the path inside the container; `/<source>` when there is none"),
        ),
        Row(
            "configs[].uid",
            Differs("the owner of the file, also where Docker Compose ignores it"),
        ),
        Row(
            "configs[].gid",
            Differs("the group of the file, also where Docker Compose ignores it"),
        ),
        Row(
            "configs[].mode",
            Differs(
                "the bits of the file, also where Docker Compose ignores them; 0444 when there is none",
            ),
        ),
        Row(
            "depends_on.*.condition",
            Carries("`service_started`, `service_healthy` or `service_completed_successfully`"),
        ),
        Row(
            "depends_on.*.required",
            Carries("false: a service that is not there is left out"),
        ),
        Row(
            "depends_on.*.restart",
            Differs(
                "when the other service's containers are replaced, its own are made anew after them; Docker Compose stops and starts them",
            ),
        ),
        Row(
            "develop.watch",
            Warns("it is for development on one machine"),
        ),
        Row(
            "env_file[].path",
            Carries("read here, where the command runs"),
        ),
        Row(
            "env_file[].required",
            Carries("false: the file may be missing"),
        ),
        Row(
            "env_file[].format",
            Carries("`raw`: values are taken as they are"),
        ),
        Row("extends.service", Carries("while the file is read")),
        Row(
            "extends.file",
            Differs("while the file is read; files of other machines are refused"),
        ),
        Row(
            "healthcheck.disable",
            Carries("`Config.Healthcheck.Test` is `NONE`"),
        ),
        Row(
            "healthcheck.interval",
            Carries("`Config.Healthcheck.Interval`"),
        ),
        Row(
            "healthcheck.retries",
            Carries("`Config.Healthcheck.Retries`"),
        ),
        Row(
            "healthcheck.start_interval",
            Carries("`Config.Healthcheck.StartInterval`"),
        ),
        Row(
            "healthcheck.start_period",
            Carries("`Config.Healthcheck.StartPeriod`"),
        ),
        Row("healthcheck.test", Carries("`Config.Healthcheck.Test`")),
        Row(
            "healthcheck.timeout",
            Carries("`Config.Healthcheck.Timeout`"),
        ),
        Row("logging.driver", Carries("`HostConfig.LogConfig.Type`")),
        Row("logging.options", Carries("`HostConfig.LogConfig.Config`")),
        Row("ports[].target", Carries("the port inside the container")),
        Row(
            "ports[].published",
            Differs(
                "the port on every host with a replica; of a range, the engine of the host takes one that is free",
            ),
        ),
        Row(
            "ports[].host_ip",
            Carries("`HostConfig.PortBindings[].HostIp`"),
        ),
        Row("ports[].protocol", Carries("`tcp`, `udp` or `sctp`")),
        Row(
            "ports[].app_protocol",
            Carries("nothing, as in Docker Compose: it is for people"),
        ),
        Row(
            "ports[].mode",
            Carries(
                "nothing, as in Docker Compose: a port is published on the host that has the container",
            ),
        ),
        Row(
            "ports[].name",
            Carries("nothing, as in Docker Compose: it is for people"),
        ),
        Row(
            "secrets[].source",
            Carries("which of the top-level `secrets`"),
        ),
        Row(
            "secrets[].target",
            Carries("the path inside the container; `/run/secrets/<source>` when there is none"),
        ),
        Row(
            "secrets[].uid",
            Differs("the owner of the file, also where Docker Compose ignores it"),
        ),
        Row(
            "secrets[].gid",
            Differs("the group of the file, also where Docker Compose ignores it"),
        ),
        Row(
            "secrets[].mode",
            Differs(
                "the bits of the file, also where Docker Compose ignores them; 0444 when there is none",
            ),
        ),
    ],
};

/// `networks:` of a service.
pub static NETWORKS: Table = Table {
    title: "Networks of a service",
    prefix: "services.*.networks.*.",
    rows: &[
        Row(
            "aliases",
            Carries("`EndpointSettings.Aliases`, besides the name of the service"),
        ),
        Row("driver_opts", Carries("`EndpointSettings.DriverOpts`")),
        Row("gw_priority", Carries("`EndpointSettings.GwPriority`")),
        Row(
            "interface_name",
            Carries("`EndpointSettings.DriverOpts`, as `com.docker.network.endpoint.ifname`"),
        ),
        Row(
            "ipv4_address",
            Carries("`EndpointSettings.IPAMConfig.IPv4Address`"),
        ),
        Row(
            "ipv6_address",
            Carries("`EndpointSettings.IPAMConfig.IPv6Address`"),
        ),
        Row(
            "link_local_ips",
            Carries("`EndpointSettings.IPAMConfig.LinkLocalIPs`"),
        ),
        Row("mac_address", Carries("`EndpointSettings.MacAddress`")),
        Row(
            "priority",
            Carries(
                "the order in which networks are connected; the first is `HostConfig.NetworkMode`",
            ),
        ),
    ],
};

/// `volumes:` of a service.
pub static VOLUMES: Table = Table {
    title: "Volumes of a service",
    prefix: "services.*.volumes[].",
    rows: &[
        Row(
            "type",
            WarnsIf(
                |node| matches!(node.as_str(), Some("image" | "npipe" | "cluster")),
                "a rollout refuses this type of mount; `bind`, `volume` and `tmpfs` are carried out",
            ),
        ),
        Row(
            "source",
            Differs(
                "files inside the project are shipped with the release and mounted read-only; others are paths of the host; volumes stay on the host that has them",
            ),
        ),
        Row("target", Carries("the path inside the container")),
        Row(
            "read_only",
            Carries("`ro`; files of the project must have it on hosts that are other machines"),
        ),
        Row("consistency", Carries("`Mounts[].Consistency`")),
        Row(
            "bind.create_host_path",
            Carries("`HostConfig.Binds` instead of `.Mounts`, which makes the folder"),
        ),
        Row(
            "bind.propagation",
            Carries("`Mounts[].BindOptions.Propagation`"),
        ),
        Row(
            "bind.recursive",
            Carries(
                "`Mounts[].BindOptions.NonRecursive`, `.ReadOnlyNonRecursive`, `.ReadOnlyForceRecursive`",
            ),
        ),
        Row(
            "bind.selinux",
            Carries("the option `z` or `Z` of `HostConfig.Binds`"),
        ),
        Row("image.subpath", Warns("build the files into the image")),
        Row("tmpfs.mode", Carries("`Mounts[].TmpfsOptions.Mode`")),
        Row("tmpfs.size", Carries("`Mounts[].TmpfsOptions.SizeBytes`")),
        Row("volume.labels", Carries("`Mounts[].VolumeOptions.Labels`")),
        Row("volume.nocopy", Carries("`Mounts[].VolumeOptions.NoCopy`")),
        Row(
            "volume.subpath",
            Carries("`Mounts[].VolumeOptions.Subpath`"),
        ),
    ],
};
