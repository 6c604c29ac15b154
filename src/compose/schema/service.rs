//! The shape of a service: all of its keys.

use super::deploy::DEPLOY;
use super::shape::{
    BOOL, COMMAND, DRIVER_OPTS, EXTRA_HOSTS, INT, Kind, LIST_OR_DICT, LOWER, NAMES, NOT_EMPTY,
    NUMBER, Object, STR, STR_OR_NULL, STRICT_BOOL, STRICT_NUMBER, STRING_OR_LIST, STRINGS, Shape,
    UNIQUE_STRINGS,
};
use super::volumes::VOLUMES;

/// An entry of `services:`.
pub static SERVICE: Shape = Shape::Map(Object::new(&[
    ("annotations", &LIST_OR_DICT),
    ("attach", &BOOL),
    ("blkio_config", &BLKIO),
    ("build", &BUILD),
    ("cap_add", &UNIQUE_STRINGS),
    ("cap_drop", &UNIQUE_STRINGS),
    ("cgroup", &CGROUP),
    ("cgroup_parent", &STR),
    ("command", &COMMAND),
    ("configs", &FILE_MOUNTS),
    ("container_name", &CONTAINER_NAME),
    ("cpu_count", &CPU_COUNT),
    ("cpu_percent", &CPU_PERCENT),
    ("cpu_period", &NUMBER),
    ("cpu_quota", &NUMBER),
    ("cpu_rt_period", &NUMBER),
    ("cpu_rt_runtime", &NUMBER),
    ("cpu_shares", &NUMBER),
    ("cpus", &NUMBER),
    ("cpuset", &STR),
    ("credential_spec", &CREDENTIAL_SPEC),
    ("depends_on", &DEPENDS_ON),
    ("deploy", &DEPLOY),
    ("develop", &DEVELOP),
    ("device_cgroup_rules", &UNIQUE_STRINGS),
    ("devices", &DEVICES),
    ("dns", &STRING_OR_LIST),
    ("dns_opt", &UNIQUE_STRINGS),
    ("dns_search", &STRING_OR_LIST),
    ("domainname", &STR),
    ("entrypoint", &COMMAND),
    ("env_file", &ENV_FILE),
    ("environment", &LIST_OR_DICT),
    ("expose", &EXPOSE),
    ("extends", &EXTENDS),
    ("external_links", &UNIQUE_STRINGS),
    ("extra_hosts", &EXTRA_HOSTS),
    ("gpus", &GPUS),
    ("group_add", &EXPOSE),
    ("healthcheck", &HEALTHCHECK),
    ("hostname", &STR),
    ("image", &STR),
    ("init", &BOOL),
    ("ipc", &STR),
    ("isolation", &STR),
    ("label_file", &STRING_OR_LIST_ANY),
    ("labels", &LIST_OR_DICT),
    ("links", &UNIQUE_STRINGS),
    ("logging", &LOGGING),
    ("mac_address", &STR),
    ("mem_limit", &NUMBER),
    ("mem_reservation", &INT),
    ("mem_swappiness", &INT),
    ("memswap_limit", &NUMBER),
    ("models", &SERVICE_MODELS),
    ("network_mode", &STR),
    ("networks", &SERVICE_NETWORKS),
    ("oom_kill_disable", &BOOL),
    ("oom_score_adj", &OOM_SCORE_ADJ),
    ("pid", &STR_OR_NULL),
    ("pids_limit", &NUMBER),
    ("platform", &STR),
    ("ports", &PORTS),
    ("post_start", &HOOKS),
    ("pre_stop", &HOOKS),
    ("privileged", &BOOL),
    ("profiles", &UNIQUE_STRINGS),
    ("provider", &PROVIDER),
    ("pull_policy", &PULL_POLICY),
    ("pull_refresh_after", &STR),
    ("read_only", &BOOL),
    ("restart", &STR),
    ("runtime", &STR),
    ("scale", &INT),
    ("secrets", &FILE_MOUNTS),
    ("security_opt", &UNIQUE_STRINGS),
    ("shm_size", &NUMBER),
    ("stdin_open", &BOOL),
    ("stop_grace_period", &STR),
    ("stop_signal", &STR),
    ("storage_opt", &ANY_MAP),
    ("sysctls", &LIST_OR_DICT),
    ("tmpfs", &STRING_OR_LIST),
    ("tty", &BOOL),
    ("ulimits", &ULIMITS),
    ("use_api_socket", &STRICT_BOOL),
    ("user", &STR),
    ("userns_mode", &STR),
    ("uts", &STR),
    ("volumes", &VOLUMES),
    ("volumes_from", &UNIQUE_STRINGS),
    ("working_dir", &STR),
]));

