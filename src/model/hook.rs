//! Commands that run in a container at a turn of its life.

use serde::{Deserialize, Serialize};

/// One entry of `post_start:` or `pre_stop:`, in the form of the Engine's exec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Program and arguments; no shell looks at them.
    pub command: Vec<String>,
    /// `user` or `user:group`; none: the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// All capabilities.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// A folder in the container; none: the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// `NAME=value`, over the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}
