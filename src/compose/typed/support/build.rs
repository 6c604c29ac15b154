//! `build:`. Rows that begin with "BuildKit" need it; a build without it is refused by name.

use super::Does::{Carries, Differs, Warns, WarnsIf};
use super::{Row, Table};
use crate::compose::node::{Node, Value};

/// The keys of `build:`.
pub static TABLE: Table = Table {
    title: "build",
    prefix: "services.*.build.",
    rows: &[
        Row(
            "additional_contexts",
            Carries("BuildKit: `--build-context`; the image of a service is built before"),
        ),
        Row("args", Carries("build arguments")),
        Row(
            "cache_from",
            Carries("images whose layers are used again; BuildKit: `type=…` too"),
        ),
        Row("cache_to", Carries("BuildKit: `--cache-to`")),
        Row(
            "context",
            Differs("a folder of this machine or a URL; images are built here, never on hosts"),
        ),
        Row("dockerfile", Carries("relative to the context")),
        Row("dockerfile_inline", Carries("the text itself")),
        Row("entitlements", Carries("BuildKit: `--allow`")),
        Row(
            "extra_hosts",
            Carries("names that resolve during the build"),
        ),
        Row(
            "isolation",
            WarnsIf(isolated, "only Windows hosts know it; `default` is fine"),
        ),
        Row("labels", Carries("labels of the image")),
        Row(
            "network",
            Carries(
                "the network during the build; one of the engine's own makes the classic builder \
                 build",
            ),
        ),
        Row("no_cache", Carries("nothing of earlier builds is used")),
        Row(
            "platforms",
            Carries("the one that the hosts need is built; BuildKit, when it is more than one"),
        ),
        Row(
            "privileged",
            Carries("BuildKit: the entitlement `security.insecure`"),
        ),
        Row(
            "provenance",
            WarnsIf(wanted, "hosts get images without attestations"),
        ),
        Row(
            "pull",
            Carries("base images are pulled even if they are here"),
        ),
        Row(
            "sbom",
            WarnsIf(wanted, "hosts get images without attestations"),
        ),
        Row(
            "secrets[].source",
            Carries(
                "BuildKit: `--secret`; never among the arguments of a command, never shown; one of \
                 the top-level secrets, from a file, a variable or text",
            ),
        ),
        Row(
            "secrets[].target",
            Carries("what the Dockerfile calls it: `RUN --mount=type=secret,id=…`"),
        ),
        Row("secrets[].gid", Warns(IN_THE_DOCKERFILE)),
        Row("secrets[].mode", Warns(IN_THE_DOCKERFILE)),
        Row("secrets[].uid", Warns(IN_THE_DOCKERFILE)),
        Row(
            "shm_size",
            Carries("the size of `/dev/shm` during the build"),
        ),
        Row("ssh", Carries("BuildKit: `--ssh`")),
        Row("tags", Carries("further names of the image, here")),
        Row("target", Carries("the stage that is built")),
        Row("ulimits", Carries("limits during the build")),
    ],
};

const IN_THE_DOCKERFILE: &str =
    "the Dockerfile says it: `RUN --mount=type=secret,id=…,mode=…`, `uid=…`, `gid=…`";

fn isolated(node: &Node) -> bool {
    node.as_str() != Some("default")
}

fn wanted(node: &Node) -> bool {
    !matches!(&node.value, Value::Null | Value::Bool(false)) && node.as_str() != Some("false")
}
