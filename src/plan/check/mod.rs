//! Verifies a plan independently of the code that made it.
//!
//! In: a plan and the observation it was made from. Out: nothing, or everything that is wrong with
//! it. The rules are written from what must hold on the hosts, not from how plans are made: the
//! stages are replayed on the observation, and every step must be possible and harmless at its
//! point. It runs after planning, and again after a script amended a plan.

mod replay;
mod routes;
mod shares;
mod starts;
mod whole;

use super::Plan;
use crate::error::{Error, Result};
use crate::model::Observed;

/// Checks every invariant of `plan`.
///
/// # Errors
/// At least one is broken; each broken one is a cause. A plan that fails here must not be carried
/// out: either webpods or a script that amended the plan is wrong.
pub fn verify(plan: &Plan, observed: &Observed) -> Result<()> {
    let mut wrong = Vec::new();
    whole::check(plan, observed, &mut wrong);
    let end = replay::replay(plan, observed, &mut wrong);
    whole::check_end(plan, &end, &mut wrong);
    shares::check_end(plan, &end, &mut wrong);
    if wrong.is_empty() {
        return Ok(());
    }
    let error = Error::user(format!(
        "the plan for `{}` cannot be right, so nothing was done",
        plan.key
    ));
    let error = wrong.into_iter().fold(error, Error::cause);
    Err(error.hint(
        "if `.webpods/hooks.lua` or another script changed the plan, correct it; else this is a \
         bug of webpods: please report it with `webpods diff --format json`",
    ))
}
