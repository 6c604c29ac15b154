//! Which of a service's containers a verb is for.

use clap::Args;

use crate::engine::select::Selection;
use crate::error::Result;
use crate::model::ServiceName;

/// Flags that narrow down containers.
#[derive(Debug, Clone, Default, Args)]
pub struct Which {
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Only this replica
    #[arg(long, value_name = "N")]
    replica: Option<u32>,
}

impl Which {
    /// Those of these services; none means all.
    ///
    /// # Errors
    /// The host's name cannot be one.
    pub fn of(self, services: Vec<ServiceName>) -> Result<Selection> {
        Ok(Selection {
            services,
            host: self.host.map(|host| host.parse()).transpose()?,
            replica: self.replica,
            release: None,
        })
    }
}
