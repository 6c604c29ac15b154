//! What a host's engine says: containers, ports, networks, volumes, images.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{ContainerSummary, ImageSummary, PortSummaryTypeEnum};

use crate::docker::{Node, observe_container};
use crate::error::Result;
use crate::event::Events;
use crate::model::{ContainerObserved, Digest, HostName, Image, Labels, StackKey, Store};

/// What one engine says.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub platform: String,
    pub version: String,
    pub store: Store,
    pub containers: Containers,
    pub networks: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
    /// See [`crate::model::HostObserved::made_from`].
    pub made_from: BTreeMap<String, String>,
    pub images: BTreeSet<Digest>,
}

/// The containers of the project, and the ports of all.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Containers {
    pub ours: Vec<ContainerObserved>,
    /// TCP ports that our containers publish.
    pub our_ports: BTreeSet<u16>,
    /// TCP ports that other containers publish.
    pub other_ports: BTreeSet<u16>,
}

/// Asks one engine everything, the calls at once.
///
/// # Errors
/// The engine cannot be reached or refuses to answer.
pub(super) async fn ask(node: &Node, key: &StackKey, events: &Events) -> Result<Said> {
    let asked = node.ask(|engine| async move {
        let listed = tokio::try_join!(
            engine.containers(&[]),
            engine.networks(&[]),
            engine.volumes(&[]),
            engine.images(&[]),
        )?;
        Ok((engine.identity().clone(), listed))
    });
    let (identity, (containers, networks, volumes, images)) = asked.await?;
    let named = networks
        .iter()
        .filter_map(|it| Some((it.name.as_ref()?, it.labels.as_ref()?)));
    let kept = volumes.iter().map(|it| (&it.name, &it.labels));
    let made_from = named.chain(kept);
    let made_from = made_from.filter_map(|(name, labels)| made_from_of(key, name, labels));
    let made_from = made_from.collect();
    Ok(Said {
        made_from,
        platform: identity.platform,
        version: identity.version,
        store: identity.store,
        containers: sort(node.name(), key, &containers, events),
        networks: networks.into_iter().filter_map(|it| it.name).collect(),
        volumes: volumes.into_iter().map(|it| it.name).collect(),
        images: images.iter().flat_map(shipped).collect(),
    })
}

/// The digest of the settings that one of our networks or volumes was made from.
fn made_from_of(
    key: &StackKey,
    name: &str,
    labels: &HashMap<String, String>,
) -> Option<(String, String)> {
    let label = |name: &str| labels.get(name).map(String::as_str);
    let ours = label(Labels::CONTEXT) == Some(key.context.as_str())
        && label(Labels::PROJECT) == Some(key.project.as_str());
    let digest = label(Labels::CONFIG).filter(|_| ours)?;
    Some((name.to_owned(), digest.to_owned()))
}

/// Tells the project's containers from all others. Labels are authoritative (spec §7.3), and
/// anybody can write labels: a container that claims to be ours and makes no sense is left alone,
/// with a warning.
fn sort(
    host: &HostName,
    key: &StackKey,
    listed: &[ContainerSummary],
    events: &Events,
) -> Containers {
    let mut sorted = Containers::default();
    for summary in listed {
        let ports = summary
            .ports
            .iter()
            .flatten()
            .filter(|port| matches!(port.typ, Some(PortSummaryTypeEnum::TCP)))
            .filter_map(|port| port.public_port);
        let label = |name: &str| summary.labels.as_ref()?.get(name).map(String::as_str);
        let claimed = label(Labels::CONTEXT) == Some(key.context.as_str())
            && label(Labels::PROJECT) == Some(key.project.as_str());
        let container = claimed
            .then(|| observe_container(host, summary))
            .transpose();
        match container {
            Ok(Some(container)) => {
                sorted.our_ports.extend(ports);
                sorted.ours.push(container);
            }
            Ok(None) => sorted.other_ports.extend(ports),
            Err(error) => {
                events.warn(format!("{}; it is ignored", error.message()));
                sorted.other_ports.extend(ports);
            }
        }
    }
    sorted.ours.sort_by(|a, b| {
        let order = |it: &ContainerObserved| (it.service.clone(), it.replica, it.created);
        order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name))
    });
    sorted
}

/// The manifest digests in an image's host tags.
fn shipped(image: &ImageSummary) -> Vec<Digest> {
    image
        .repo_tags
        .iter()
        .filter_map(|tag| Image::digest_of_tag(tag))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::model::fixtures::key;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    fn listed(name: &str, labels: &serde_json::Value, port: u16) -> ContainerSummary {
        serde_json::from_value(json!({
            "Id": name, "Names": [format!("/{name}")], "Created": 1, "State": "running",
            "Status": "Up 1 second", "Labels": labels,
            "Ports": [
                {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"},
                {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
            ],
        }))
        .unwrap()
    }

    fn labels(context: &str, project: &str, replica: &str) -> serde_json::Value {
        json!({
            "webpods.context": context, "webpods.project": project, "webpods.service": "web",
            "webpods.replica": replica, "webpods.release": "r1",
        })
    }

    #[test]
    fn only_both_labels_make_a_container_ours_and_nonsense_is_left_alone() {
        let all = [
            listed("second", &labels("lab", "shop", "2"), 20002),
            listed("first", &labels("lab", "shop", "1"), 20001),
            listed("project", &labels("lab", "other", "1"), 20003),
            listed("context", &labels("prod", "shop", "1"), 20004),
            listed("hostile", &labels("lab", "shop", "1; rm -rf /"), 20005),
            listed("stranger", &json!({}), 20006),
        ];
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&warnings);
        let events = Events::new(move |event| sink.lock().unwrap().push(event));
        let sorted = sort(&"a".parse().unwrap(), &key("shop"), &all, &events);
        let names: Vec<_> = sorted.ours.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["first", "second"]);
        assert_eq!(sorted.our_ports, [20001, 20002].into());
        assert_eq!(sorted.other_ports, [20003, 20004, 20005, 20006].into());
        let warnings = warnings.lock().unwrap();
        assert!(
            matches!(&warnings[..], [Event::Warning { message }]
                if message.contains("`hostile`") && message.ends_with("it is ignored")),
            "{warnings:?}"
        );
    }

    #[test]
    fn shipped_images_are_known_by_their_host_tag() {
        let hex = "a".repeat(64);
        let image: ImageSummary = serde_json::from_value(json!({
            "Id": "x", "ParentId": "", "RepoDigests": [], "Created": 0, "Size": 0,
            "SharedSize": 0, "Labels": {}, "Containers": 0,
            "RepoTags": [
                format!("webpods/{hex}:latest"), format!("webpods/{hex}:v2"),
                "webpods/short:latest", "nginx:latest", "<none>:<none>",
            ],
        }))
        .unwrap();
        assert_eq!(shipped(&image), [format!("sha256:{hex}").parse().unwrap()]);
    }
}
