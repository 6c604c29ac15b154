//! The arguments of a build, as data. No shell sees them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::choose::Builder;
use super::secrets;
use crate::image::source;
use crate::model::{Build, NamedContext, ServiceName};

/// One run of `docker buildx build` or `docker build`.
pub(super) struct Invocation<'a> {
    pub(super) build: &'a Build,
    pub(super) reference: &'a str,
    pub(super) platform: Option<&'a str>,
    pub(super) builder: Builder,
    /// Where docker writes the image's identifier.
    pub(super) iidfile: &'a Path,
    /// What the images of other services are called, for `additional_contexts`.
    pub(super) image_of: &'a dyn Fn(&ServiceName) -> String,
}

impl Invocation<'_> {
    /// Everything after `docker`.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let build = self.build;
        let mut flags = Flags(match self.builder {
            Builder::BuildKit => ["buildx", "build", "--progress=plain", "--load"]
                .map(OsString::from)
                .to_vec(),
            Builder::Classic => vec!["build".into()],
        });
        flags.add("iidfile", self.iidfile);
        flags.add("tag", self.reference);
        flags.all("tag", &build.tags);
        match (&build.dockerfile_inline, source::dockerfile(build)) {
            (Some(_), _) => flags.add("file", "-"),
            (None, Some(path)) => flags.add("file", path),
            // The engine looks for it in what it fetches.
            (None, None) => flags.add_some("file", build.dockerfile.as_deref()),
        }
        for (name, value) in &build.args {
            match value {
                Some(value) if !secrets::is_secret(name) => {
                    flags.add("build-arg", format!("{name}={value}"));
                }
                // docker takes the value from its environment.
                _ => flags.add("build-arg", name),
            }
        }
        for (name, value) in &build.labels {
            flags.add("label", format!("{name}={value}"));
        }
        flags.add_some("target", build.target.as_deref());
        flags.add_some("network", build.network.as_deref());
        flags.add_some("platform", self.platform);
        flags.all("add-host", &build.extra_hosts);
        flags.all("cache-from", &build.cache_from);
        flags.add_some("shm-size", build.shm_size.map(|size| size.to_string()));
        for (name, limit) in &build.ulimits {
            flags.add("ulimit", format!("{name}={}:{}", limit.soft, limit.hard));
        }
        for (name, set) in [("pull", build.pull), ("no-cache", build.no_cache)] {
            flags.add_some(name, set.then_some("true"));
        }
        match self.builder {
            Builder::BuildKit => self.buildkit(&mut flags),
            Builder::Classic => flags.add_some("isolation", build.isolation.as_deref()),
        }
        let mut arguments = flags.0;
        arguments.extend(["--".into(), build.context.clone().into()]);
        arguments
    }

    /// What the classic builder does not know.
    fn buildkit(&self, flags: &mut Flags) {
        let build = self.build;
        for (name, context) in &build.contexts {
            let value = match context {
                NamedContext::Folder(path) => path.display().to_string(),
                NamedContext::Service(service) => {
                    format!("docker-image://{}", (self.image_of)(service))
                }
                NamedContext::Fetched(address) => address.clone(),
            };
            flags.add("build-context", format!("{name}={value}"));
        }
        for (number, secret) in build.secrets.iter().enumerate() {
            flags.add("secret", secrets::argument(number, secret));
        }
        flags.all("ssh", &build.ssh);
        flags.all("cache-to", &build.cache_to);
        flags.all("allow", &build.entitlements);
        let insecure = "security.insecure";
        if build.privileged && !build.entitlements.iter().any(|one| one == insecure) {
            flags.add("allow", insecure);
        }
    }
}

struct Flags(Vec<OsString>);

impl Flags {
    /// `--name=value` in one piece: a value that starts with `-` stays a value.
    fn add(&mut self, name: &str, value: impl AsRef<OsStr>) {
        let mut whole = OsString::from(format!("--{name}="));
        whole.push(value);
        self.0.push(whole);
    }

