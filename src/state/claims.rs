//! What operations that are under way will hold: two projects that are deployed at the same moment
//! must not choose the same host port. Each says in its lease what it will hold, and keeps away
//! from what leases say that were there before it. Within one script on one host nobody comes in
//! between, so of two there is always one that sees the other.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::error::{Error, Explain, Result};
use crate::model::{Claim, HostName, Observed, ProjectState};

use super::frame::{self, Part};
use super::lock::Holder;
use super::site::{Answer, Site, together};
use super::write::{claim, lost};

/// Per host, what this lease claims, and what others did when it said so.
#[derive(Debug, Default)]
pub(super) struct Claims {
    own: BTreeMap<HostName, Claim>,
    others: BTreeMap<HostName, Vec<Claim>>,
}

impl Claims {
    /// What was claimed when the lease was taken.
    pub(super) fn taken(
        sites: &[Site],
        goal: Option<&ProjectState>,
        others: BTreeMap<HostName, Vec<Claim>>,
    ) -> Self {
        let names = sites.iter().map(Site::name);
        let own = |name: &HostName| Some((name.clone(), claim(goal?, name)));
        Self {
            own: names.filter_map(own).collect(),
            others,
        }
    }

    /// Adds to the observation what others claimed first.
    pub(super) fn add_to(&self, observed: &mut Observed) {
        for (name, claims) in &self.others {
            if let Some(host) = observed.hosts.get_mut(name) {
                host.claims.extend(claims.iter().cloned());
            }
        }
    }

    /// Claims what `goal` needs on the hosts where that was not claimed yet; whether there are any.
    ///
    /// # Errors
    /// The lease was lost; a host cannot be asked.
    pub(super) async fn change(
        &mut self,
        sites: &[Site],
        token: &str,
        goal: &ProjectState,
    ) -> Result<bool> {
        let changed = sites.iter().filter_map(|site| {
            let wanted = claim(goal, site.name());
            let covered = self.own.get(site.name()).is_some_and(|own| {
                own.ports.is_superset(&wanted.ports)
                    && wanted.domains.iter().all(|it| own.domains.contains(it))
            });
            (!covered).then_some((site, wanted))
        });
        let asked = changed.map(|(site, wanted)| async move {
            let others = write(site, token, &wanted).await?;
            Ok::<_, Error>((site.name().clone(), wanted, others))
        });
        let answers = together(join_all(asked).await)?;
        let any = !answers.is_empty();
        for (name, wanted, others) in answers {
            self.own.insert(name.clone(), wanted);
            self.others.insert(name, others);
        }
        Ok(any)
    }
}

/// Writes the claim into the lease on one host; what others claim there.
async fn write(site: &Site, token: &str, claim: &Claim) -> Result<Vec<Claim>> {
    let line = serde_json::to_string(claim)
        .explain(|| format!("cannot write the claims of `{}` as JSON", claim.owner))?;
    let boundary = frame::random();
    let args = [boundary.as_str(), token, &line];
    let answer = site.run(include_str!("sh/claim.sh"), &args, b"").await?;
    if answer.code == Answer::FENCED {
        return Err(lost(site, &answer));
    }
    let parts = frame::parse(&answer.stdout, &boundary).ok_or_else(|| site.garbled())?;
    claims_of_others(site, &parts)
}

/// What the leases in an answer claim, those that have ended aside.
pub(super) fn claims_of_others(site: &Site, parts: &[(String, Part)]) -> Result<Vec<Claim>> {
    let mut now = None;
    let mut claims = Vec::new();
    for (name, part) in parts {
        match (name.as_str(), part.bytes()) {
            ("now", _) => now = part.text().and_then(|text| text.trim().parse::<i64>().ok()),
            ("lock", Some(bytes)) => {
                let now = now.ok_or_else(|| site.garbled())?;
                let holder = Holder::parse(bytes);
                if holder.expires > now && !holder.is_dead() {
                    claims.extend(holder.claims);
                }
            }
            _ => {}
        }
    }
    // A copy of our folder under another name must not make us our own rival.
    claims.retain(|claim| claim.owner != *site.key());
    Ok(claims)
}

#[cfg(test)]
mod tests {
    //! The real scripts; two projects in the folders of two hosts.

    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::event::Events;
    use crate::model::{self, HostObserved, Ssh, StackKey};
    use crate::remote::Host;
    use crate::state::{Copies, Lease, Outcome, Request, Who};

    const HOSTS: [&str; 2] = ["a", "b"];
    const NOTHING: [&[u16]; 2] = [&[], &[]];

    fn key(project: &str) -> StackKey {
        StackKey {
            context: "lab".parse().unwrap(),
            project: project.parse().unwrap(),
        }
    }

    fn copies(folder: &TempDir, project: &str) -> Copies {
        let sites = HOSTS.map(|name| {
            let host = model::Host {
                name: name.parse().unwrap(),
                addr: String::new(),
                mesh_ip: None,
                user: None,
                port: None,
                labels: BTreeMap::new(),
                local: true,
            };
            let host = Host::new(&Ssh::default(), &host, &Events::none()).unwrap();
            let root = folder.path().join(name).join("state");
            Site::under(root.to_str().unwrap(), host, &key(project))
        });
        Copies::at(&key(project), sites.to_vec())
    }

