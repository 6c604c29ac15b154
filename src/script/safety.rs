//! `safety.lua`: may this verb run on this context from here (spec §5.4, §16)?

use mlua::FromLua as _;
use serde::Serialize;

use super::api::Verdict;
use super::decider::Decider;
use super::decode;
use crate::error::{Error, Kind, Result};
use crate::model::{HostName, Origin, SafetyLevel};

/// What `authorize` gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuthorizeRequest {
    /// The verb: `up`, `down`, …
    pub verb: String,
    /// The context's name.
    pub context: String,
    /// Its safety level.
    pub level: SafetyLevel,
    /// Where the command is run from.
    pub origin: Origin,
    /// Origins that may run commands there.
    pub allow_from: Vec<Origin>,
    /// Verbs that need the token.
    pub required_for: Vec<String>,
    /// The token that confirms.
    pub token: String,
    /// What `--confirm` gave.
    pub given: Option<String>,
    /// The project.
    pub project: String,
    /// The hosts taking part.
    pub hosts: Vec<HostName>,
}

impl Decider {
    /// Asks `safety.lua`. `Ok` means: go on.
    ///
    /// # Errors
    /// Refused (exit 3) when the script denies or `--confirm` is missing or wrong; a user error
    /// when the script fails or returns no verdict: nothing is allowed by accident.
    pub fn authorize(&self, request: &AuthorizeRequest) -> Result<()> {
        let verdict = self.vm().call(
            &"safety".parse()?,
            "authorize",
            |lua| Ok(vec![decode::encode_frozen(lua, request)?].into()),
            |lua, answer| {
                let place = answer.place.clone();
                Verdict::from_lua(answer.value, lua).map_err(|error| {
                    decode::wrong(
                        &place,
                        "a verdict",
                        super::fault::readable(&error.to_string()),
                    )
                    .hint(
                        "`authorize` ends with `return webpods.allow()`, \
                             `webpods.confirm(token)` or `webpods.deny(reason)`",
                    )
                })
            },
        )?;
        match verdict {
            Verdict::Allow => Ok(()),
            Verdict::Confirm(token) => confirm(request, &token),
        }
    }
}

fn confirm(request: &AuthorizeRequest, token: &str) -> Result<()> {
    let AuthorizeRequest {
        verb,
        context,
        given,
        ..
    } = request;
    let why = match given {
        Some(given) if given == token => return Ok(()),
        Some(_) => format!(
            "Refusing: the token given with `--confirm` is not the one that `{verb}` on context \
             '{context}' needs."
        ),
        None => format!("Refusing: `{verb}` on context '{context}' must be confirmed."),
    };
    Err(Error::new(Kind::Refused, why).hint(format!("add `--confirm {token}`")))
}
