//! The arguments of `docker build`, as data. No shell sees them.

use std::ffi::OsString;
use std::path::Path;

use crate::error::{Error, Result};
use crate::image::source;
use crate::model::{Build, ServiceName};

/// One `docker build`.
pub(super) struct Invocation<'a> {
    pub(super) service: &'a ServiceName,
    pub(super) build: &'a Build,
    pub(super) reference: &'a str,
    pub(super) platform: Option<&'a str>,
    pub(super) buildkit: bool,
    /// Where docker writes the image's identifier.
    pub(super) iidfile: &'a Path,
}

impl Invocation<'_> {
    /// Everything after `docker`.
    ///
    /// # Errors
    /// A key needs BuildKit and only the classic builder is there.
    pub(super) fn arguments(&self) -> Result<Vec<OsString>> {
        let build = self.build;
        if !self.buildkit
            && let Some(key) = needs_buildkit(build)
        {
            return Err(Error::user(format!(
                "`build.{key}` of service `{}` needs BuildKit, and this machine's `docker` has \
                 only the classic builder",
                self.service
            ))
            .hint("install the `docker-buildx` plugin"));
        }
        let mut arguments: Vec<OsString> = vec!["build".into()];
        if self.buildkit {
            arguments.extend(["--progress=plain".into(), "--load".into()]);
        }
        // `--name=value` in one piece: a value that starts with `-` stays a value.
        let mut flag = |name: &str, value: &std::ffi::OsStr| {
            let mut whole = OsString::from(format!("--{name}="));
            whole.push(value);
            arguments.push(whole);
        };
        flag("iidfile", self.iidfile.as_os_str());
        flag("tag", self.reference.as_ref());
        for tag in &build.tags {
            flag("tag", tag.as_ref());
        }
        match (&build.dockerfile_inline, source::dockerfile(build)) {
            (Some(_), _) => flag("file", "-".as_ref()),
            (None, Some(path)) => flag("file", path.as_os_str()),
            // The engine looks for it in what it fetches.
            (None, None) => {
                if let Some(name) = &build.dockerfile {
                    flag("file", name.as_ref());
                }
            }
        }
        for (name, value) in &build.args {
            match value {
                Some(value) if !is_secret(name) => {
                    flag("build-arg", format!("{name}={value}").as_ref());
                }
                // docker takes the value from its environment.
                _ => flag("build-arg", name.as_ref()),
            }
        }
        for (name, value) in &build.labels {
            flag("label", format!("{name}={value}").as_ref());
        }
        for (name, value) in [
            ("target", build.target.as_deref()),
            ("network", build.network.as_deref()),
            ("platform", self.platform),
        ] {
            if let Some(value) = value {
                flag(name, value.as_ref());
            }
        }
        for host in &build.extra_hosts {
            flag("add-host", host.as_ref());
        }
        for image in &build.cache_from {
            flag("cache-from", image.as_ref());
        }
        for (name, set) in [("pull", build.pull), ("no-cache", build.no_cache)] {
            if set {
                flag(name, "true".as_ref());
            }
        }
        arguments.extend(["--".into(), build.context.clone().into()]);
        Ok(arguments)
    }

    /// Arguments that look secret, for docker's environment, where no list of processes shows them.
    pub(super) fn secrets(&self) -> Vec<(&str, &str)> {
        self.build
            .args
            .iter()
            .filter(|(name, _)| is_secret(name))
            .filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
            .collect()
    }

    /// Texts that must not be shown when the build prints them.
    pub(super) fn hidden(&self) -> Vec<String> {
        let from_environment = |name: &String| std::env::var(name).ok();
        self.build
            .args
            .iter()
            .filter(|(name, _)| is_secret(name))
            .filter_map(|(name, value)| value.clone().or_else(|| from_environment(name)))
            // Shorter ones would blot out half of the output and are no secrets.
            .filter(|value| value.len() >= 4)
            .collect()
    }
}

