//! Programs that were linked again: differences in place of pieces.

use super::super::recipe::Source;
use super::*;

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
