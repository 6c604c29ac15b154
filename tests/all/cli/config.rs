use super::Repo;

const COMPOSE: &str = "\
services:
  web:
    image: nginx:${TAG:-1}
    environment:
      PASSWORD: hunter2
    volumes: [data:/data]
  db:
    image: postgres
    profiles: [full]
volumes:
  data:
";

#[test]
fn config_prints_the_model() {
    let repo = Repo::with(&[("compose.yml", COMPOSE)]);
    let yaml = repo.run(&["config"]);
    assert!(yaml.ok().contains("image: nginx:1"), "{}", yaml.out);
    assert!(yaml.out.ends_with('\n') && !yaml.out.ends_with("\n\n"));
    // What the user asked to see is printed as it is, as `docker compose config` does.
    assert!(yaml.out.contains("hunter2"));
    let json = repo.run(&["config", "--format", "json"]);
    let model: serde_json::Value = serde_json::from_str(json.ok()).unwrap();
    assert_eq!(model["services"]["web"]["image"], "nginx:1");
    assert_eq!(model["services"].get("db"), None);
}

#[test]
fn config_lists_parts() {
    let repo = Repo::with(&[("compose.yml", COMPOSE)]);
    assert_eq!(repo.run(&["config", "--services"]).ok(), "web\n");
    assert_eq!(repo.run(&["config", "--images"]).ok(), "nginx:1\n");
    assert_eq!(repo.run(&["config", "--volumes"]).ok(), "data\n");
    assert_eq!(repo.run(&["config", "--profiles"]).ok(), "full\n");
    assert_eq!(repo.run(&["config", "-q"]).ok(), "");
    let hashes = repo.run(&["config", "--hash", "*"]);
    assert!(hashes.ok().starts_with("web "), "{}", hashes.out);
    let both = repo.run(&["--profile", "full", "config", "--services"]);
    assert_eq!(both.ok().lines().count(), 2);
}

#[test]
fn flags_are_over_the_defaults_of_the_context() {
    let repo = Repo::with(&[
        ("base.yml", "services: { web: { image: \"a:${TAG}\" } }\n"),
        (
            "over.yml",
            "services: { web: { labels: { over: \"yes\" } } }\n",
        ),
        ("other.yml", "services: { other: { image: b } }\n"),
        (".env.staging", "TAG=staging\n"),
        (
            ".webpods/contexts/staging.yml",
            "hosts: [{ name: a, addr: 10.0.0.1 }]\n\
             defaults:\n  compose_files: [base.yml, over.yml]\n  env_file: .env.staging\n  \
             project_name: shop\n",
        ),
        ("below/keep", ""),
    ]);
    // Defaults are relative to the folder of `.webpods/`, wherever the command is typed.
    let below = repo.path().join("below");
    let mut command = repo.command();
    command
        .args(["-c", "staging", "config", "--format", "json"])
        .current_dir(&below);
    let ran = super::Ran::of(&mut command);
    let model: serde_json::Value = serde_json::from_str(ran.ok()).unwrap();
    assert_eq!(model["name"], "shop");
    assert_eq!(model["services"]["web"]["image"], "a:staging");
    assert_eq!(model["services"]["web"]["labels"]["over"], "yes");

    let flags = [
        "-c",
        "staging",
        "-p",
        "mine",
        "config",
        "-f",
        "other.yml",
        "--services",
    ];
    assert_eq!(repo.run(&flags).ok(), "other\n");
}

#[test]
fn wrong_compose_files_are_refused_with_their_place() {
    let repo = Repo::empty();
    repo.run(&["config"]).refused(1, &["error: "]);
    repo.write("compose.yml", "services:\n  web:\n    imgae: nginx\n");
    repo.run(&["config"])
        .refused(1, &["compose.yml:3:5", "imgae", "image"]);
    repo.write(
        "compose.yml",
        "services:\n  web:\n    image: ${IMAGE:?set it}\n",
    );
    repo.run(&["config"]).refused(1, &["IMAGE", "set it"]);
    repo.write("compose.yml", "services: [\n");
    repo.run(&["config"]).refused(1, &["compose.yml:"]);
}
