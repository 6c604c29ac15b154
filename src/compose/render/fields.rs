//! Every key of the model with its type, in the order Compose prints them.

use super::Keep::{Always, Both, Full, Object as Empty, OnlyYaml, Written, YamlZero};
use super::{Field, Type};

use Type::{
    Bool, Bytes, Command, Duration, Filled, Float, Hosts, Int, List, Map, Object, Pairs, Text,
    Texts,
};

pub const TOP: &[Field] = &[
    Field("name", Text, Full),
    Field("services", Map(&Object(SERVICE)), Both),
    Field("networks", Filled(&Object(NETWORK)), Full),
    Field("volumes", Filled(&Object(VOLUME)), Full),
    Field("secrets", Filled(&Object(FILE_OBJECT)), Full),
    Field("configs", Filled(&Object(FILE_OBJECT)), Full),
    Field("models", Filled(&Object(MODEL)), OnlyYaml),
];

pub const SERVICE: &[Field] = &[
    Field("profiles", Texts, Full),
    Field("annotations", Pairs, Full),
    Field("attach", Bool, Written),
    Field("build", Object(BUILD), Written),
    Field("develop", Object(DEVELOP), Written),
    Field("blkio_config", Object(BLKIO), Written),
    Field("cap_add", Texts, Full),
    Field("cap_drop", Texts, Full),
    Field("cgroup_parent", Text, Full),
    Field("cgroup", Text, Full),
    Field("cpu_count", Int, Full),
    Field("cpu_percent", Float, Full),
    Field("cpu_period", Int, Full),
    Field("cpu_quota", Int, Full),
    Field("cpu_rt_period", Int, Full),
    Field("cpu_rt_runtime", Int, Full),
    Field("cpus", Float, Full),
    Field("cpuset", Text, Full),
    Field("cpu_shares", Int, Full),
    Field("command", Command, Always),
    Field("configs", List(&Object(FILE_MOUNT)), Full),
    Field("container_name", Text, Full),
    Field("credential_spec", Object(CREDENTIAL_SPEC), Written),
    Field("depends_on", Map(&Object(DEPENDENCY)), Full),
    Field("deploy", Object(DEPLOY), Written),
    Field("device_cgroup_rules", Texts, Full),
    Field("devices", List(&Object(DEVICE)), Full),
    Field("dns", Texts, Full),
    Field("dns_opt", Texts, Full),
    Field("dns_search", Texts, Full),
    Field("domainname", Text, Full),
    Field("entrypoint", Command, Always),
    Field("provider", Object(PROVIDER), Written),
    Field("environment", Type::Variables, Full),
    Field("env_file", List(&Object(ENV_FILE)), Full),
    Field("expose", Texts, Full),
    Field("extends", Object(EXTENDS), Written),
    Field("external_links", Texts, Full),
    Field("extra_hosts", Hosts, Full),
    Field("group_add", Type::Groups, Full),
    Field("gpus", List(&Type::Bare(DEVICE_REQUEST)), Full),
    Field("hostname", Text, Full),
    Field("healthcheck", Object(HEALTHCHECK), Written),
    Field("image", Text, Full),
    Field("init", Bool, Written),
    Field("ipc", Text, Full),
    Field("isolation", Text, Full),
    Field("labels", Pairs, Full),
    Field("label_file", Texts, Full),
    Field("links", Texts, Full),
    Field("logging", Object(LOGGING), Written),
    Field("mem_limit", Bytes, Full),
    Field("mem_reservation", Bytes, Full),
    Field("memswap_limit", Bytes, Full),
    Field("mem_swappiness", Bytes, Full),
    Field("mac_address", Text, Full),
    Field("models", Map(&Object(SERVICE_MODEL)), Full),
    Field("network_mode", Text, Full),
    Field("networks", Map(&Object(SERVICE_NETWORK)), Full),
    Field("oom_kill_disable", Bool, Full),
    Field("oom_score_adj", Int, Full),
    Field("pid", Text, Full),
    Field("pids_limit", Int, Full),
    Field("platform", Text, Full),
    Field("ports", List(&Object(PORT)), Full),
    Field("privileged", Bool, Full),
    Field("pull_policy", Text, Full),
    Field("read_only", Bool, Full),
    Field("restart", Text, Full),
    Field("runtime", Text, Full),
    Field("scale", Int, Written),
    Field("secrets", List(&Object(FILE_MOUNT)), Full),
    Field("security_opt", Texts, Full),
    Field("shm_size", Bytes, Full),
    Field("stdin_open", Bool, Full),
    Field("stop_grace_period", Duration, Written),
    Field("stop_signal", Text, Full),
    Field("storage_opt", Type::Words, Full),
    Field("sysctls", Pairs, Full),
    Field("tmpfs", Texts, Full),
    Field("tty", Bool, Full),
    Field("ulimits", Map(&Type::Ulimit), Full),
    Field("use_api_socket", Bool, Full),
    Field("user", Text, Full),
    Field("userns_mode", Text, Full),
    Field("uts", Text, Full),
    Field("volumes", List(&Object(MOUNT)), Full),
    Field("volumes_from", Texts, Full),
    Field("working_dir", Text, Full),
    Field("post_start", List(&Object(HOOK)), Full),
    Field("pre_stop", List(&Object(HOOK)), Full),
];

