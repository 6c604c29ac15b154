//! The shape of `volumes:` of a service.

use super::shape::{BOOL, LIST_OR_DICT, NUMBER, Object, STR, Shape};

/// `volumes:` of a service.
pub static VOLUMES: Shape = Shape::List {
    item: &VOLUME,
    unique: true,
};
static VOLUME: Shape = Shape::Either(&[&STR, &VOLUME_LONG]);
static VOLUME_LONG: Shape = Shape::Map(
    Object::new(&[
        ("bind", &VOLUME_BIND),
        ("consistency", &STR),
        ("image", &VOLUME_IMAGE),
        ("read_only", &BOOL),
        ("source", &STR),
        ("target", &STR),
        ("tmpfs", &VOLUME_TMPFS),
        ("type", &VOLUME_TYPE),
        ("volume", &VOLUME_VOLUME),
    ])
    .requires(&["type"]),
);
static VOLUME_TYPE: Shape = Shape::Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]);
static VOLUME_BIND: Shape = Shape::Map(Object::new(&[
    ("create_host_path", &BOOL),
    ("propagation", &STR),
    ("recursive", &RECURSIVE),
    ("selinux", &SELINUX),
]));
static RECURSIVE: Shape = Shape::Word(&["enabled", "disabled", "writable", "readonly"]);
static SELINUX: Shape = Shape::Word(&["z", "Z"]);
static VOLUME_VOLUME: Shape = Shape::Map(Object::new(&[
    ("labels", &LIST_OR_DICT),
    ("nocopy", &BOOL),
    ("subpath", &STR),
]));
static VOLUME_TMPFS: Shape = Shape::Map(Object::new(&[("mode", &NUMBER), ("size", &TMPFS_SIZE)]));
static TMPFS_SIZE: Shape = Shape::Range(0, i64::MAX);
static VOLUME_IMAGE: Shape = Shape::Map(Object::new(&[("subpath", &STR)]));