static ANY_MAP: Shape = Shape::One(&[Kind::Map]);
static STRING_OR_LIST_ANY: Shape = Shape::Either(&[&STR, &STRINGS]);
static CGROUP: Shape = Shape::Word(&["host", "private"]);
static CPU_COUNT: Shape = Shape::Range(0, i64::MAX);
static CPU_PERCENT: Shape = Shape::Range(0, 100);
static OOM_SCORE_ADJ: Shape = Shape::Range(-1000, 1000);

/// The schema's pattern is not anchored: two valid characters in a row are enough.
static CONTAINER_NAME: Shape = Shape::Text(
    "a container name: letters, digits, `_`, `.` and `-`, at least two",
    |text| {
        text.as_bytes().windows(2).any(|pair| {
            pair[0].is_ascii_alphanumeric()
                && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
        })
    },
);

/// Not anchored either: the word may stand anywhere.
static PULL_POLICY: Shape = Shape::Text(
    "a pull policy: always, never, build, missing, if_not_present, refresh, daily, weekly or every_<duration>",
    |text| {
        let words = [
            "always",
            "never",
            "build",
            "if_not_present",
            "missing",
            "refresh",
            "daily",
            "weekly",
        ];
        words.iter().any(|word| text.contains(word))
            || text.match_indices("every_").any(|(at, found)| {
                let rest = &text[at + found.len()..];
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
            })
    },
);

static BUILD: Shape = Shape::Either(&[&STR, &BUILD_LONG]);
static BUILD_LONG: Shape = Shape::Map(Object::new(&[
    ("additional_contexts", &LIST_OR_DICT),
    ("args", &LIST_OR_DICT),
    ("cache_from", &STRINGS),
    ("cache_to", &STRINGS),
    ("context", &STR),
    ("dockerfile", &STR),
    ("dockerfile_inline", &STR),
    ("entitlements", &STRINGS),
    ("extra_hosts", &EXTRA_HOSTS),
    ("isolation", &STR),
    ("labels", &LIST_OR_DICT),
    ("network", &STR),
    ("no_cache", &BOOL),
    ("platforms", &STRINGS),
    ("privileged", &BOOL),
    ("provenance", &BOOL),
    ("pull", &BOOL),
    ("sbom", &BOOL),
    ("secrets", &FILE_MOUNTS),
    ("shm_size", &INT),
    ("ssh", &LIST_OR_DICT),
    ("tags", &STRINGS),
    ("target", &STR),
    ("ulimits", &ULIMITS),
]));

static BLKIO: Shape = Shape::Map(
    Object::new(&[
        ("device_read_bps", &BLKIO_RATES),
        ("device_read_iops", &BLKIO_RATES),
        ("device_write_bps", &BLKIO_RATES),
        ("device_write_iops", &BLKIO_RATES),
        ("weight", &INT),
        ("weight_device", &BLKIO_WEIGHTS),
    ])
    .closed(),
);
static BLKIO_RATES: Shape = Shape::List {
    item: &BLKIO_RATE,
    unique: false,
};
static BLKIO_RATE: Shape = Shape::Map(Object::new(&[("path", &STR), ("rate", &INT)]).closed());
static BLKIO_WEIGHTS: Shape = Shape::List {
    item: &BLKIO_WEIGHT,
    unique: false,
};
static BLKIO_WEIGHT: Shape = Shape::Map(Object::new(&[("path", &STR), ("weight", &INT)]).closed());

