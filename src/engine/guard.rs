//! Asks the safety script whether a verb may run (spec §16).

use crate::error::Result;
use crate::script::AuthorizeRequest;

use super::Engine;

/// A verb that was allowed. Functions that change hosts ask for one, so that none can be called
/// unguarded.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The verb as typed.
    pub verb: &'static str,
}

impl Engine {
    /// Asks `safety.lua` whether `verb` may run here and now.
    ///
    /// # Errors
    /// Refused: wrong origin, missing or wrong `--confirm`, or the script's own reason (exit 3).
    pub async fn authorize(&self, verb: &'static str) -> Result<Authority> {
        let settings = &self.settings;
        let context = &settings.context;
        let request = AuthorizeRequest {
            verb: verb.to_owned(),
            context: context.name.to_string(),
            project: self.key().await?.project.to_string(),
            level: context.safety.level,
            origin: settings.origin,
            allow_from: context.safety.allow_from.clone(),
            required_for: context.safety.confirm.required_for.clone(),
            token: context.safety.confirm.token.clone(),
            given: settings.confirm.clone(),
            hosts: settings.hosts.clone(),
        };
        self.decider()?.authorize(&request)?;
        Ok(Authority { verb })
    }
}
