//! Two projects in the folders of two hosts.

use std::collections::BTreeMap;

use super::*;
use crate::model::{HostName, HostObserved, Observed};

const HOSTS: [&str; 2] = ["a", "b"];
const NOTHING: [&[u16]; 2] = [&[], &[]];

fn copies(folder: &TempDir, project: &str) -> Copies {
    let sites = HOSTS.map(|name| {
        let root = folder.path().join(name).join("state");
        Site::under(root.to_str().unwrap(), host(name), &key(project))
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
        goal: Some(goal(project, ports)),
        ..request("alice@laptop")
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
