//! The label names webpods puts on what it creates (spec §7.3). Labels are authoritative; names are
//! for people.

/// Label keys.
pub struct Labels;

impl Labels {
    /// The context.
    pub const CONTEXT: &'static str = "webpods.context";
    /// The project.
    pub const PROJECT: &'static str = "webpods.project";
    /// The Compose service.
    pub const SERVICE: &'static str = "webpods.service";
    /// The release that created the container, like `r12`.
    pub const RELEASE: &'static str = "webpods.release";
    /// The replica's number within its service, from 1, across all hosts.
    pub const REPLICA: &'static str = "webpods.replica";
    /// Digest of the container's configuration, image excluded.
    pub const CONFIG: &'static str = "webpods.config";
    /// Manifest digest of the container's image.
    pub const IMAGE: &'static str = "webpods.image";
    /// The containers whose namespaces or volumes a container uses, as `<name>@<release>` apart by
    /// blanks.
    pub const SHARES: &'static str = "webpods.shares";
    /// The key of a network or volume in the Compose file.
    pub const KEY: &'static str = "webpods.key";
    /// Compose's label for the project, so that other tools group the containers.
    pub const COMPOSE_PROJECT: &'static str = "com.docker.compose.project";
    /// Compose's label for the service.
    pub const COMPOSE_SERVICE: &'static str = "com.docker.compose.service";
    /// Compose's label for the replica's number.
    pub const COMPOSE_NUMBER: &'static str = "com.docker.compose.container-number";
    /// Compose's label for one-off containers.
    pub const COMPOSE_ONEOFF: &'static str = "com.docker.compose.oneoff";
    /// Compose's label for the image's identifier.
    pub const COMPOSE_IMAGE: &'static str = "com.docker.compose.image";
    /// Compose's label for a network's key.
    pub const COMPOSE_NETWORK: &'static str = "com.docker.compose.network";
    /// Compose's label for a volume's key.
    pub const COMPOSE_VOLUME: &'static str = "com.docker.compose.volume";
}
