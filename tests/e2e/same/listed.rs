//! What may differ between a container, network or volume of Docker Compose and one of webpods.

/// Paths, and why it is right that they differ. `*` is any part; a part that ends in `*` is any that
/// begins so. The first part is `container`, `network` or `volume`, the second its name in the file.
pub const LISTED: &[(&[&str], &str)] = &[
    // Made anew for every container, network and volume.
    (&["container", "*", "Created"], "the time"),
    (
        &["container", "*", "State", "*"],
        "the time, and the process",
    ),
    (
        &["container", "*", "NetworkSettings", "EndpointID"],
        "random",
    ),
    (
        &["container", "*", "NetworkSettings", "SandboxID"],
        "random",
    ),
    (
        &["container", "*", "NetworkSettings", "SandboxKey"],
        "random",
    ),
    (
        &[
            "container",
            "*",
            "NetworkSettings",
            "Networks",
            "*",
            "EndpointID",
        ],
        "random",
    ),
    (
        &[
            "container",
            "*",
            "NetworkSettings",
            "Networks",
            "*",
            "NetworkID",
        ],
        "random",
    ),
    (&["network", "*", "Created"], "the time"),
    (&["network", "*", "Id"], "random"),
    (
        &["network", "*", "Containers", "*"],
        "identifiers and addresses of containers",
    ),
    (&["volume", "*", "CreatedAt"], "the time"),
    // Names.
    (
        &["container", "*", "Name"],
        "context and release are part of it, so that two contexts may share a host",
    ),
    (
        &[
            "container",
            "*",
            "NetworkSettings",
            "Networks",
            "*",
            "DNSNames",
            "*",
        ],
        "the container's own name; the one Docker Compose would give it is an alias",
    ),
    (
        &["container", "*", "Config", "Image"],
        "images are kept under a name made of their digest, so that no tag moves",
    ),
    // What webpods says of itself.
    (&["*", "*", "Labels", "webpods.*"], "what webpods goes by"),
    (
        &["container", "*", "Config", "Labels", "webpods.*"],
        "what webpods goes by",
    ),
    (
        &["container", "*", "Config", "Env", "WEBPODS_*"],
        "where the program is",
    ),
    // What Docker Compose says of itself.
    (
        &[
            "container",
            "*",
            "Config",
            "Labels",
            "com.docker.compose.version",
        ],
        "it was not made by Docker Compose",
    ),
    (
        &["*", "*", "Labels", "com.docker.compose.version"],
        "it was not made by Docker Compose",
    ),
    (
        &["*", "*", "Labels", "com.docker.compose.config-hash"],
        "Docker Compose replaces networks and volumes that changed by it; webpods leaves them alone",
    ),
    (
        &[
            "container",
            "labelled",
            "Config",
            "Labels",
            "com.docker.compose.config-hash",
        ],
        "with `label_file` it contains a path of this machine",
    ),
    // The project's own files come from the release's folder.
    (
        &["container", "*", "HostConfig", "Binds", "/own*"],
        "the project's own files are shipped, and a missing one must be an error",
    ),
    (
        &["container", "*", "HostConfig", "Mounts", "/own*", "*"],
        "the project's own files are shipped",
    ),
    (
        &["container", "*", "Mounts", "/own*", "*"],
        "the project's own files are shipped",
    ),
    // Other ways to the same end.
    (
        &["container", "*", "Config", "ExposedPorts", "*"],
        "Docker Compose hands ranges and ports without protocol over as they are, and the engine \
         takes a range for port 0",
    ),
    (
        &["container", "socket", "Config", "Env", "DOCKER_CONFIG"],
        "credentials of this machine stay on it",
    ),
    (
        &[
            "container",
            "socket",
            "Config",
            "Labels",
            "com.docker.compose.config-hash",
        ],
        "credentials of this machine stay on it",
    ),
];
