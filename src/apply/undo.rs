//! What is taken back when a rollout fails.

use crate::error::Error;
use crate::event::Events;
use crate::plan::{Step, StepKind};

use super::StepRunner;

/// Whether a step of this kind changes what serves, so that a failure must take it back.
///
/// Shipped blobs, loaded images, networks and files do no harm and make the next try faster.
pub(super) fn is_undoable(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Start { .. } | StepKind::Route { .. } | StepKind::Stop { .. }
    )
}

/// Undoes `steps` in reverse order, going on when one fails.
///
/// Returns what could not be taken back; empty means the fleet is as it was.
pub(super) async fn undo_all(
    steps: &[&Step],
    runner: &dyn StepRunner,
    events: &Events,
) -> Vec<Error> {
    let mut failures = Vec::new();
    for step in steps.iter().rev().filter(|step| is_undoable(&step.kind)) {
        if let Err(error) = runner.undo(step).await {
            let what = format!(
                "could not undo `{}` on host `{}`",
                step.kind.name(),
                step.host
            );
            events.warn(format!("{what}: {error}"));
            failures.push(error.context(what));
        }
    }
    failures
}

/// The part of `done` that belongs to the batch that failed: everything after the last stage
/// that stopped old containers or opened the rollout.
pub(super) fn last_batch<'a>(done: &[&'a Step]) -> Vec<&'a Step> {
    let boundary = done
        .iter()
        .rposition(|step| matches!(step.kind, StepKind::Stop { .. }))
        .map_or(0, |position| position + 1);
    done[boundary..].to_vec()
}
