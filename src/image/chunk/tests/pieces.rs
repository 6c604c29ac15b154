//! What is sent of a blob when others are there.

use super::*;

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
