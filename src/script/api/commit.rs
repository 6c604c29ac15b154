//! `host:commit()` and `host:forget()`: the project's state on the host (spec §20), under the lock.

use crate::error::{Error, Result};
use crate::script::act::Stage;
use crate::state::Lease;

/// Writes the plan's state; what the plan does not change is not written.
pub(super) async fn commit(here: &Stage) -> Result<()> {
    let (_, scene) = here.scene()?;
    match &scene.state {
        Some(state) => lease(here)?.write_to(here.node.name(), state).await,
        None => Ok(()),
    }
}

/// Removes all that is remembered of the project.
pub(super) async fn forget(here: &Stage) -> Result<()> {
    lease(here)?.remove_from(here.node.name()).await
}

fn lease(here: &Stage) -> Result<&Lease> {
    let (_, scene) = here.scene()?;
    scene
        .lease
        .as_ref()
        .ok_or_else(|| Error::user("the project is not locked, so its state cannot be written"))
}
