//! What reaches the builder.

use webpods::model::{NamedContext, SecretSource};

use super::load_in;

#[test]
fn every_build_key_reaches_the_builder() {
    let folder = tempfile::tempdir().unwrap();
    let text = "services:
  base: {build: base}
  web:
    build:
      context: .
      additional_contexts: {res: ./res, img: 'docker-image://alpine', svc: 'service:base', git: 'https://example.com/x.git'}
      cache_from: ['a:b', 'type=local,src=x']
      cache_to: [type=inline]
      entitlements: [security.insecure]
      extra_hosts: {x: ['1.2.3.4', '::1']}
      isolation: default
      labels: [a=b]
      network: host
      no_cache: true
      platforms: [linux/amd64, linux/arm64]
      privileged: true
      pull: true
      secrets: [TOKEN_FILE, {source: token, target: npm}, {source: unset, mode: 0400}]
      shm_size: 64m
      ssh: [default, k=./key]
      tags: ['a:1']
      ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}
secrets:
  TOKEN_FILE: {file: ./s.txt}
  token: {environment: TOKEN}
  unset: {environment: UNSET}
";
    let loaded = load_in(folder.path(), text).unwrap();
    let build = loaded.project.services["web"].build.clone().unwrap();
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    assert_eq!(
        build.contexts.into_iter().collect::<Vec<_>>(),
        [
            (
                "git".to_owned(),
                NamedContext::Fetched("https://example.com/x.git".to_owned())
            ),
            (
                "img".to_owned(),
                NamedContext::Fetched("docker-image://alpine".to_owned())
            ),
            ("res".to_owned(), NamedContext::Folder(path("res"))),
            (
                "svc".to_owned(),
                NamedContext::Service("base".parse().unwrap())
            ),
        ]
    );
    let secrets: Vec<_> = build.secrets.iter().map(|s| (&*s.id, &s.source)).collect();
    let value = Some("s3cret".to_owned().into());
    assert_eq!(
        secrets,
        [
            ("TOKEN_FILE", &SecretSource::File(path("s.txt"))),
            ("npm", &SecretSource::Variable("TOKEN".to_owned(), value)),
            ("unset", &SecretSource::Variable("UNSET".to_owned(), None)),
        ]
    );
    assert_eq!(
        build.ssh,
        ["default".to_owned(), format!("k={}", path("key").display())]
    );
    assert_eq!(build.cache_from, ["a:b", "type=local,src=x"]);
    assert_eq!(build.cache_to, ["type=inline"]);
    assert_eq!(build.entitlements, ["security.insecure"]);
    assert_eq!(build.extra_hosts, ["x:1.2.3.4", "x:::1"]);
    assert_eq!(build.isolation.as_deref(), Some("default"));
    assert_eq!(build.labels["a"], "b");
    assert_eq!(build.network.as_deref(), Some("host"));
    assert_eq!(build.platforms, ["linux/amd64", "linux/arm64"]);
    assert!(build.no_cache && build.privileged && build.pull);
    assert_eq!(build.shm_size, Some(64 << 20));
    assert_eq!(build.tags, ["a:1"]);
    let limits: Vec<_> = build.ulimits.values().map(|u| (u.soft, u.hard)).collect();
    assert_eq!(limits, [(1, 2), (5, 5)]);
    let warnings = loaded.project.warnings.join("\n");
    assert!(
        warnings.contains("secrets[2].mode: not carried out"),
        "{warnings}"
    );
    assert!(!format!("{:?}", loaded.project).contains("s3cret"));

    let external = text.replace("{environment: TOKEN}", "{external: true}");
    let error = load_in(folder.path(), &external).unwrap_err().to_string();
    assert!(error.contains("`token` has neither"), "{error}");
}

#[test]
fn builds_have_absolute_paths() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_in(
        folder.path(),
        "services:\n  web:\n    build: {context: src, args: {A: 1, TOKEN: , NONE: }, target: t, extra_hosts: [\"h=1.1.1.1\"]}\n  remote: {build: \"https://github.com/a/b.git\"}\n",
    )
    .unwrap();
    let build = loaded.project.services["web"].build.clone().unwrap();
    assert_eq!(
        build.context,
        folder.path().join("src").display().to_string()
    );
    assert_eq!(build.dockerfile.as_deref(), Some("Dockerfile"));
    assert_eq!(build.args["A"].as_deref(), Some("1"));
    assert_eq!(build.args["TOKEN"].as_deref(), Some("s3cret"));
    assert!(!build.args.contains_key("NONE"));
    assert_eq!(build.extra_hosts, ["h:1.1.1.1"]);
    let remote = loaded.project.services["remote"].build.clone().unwrap();
    assert_eq!(remote.context, "https://github.com/a/b.git");
}
