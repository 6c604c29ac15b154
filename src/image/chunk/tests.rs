//! Blobs made of others, by the very scripts that hosts run.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;

use super::recipe::Source;
use super::*;
use crate::model::Digest;

const PERL: &str = include_str!("../sh/rebuild.pl");
const PYTHON: &str = include_str!("../sh/rebuild.py");
const INTERPRETERS: [(&str, &str, &str); 2] = [("perl", "-e", PERL), ("python3", "-c", PYTHON)];

#[derive(Debug, Clone)]
struct File {
    name: String,
    time: u64,
    content: Vec<u8>,
}

/// Bytes that no piece repeats.
fn noise(seed: u64, length: usize) -> Vec<u8> {
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

#[test]
fn one_changed_file_costs_itself_and_its_neighbours_headers() {
    let old = tree(1000);
    let mut new = old.clone();
    new[500].content = noise(99_999, 10_000);
    new[500].time += 1;
    let (old, new) = (archive(&old), archive(&new));
    let sent = rebuild(
        &new,
        &[&old],
        &[0, 1, 511, 100_000, new.len() - 1, new.len()],
    );
    // A group has at most 128 entries.
    assert!(sent < 10_000 + 128 * 900, "{sent} of {}", new.len());
}

#[test]
fn new_times_on_every_file_cost_headers_only() {
    let old = tree(1000);
    let mut new = old.clone();
    for (number, file) in new.iter_mut().enumerate() {
        file.time += 86_400 + number as u64;
    }
    let (old, new) = (archive(&old), archive(&new));
    let sent = rebuild(&new, &[&old], &[0, 70_000]);
    // A header and half a block of padding each, and an instruction or two.
    assert!(sent < 1000 * 900, "{sent} of {}", new.len());
}

#[test]
fn an_insertion_into_a_large_file_moves_no_later_cut() {
    let mut file = File {
        name: "usr/bin/server".to_owned(),
        time: 1,
        content: noise(7, 3_000_000),
    };
    let old = archive(std::slice::from_ref(&file));
    file.content.splice(1_000_000..1_000_000, *b"one more line");
    let new = archive(&[file]);
    let sent = rebuild(&new, &[&old], &[0, 2_000_000]);
    assert!(sent < 100_000, "{sent} of {}", new.len());
}

#[test]
fn pieces_are_found_in_several_blobs_and_in_the_blob_itself() {
    let files = tree(300);
    let (one, other) = (archive(&files[..100]), archive(&files[100..200]));
    let twice: Vec<File> = files
        .iter()
        .chain(&files[200..])
        .enumerate()
        .map(|(number, file)| File {
            name: format!("{number}"),
            ..file.clone()
        })
        .collect();
    let target = archive(&twice);
    let sent = rebuild(&target, &[&one, &other], &[0]);
    let fresh: usize = files[200..].iter().map(|file| file.content.len()).sum();
    assert!(sent < fresh + 400 * 1100, "{sent}: {fresh} are new");
}

#[test]
fn what_is_no_archive_is_cut_too() {
    let old = noise(3, 1_000_000);
    let mut new = old.clone();
    new[500_000] ^= 1;
    assert!(rebuild(&new, &[&old], &[0, 600_000]) < 100_000);
    for blob in [vec![], vec![1], vec![0; 200_000]] {
        rebuild(&blob, &[&old], &[0]);
    }
}

#[test]
fn a_blob_that_changes_while_it_is_cut_has_no_index() {
    let blob = noise(1, 100_000);
    let digest = Digest::of(&blob);
    assert!(Index::of(&blob[..90_000], &digest, 100_000).is_err());
}

#[test]
fn scripts_refuse_what_leads_outside() {
    let base = noise(1, 1000);
    let blob = Digest::of(&base);
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), noise(2, 1000)).unwrap();
    let path = outside.path().to_str().unwrap();
    let link = "a".repeat(64);
    let missing = "b".repeat(64);
    let batch = |code: &str| format!("{:08x}{code}", code.len());
    let copy = batch("0 0 1000\n");
    let cases: Vec<(&str, String)> = vec![
        (path, copy.clone()),
        ("../part", copy.clone()),
        (&link, copy.clone()),
        (&missing, copy.clone()),
        (blob.hex(), batch("0 1 1000\n")),
        (blob.hex(), batch("0 -1 1000\n")),
        (blob.hex(), batch("2 0 1000\n")),
        (blob.hex(), batch("1 0 1000\n")),
        (blob.hex(), batch("0 0 1001\n")),
        (blob.hex(), batch("0 0 500\n0 0 501\n")),
        (blob.hex(), batch("0 0 1000")),
        (blob.hex(), batch("0 0 500\n;\n")),
        (blob.hex(), batch("")),
        (blob.hex(), "ffffffff".to_owned()),
        (blob.hex(), "0000 x1\n".to_owned()),
    ];
    for with in INTERPRETERS {
        let cache = Cache::new(&[&base]);
        std::os::unix::fs::symlink(outside.path(), cache.path(&link)).unwrap();
        for (name, input) in &cases {
            fs::write(cache.path("part"), b"").unwrap();
            let output = cache.make(with, &[name], (0, 1000), input.as_bytes());
            let (program, status) = (with.0, output.status.code());
            assert_eq!(status, Some(9), "{program}: {name} {input:?}");
        }
        fs::write(cache.path("part"), b"").unwrap();
        let fine = cache.make(with, &[blob.hex()], (0, 1000), copy.as_bytes());
        assert_eq!(fine.stdout, base, "{}", with.0);
        // An input that ends is not the host's fault, and what arrived stays.
        fs::write(cache.path("part"), b"").unwrap();
        let cut = cache.make(with, &[], (0, 1000), b"000000051000\nabc");
        assert_eq!(cut.status.code(), Some(8), "{}", with.0);
        assert_eq!(fs::read(cache.path("part")).unwrap(), b"abc");
    }
}