const BUILD: &[Field] = &[
    Field("context", Text, Full),
    Field("dockerfile", Text, Full),
    Field("dockerfile_inline", Text, Full),
    Field("entitlements", Texts, Full),
    Field("args", Type::Variables, Full),
    Field("provenance", Text, Full),
    Field("sbom", Text, Full),
    Field("ssh", Type::Ssh, Full),
    Field("labels", Pairs, Full),
    Field("cache_from", Texts, Full),
    Field("cache_to", Texts, Full),
    Field("no_cache", Bool, Full),
    Field("additional_contexts", Pairs, Full),
    Field("pull", Bool, Full),
    Field("extra_hosts", Hosts, Full),
    Field("isolation", Text, Full),
    Field("network", Text, Full),
    Field("target", Text, Full),
    Field("secrets", List(&Object(FILE_MOUNT)), Full),
    Field("shm_size", Bytes, Full),
    Field("tags", Texts, Full),
    Field("ulimits", Map(&Type::Ulimit), Full),
    Field("platforms", Texts, Full),
    Field("privileged", Bool, Full),
];

const BLKIO: &[Field] = &[
    Field("weight", Type::Whole, Full),
    Field("weight_device", List(&Object(BLKIO_WEIGHT)), Full),
    Field("device_read_bps", List(&Object(BLKIO_RATE)), Full),
    Field("device_read_iops", List(&Object(BLKIO_RATE)), Full),
    Field("device_write_bps", List(&Object(BLKIO_RATE)), Full),
    Field("device_write_iops", List(&Object(BLKIO_RATE)), Full),
];
const BLKIO_WEIGHT: &[Field] = &[
    Field("path", Text, Both),
    Field("weight", Type::Whole, Both),
];
const BLKIO_RATE: &[Field] = &[Field("path", Text, Both), Field("rate", Bytes, Both)];

const CREDENTIAL_SPEC: &[Field] = &[
    Field("config", Text, Full),
    Field("file", Text, Full),
    Field("registry", Text, Full),
];

const DEPENDENCY: &[Field] = &[
    Field("condition", Text, Full),
    Field("restart", Bool, Full),
    Field("required", Bool, Both),
];

const DEPLOY: &[Field] = &[
    Field("mode", Text, Full),
    Field("replicas", Int, Written),
    Field("labels", Pairs, Full),
    Field("update_config", Object(UPDATE_CONFIG), Written),
    Field("rollback_config", Object(UPDATE_CONFIG), Written),
    Field("resources", Object(RESOURCES), Empty),
    Field("restart_policy", Object(RESTART_POLICY), Written),
    Field("placement", Object(PLACEMENT), Empty),
    Field("endpoint_mode", Text, Full),
];
const UPDATE_CONFIG: &[Field] = &[
    Field("parallelism", Int, Written),
    Field("delay", Duration, Full),
    Field("failure_action", Text, Full),
    Field("monitor", Duration, Full),
    Field("max_failure_ratio", Float, Full),
    Field("order", Text, Full),
];
const RESOURCES: &[Field] = &[
    Field("limits", Object(RESOURCE), Written),
    Field("reservations", Object(RESOURCE), Written),
];
const RESOURCE: &[Field] = &[
    Field("cpus", Float, Full),
    Field("memory", Bytes, Full),
    Field("pids", Int, Full),
    Field("devices", List(&Type::Bare(DEVICE_REQUEST)), Full),
    Field("generic_resources", List(&Object(GENERIC)), Full),
];
const GENERIC: &[Field] = &[Field("discrete_resource_spec", Object(DISCRETE), Written)];
const DISCRETE: &[Field] = &[Field("kind", Text, Full), Field("value", Int, Both)];
const DEVICE_REQUEST: &[Field] = &[
    Field("capabilities", Texts, Full),
    Field("driver", Text, Full),
    Field("count", Type::Count, Full),
    Field("device_ids", Texts, Full),
    Field("options", Pairs, Full),
];
const RESTART_POLICY: &[Field] = &[
    Field("condition", Text, Full),
    Field("delay", Duration, Written),
    Field("max_attempts", Int, Written),
    Field("window", Duration, Written),
];
const PLACEMENT: &[Field] = &[
    Field("constraints", Texts, Full),
    Field("preferences", List(&Object(PREFERENCE)), Full),
    Field("max_replicas_per_node", Int, Full),
];
const PREFERENCE: &[Field] = &[Field("spread", Text, Full)];

const DEVICE: &[Field] = &[
    Field("source", Text, Full),
    Field("target", Text, Full),
    Field("permissions", Text, Full),
];

const PROVIDER: &[Field] = &[
    Field("type", Text, Full),
    Field("options", Type::Options, Full),
];

const ENV_FILE: &[Field] = &[
    Field("path", Text, Full),
    Field("required", Bool, Both),
    Field("format", Text, Full),
];

const EXTENDS: &[Field] = &[Field("file", Text, Full), Field("service", Text, Full)];

