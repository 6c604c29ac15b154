use super::*;

/// In millions of bytes, which stay as many, and milliseconds.
pub(in super::super) fn spent(millions: u64, packing: u64, waiting: u64) -> Spent {
    Spent {
        bytes: millions * 1_000_000,
        packed: millions * 1_000_000,
        packing: Duration::from_millis(packing),
        waiting: Duration::from_millis(waiting),
    }
}

#[test]
fn a_level_is_raised_while_more_passes() {
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    assert_eq!(level.judge(spent(1, 1, 1)), None, "too early");
    assert_eq!(level.judge(spent(30, 10, 1000)), Some(3));
    assert_eq!(level.judge(spent(100, 10, 1000)), Some(6), "it helped");
    assert_eq!(level.judge(spent(105, 10, 1000)), Some(3), "it did not");
    for _ in 1..PATIENCE {
        assert_eq!(level.judge(spent(100, 10, 1000)), None);
    }
    assert_eq!(level.judge(spent(100, 10, 1000)), Some(6), "tried again");
}

/// What a level makes of a sample, by a table; a level costs its own number of milliseconds.
fn tries(left: &[usize], took: u64) -> impl Iterator<Item = io::Result<Try>> {
    let took = Duration::from_millis(took);
    let tries: Vec<_> = left.iter().enumerate().collect();
    tries.into_iter().map(move |(place, left)| {
        Ok(Try {
            place,
            left: *left,
            took: took * u32::try_from(place).unwrap(),
        })
    })
}

#[test]
fn the_level_for_a_thin_link_leaves_least_and_is_no_slower_than_the_link() {
    let sample = Sample {
        bytes: Vec::new(),
        pass: 0,
        wire: 1_000_000,
    };
    let best = |left: &[usize], took| sample.best(tries(left, took)).unwrap();
    assert_eq!(best(&[100_000, 90_000, 80_000], 1), Some(2));
    assert_eq!(best(&[80_000, 90_000, 100_000], 1), Some(0));
    assert_eq!(best(&[100_000, 99_900, 99_800], 1), Some(0), "not worth it");
    assert_eq!(best(&[100_000, 90_000, 80_000], 30), Some(1), "too slow");
    assert_eq!(best(&[], 1), None);
}

#[test]
fn which_level_a_thin_link_gets_is_tried_with_what_goes_through() {
    // Letters that do not repeat, and lines that do with a number in each.
    let mut state = 1u64;
    let mut letters = Vec::new();
    let mut lines = Vec::new();
    while letters.len() < SAMPLE || lines.len() < SAMPLE {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        letters.push(b"etaoinshrdlucmfw"[(state >> 60) as usize]);
        let line = format!(
            "{} of the shop's orders are late by {} days\n",
            state >> 50,
            state >> 60
        );
        if state.is_multiple_of(16) {
            lines.extend(line.repeat(3).bytes());
        }
    }
    let pack = |bytes: &[u8], level| zstd::bulk::compress(bytes, level);
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    // So slow a link that no machine is slower.
    let waiting = Spent {
        bytes: 1000,
        packed: 1000,
        packing: Duration::ZERO,
        waiting: Duration::from_secs(100),
    };
    assert_eq!(
        level.adapt(waiting, pack).unwrap(),
        None,
        "nothing to try with"
    );
    level.see(&letters[..SAMPLE]);
    assert_eq!(level.adapt(waiting, pack).unwrap(), None, "1 leaves least");
    let pass = usize::try_from(BELIEVED).unwrap();
    level.see(&vec![0; pass]);
    assert_eq!(level.adapt(waiting, pack).unwrap(), None, "believed");
    level.see(&lines[..SAMPLE / 2]);
    assert_eq!(level.adapt(waiting, pack).unwrap(), None, "not enough");
    level.see(&lines[SAMPLE / 2..]);
    let chosen = level.adapt(waiting, pack).unwrap();
    let left = |level| pack(&lines[..SAMPLE], level).unwrap().len();
    assert!(left(chosen.unwrap()) < left(1), "{chosen:?}");
}

#[test]
fn a_machine_slower_than_a_thin_link_packs_less() {
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    assert_eq!(level.judge(spent(6, 200, 1000)), None);
    assert!(level.sample.is_some());
    assert_eq!(level.judge(spent(6, 1000, 100)), Some(STORED));
    assert!(level.sample.is_none());
}

#[test]
fn a_slow_machine_lowers_the_level() {
    let mut level = Level::new(&ZSTD, 2);
    assert_eq!(level.judge(spent(50, 1000, 900)), Some(1));
    assert_eq!(level.judge(spent(100, 1000, 0)), Some(STORED));
    assert_eq!(
        level.judge(spent(100, 1000, 0)),
        None,
        "there is no lower one"
    );
    assert_eq!(level.judge(spent(100, 500, 600)), None, "balanced");
}

#[test]
fn a_lower_level_with_which_less_passes_goes_again() {
    let mut level = Level::new(&ZSTD, 1);
    assert_eq!(level.judge(spent(100, 1000, 10)), Some(STORED));
    assert_eq!(
        level.judge(spent(60, 10, 1000)),
        Some(1),
        "the link is slower"
    );
    for _ in 1..PATIENCE {
        assert_eq!(level.judge(spent(100, 1000, 10)), None);
    }
    assert_eq!(
        level.judge(spent(100, 1000, 10)),
        Some(STORED),
        "tried again"
    );
}

#[test]
fn a_fast_link_gets_bytes_as_they_are_and_soon() {
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    assert_eq!(level.judge(spent(10, 10, 10)), None, "too early");
    assert_eq!(level.judge(spent(10, 10, 10)), Some(STORED));
    assert_eq!(level.judge(spent(200, 10, 1000)), None);
    assert_eq!(level.judge(spent(50, 10, 1000)), Some(1), "not so fast");
    // A host that has to get going first.
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    assert_eq!(level.judge(spent(20, 10, 700)), None);
    assert_eq!(level.judge(spent(20, 10, 300)), Some(STORED));
    // It is asked a few times, and then judged.
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    for _ in 0..GLANCES {
        assert_eq!(level.judge(spent(20, 10, 700)), None);
    }
    assert_eq!(level.judge(spent(20, 10, 300)), None);
}

#[test]
fn the_highest_level_stays() {
    let mut level = Level::new(&ZSTD, ZSTD_START.0);
    let mut bytes = 20;
    for wanted in [3, 6] {
        assert_eq!(level.judge(spent(bytes, 0, 1000)), Some(wanted));
        bytes = bytes * 3 / 2;
    }
    assert_eq!(level.judge(spent(bytes, 0, 1000)), None);
    assert_eq!(level.judge(spent(bytes, 0, 1000)), None);
}
