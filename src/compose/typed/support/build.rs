//! `build:`.

use super::Does::{Carries, Differs, Warns};
use super::{Row, Table};

/// The keys of `build:`.
pub static TABLE: Table = Table {
    title: "build",
    prefix: "services.*.build.",
    rows: &[
        Row(
            "additional_contexts",
            Warns("it needs BuildKit's own client"),
        ),
        Row("args", Carries("build arguments")),
        Row("cache_from", Carries("images whose layers are used again")),
        Row("cache_to", Warns("it needs BuildKit's own client")),
        Row(
            "context",
            Differs("a folder of this machine or a URL; images are built here, never on hosts"),
        ),
        Row("dockerfile", Carries("relative to the context")),
        Row("dockerfile_inline", Carries("the text itself")),
        Row("entitlements", Warns("it needs BuildKit's own client")),
        Row(
            "extra_hosts",
            Carries("names that resolve during the build"),
        ),
        Row("isolation", Warns("only Windows hosts know it")),
        Row("labels", Carries("labels of the image")),
        Row("network", Carries("the network during the build")),
        Row("no_cache", Carries("nothing of earlier builds is used")),
        Row("platforms", Carries("the platform that is built")),
        Row("privileged", Warns("it needs BuildKit's own client")),
        Row("provenance", Warns("it needs BuildKit's own client")),
        Row(
            "pull",
            Carries("base images are pulled even if they are here"),
        ),
        Row("sbom", Warns("it needs BuildKit's own client")),
        Row("secrets", Warns("it needs BuildKit's own client")),
        Row("shm_size", Warns("it is not passed to the builder yet")),
        Row("ssh", Warns("it needs BuildKit's own client")),
        Row("tags", Carries("further names of the image, here")),
        Row("target", Carries("the stage that is built")),
        Row("ulimits", Warns("it is not passed to the builder yet")),
    ],
};
