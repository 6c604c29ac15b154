use super::{ONE_HOST, Repo};

#[test]
fn init_writes_a_set_that_works_and_never_overwrites() {
    let repo = Repo::empty();
    let first = repo.run(&["init"]);
    assert_eq!(first.ok().matches("created").count(), 6);
    assert!(first.err.contains("next:"), "{}", first.err);

    let contexts = repo.run(&["context", "ls"]);
    for name in ["dev", "staging", "production"] {
        assert!(contexts.ok().contains(name), "{}", contexts.out);
    }
    assert_eq!(contexts.err, "");

    repo.write(".webpods/contexts/staging.yml", ONE_HOST);
    std::fs::remove_file(repo.path().join(".webpods/contexts/dev.yml")).unwrap();
    let second = repo.run(&["init"]);
    assert!(second.ok().contains("created  .webpods/contexts/dev.yml"));
    assert_eq!(second.out.matches("kept").count(), 5);
    assert_eq!(repo.read(".webpods/contexts/staging.yml"), ONE_HOST);
}

#[test]
fn init_does_not_write_through_a_dangling_link() {
    let repo = Repo::empty();
    let outside = repo.path().join("outside.yml");
    std::fs::create_dir_all(repo.path().join(".webpods")).unwrap();
    std::os::unix::fs::symlink(&outside, repo.path().join(".webpods/config.yml")).unwrap();
    assert!(
        repo.run(&["init"])
            .ok()
            .contains("kept     .webpods/config.yml")
    );
    assert!(!outside.exists());
}

#[test]
fn init_in_json_lists_what_it_did() {
    let repo = Repo::empty();
    let ran = repo.run(&["init", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(ran.ok()).unwrap();
    assert_eq!(value["created"].as_array().unwrap().len(), 6);
    assert_eq!(value["kept"], serde_json::json!([]));
}

#[test]
fn init_says_when_it_cannot_write() {
    let repo = Repo::with(&[(".webpods", "a file, not a folder")]);
    repo.run(&["init"]).refused(1, &["error: cannot write"]);
    repo.run(&["context", "ls"])
        .refused(1, &["`", ".webpods` is not a folder", "webpods init"]);
}