    fn add_some(&mut self, name: &str, value: Option<impl AsRef<OsStr>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn all(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildSecret, SecretSource, Ulimit};

    fn arguments(build: &Build, builder: Builder) -> Vec<String> {
        let invocation = Invocation {
            build,
            reference: "shop-web",
            platform: None,
            builder,
            iidfile: Path::new("/t/iid"),
            image_of: &|service| format!("shop-{service}"),
        };
        let arguments = invocation.arguments().into_iter();
        arguments.map(|one| one.into_string().unwrap()).collect()
    }

    fn app() -> Build {
        Build {
            context: "/src/app".to_owned(),
            ..Build::default()
        }
    }

    #[test]
    fn a_plain_build_is_short() {
        let classic = arguments(&app(), Builder::Classic).join(" ");
        let common = "--iidfile=/t/iid --tag=shop-web --file=/src/app/Dockerfile -- /src/app";
        assert_eq!(classic, format!("build {common}"));
        let buildkit = arguments(&app(), Builder::BuildKit).join(" ");
        let wanted = format!("buildx build --progress=plain --load {common}");
        assert_eq!(buildkit, wanted);
    }

    #[test]
    fn every_key_of_both_builders_has_its_flag() {
        let mut build = app();
        build.dockerfile = Some("/elsewhere/Dockerfile".into());
        build.args.insert("A".into(), Some("x y; $(id)".into()));
        build.args.insert("B".into(), None);
        build.labels.insert("l".into(), "v=w".into());
        build.target = Some("-t".into());
        build.network = Some("host".into());
        build.extra_hosts = vec!["a:1.2.3.4".into()];
        build.cache_from = vec!["app:cache".into()];
        build.tags = vec!["app:2".into()];
        build.shm_size = Some(64 << 20);
        let limit = |soft, hard| Ulimit { soft, hard };
        build.ulimits = [
            ("nofile".into(), limit(1, 2)),
            ("nproc".into(), limit(-1, -1)),
        ]
        .into();
        build.pull = true;
        build.no_cache = true;
        let shared = [
            "--tag=shop-web",
            "--tag=app:2",
            "--file=/elsewhere/Dockerfile",
            "--build-arg=A=x y; $(id)",
            "--build-arg=B",
            "--label=l=v=w",
            "--target=-t",
            "--network=host",
            "--add-host=a:1.2.3.4",
            "--cache-from=app:cache",
            "--shm-size=67108864",
            "--ulimit=nofile=1:2",
            "--ulimit=nproc=-1:-1",
            "--pull=true",
            "--no-cache=true",
        ];
        build.isolation = Some("default".into());
        let classic = arguments(&build, Builder::Classic);
        assert_eq!(classic[2..17], shared);
        assert_eq!(classic[17..], ["--isolation=default", "--", "/src/app"]);
        let buildkit = arguments(&build, Builder::BuildKit);
        assert_eq!(buildkit[5..20], shared);
        assert_eq!(buildkit[20..], ["--", "/src/app"]);
    }

    #[test]
    fn every_key_of_buildkit_has_its_flag() {
        let mut build = app();
        let service = "base".parse().unwrap();
        build.contexts = [
            ("res".into(), NamedContext::Folder("/r e s".into())),
            ("svc".into(), NamedContext::Service(service)),
            (
                "img".into(),
                NamedContext::Fetched("docker-image://alpine".into()),
            ),
        ]
        .into();
        build.secrets = vec![BuildSecret {
            id: "token".into(),
            source: SecretSource::Content("hunter2".to_owned().into()),
        }];
        build.ssh = vec!["default".into(), "key=/k".into()];
        build.cache_to = vec!["type=inline".into()];
        build.entitlements = vec!["network.host".into()];
        build.privileged = true;
        let all = arguments(&build, Builder::BuildKit);
        assert_eq!(
            all[7..],
            [
                "--build-context=res=/r e s",
                "--build-context=svc=docker-image://shop-base",
                "--build-context=img=docker-image://alpine",
                "--secret=id=token,env=WEBPODS_BUILD_SECRET_0",
                "--ssh=default",
                "--ssh=key=/k",
                "--cache-to=type=inline",
                "--allow=network.host",
                "--allow=security.insecure",
                "--",
                "/src/app",
            ]
        );
        assert!(!all.iter().any(|argument| argument.contains("hunter2")));
    }

    #[test]
    fn secret_arguments_are_named_only() {
        let mut build = app();
        build.args.insert("NPM_TOKEN".into(), Some("s3cret".into()));
        build
            .args
            .insert("DOCKER_TOKEN".into(), Some("plain".into()));
        let all = arguments(&build, Builder::Classic);
        assert!(all.contains(&"--build-arg=NPM_TOKEN".to_owned()));
        assert!(all.contains(&"--build-arg=DOCKER_TOKEN=plain".to_owned()));
        let environment = secrets::environment(&build);
        assert_eq!(environment, [("NPM_TOKEN".to_owned(), "s3cret".to_owned())]);
    }

    #[test]
    fn an_inline_dockerfile_is_read_from_standard_input() {
        let mut build = app();
        build.dockerfile_inline = Some("FROM scratch".into());
        let all = arguments(&build, Builder::Classic);
        assert!(all.contains(&"--file=-".to_owned()));
    }

    #[test]
    fn a_remote_context_is_passed_on() {
        let mut build = app();
        build.context = "https://example.com/a.git#main".to_owned();
        let all = arguments(&build, Builder::Classic);
        assert!(!all.iter().any(|argument| argument.starts_with("--file")));
        assert_eq!(all.last().unwrap(), "https://example.com/a.git#main");
        build.dockerfile = Some("Dockerfile".to_owned());
        let all = arguments(&build, Builder::Classic);
        assert!(all.contains(&"--file=Dockerfile".to_owned()));
    }
}
