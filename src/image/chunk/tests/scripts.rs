//! What the scripts refuse, and what they find alike.

use super::*;

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
