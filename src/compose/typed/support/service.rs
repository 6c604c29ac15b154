//! The keys of a service. Those with keys of their own that differ have a table of their own.

use super::Does::{Carries, Differs, Warns, WarnsIf};
use super::{Row, Table};

/// Every key of a service.
pub static TABLE: Table = Table {
    title: "Keys of a service",
    prefix: "services.*.",
    rows: &[
        Row("annotations", Carries("`HostConfig.Annotations`")),
        Row("attach", Carries("false: `up` does not follow its logs")),
        Row(
            "blkio_config",
            Carries("`HostConfig.BlkioWeight`, `.BlkioWeightDevice`, `.BlkioDevice…`"),
        ),
        Row(
            "build",
            Differs("on this machine, never on hosts; see [build](#build)"),
        ),
        Row("cap_add", Carries("`HostConfig.CapAdd`")),
        Row("cap_drop", Carries("`HostConfig.CapDrop`")),
        Row("cgroup", Carries("`HostConfig.CgroupnsMode`")),
        Row("cgroup_parent", Carries("`HostConfig.CgroupParent`")),
        Row("command", Carries("`Config.Cmd`")),
        Row(
            "configs",
            Differs(
                "shipped to every host and mounted read-only, with `uid`, `gid` and `mode`; see [files](#configs-and-secrets)",
            ),
        ),
        Row(
            "container_name",
            Carries("the container's name; the service can have one replica only"),
        ),
        Row("cpu_count", Carries("`HostConfig.CpuCount`")),
        Row("cpu_percent", Carries("`HostConfig.CpuPercent`")),
        Row("cpu_period", Carries("`HostConfig.CpuPeriod`")),
        Row("cpu_quota", Carries("`HostConfig.CpuQuota`")),
        Row("cpu_rt_period", Carries("`HostConfig.CpuRealtimePeriod`")),
        Row("cpu_rt_runtime", Carries("`HostConfig.CpuRealtimeRuntime`")),
        Row("cpu_shares", Carries("`HostConfig.CpuShares`")),
        Row("cpus", Carries("`HostConfig.NanoCpus`")),
        Row("cpuset", Carries("`HostConfig.CpusetCpus`")),
        Row("credential_spec", Warns("only Windows hosts know it")),
        Row(
            "depends_on",
            Differs("services start in this order during a rollout, on all hosts together"),
        ),
        Row(
            "deploy",
            Differs("replicas are spread over hosts; see [deploy](#deploy)"),
        ),
        Row("develop", Warns("it is for development on one machine")),
        Row(
            "device_cgroup_rules",
            Carries("`HostConfig.DeviceCgroupRules`"),
        ),
        Row(
            "devices",
            Carries(
                "`HostConfig.Devices`; names like `vendor.com/gpu=0` become `HostConfig.DeviceRequests`",
            ),
        ),
        Row("dns", Carries("`HostConfig.Dns`")),
        Row("dns_opt", Carries("`HostConfig.DnsOptions`")),
        Row("dns_search", Carries("`HostConfig.DnsSearch`")),
        Row("domainname", Carries("`Config.Domainname`")),
        Row("entrypoint", Carries("`Config.Entrypoint`")),
        Row(
            "env_file",
            Carries("`Config.Env`; the files are read here, where the command runs"),
        ),
        Row(
            "environment",
            Carries(
                "`Config.Env`; webpods adds four variables of its own, see [differences](#what-differs-from-docker-compose)",
            ),
        ),
        Row("expose", Carries("`Config.ExposedPorts`")),
        Row("extends", Carries("while the file is read")),
        Row(
            "external_links",
            Carries("`EndpointSettings.Links`; both containers are on one network of one host"),
        ),
        Row("extra_hosts", Carries("`HostConfig.ExtraHosts`")),
        Row("gpus", Carries("`HostConfig.DeviceRequests`")),
        Row("group_add", Carries("`HostConfig.GroupAdd`")),
        Row(
            "healthcheck",
            Carries("`Config.Healthcheck`; a rollout waits until it passes"),
        ),
        Row("hostname", Carries("`Config.Hostname`")),
        Row(
            "image",
            Differs("pulled here and shipped to hosts, under a name made of its digest"),
        ),
        Row("init", Carries("`HostConfig.Init`")),
        Row(
            "ipc",
            Carries("`HostConfig.IpcMode`; `service:` as for `network_mode`"),
        ),
        Row(
            "isolation",
            Carries("`HostConfig.Isolation`; Linux hosts know `default` only"),
        ),
        Row(
            "label_file",
            Carries("`Config.Labels`; the files are read here, where the command runs"),
        ),
        Row("labels", Carries("`Config.Labels`")),
        Row(
            "links",
            Differs(
                "`EndpointSettings.Links` to the service's name, so that they hold when its containers are replaced; containers of other hosts are not reached",
            ),
        ),
        Row("logging", Carries("`HostConfig.LogConfig`")),
        Row(
            "mac_address",
            Carries("`EndpointSettings.MacAddress` of the first network"),
        ),
        Row("mem_limit", Carries("`HostConfig.Memory`")),
        Row("mem_reservation", Carries("`HostConfig.MemoryReservation`")),
        Row("mem_swappiness", Carries("`HostConfig.MemorySwappiness`")),
        Row("memswap_limit", Carries("`HostConfig.MemorySwap`")),
        Row("models", Warns("run the model as a service")),
        Row(
            "network_mode",
            Differs(
                "`HostConfig.NetworkMode`; with `service:` each replica runs beside one of that service, on its host: the first beside the first, and they are replaced together",
            ),
        ),
        Row(
            "networks",
            Carries("`NetworkingConfig`; see [networks](#networks-of-a-service)"),
        ),
        Row("oom_kill_disable", Carries("`HostConfig.OomKillDisable`")),
        Row("oom_score_adj", Carries("`HostConfig.OomScoreAdj`")),
        Row(
            "pid",
            Carries("`HostConfig.PidMode`; `service:` as for `network_mode`"),
        ),
        Row("pids_limit", Carries("`HostConfig.PidsLimit`")),
        Row(
            "platform",
            Differs(
                "the platform that is built and pulled; hosts of another one are refused or warned of",
            ),
        ),
        Row(
            "ports",
            Differs(
                "`HostConfig.PortBindings` on every host that has a replica; ports of `x-ingress` are given by webpods",
            ),
        ),
        Row(
            "post_start",
            Carries("run in the container right after it starts; one that fails fails the rollout"),
        ),
        Row(
            "pre_stop",
            Carries(
                "run in the container right before it is stopped; one that fails keeps it running",
            ),
        ),
        Row("privileged", Carries("`HostConfig.Privileged`")),
        Row("profiles", Carries("while the file is read")),
        Row(
            "provider",
            Warns("only services that are containers are deployed"),
        ),
        Row(
            "pull_policy",
            WarnsIf(
                |node| {
                    let known = ["missing", "if_not_present", "always", "never", "build"];
                    node.as_str().is_none_or(|policy| !known.contains(&policy))
                },
                "`always`, `missing`, `never` and `build` hold here, where images are pulled and built; with any other an image is pulled when it is missing",
            ),
        ),
        Row(
            "pull_refresh_after",
            Warns("images are pulled when the release is made"),
        ),
        Row("read_only", Carries("`HostConfig.ReadonlyRootfs`")),
        Row("restart", Carries("`HostConfig.RestartPolicy`")),
        Row("runtime", Carries("`HostConfig.Runtime`")),
        Row("scale", Differs("the number of replicas over all hosts")),
        Row(
            "secrets",
            Differs("as `configs`, below `/run/secrets`; never shown"),
        ),
        Row(
            "security_opt",
            Carries(
                "`HostConfig.SecurityOpt`; a seccomp profile is read here; `systempaths=unconfined` empties `MaskedPaths` and `ReadonlyPaths`",
            ),
        ),
        Row("shm_size", Carries("`HostConfig.ShmSize`")),
        Row("stdin_open", Carries("`Config.OpenStdin`")),
        Row(
            "stop_grace_period",
            Carries("`Config.StopTimeout`, and the patience of every stop"),
        ),
        Row("stop_signal", Carries("`Config.StopSignal`")),
        Row("storage_opt", Carries("`HostConfig.StorageOpt`")),
        Row("sysctls", Carries("`HostConfig.Sysctls`")),
        Row("tmpfs", Carries("`HostConfig.Tmpfs`")),
        Row("tty", Carries("`Config.Tty`")),
        Row("ulimits", Carries("`HostConfig.Ulimits`")),
        Row(
            "use_api_socket",
            Differs(
                "the socket of the host's engine is mounted; the registry credentials of this machine stay here",
            ),
        ),
        Row("user", Carries("`Config.User`")),
        Row("userns_mode", Carries("`HostConfig.UsernsMode`")),
        Row("uts", Carries("`HostConfig.UTSMode`")),
        Row(
            "volumes",
            Differs(
                "`HostConfig.Binds` and `.Mounts`; the project's own files are shipped, see [volumes](#volumes-of-a-service)",
            ),
        ),
        Row(
            "volumes_from",
            Differs(
                "`HostConfig.VolumesFrom`; the other service's replicas are found as for `network_mode`, and `:ro` holds, which Docker Compose drops",
            ),
        ),
        Row("working_dir", Carries("`Config.WorkingDir`")),
    ],
};
