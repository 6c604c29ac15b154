//! Limits, devices and priorities of a service, in the Engine API's form.

use serde_json::{Map, Value as Json, json};

use super::read::{bytes, items, list_or_null, nano_cpus, number, object, string, texts};

/// The parts of the Engine's `HostConfig` that are resources.
pub fn read(tree: &Json) -> Map<String, Json> {
    let mut host = Map::new();
    let mut put = |key: &str, value: Json| {
        if !value.is_null() {
            host.insert(key.to_owned(), value);
        }
    };
    for (from, to) in [
        ("cgroup_parent", "CgroupParent"),
        ("cpu_count", "CpuCount"),
        ("cpu_period", "CpuPeriod"),
        ("cpu_quota", "CpuQuota"),
        ("cpu_rt_period", "CpuRealtimePeriod"),
        ("cpu_rt_runtime", "CpuRealtimeRuntime"),
        ("cpu_shares", "CpuShares"),
        ("cpuset", "CpusetCpus"),
        ("device_cgroup_rules", "DeviceCgroupRules"),
        ("oom_kill_disable", "OomKillDisable"),
    ] {
        put(to, tree[from].clone());
    }
    let limits = &tree["deploy"]["resources"]["limits"];
    let reservations = &tree["deploy"]["resources"]["reservations"];
    // The Engine counts hundredths of a percent.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the schema allows 0 to 100"
    )]
    let percent = tree["cpu_percent"]
        .as_f64()
        .map(|percent| (percent * 100.0) as i64);
    put("CpuPercent", json!(percent));
    put(
        "NanoCpus",
        json!(nano_cpus(&limits["cpus"]).or(nano_cpus(&tree["cpus"]))),
    );
    put(
        "Memory",
        json!(bytes(&limits["memory"]).or(bytes(&tree["mem_limit"]))),
    );
    let reserved = bytes(&reservations["memory"]).or(bytes(&tree["mem_reservation"]));
    put("MemoryReservation", json!(reserved));
    put("MemorySwap", json!(bytes(&tree["memswap_limit"])));
    put("MemorySwappiness", json!(bytes(&tree["mem_swappiness"])));
    put(
        "PidsLimit",
        json!(number(&limits["pids"]).or(number(&tree["pids_limit"]))),
    );
    put("ShmSize", json!(bytes(&tree["shm_size"])));
    put("Ulimits", ulimits(&tree["ulimits"]));
    put("Devices", devices(&tree["devices"]));
    let mut requests: Vec<Json> = items(&reservations["devices"])
        .map(|device| request(device, false))
        .collect();
    requests.extend(cdi(&tree["devices"]));
    requests.extend(items(&tree["gpus"]).map(|gpu| request(gpu, true)));
    if !requests.is_empty() {
        put("DeviceRequests", json!(requests));
    }
    let blkio = &tree["blkio_config"];
    put("BlkioWeight", blkio["weight"].clone());
    for (from, to) in [
        ("weight_device", "BlkioWeightDevice"),
        ("device_read_bps", "BlkioDeviceReadBps"),
        ("device_read_iops", "BlkioDeviceReadIOps"),
        ("device_write_bps", "BlkioDeviceWriteBps"),
        ("device_write_iops", "BlkioDeviceWriteIOps"),
    ] {
        put(to, throttles(&blkio[from]));
    }
    host
}

fn ulimits(tree: &Json) -> Json {
    let list: Vec<Json> = object(tree)
        .map(|(name, limit)| {
            let (soft, hard) = match number(limit) {
                Some(both) => (Some(both), Some(both)),
                None => (number(&limit["soft"]), number(&limit["hard"])),
            };
            json!({"Name": name, "Soft": soft.unwrap_or(0), "Hard": hard.unwrap_or(0)})
        })
        .collect();
    list_or_null(list)
}

/// A device named `vendor/class=name` is requested by that name instead.
fn is_cdi(source: &str) -> bool {
    source.contains('=') && !source.starts_with('/')
}

fn devices(tree: &Json) -> Json {
    let list: Vec<Json> = items(tree)
        .filter_map(|device| {
            let source = string(&device["source"]).filter(|source| !is_cdi(source))?;
            let target = string(&device["target"]).unwrap_or_else(|| source.clone());
            let permissions = string(&device["permissions"]).unwrap_or_else(|| "rwm".to_owned());
            Some(json!({
                "PathOnHost": source,
                "PathInContainer": target,
                "CgroupPermissions": permissions,
            }))
        })
        .collect();
    list_or_null(list)
}

fn cdi(tree: &Json) -> Option<Json> {
    let names: Vec<String> = items(tree)
        .filter_map(|device| string(&device["source"]).filter(|source| is_cdi(source)))
        .collect();
    (!names.is_empty()).then(|| json!({"Driver": "cdi", "DeviceIDs": names}))
}

fn request(tree: &Json, gpu: bool) -> Json {
    let mut capabilities = texts(&tree["capabilities"]);
    if gpu {
        capabilities.push("gpu".to_owned());
    }
    let mut request = Map::new();
    request.insert("Capabilities".to_owned(), json!([capabilities]));
    if let Some(driver) = string(&tree["driver"]) {
        request.insert("Driver".to_owned(), json!(driver));
    }
    if let Some(count) = number(&tree["count"]) {
        request.insert("Count".to_owned(), json!(count));
    }
    let ids = texts(&tree["device_ids"]);
    if !ids.is_empty() {
        request.insert("DeviceIDs".to_owned(), json!(ids));
    }
    if let Some(options) = tree.get("options") {
        request.insert("Options".to_owned(), options.clone());
    }
    Json::Object(request)
}

/// Devices with a rate or a weight; the printed model has these keys capitalised already.
fn throttles(tree: &Json) -> Json {
    let list: Vec<Json> = items(tree)
        .map(|device| {
            let mut throttle = Map::new();
            throttle.insert("Path".to_owned(), device["Path"].clone());
            if let Some(rate) = bytes(&device["Rate"]) {
                throttle.insert("Rate".to_owned(), json!(rate));
            }
            if let Some(weight) = number(&device["Weight"]) {
                throttle.insert("Weight".to_owned(), json!(weight));
            }
            Json::Object(throttle)
        })
        .collect();
    list_or_null(list)
}