#[test]
fn hosts_say_which_blobs_are_alike() {
    let files = tree(400);
    let target = archive(&files);
    let mut close = files.clone();
    close[7].content = noise(12_345, 2000);
    let (close, half) = (archive(&close), archive(&files[..200]));
    let (other, gone) = (noise(77, 500_000), archive(&files[1..]));
    let cache = Cache::new(&[&close, &half, &other]);
    let indexes = cache.path("index");
    fs::create_dir(&indexes).unwrap();
    for blob in [&close, &half, &other, &gone, &target] {
        let index = index(blob);
        fs::write(indexes.join(index.digest.hex()), index.to_bytes().unwrap()).unwrap();
    }
    fs::write(indexes.join("c".repeat(64)), "noise").unwrap();
    fs::write(indexes.join("readme"), "").unwrap();
    let index = index(&target);
    let wanted = index.digest.hex();
    let input = format!("{wanted} {}\n{} \n\nrest", index.sketch(), "d".repeat(64));
    let folder = cache.0.path().to_str().unwrap();
    for with in INTERPRETERS {
        let output = Cache::run(
            with,
            &["like", folder, indexes.to_str().unwrap()],
            input.as_bytes(),
        );
        let said = String::from_utf8(output.stdout).unwrap();
        let close = Digest::of(&close);
        // What the best one has, nobody else is asked for.
        assert_eq!(
            said,
            format!("base {wanted} {}\n", close.hex()),
            "{}",
            with.0
        );
        let nowhere = ["like", folder, "/nonexistent"];
        let none = Cache::run(with, &nowhere, input.as_bytes());
        assert_eq!((none.stdout, none.status.code()), (vec![], Some(0)));
    }
}

