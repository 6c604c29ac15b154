//! Blobs made of others, by the very scripts that hosts run.

mod chance;
mod pieces;
mod programs;
mod scripts;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::*;
use crate::model::Digest;

const PERL: &str = include_str!("../../sh/rebuild.pl");
const PYTHON: &str = include_str!("../../sh/rebuild.py");
const INTERPRETERS: [(&str, &str, &str); 2] = [("perl", "-e", PERL), ("python3", "-c", PYTHON)];

#[derive(Debug, Clone)]
struct File {
    name: String,
    time: u64,
    content: Vec<u8>,
}

/// Bytes that no piece repeats.
pub(in crate::image) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

fn archive(files: &[File]) -> Vec<u8> {
    let mut archive = ::tar::Builder::new(Vec::new());
    for file in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(file.time);
        archive
            .append_data(&mut header, &file.name, &*file.content)
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn index(blob: &[u8]) -> Index {
    let digest = Digest::of(blob);
    let index = Index::of(blob, &digest, blob.len() as u64)
        .unwrap()
        .unwrap();
    let bytes = index.to_bytes().unwrap();
    assert_eq!(Index::parse(&bytes, &digest).as_ref(), Some(&index));
    index
}

/// A cache with blobs.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new(blobs: &[&[u8]]) -> Self {
        let cache = Self(tempfile::tempdir().unwrap());
        for blob in blobs {
            fs::write(cache.path(Digest::of(blob).hex()), blob).unwrap();
        }
        cache
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(with: (&str, &str, &str), arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(with.0)
            .args([with.1, with.2])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // A script that refuses its input says so.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().unwrap()
        })
    }

    /// Makes a blob from byte `start` on.
    fn make(
        &self,
        with: (&str, &str, &str),
        bases: &[&str],
        sizes: (usize, usize),
        input: &[u8],
    ) -> Output {
        let folder = self.0.path().to_str().unwrap();
        let part = self.path("part");
        let (start, size) = (sizes.0.to_string(), sizes.1.to_string());
        let mut arguments = vec!["make", folder, part.to_str().unwrap(), &start, &size];
        arguments.extend(bases);
        Self::run(with, &arguments, input)
    }
}

fn packed(recipe: &Recipe, blob: &[u8], bases: &[&[u8]], start: usize) -> Vec<u8> {
    let mut input = Vec::new();
    let number = |number: u64| usize::try_from(number).unwrap();
    for batch in recipe.batches(start as u64) {
        input.extend(batch.code.bytes());
        for stretch in batch.sent {
            let new = &blob[number(stretch.range.start)..number(stretch.range.end)];
            let Some((base, offset)) = stretch.against else {
                input.extend(new);
                continue;
            };
            let digest = &recipe.bases[base].digest;
            let mut bases = bases.iter();
            let base = bases.find(|base| Digest::of(base) == *digest).unwrap();
            let old = &base[number(offset)..];
            input.extend(new.iter().zip(old).map(|(new, old)| new ^ old));
        }
    }
    input
}

/// Makes `target` of `bases` from each byte in `starts` on with every interpreter; returns how many
/// bytes are sent for it.
fn rebuild(target: &[u8], bases: &[&[u8]], starts: &[usize]) -> usize {
    let indexes: Vec<Index> = bases.iter().map(|base| index(base)).collect();
    let recipe = Recipe::new(&index(target), &indexes);
    made(&recipe, target, bases, starts)
}

/// The same with a recipe that is known.
fn made(recipe: &Recipe, target: &[u8], bases: &[&[u8]], starts: &[usize]) -> usize {
    let total: u64 = recipe.instructions.iter().map(|one| one.length).sum();
    assert_eq!(total, target.len() as u64);
    for with in INTERPRETERS {
        let cache = Cache::new(bases);
        for start in starts {
            let rest = recipe.clone().from(*start as u64);
            fs::write(cache.path("part"), &target[..*start]).unwrap();
            let names: Vec<&str> = rest.bases.iter().map(|base| base.digest.hex()).collect();
            let input = packed(&rest, target, bases, *start);
            let output = cache.make(with, &names, (*start, target.len()), &input);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} from {start}: {said}", with.0);
            assert!(output.stdout == target[*start..], "{} from {start}", with.0);
            assert!(fs::read(cache.path("part")).unwrap() == target);
        }
    }
    let whole = recipe.clone().from(0);
    packed(&whole, target, bases, 0).len()
}

fn tree(count: u64) -> Vec<File> {
    (0..count)
        .map(|number| File {
            name: format!("app/node_modules/package-{}/lib/{number}.js", number / 20),
            time: 1_700_000_000,
            content: noise(
                number + 1,
                500 + usize::try_from(number * 37 % 9000).unwrap(),
            ),
        })
        .collect()
}