    /// A state with these host ports on host `a` and on host `b`.
    fn goal(project: &str, ports: [u16; 2]) -> ProjectState {
        let mut state = ProjectState {
            serial: 1,
            ..ProjectState::empty(key(project))
        };
        let hosts = state.ports.entry("web".parse().unwrap()).or_default();
        for (host, port) in HOSTS.iter().zip(ports) {
            let replica = BTreeMap::from([(1, BTreeMap::from([(80, port)]))]);
            hosts.insert(host.parse().unwrap(), replica);
        }
        state
    }

    async fn lock(folder: &TempDir, project: &str, ports: [u16; 2]) -> Lease {
        let request = Request {
            who: Who::here("alice@laptop"),
            verb: "up".to_owned(),
            release: None,
            goal: Some(goal(project, ports)),
            wait: None,
            events: Events::none(),
        };
        copies(folder, project).lock(&request).await.unwrap()
    }

    /// The ports on hosts `a` and `b` that a plan must keep away from.
    async fn heeded(lease: &Lease) -> [Vec<u16>; 2] {
        let mut observed = Observed::default();
        for name in HOSTS {
            let host: HostObserved = serde_json::from_value(serde_json::json!({
                "platform": "", "engine": "", "store": "classic", "disk_free": 0,
                "containers": [], "taken_ports": [], "networks": [], "volumes": [],
                "claims": [], "images": [], "blobs": [], "engine_layers": [],
                "proxy_files": {},
            }))
            .unwrap();
            observed.hosts.insert(name.parse().unwrap(), host);
        }
        lease.heed(&mut observed).await;
        HOSTS.map(|name| {
            let claims = &observed.hosts[&name.parse::<HostName>().unwrap()].claims;
            claims.iter().flat_map(|it| it.ports.clone()).collect()
        })
    }

    #[tokio::test]
    async fn whoever_comes_later_keeps_away_and_nobody_else() {
        let folder = TempDir::new().unwrap();
        let shop = lock(&folder, "shop", [20_000, 20_000]).await;
        let blog = lock(&folder, "blog", [20_000, 20_000]).await;
        assert_eq!(heeded(&shop).await, NOTHING);
        assert_eq!(heeded(&blog).await, [[20_000], [20_000]]);
        assert!(shop.claim(&goal("shop", [20_000, 20_000])).await.unwrap());

        // A third one has said what it wants before the second one has changed its mind.
        let wiki = lock(&folder, "wiki", [20_001, 20_002]).await;
        let moved = goal("blog", [20_001, 20_001]);
        assert!(!blog.claim(&moved).await.unwrap());
        assert_eq!(heeded(&blog).await[0].iter().max(), Some(&20_001));
        assert!(!blog.claim(&goal("blog", [20_003, 20_001])).await.unwrap());
        assert!(blog.claim(&goal("blog", [20_003, 20_001])).await.unwrap());

        // What was claimed is what the state becomes.
        blog.write(&goal("blog", [20_003, 20_001])).await.unwrap();
        for lease in [shop, blog, wiki] {
            lease.check().unwrap();
            lease.release(Outcome::Done, None).await.unwrap();
        }
        let alone = lock(&folder, "shop", [20_000, 20_000]).await;
        assert_eq!(heeded(&alone).await, NOTHING);
        alone.release(Outcome::Done, None).await.unwrap();
    }

    #[tokio::test]
    async fn leases_that_ended_or_are_none_claim_nothing() {
        let folder = TempDir::new().unwrap();
        let put = |project: &str, text: &str| {
            let path = folder.path().join("a/state/lab").join(project);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("lock"), text).unwrap();
        };
        let claim = |project: &str| {
            let claim = claim(&goal(project, [20_000; 2]), &"a".parse().unwrap());
            serde_json::to_string(&claim).unwrap()
        };
        let far = i64::MAX / 2;
        let lease = |project: &str, expires: i64, claim: &str| {
            put(
                project,
                &format!("{{\n  \"expires\": {expires},\n  \"claims\": {claim}\n}}\n"),
            );
        };
        lease("ended", 1, &claim("ended"));
        // A copy of the folder.
        lease("copied", far, &claim("shop"));
        lease("older", far, "null");
        put("odd", "\u{7f}\n@ end -\n{\"expires\": true}");
        let shop = lock(&folder, "shop", [20_000; 2]).await;
        assert_eq!(heeded(&shop).await, NOTHING);
        lease("lives", far, &claim("lives"));
        assert!(!shop.claim(&goal("shop", [20_001, 20_000])).await.unwrap());
        assert_eq!(heeded(&shop).await, [vec![20_000], vec![]]);
        shop.release(Outcome::Done, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_lease_that_was_lost_claims_no_more() {
        let folder = TempDir::new().unwrap();
        let shop = lock(&folder, "shop", [20_000; 2]).await;
        let file = folder.path().join("b/state/lab/shop/lock");
        let text = fs::read_to_string(&file).unwrap();
        let token = text.split('"').nth(5).unwrap();
        fs::write(&file, text.replace(token, "another")).unwrap();
        let error = shop.claim(&goal("shop", [20_001; 2])).await.unwrap_err();
        assert!(error.message().contains("was lost"), "{error}");
        let _ = shop.release(Outcome::Failed, None).await;
    }
}
