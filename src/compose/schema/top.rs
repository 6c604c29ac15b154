//! The shape of a whole document and of its sections except `services`.

use super::service::SERVICE;
use super::shape::{
    BOOL, DRIVER_OPTS, LIST_OR_DICT, NAMES, NOT_EMPTY, Object, STR, STRICT_INT, STRING_OR_LIST,
    STRINGS, Shape,
};

/// A Compose document.
pub static DOCUMENT: Shape = Shape::Map(Object::new(&[
    ("version", &STR),
    ("name", &STR),
    ("include", &INCLUDES),
    ("services", &SERVICES),
    ("models", &MODELS),
    ("networks", &NETWORKS),
    ("volumes", &VOLUMES),
    ("secrets", &SECRETS),
    ("configs", &CONFIGS),
]));

static SERVICES: Shape = Shape::Map(Object::of(NAMES, &SERVICE));
static MODELS: Shape = Shape::Map(Object::of(NAMES, &MODEL).open());
static NETWORKS: Shape = Shape::Map(Object::of(NAMES, &NETWORK).open());
static VOLUMES: Shape = Shape::Map(Object::of(NAMES, &VOLUME));
static SECRETS: Shape = Shape::Map(Object::of(NAMES, &SECRET));
static CONFIGS: Shape = Shape::Map(Object::of(NAMES, &CONFIG));

static INCLUDES: Shape = Shape::List {
    item: &INCLUDE,
    unique: false,
};
static INCLUDE: Shape = Shape::Either(&[&STR, &INCLUDE_LONG]);
static INCLUDE_LONG: Shape = Shape::Map(
    Object::new(&[
        ("path", &STRING_OR_LIST),
        ("env_file", &STRING_OR_LIST),
        ("project_directory", &STR),
    ])
    .closed(),
);

static EXTERNAL: Shape = Shape::Either(&[&BOOL, &EXTERNAL_MAP]);
static EXTERNAL_MAP: Shape = Shape::Map(Object::new(&[("name", &STR)]));
static EXTERNAL_OPEN: Shape = Shape::Either(&[&BOOL, &EXTERNAL_OPEN_MAP]);
static EXTERNAL_OPEN_MAP: Shape = Shape::Map(Object::new(&[("name", &STR)]).open());

static NETWORK: Shape = Shape::Map(
    Object::new(&[
        ("name", &STR),
        ("driver", &STR),
        ("driver_opts", &DRIVER_OPTS),
        ("ipam", &IPAM),
        ("external", &EXTERNAL),
        ("internal", &BOOL),
        ("enable_ipv4", &BOOL),
        ("enable_ipv6", &BOOL),
        ("attachable", &BOOL),
        ("labels", &LIST_OR_DICT),
    ])
    .or_null(),
);
static IPAM: Shape = Shape::Map(Object::new(&[
    ("driver", &STR),
    ("config", &IPAM_CONFIGS),
    ("options", &STRING_VALUES),
]));
static IPAM_CONFIGS: Shape = Shape::List {
    item: &IPAM_CONFIG,
    unique: false,
};
static IPAM_CONFIG: Shape = Shape::Map(Object::new(&[
    ("subnet", &STR),
    ("ip_range", &STR),
    ("gateway", &STR),
    ("aux_addresses", &STRING_VALUES),
]));
static STRING_VALUES: Shape = Shape::Map(Object::of(NOT_EMPTY, &STR));

static VOLUME: Shape = Shape::Map(
    Object::new(&[
        ("name", &STR),
        ("driver", &STR),
        ("driver_opts", &DRIVER_OPTS),
        ("external", &EXTERNAL),
        ("labels", &LIST_OR_DICT),
    ])
    .or_null(),
);

static SECRET: Shape = Shape::Map(Object::new(&[
    ("name", &STR),
    ("environment", &STR),
    ("file", &STR),
    ("external", &EXTERNAL_OPEN),
    ("labels", &LIST_OR_DICT),
    ("driver", &STR),
    ("driver_opts", &DRIVER_OPTS),
    ("template_driver", &STR),
]));

static CONFIG: Shape = Shape::Map(Object::new(&[
    ("name", &STR),
    ("content", &STR),
    ("environment", &STR),
    ("file", &STR),
    ("external", &EXTERNAL_OPEN),
    ("labels", &LIST_OR_DICT),
    ("template_driver", &STR),
]));

static MODEL: Shape = Shape::Map(
    Object::new(&[
        ("name", &STR),
        ("model", &STR),
        ("context_size", &STRICT_INT),
        ("runtime_flags", &STRINGS),
    ])
    .requires(&["model"]),
);