const HEALTHCHECK: &[Field] = &[
    Field("test", Type::Test, Full),
    Field("timeout", Duration, Written),
    Field("interval", Duration, Written),
    Field("retries", Int, Written),
    Field("start_period", Duration, Written),
    Field("start_interval", Duration, Written),
    Field("disable", Bool, Full),
];

const LOGGING: &[Field] = &[Field("driver", Text, Full), Field("options", Pairs, Full)];

const SERVICE_MODEL: &[Field] = &[
    Field("endpoint_var", Text, Full),
    Field("model_var", Text, Full),
];

const SERVICE_NETWORK: &[Field] = &[
    Field("aliases", Texts, Full),
    Field("driver_opts", Pairs, Full),
    Field("gw_priority", Int, Full),
    Field("interface_name", Text, Full),
    Field("ipv4_address", Text, Full),
    Field("ipv6_address", Text, Full),
    Field("link_local_ips", Texts, Full),
    Field("mac_address", Text, Full),
    Field("priority", Int, Full),
];

const PORT: &[Field] = &[
    Field("name", Text, Full),
    Field("mode", Text, Full),
    Field("host_ip", Text, Full),
    Field("target", Int, Full),
    Field("published", Text, Full),
    Field("protocol", Text, Full),
    Field("app_protocol", Text, Full),
];

const FILE_MOUNT: &[Field] = &[
    Field("source", Text, Full),
    Field("target", Text, Full),
    Field("uid", Text, Full),
    Field("gid", Text, Full),
    Field("mode", Type::Mode, Written),
];

const MOUNT: &[Field] = &[
    Field("type", Text, Full),
    Field("source", Text, Full),
    Field("target", Text, Full),
    Field("read_only", Bool, Full),
    Field("consistency", Text, Full),
    Field("bind", Object(MOUNT_BIND), Written),
    Field("volume", Object(MOUNT_VOLUME), Written),
    Field("tmpfs", Object(MOUNT_TMPFS), Written),
    Field("image", Object(MOUNT_IMAGE), Written),
];
const MOUNT_BIND: &[Field] = &[
    Field("selinux", Text, Full),
    Field("propagation", Text, Full),
    Field("create_host_path", Bool, Full),
    Field("recursive", Text, Full),
];
const MOUNT_VOLUME: &[Field] = &[
    Field("labels", Pairs, Full),
    Field("nocopy", Bool, Full),
    Field("subpath", Text, Full),
];
const MOUNT_TMPFS: &[Field] = &[
    Field("size", Bytes, Full),
    Field("mode", Type::Natural, Full),
];
const MOUNT_IMAGE: &[Field] = &[Field("subpath", Text, Full)];

const HOOK: &[Field] = &[
    Field("command", Command, Always),
    Field("user", Text, Full),
    Field("privileged", Bool, Full),
    Field("working_dir", Text, Full),
    Field("environment", Type::Variables, Full),
];

pub const ULIMIT: &[Field] = &[
    Field("soft", Type::Whole, YamlZero),
    Field("hard", Type::Whole, YamlZero),
];

const DEVELOP: &[Field] = &[Field("watch", List(&Object(WATCH)), Full)];
const WATCH: &[Field] = &[
    Field("path", Text, Full),
    Field("action", Text, Full),
    Field("target", Text, Full),
    Field("exec", Object(HOOK), Empty),
    Field("include", Texts, Full),
    Field("ignore", Texts, Full),
    Field("initial_sync", Bool, Full),
];

const NETWORK: &[Field] = &[
    Field("name", Text, Full),
    Field("driver", Text, Full),
    Field("driver_opts", Pairs, Full),
    Field("ipam", Object(IPAM), Empty),
    Field("external", Bool, Full),
    Field("internal", Bool, Full),
    Field("attachable", Bool, Full),
    Field("labels", Pairs, Full),
    Field("enable_ipv4", Bool, Written),
    Field("enable_ipv6", Bool, Written),
];
const IPAM: &[Field] = &[
    Field("driver", Text, Full),
    Field("config", List(&Type::Bare(POOL)), Full),
];
const POOL: &[Field] = &[
    Field("subnet", Text, Full),
    Field("gateway", Text, Full),
    Field("ip_range", Text, Full),
    Field("aux_addresses", Pairs, Full),
];

const VOLUME: &[Field] = &[
    Field("name", Text, Full),
    Field("driver", Text, Full),
    Field("driver_opts", Pairs, Full),
    Field("external", Bool, Full),
    Field("labels", Pairs, Full),
];

const FILE_OBJECT: &[Field] = &[
    Field("name", Text, Full),
    Field("file", Text, Full),
    Field("environment", Text, Full),
    Field("content", Text, Full),
    Field("external", Bool, Full),
    Field("labels", Pairs, Full),
    Field("driver", Text, Full),
    Field("driver_opts", Type::Words, Full),
    Field("template_driver", Text, Full),
];

const MODEL: &[Field] = &[
    Field("name", Text, Full),
    Field("model", Text, Full),
    Field("context_size", Int, Full),
    Field("runtime_flags", Texts, Full),
];
