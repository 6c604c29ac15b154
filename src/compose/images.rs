//! What `config` says of images and models.

use serde_json::{Map, Value as Json, json};

use super::node::Node;
use super::{Loaded, yaml};
use crate::error::{Error, Result};

/// The image of every service: `image:`, or the name a build gives, with `separator` between the
/// project and the service.
pub fn images(loaded: &Loaded, separator: char) -> Vec<String> {
    let services = loaded.services().into_iter();
    services
        .map(|(name, service)| match image(service) {
            Some(image) => image.to_owned(),
            None => format!("{}{separator}{name}", loaded.project.name),
        })
        .collect()
}

/// What `image:` says; an empty one says nothing.
fn image(service: &Node) -> Option<&str> {
    let image = service.get("image").and_then(Node::as_str);
    image.filter(|image| !image.is_empty())
}

/// The model each of `models:` stands for.
pub fn models(loaded: &Loaded) -> Vec<String> {
    let models = loaded.model.get("models").and_then(Node::as_map);
    let models = models.into_iter().flatten();
    models
        .map(|(_, entry)| {
            let model = entry.node.get("model").and_then(Node::as_str);
            model.unwrap_or_default().to_owned()
        })
        .collect()
}

/// The images of the services with their digests, by service.
///
/// # Errors
/// An image that is written without its digest: no registry is asked here.
pub fn pinned_images(loaded: &Loaded) -> Result<Vec<(&str, &str)>> {
    let mut pinned = Vec::new();
    for (name, service) in loaded.services() {
        let Some(image) = image(service) else {
            continue;
        };
        if !image.contains("@sha256:") {
            let message = format!(
                "services.{name}: `{image}` has no digest, and `config` asks no registry for it"
            );
            return Err(Error::user(message).hint(format!(
                "write it as `{image}@sha256:…`; `docker buildx imagetools inspect {image}` says \
                 which digest it has"
            )));
        }
        pinned.push((name, image));
    }
    Ok(pinned)
}

/// An overlay that says nothing but the digests of the images.
///
/// # Errors
/// See [`pinned_images`].
pub fn lock_images(loaded: &Loaded) -> Result<String> {
    let services: Map<String, Json> = pinned_images(loaded)?
        .into_iter()
        .map(|(name, image)| (name.to_owned(), json!({"image": image})))
        .collect();
    Ok(yaml::write(&json!({"services": services})))
}
