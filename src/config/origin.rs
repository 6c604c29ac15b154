//! Where a command is run from, and by whom (spec §5.4).

use std::collections::BTreeMap;

use crate::model::Origin;

/// Variables that CI systems set besides `CI`.
const CI_MARKERS: [&str; 12] = [
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "BUILDKITE",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TF_BUILD",
    "BITBUCKET_BUILD_NUMBER",
    "CODEBUILD_BUILD_ID",
    "DRONE",
    "WOODPECKER_CI",
];

/// Variables that hold the URL of the running job.
const CI_URLS: [&str; 7] = [
    "CI_JOB_URL",
    "CIRCLE_BUILD_URL",
    "TRAVIS_BUILD_WEB_URL",
    "BUILDKITE_BUILD_URL",
    "BUILD_URL",
    "CI_PIPELINE_URL",
    "DRONE_BUILD_LINK",
];

/// The origin: `--from`, else `CI`, else what CI systems set, else local.
///
/// An explicit `CI=false` means a person's shell, whatever else is set.
#[must_use]
pub fn origin(flag: Option<Origin>, environment: &BTreeMap<String, String>) -> Origin {
    if let Some(origin) = flag {
        return origin;
    }
    let marked = CI_MARKERS
        .iter()
        .any(|marker| environment.get(*marker).is_some_and(|value| truthy(value)));
    match environment.get("CI") {
        Some(value) if truthy(value) => Origin::Ci,
        Some(value) if !value.is_empty() => Origin::Local,
        _ if marked => Origin::Ci,
        _ => Origin::Local,
    }
}

fn truthy(value: &str) -> bool {
    !matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "" | "0" | "false" | "no" | "off"
    )
}

/// Who runs the command, for releases and locks: the CI job's URL, or `user@machine`.
#[must_use]
pub fn author(origin: Origin, environment: &BTreeMap<String, String>) -> String {
    let job = (origin == Origin::Ci).then(|| job(environment)).flatten();
    let name = job.unwrap_or_else(|| {
        let user = ["USER", "LOGNAME"]
            .iter()
            .find_map(|key| environment.get(*key))
            .filter(|user| !user.is_empty())
            .map_or_else(account, Clone::clone);
        let machine = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        format!("{user}@{machine}")
    });
    // It ends up in state files, messages and terminals of other people.
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The login name of this process's user, or its number: cron jobs and containers have no `USER`.
fn account() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == uid).then(|| name.to_owned())
        })
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid{uid}"))
}

fn job(environment: &BTreeMap<String, String>) -> Option<String> {
    let get = |key: &str| environment.get(key).filter(|value| !value.is_empty());
    let github = || {
        Some(format!(
            "{}/{}/actions/runs/{}",
            get("GITHUB_SERVER_URL")?,
            get("GITHUB_REPOSITORY")?,
            get("GITHUB_RUN_ID")?
        ))
    };
    let url = github().or_else(|| CI_URLS.iter().find_map(|key| get(key)).cloned())?;
    Some(without_credentials(&url))
}

/// A URL without the part before `@` in its authority and without its query.
fn without_credentials(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn ci_is_told_from_a_shell() {
        let cases: [(&[(&str, &str)], Origin); 9] = [
            (&[], Origin::Local),
            (&[("CI", "true")], Origin::Ci),
            (&[("CI", "1")], Origin::Ci),
            (&[("CI", "false")], Origin::Local),
            (&[("CI", "0"), ("GITLAB_CI", "true")], Origin::Local),
            (&[("CI", "")], Origin::Local),
            (&[("GITHUB_ACTIONS", "true")], Origin::Ci),
            (&[("JENKINS_URL", "https://ci.example.com")], Origin::Ci),
            (&[("GITLAB_CI", "false")], Origin::Local),
        ];
        for (pairs, expected) in cases {
            assert_eq!(origin(None, &environment(pairs)), expected, "{pairs:?}");
        }
        let ci = environment(&[("CI", "true")]);
        assert_eq!(origin(Some(Origin::Local), &ci), Origin::Local);
    }

    #[test]
    fn a_job_is_named_by_its_url_without_credentials() {
        let url = "https://bot:s3cr3t@git.example.com/a/b/-/jobs/7?token=x";
        let gitlab = environment(&[("CI_JOB_URL", url)]);
        assert_eq!(
            author(Origin::Ci, &gitlab),
            "https://git.example.com/a/b/-/jobs/7"
        );
        let github = environment(&[
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "42"),
        ]);
        assert_eq!(
            author(Origin::Ci, &github),
            "https://github.com/acme/shop/actions/runs/42"
        );
    }

    #[test]
    fn a_person_is_named_by_user_and_machine() {
        let name = author(Origin::Local, &environment(&[("USER", "ann\u{1b}[31m\n")]));
        assert!(name.starts_with("ann[31m@"), "{name}");
        assert!(!name.chars().any(char::is_control));
        let nobody = author(Origin::Local, &environment(&[("USER", "")]));
        assert!(!nobody.starts_with('@'), "{nobody}");
    }
}
