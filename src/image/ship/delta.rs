//! Which blobs the host can make of what it has, and how.
//!
//! The host is asked which of its blobs look alike, and for the indexes of those that this machine
//! does not know; a machine that never saw the old layer knows as much afterwards as the one that
//! sent it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Mutex, PoisonError};

use tokio::io::AsyncWriteExt;

use super::answer::Answer;
use super::feed;
use super::part::Part;
use super::said::Said;
use crate::error::{Error, Result};
use crate::image::Store;
use crate::image::chunk::{Index, LARGEST_INDEX, Recipe, SMALLEST};
use crate::model::{Blob, Digest};
use crate::remote::Writer;

/// Fewer bytes than this, or a smaller share of the blob, are not worth the host's work.
const WORTH: u64 = 16 << 10;
const SHARE: u64 = 20;
/// Bytes that an instruction takes, as a rule.
const INSTRUCTION: u64 = 8;
/// Hosts are planned for one after another: indexes of large blobs take memory.
static PLANNING: Mutex<()> = Mutex::new(());

/// Whether it is worth asking what the host could make this blob of.
pub(super) fn may_help(part: &Part) -> bool {
    part.length() >= SMALLEST
}

/// Fills in recipes. False: the script ended, or the connection is lost.
pub(super) async fn plan(
    store: &Store,
    parts: &mut [Part],
    whole: &BTreeSet<Digest>,
    said: &mut Said,
    stdin: &mut Writer,
    asked: &mut u64,
) -> Result<bool> {
    let wanted: Vec<Blob> = parts
        .iter()
        .filter(|part| may_help(part) && !whole.contains(&part.blob.digest))
        .map(|part| part.blob.clone())
        .collect();
    let question = question(store, wanted).await?;
    let Some(alike) = alike(&question, said, stdin, asked).await else {
        return Ok(false);
    };
    let bases: BTreeSet<&Digest> = alike.values().flatten().collect();
    for base in bases {
        if store
            .kept(base)
            .is_some_and(|bytes| Index::parse(&bytes, base).is_some())
        {
            continue;
        }
        if !fetch(store, base, said, stdin, asked).await? {
            return Ok(false);
        }
    }
    for part in parts {
        if let Some(bases) = alike.get(&part.blob.digest) {
            part.recipe = recipe(store, part.clone(), bases.clone()).await?;
        }
    }
    Ok(true)
}

/// The question which blobs look like these.
async fn question(store: &Store, wanted: Vec<Blob>) -> Result<String> {
    let store = store.clone();
    blocking(move || {
        let mut lines = vec!["like\n".to_owned()];
        for blob in &wanted {
            if let Some(index) = store.index(blob)? {
                lines.push(format!("{} {}\n", blob.digest.hex(), index.sketch()));
            }
        }
        lines.push("\n".to_owned());
        Ok(lines.concat())
    })
    .await
}

/// Asks it. Nothing: there is no answer.
async fn alike(
    question: &str,
    said: &mut Said,
    stdin: &mut Writer,
    asked: &mut u64,
) -> Option<BTreeMap<Digest, Vec<Digest>>> {
    ask(question, stdin, asked).await?;
    let mut alike: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    loop {
        match said.answer().await? {
            Answer::Alike(wanted, base) => alike.entry(wanted).or_default().push(base),
            Answer::End => return Some(alike),
            _ => {}
        }
    }
}

async fn ask(question: &str, stdin: &mut Writer, asked: &mut u64) -> Option<()> {
    *asked += question.len() as u64;
    stdin.write_all(question.as_bytes()).await.ok()?;
    stdin.flush().await.ok()
}

/// Gets the index of a blob that the host has; one that cannot be used is not kept. False: there is
/// no answer.
async fn fetch(
    store: &Store,
    base: &Digest,
    said: &mut Said,
    stdin: &mut Writer,
    asked: &mut u64,
) -> Result<bool> {
    if ask(&format!("index {}\n", base.hex()), stdin, asked)
        .await
        .is_none()
    {
        return Ok(false);
    }
    let size = loop {
        match said.answer().await {
            Some(Answer::Index(digest, size)) if digest == *base => break size,
            Some(_) => {}
            None => return Ok(false),
        }
    };
    if size > LARGEST_INDEX {
        return Err(Error::user(format!(
            "the index of blob `{base}` on the host has {size} bytes; none is that large"
        ))
        .hint("remove the folder `indexes` of the host's image cache and run the command again"));
    }
    let Some(bytes) = said.exactly(size).await else {
        return Ok(false);
    };
    if Index::parse(&bytes, base).is_some() {
        store.keep_index(base, &bytes)?;
    }
    Ok(true)
}

/// How to make the rest of a blob. Nothing: it is better sent.
async fn recipe(store: &Store, part: Part, bases: Vec<Digest>) -> Result<Option<Recipe>> {
    let own = store.clone();
    blocking(move || {
        let store = &own;
        let _alone = PLANNING.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = store.index(&part.blob)? else {
            return Ok(None);
        };
        let bases: Vec<Index> = bases
            .iter()
            .filter_map(|base| Index::parse(&store.kept(base)?, base))
            .collect();
        let recipe = near(store, &part.blob, Recipe::new(&index, &bases)).from(part.offset);
        let cost = recipe.sent() + recipe.instructions.len() as u64 * INSTRUCTION;
        let saved = part.length().saturating_sub(cost);
        Ok((saved >= WORTH && saved >= part.length() / SHARE).then_some(recipe))
    })
    .await
}

/// With what is nearly the same in bases that are here; as it was when they cannot be read.
fn near(store: &Store, blob: &Blob, recipe: Recipe) -> Recipe {
    let bases = recipe.bases.iter();
    let mut bases: Vec<Option<File>> = bases.map(|base| feed::here(store, base)).collect();
    let Ok(mut target) = store.read(&blob.digest) else {
        return recipe;
    };
    let patched = recipe.patched(&mut target, &mut bases);
    patched.unwrap_or(recipe)
}

/// Runs what reads blobs on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Error::user("the thread that compares blobs ended early").cause(error))
        })
}
