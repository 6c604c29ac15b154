//! `webpods.each(list, options, fn)`: calls `fn` for every element, several at once.

use futures_util::StreamExt as _;
use futures_util::stream;
use mlua::{Function, Table, Value};

use super::{Api, options};
use crate::error::Error;
use crate::script::fault::external;

/// Elements worked on at once unless the script says otherwise.
const CONCURRENCY: usize = 8;

/// The most that makes sense.
const MOST: usize = 64;

pub(super) fn register(api: &Api<'_>) -> mlua::Result<()> {
    let each = api.lua.create_async_function(
        async |lua, (list, options, function): (Table, Option<Table>, Function)| {
            let concurrency = concurrency(options)?;
            let items: Vec<Value> = list.sequence_values().collect::<mlua::Result<_>>()?;
            let calls = items.into_iter().enumerate().map(|(index, item)| {
                let call = function.call_async::<Value>((item, index + 1));
                async move { call.await.map(|value| (index, value)) }
            });
            let mut running = stream::iter(calls).buffer_unordered(concurrency);
            let results = lua.create_table()?;
            while let Some(result) = running.next().await {
                let (index, value) = result?;
                results.raw_set(index + 1, value)?;
            }
            Ok(results)
        },
    )?;
    api.table.set("each", each)
}

fn concurrency(table: Option<Table>) -> mlua::Result<usize> {
    let Some(table) = table else {
        return Ok(CONCURRENCY);
    };
    options::known(&table, "webpods.each", &["concurrency"])?;
    match table.get::<Option<usize>>("concurrency")? {
        None => Ok(CONCURRENCY),
        Some(n) if (1..=MOST).contains(&n) => Ok(n),
        Some(n) => Err(external(Error::user(format!(
            "`concurrency` of `webpods.each` is {n}; it is between 1 and {MOST}"
        )))),
    }
}