static CREDENTIAL_SPEC: Shape = Shape::Map(Object::new(&[
    ("config", &STR),
    ("file", &STR),
    ("registry", &STR),
]));

static DEPENDS_ON: Shape = Shape::Either(&[&UNIQUE_STRINGS, &DEPENDS_ON_MAP]);
static DEPENDS_ON_MAP: Shape = Shape::Map(Object::of(NAMES, &DEPENDENCY));
static DEPENDENCY: Shape = Shape::Map(
    Object::new(&[
        ("condition", &CONDITION),
        ("required", &STRICT_BOOL),
        ("restart", &BOOL),
    ])
    .requires(&["condition"]),
);
static CONDITION: Shape = Shape::Word(&[
    "service_started",
    "service_healthy",
    "service_completed_successfully",
]);

static DEVICES: Shape = Shape::List {
    item: &DEVICE,
    unique: false,
};
static DEVICE: Shape = Shape::Either(&[&STR, &DEVICE_LONG]);
static DEVICE_LONG: Shape = Shape::Map(
    Object::new(&[("source", &STR), ("target", &STR), ("permissions", &STR)]).requires(&["source"]),
);

static ENV_FILE: Shape = Shape::Either(&[&STR, &ENV_FILES]);
static ENV_FILES: Shape = Shape::List {
    item: &ENV_FILE_ITEM,
    unique: false,
};
static ENV_FILE_ITEM: Shape = Shape::Either(&[&STR, &ENV_FILE_LONG]);
static ENV_FILE_LONG: Shape = Shape::Map(
    Object::new(&[("path", &STR), ("format", &STR), ("required", &BOOL)])
        .closed()
        .requires(&["path"]),
);

static EXPOSE: Shape = Shape::List {
    item: &NUMBER,
    unique: true,
};

static EXTENDS: Shape = Shape::Either(&[&STR, &EXTENDS_LONG]);
static EXTENDS_LONG: Shape = Shape::Map(
    Object::new(&[("service", &STR), ("file", &STR)])
        .closed()
        .requires(&["service"]),
);

static PROVIDER: Shape =
    Shape::Map(Object::new(&[("type", &STR), ("options", &PROVIDER_OPTIONS)]).requires(&["type"]));
static PROVIDER_OPTIONS: Shape = Shape::Map(Object::of(NOT_EMPTY, &PROVIDER_OPTION).open());
static PROVIDER_SCALAR: Shape = Shape::One(&[Kind::Str, Kind::Number, Kind::Bool]);
static PROVIDER_LIST: Shape = Shape::List {
    item: &PROVIDER_SCALAR,
    unique: false,
};
static PROVIDER_OPTION: Shape = Shape::Either(&[&PROVIDER_SCALAR, &PROVIDER_LIST]);

static GPUS: Shape = Shape::Either(&[&GPUS_ALL, &GPU_LIST]);
static GPUS_ALL: Shape = Shape::Word(&["all"]);
static GPU_LIST: Shape = Shape::List {
    item: &GPU,
    unique: false,
};
/// A request for devices, in `gpus:` and in `deploy:`.
pub static DEVICE_REQUEST_KEYS: &[(&str, &Shape)] = &[
    ("capabilities", &UNIQUE_STRINGS),
    ("count", &INT),
    ("device_ids", &UNIQUE_STRINGS),
    ("driver", &STR),
    ("options", &LIST_OR_DICT),
];
static GPU: Shape = Shape::Map(Object::new(DEVICE_REQUEST_KEYS).open());

static HEALTHCHECK: Shape = Shape::Map(Object::new(&[
    ("disable", &BOOL),
    ("interval", &STR),
    ("retries", &NUMBER),
    ("start_interval", &STR),
    ("start_period", &STR),
    ("test", &STRING_OR_LIST_ANY),
    ("timeout", &STR),
]));

