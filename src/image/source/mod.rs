//! The fingerprint of a service's build inputs: the same source is not built twice.

mod folder;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::folder::{Entry, files};
use super::{Store, survey};
use crate::error::{Error, Result};
use crate::model::{
    Build, BuildSecret, Digest, NamedContext, Project, SecretSource, Service, ServiceName, Ulimit,
};

/// Everything that decides what a build makes. Cache settings (`pull`, `no_cache`, `cache_from`,
/// `cache_to`) and extra tags are left out: they do not change what is asked for. So are the
/// contents of secrets and ssh keys: a build uses them and does not keep them, and a token that is
/// another one in every CI job would make every job build.
#[derive(Serialize)]
struct Inputs<'a> {
    version: u32,
    context: Context,
    dockerfile: Option<Digest>,
    args: BTreeMap<&'a str, Option<String>>,
    target: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    network: Option<&'a str>,
    extra_hosts: &'a [String],
    platform: Option<&'a str>,
    platforms: &'a [String],
    contexts: BTreeMap<&'a str, Context>,
    secrets: BTreeMap<&'a str, String>,
    shm_size: Option<u64>,
    ulimits: BTreeMap<&'a str, Ulimit>,
    entitlements: &'a [String],
    privileged: bool,
    isolation: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Context {
    /// Fetched by the engine; its text is all that is known of it.
    Remote(String),
    /// Path → entry, for everything that `.dockerignore` leaves in.
    Files(BTreeMap<String, Entry>),
    /// The image of another service: its source's fingerprint.
    Image(Digest),
}

/// The fingerprint of the source of `service`, which has a build.
///
/// # Errors
/// A context or the Dockerfile is missing, or a file of a context cannot be read; services are
/// built from each other in a circle.
pub(super) fn of(store: &Store, project: &Project, service: &Service) -> Result<Digest> {
    below(store, project, service, &mut Vec::new())
}

fn below<'a>(
    store: &Store,
    project: &'a Project,
    service: &'a Service,
    above: &mut Vec<&'a ServiceName>,
) -> Result<Digest> {
    let Some(build) = &service.build else {
        return Ok(Digest::of(survey::reference(project, service)?.as_bytes()));
    };
    if above.contains(&&service.name) {
        return Err(Error::user(format!(
            "the image of service `{}` is built from itself",
            service.name
        ))
        .hint("remove one `service:` from `build.additional_contexts`"));
    }
    above.push(&service.name);
    let mut images = BTreeMap::new();
    for other in build.services() {
        let Some(found) = project.services.get(other) else {
            return Err(Error::user(format!(
                "service `{}` is built from the image of service `{other}`, which is not active",
                service.name
            ))
            .hint("activate its profile with `--profile`"));
        };
        images.insert(other, below(store, project, found, above)?);
    }
    above.pop();
    fingerprint(store, service, build, &images, |name| {
        std::env::var(name).ok()
    })
}

/// The fingerprint of `service`'s build. `images` are the sources of the services it is built
/// from, `environment` gives the value of arguments without one.
fn fingerprint(
    store: &Store,
    service: &Service,
    build: &Build,
    images: &BTreeMap<&ServiceName, Digest>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Digest> {
    let context = if is_remote(&build.context) {
        Context::Remote(build.context.clone())
    } else {
        let root = Path::new(&build.context);
        Context::Files(files(store, &service.name, root, dockerfile(build))?)
    };
    let dockerfile = match (&build.dockerfile_inline, dockerfile(build)) {
        (Some(text), _) => Some(Digest::of(text.as_bytes())),
        (None, Some(path)) => Some(dockerfile_digest(&service.name, &path)?),
        (None, None) => build
            .dockerfile
            .as_ref()
            .map(|name| Digest::of(name.as_bytes())),
    };
    let mut contexts = BTreeMap::new();
    for (name, context) in &build.contexts {
        let context = match context {
            NamedContext::Folder(root) => Context::Files(files(store, &service.name, root, None)?),
            NamedContext::Fetched(address) => Context::Remote(address.clone()),
            NamedContext::Service(other) => match images.get(other) {
                Some(source) => Context::Image(source.clone()),
                None => Context::Remote(other.to_string()),
            },
        };
        contexts.insert(name.as_str(), context);
    }
    let args = build.args.iter().map(|(name, value)| {
        let value = value.clone().or_else(|| environment(name));
        (name.as_str(), value)
    });
    let labels = build.labels.iter();
    let inputs = Inputs {
        version: 2,
        context,
        dockerfile,
        args: args.collect(),
        target: build.target.as_deref(),
        labels: labels.map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        network: build.network.as_deref(),
        extra_hosts: &build.extra_hosts,
        platform: service.platform.as_deref(),
        platforms: &build.platforms,
        contexts,
        secrets: build.secrets.iter().map(identity).collect(),
        shm_size: build.shm_size,
        ulimits: build
            .ulimits
            .iter()
            .map(|(name, limit)| (name.as_str(), *limit))
            .collect(),
        entitlements: &build.entitlements,
        privileged: build.privileged,
        isolation: build.isolation.as_deref(),
    };
    let json = serde_json::to_vec(&inputs)
        .map_err(|error| Error::user("the build's inputs cannot be described").cause(error))?;
    Ok(Digest::of(&json))
}

/// What a secret is called and where it comes from; a folder's place on this machine is no part
/// of it.
fn identity(secret: &BuildSecret) -> (&str, String) {
    let source = match &secret.source {
        SecretSource::File(path) => format!(
            "file {}",
            path.file_name().unwrap_or_default().to_string_lossy()
        ),
        SecretSource::Variable(name, _) => format!("variable {name}"),
        SecretSource::Content(_) => "content".to_owned(),
    };
    (&secret.id, source)
}

/// Whether the engine fetches the context itself.
pub(super) fn is_remote(context: &str) -> bool {
    [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ]
    .iter()
    .any(|prefix| context.starts_with(prefix))
}

/// The Dockerfile's path, when it is a file here.
pub(super) fn dockerfile(build: &Build) -> Option<PathBuf> {
    if build.dockerfile_inline.is_some() || is_remote(&build.context) {
        return None;
    }
    let name = build.dockerfile.as_deref().unwrap_or("Dockerfile");
    Some(Path::new(&build.context).join(name))
}

fn dockerfile_digest(service: &ServiceName, path: &Path) -> Result<Digest> {
    match fs::read(path) {
        Ok(bytes) => Ok(Digest::of(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::user(format!(
            "service `{service}` has no Dockerfile at `{}`",
            path.display()
        ))
        .hint("write one, or set `build.dockerfile` to where it is")),
        Err(error) => Err(Error::user(format!(
            "the Dockerfile `{}` of service `{service}` cannot be read",
            path.display()
        ))
        .cause(error)),
    }
}

#[cfg(test)]
mod tests;
