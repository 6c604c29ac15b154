//! Decisions in plain Rust: what the built-in scripts decide, and nothing slower than that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use webpods::error::Result;
use webpods::model::{HostName, ProxyFile};
use webpods::plan::{Batch, PlaceRequest, Policy, RenderRequest, RolloutRequest};

/// Spread or pack, rolling or recreate, and a proxy file with one line per upstream.
pub struct Plain;

impl Policy for Plain {
    fn place(&self, strategy: &str, request: &PlaceRequest) -> Result<BTreeMap<HostName, u32>> {
        let hosts = u32::try_from(request.hosts.len()).unwrap();
        let mut left = request.replicas;
        let mut counts = BTreeMap::new();
        for (at, host) in (0u32..).zip(&request.hosts) {
            let count = if strategy == "pack" {
                left.min(request.max_per_host.unwrap_or(left))
            } else {
                request.replicas / hosts + u32::from(at < request.replicas % hosts)
            };
            left -= count;
            counts.insert(host.name.clone(), count);
        }
        Ok(counts)
    }

    fn order(&self, strategy: &str, request: &RolloutRequest) -> Result<Vec<Batch>> {
        // As the built-in one: what is new first, what only goes last.
        let mut changes: Vec<_> = request.changes.iter().collect();
        changes.sort_by_key(|one| (one.stop, !one.start));
        let numbers: Vec<u32> = changes.iter().map(|one| one.replica).collect();
        let size = match (strategy, request.parallelism) {
            ("recreate", _) | (_, 0) => numbers.len(),
            (_, parallelism) => parallelism as usize,
        };
        Ok(numbers
            .chunks(size)
            .map(|replicas| Batch {
                replicas: replicas.to_vec(),
                start_first: request.start_first && strategy != "recreate",
            })
            .collect())
    }

    fn render(&self, _driver: &str, request: &RenderRequest) -> Result<Vec<ProxyFile>> {
        let mut lines = String::new();
        for route in &request.routes {
            for upstream in &route.upstreams {
                let (domain, addr, port) = (&route.domain, &upstream.addr, upstream.port);
                writeln!(lines, "{domain} {addr}:{port}").unwrap();
            }
        }
        Ok(vec![ProxyFile {
            path: format!("/etc/proxy/{}/{}", request.context, request.project),
            content: (!lines.is_empty()).then_some(lines),
        }])
    }
}
