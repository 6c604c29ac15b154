//! `webpods.sleep(seconds)`: waits without taking processor time; other steps go on.

use std::time::Duration;

use super::Api;
use crate::error::Error;
use crate::script::fault::external;

/// The longest sleep, in seconds: a day.
const LONGEST: f64 = 86_400.0;

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let sleep = api.lua.create_async_function(async |_, seconds: f64| {
        if !(0.0..=LONGEST).contains(&seconds) {
            return Err(external(Error::user(format!(
                "`webpods.sleep` cannot wait {seconds} seconds; it takes 0 to {LONGEST}"
            ))));
        }
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        Ok(())
    })?;
    api.table.set("sleep", sleep)?;
    let begun = std::time::Instant::now();
    let clock = api
        .lua
        .create_function(move |_, ()| Ok(begun.elapsed().as_secs_f64()))?;
    api.table.set("clock", clock)
}
