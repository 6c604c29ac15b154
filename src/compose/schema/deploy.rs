//! The shape of `deploy:`.

use super::service::DEVICE_REQUEST_KEYS;
use super::shape::{INT, LIST_OR_DICT, NUMBER, Object, STR, STRINGS, Shape};

/// `deploy:`.
pub static DEPLOY: Shape = Shape::Map(
    Object::new(&[
        ("endpoint_mode", &STR),
        ("labels", &LIST_OR_DICT),
        ("mode", &STR),
        ("placement", &DEPLOY_PLACEMENT),
        ("replicas", &INT),
        ("resources", &RESOURCES),
        ("restart_policy", &RESTART_POLICY),
        ("rollback_config", &UPDATE_CONFIG),
        ("update_config", &UPDATE_CONFIG),
    ])
    .or_null(),
);
static DEPLOY_PLACEMENT: Shape = Shape::Map(Object::new(&[
    ("constraints", &STRINGS),
    ("max_replicas_per_node", &INT),
    ("preferences", &PREFERENCES),
]));
static PREFERENCES: Shape = Shape::List {
    item: &PREFERENCE,
    unique: false,
};
static PREFERENCE: Shape = Shape::Map(Object::new(&[("spread", &STR)]));
static RESOURCES: Shape = Shape::Map(Object::new(&[
    ("limits", &LIMITS),
    ("reservations", &RESERVATIONS),
]));
static LIMITS: Shape = Shape::Map(Object::new(&[
    ("cpus", &NUMBER),
    ("memory", &STR),
    ("pids", &INT),
]));
static RESERVATIONS: Shape = Shape::Map(Object::new(&[
    ("cpus", &NUMBER),
    ("devices", &DEVICE_REQUESTS),
    ("generic_resources", &GENERIC_RESOURCES),
    ("memory", &STR),
]));
static DEVICE_REQUESTS: Shape = Shape::List {
    item: &DEVICE_REQUEST,
    unique: false,
};
static DEVICE_REQUEST: Shape =
    Shape::Map(Object::new(DEVICE_REQUEST_KEYS).requires(&["capabilities"]));
static GENERIC_RESOURCES: Shape = Shape::List {
    item: &GENERIC_RESOURCE,
    unique: false,
};
static GENERIC_RESOURCE: Shape = Shape::Map(Object::new(&[("discrete_resource_spec", &DISCRETE)]));
static DISCRETE: Shape = Shape::Map(Object::new(&[("kind", &STR), ("value", &NUMBER)]));
static RESTART_POLICY: Shape = Shape::Map(Object::new(&[
    ("condition", &STR),
    ("delay", &STR),
    ("max_attempts", &INT),
    ("window", &STR),
]));
static UPDATE_CONFIG: Shape = Shape::Map(Object::new(&[
    ("delay", &STR),
    ("failure_action", &STR),
    ("max_failure_ratio", &NUMBER),
    ("monitor", &STR),
    ("order", &ORDER),
    ("parallelism", &INT),
]));
static ORDER: Shape = Shape::Word(&["start-first", "stop-first"]);