/// Whether an argument's name says that its value is a secret.
fn is_secret(name: &str) -> bool {
    // Docker's own variables are settings; in its environment they would mean something else.
    if name.starts_with("DOCKER_") || name.starts_with("BUILDX_") || name.starts_with("BUILDKIT_") {
        return false;
    }
    let name = name.to_ascii_lowercase();
    [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "credential",
        "apikey",
        "api_key",
        "private_key",
        "access_key",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn needs_buildkit(build: &Build) -> Option<&'static str> {
    if build.cache_from.iter().any(|from| from.contains("type=")) {
        return Some("cache_from");
    }
    (build.platforms.len() > 1).then_some("platforms")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(build: &Build, buildkit: bool) -> Result<Vec<String>> {
        let service = "web".parse().unwrap();
        let invocation = Invocation {
            service: &service,
            build,
            reference: "shop-web",
            platform: None,
            buildkit,
            iidfile: Path::new("/t/iid"),
        };
        let arguments = invocation.arguments()?;
        Ok(arguments
            .into_iter()
            .map(|argument| argument.into_string().unwrap())
            .collect())
    }

    fn app() -> Build {
        Build {
            context: "/src/app".to_owned(),
            ..Build::default()
        }
    }

    #[test]
    fn a_plain_build_is_short() {
        let classic = arguments(&app(), false).unwrap().join(" ");
        assert_eq!(
            classic,
            "build --iidfile=/t/iid --tag=shop-web --file=/src/app/Dockerfile -- /src/app"
        );
        let buildkit = arguments(&app(), true).unwrap();
        assert_eq!(buildkit[1..3], ["--progress=plain", "--load"]);
    }

    #[test]
    fn every_key_has_its_flag() {
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
        build.pull = true;
        build.no_cache = true;
        let all = arguments(&build, false).unwrap();
        assert_eq!(
            all[2..],
            [
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
                "--pull=true",
                "--no-cache=true",
                "--",
                "/src/app",
            ]
        );
    }

    #[test]
    fn secrets_travel_in_the_environment() {
        let mut build = app();
        build.args.insert("NPM_TOKEN".into(), Some("s3cret".into()));
        build
            .args
            .insert("DOCKER_TOKEN".into(), Some("plain".into()));
        let all = arguments(&build, false).unwrap();
        assert!(all.contains(&"--build-arg=NPM_TOKEN".to_owned()));
        assert!(all.contains(&"--build-arg=DOCKER_TOKEN=plain".to_owned()));
        let service = "web".parse().unwrap();
        let invocation = Invocation {
            service: &service,
            build: &build,
            reference: "",
            platform: None,
            buildkit: false,
            iidfile: Path::new(""),
        };
        assert_eq!(invocation.secrets(), [("NPM_TOKEN", "s3cret")]);
        assert_eq!(invocation.hidden(), ["s3cret"]);
    }

    #[test]
    fn an_inline_dockerfile_is_read_from_standard_input() {
        let mut build = app();
        build.dockerfile_inline = Some("FROM scratch".into());
        assert!(
            arguments(&build, false)
                .unwrap()
                .contains(&"--file=-".to_owned())
        );
    }

    #[test]
    fn a_remote_context_is_passed_on() {
        let mut build = app();
        build.context = "https://example.com/a.git#main".to_owned();
        let all = arguments(&build, false).unwrap();
        assert!(!all.iter().any(|argument| argument.starts_with("--file")));
        assert_eq!(all.last().unwrap(), "https://example.com/a.git#main");
    }

    #[test]
    fn keys_that_need_buildkit_are_refused_by_name_without_it() {
        let mut build = app();
        build.cache_from = vec!["type=registry,ref=app".into()];
        let error = arguments(&build, false).unwrap_err();
        assert!(error.message().contains("`build.cache_from`"), "{error}");
        assert!(arguments(&build, true).is_ok());
    }
}