#[derive(Debug, Clone)]
enum Change {
    Touch(prop::sample::Index),
    Remove(prop::sample::Index),
    Rename(prop::sample::Index, String),
    Write(prop::sample::Index, u64, u16),
    Add(prop::sample::Index, String, u64, u16),
    Flip(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let name = || "[a-z]{1,8}(/[a-z]{1,120}){0,2}";
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Change::Touch),
        any::<prop::sample::Index>().prop_map(Change::Remove),
        (any::<prop::sample::Index>(), name()).prop_map(|(at, name)| Change::Rename(at, name)),
        any::<(prop::sample::Index, u64, u16)>()
            .prop_map(|(at, seed, size)| Change::Write(at, seed, size)),
        (
            any::<prop::sample::Index>(),
            name(),
            any::<u64>(),
            any::<u16>()
        )
            .prop_map(|(at, name, seed, size)| Change::Add(at, name, seed, size)),
        any::<prop::sample::Index>().prop_map(Change::Flip),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_changes_the_blob_is_made(
        changes in prop::collection::vec(change(), 0..12),
        damage in prop::option::of(any::<prop::sample::Index>()),
        start: prop::sample::Index,
    ) {
        let mut files = tree(120);
        let old = archive(&files);
        for change in changes {
            if files.is_empty() {
                break;
            }
            match change {
                Change::Touch(at) => {
                    let at = at.index(files.len());
                    files[at].time += 1;
                }
                Change::Remove(at) => drop(files.remove(at.index(files.len()))),
                Change::Rename(at, name) => {
                    let at = at.index(files.len());
                    files[at].name = name;
                }
                Change::Write(at, seed, size) => {
                    let at = at.index(files.len());
                    files[at].content = noise(seed, size.into());
                }
                Change::Add(at, name, seed, size) => {
                    let content = noise(seed, size.into());
                    files.insert(at.index(files.len()), File { name, time: seed % 1000, content });
                }
                Change::Flip(at) => {
                    let at = at.index(files.len());
                    if let Some(byte) = files[at].content.last_mut() {
                        *byte ^= 1;
                    }
                }
            }
        }
        let mut new = archive(&files);
        // Not only sound archives are layers.
        if let Some(at) = damage {
            let at = at.index(new.len());
            new[at] ^= 0x55;
            new.truncate(new.len() - at % 700);
        }
        rebuild(&new, &[&old], &[0, start.index(new.len() + 1)]);
    }
}

/// A program, more or less: addresses among other bytes.
fn program(base: u32) -> Vec<u8> {
    let mut bytes = noise(5, 3_000_000);
    for (number, place) in bytes.chunks_exact_mut(48).enumerate() {
        let address = base + u32::try_from(number).unwrap() * 16;
        place[8..12].copy_from_slice(&address.to_le_bytes());
    }
    bytes
}

fn patched(target: &[u8], bases: &[&[u8]], readable: bool) -> Recipe {
    let indexes: Vec<Index> = bases.iter().map(|base| index(base)).collect();
    let read = |base: &&[u8]| readable.then(|| std::io::Cursor::new(base.to_vec()));
    let mut read: Vec<_> = bases.iter().map(read).collect();
    let recipe = Recipe::new(&index(target), &indexes);
    recipe
        .patched(&mut std::io::Cursor::new(target.to_vec()), &mut read)
        .unwrap()
}

#[test]
fn of_a_program_that_was_linked_again_the_difference_is_sent() {
    let old = program(0x40_0000);
    // Every address moved; something new is in the middle, and something is gone before the end.
    let mut new = program(0x40_1000);
    new.drain(2_500_000..2_500_900);
    new.splice(1_000_000..1_000_000, noise(6, 5000));
    let recipe = patched(&new, &[&old], true);
    let plain = recipe.plain().sent();
    assert!(plain > 2_900_000, "{plain} would be sent");
    let other = recipe.instructions.iter();
    let other = other.filter(|one| one.source == Source::Sent);
    let other: u64 = other.map(|one| one.length).sum();
    assert!(other < 10_000, "{other} bytes are new");
    assert!(recipe.sent() < plain / 7, "{}", recipe.sent());
    made(
        &recipe,
        &new,
        &[&old],
        &[0, 1, 999_990, 1_003_000, 2_600_000],
    );
    let difference = packed(&recipe, &new, &[&old], 0);
    let difference = zstd::encode_all(&*difference, 6).unwrap();
    assert!(difference.len() < 200_000, "{}", difference.len());
}

#[test]
fn what_is_like_nothing_is_sent_as_it_is() {
    let old = program(0);
    let mut new = noise(77, 2_000_000);
    new.extend(&old[..200_000]);
    assert_eq!(
        patched(&new, &[&old], false),
        Recipe::new(&index(&new), &[index(&old)])
    );
    let recipe = patched(&new, &[&old], true);
    made(&recipe, &new, &[&old], &[0, 1_999_999]);
    assert!(recipe.sent() >= 2_000_000, "{}", recipe.sent());
}