static LOGGING: Shape = Shape::Map(Object::new(&[
    ("driver", &STR),
    ("options", &LOGGING_OPTIONS),
]));
static LOGGING_OPTIONS: Shape = Shape::Map(Object::of(NOT_EMPTY, &LOGGING_OPTION).open());
static LOGGING_OPTION: Shape = Shape::One(&[Kind::Str, Kind::Number, Kind::Null]);

static SERVICE_MODELS: Shape = Shape::Either(&[&UNIQUE_STRINGS, &SERVICE_MODEL_MAP]);
static SERVICE_MODEL_MAP: Shape = Shape::Map(Object::of(NAMES, &SERVICE_MODEL).open());
static SERVICE_MODEL: Shape =
    Shape::Map(Object::new(&[("endpoint_var", &STR), ("model_var", &STR)]).or_null());

static SERVICE_NETWORKS: Shape = Shape::Either(&[&UNIQUE_STRINGS, &SERVICE_NETWORK_MAP]);
static SERVICE_NETWORK_MAP: Shape = Shape::Map(Object::of(NAMES, &SERVICE_NETWORK));
static SERVICE_NETWORK: Shape = Shape::Map(
    Object::new(&[
        ("aliases", &UNIQUE_STRINGS),
        ("driver_opts", &DRIVER_OPTS),
        ("gw_priority", &STRICT_NUMBER),
        ("interface_name", &STR),
        ("ipv4_address", &STR),
        ("ipv6_address", &STR),
        ("link_local_ips", &UNIQUE_STRINGS),
        ("mac_address", &STR),
        ("priority", &STRICT_NUMBER),
    ])
    .or_null(),
);

static PORTS: Shape = Shape::List {
    item: &PORT,
    unique: true,
};
static PORT: Shape = Shape::Either(&[&NUMBER, &PORT_LONG]);
static PORT_LONG: Shape = Shape::Map(Object::new(&[
    ("app_protocol", &STR),
    ("host_ip", &STR),
    ("mode", &STR),
    ("name", &STR),
    ("protocol", &STR),
    ("published", &INT),
    ("target", &INT),
]));

static HOOKS: Shape = Shape::List {
    item: &HOOK,
    unique: false,
};
static HOOK: Shape = Shape::Map(
    Object::new(&[
        ("command", &COMMAND),
        ("environment", &LIST_OR_DICT),
        ("privileged", &BOOL),
        ("user", &STR),
        ("working_dir", &STR),
    ])
    .requires(&["command"]),
);

static FILE_MOUNTS: Shape = Shape::List {
    item: &FILE_MOUNT,
    unique: false,
};
static FILE_MOUNT: Shape = Shape::Either(&[&STR, &FILE_MOUNT_LONG]);
static FILE_MOUNT_LONG: Shape = Shape::Map(Object::new(&[
    ("gid", &STR),
    ("mode", &NUMBER),
    ("source", &STR),
    ("target", &STR),
    ("uid", &STR),
]));

static ULIMITS: Shape = Shape::Map(Object::of(LOWER, &ULIMIT).open());
static ULIMIT: Shape = Shape::Either(&[&INT, &ULIMIT_LONG]);
static ULIMIT_LONG: Shape =
    Shape::Map(Object::new(&[("hard", &INT), ("soft", &INT)]).requires(&["soft", "hard"]));

static DEVELOP: Shape = Shape::Map(Object::new(&[("watch", &WATCHES)]).or_null());
static WATCHES: Shape = Shape::List {
    item: &WATCH,
    unique: false,
};
static WATCH: Shape = Shape::Map(
    Object::new(&[
        ("action", &WATCH_ACTION),
        ("exec", &HOOK),
        ("ignore", &STRING_OR_LIST),
        ("include", &STRING_OR_LIST),
        ("initial_sync", &STRICT_BOOL),
        ("path", &STR),
        ("target", &STR),
    ])
    .requires(&["path", "action"]),
);
static WATCH_ACTION: Shape =
    Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]);
