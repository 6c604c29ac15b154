//! Docker Compose's digest of a service, which it writes on containers as a label.

use serde_json::Value as Json;

use crate::model::Digest;

/// What does not belong to a container's configuration.
const LEFT_OUT: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// sha256 over the service as it is printed, written the way Go writes JSON.
pub fn service(tree: &Json) -> String {
    let mut tree = tree.clone();
    if let Some(service) = tree.as_object_mut() {
        for key in LEFT_OUT {
            service.shift_remove(key);
        }
        if let Some(Json::Object(deploy)) = service.get_mut("deploy") {
            deploy.shift_remove("replicas");
        }
    }
    let text = tree
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    Digest::of(text.as_bytes()).hex().to_owned()
}
