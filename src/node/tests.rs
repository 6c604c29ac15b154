use super::bootstrap::{Need, needs};
use super::facts::{Access, parse};
use super::judge::{self, Findings, Level, amount};
use crate::model::{
    Artifacts, Confirm, Context, Defaults, HostName, Ports, Proxy, Safety, SafetyLevel, Ssh,
    Upstreams, fixtures,
};

fn context(driver: &str) -> Context {
    let host = |name: &str| fixtures::host(name, &format!("{name}.example"));
    Context {
        name: "lab".parse().unwrap(),
        provider: None,
        ssh: Ssh::default(),
        hosts: vec![host("a"), host("b")],
        defaults: Defaults::default(),
        proxy: Proxy {
            driver: driver.to_owned(),
            ..Proxy::default()
        },
        artifacts: Artifacts::default(),
        ports: Ports::default(),
        safety: Safety {
            level: SafetyLevel::Safe,
            confirm: Confirm {
                required_for: Vec::new(),
                token: "lab".to_owned(),
            },
            allow_from: Vec::new(),
        },
    }
}

fn name() -> HostName {
    "a".parse().unwrap()
}

const READY: &str = "\
user deploy
uid 1000
groups deploy docker
root no
docker-group yes
member yes
socket usable
folder usable /var/lib/webpods
folder usable /var/lib/webpods/state
folder usable /var/lib/webpods/cache
caddy yes
caddyfile yes
import yes
folder usable /etc/caddy/apps
";

const FRESH: &str = "\
user deploy
uid 1000
groups deploy
root yes
docker-group yes
member no
socket denied
missing flock
folder absent /var/lib/webpods
folder absent /var/lib/webpods/state
folder absent /var/lib/webpods/cache
caddy yes
caddyfile yes
import no
resets yes
folder absent /etc/caddy/apps
";

fn levels(driver: &str, lines: &str) -> Vec<(&'static str, Level)> {
    let mut facts = parse(lines, driver == "caddy");
    facts.disk_free = Some(100 << 30);
    let host = name();
    let mut findings = Findings::of(&host);
    judge::facts(&mut findings, &context(driver), &facts);
    let found = findings.into_vec();
    for finding in &found {
        let has_fix = finding.fix.is_some();
        assert_eq!(has_fix, finding.level != Level::Ok, "{finding:?}");
    }
    found.iter().map(|it| (it.check, it.level)).collect()
}

#[test]
fn a_ready_host_has_only_good_findings_and_no_needs() {
    let levels = levels("caddy", READY);
    assert!(
        levels.iter().all(|(_, level)| *level == Level::Ok),
        "{levels:?}"
    );
    let preparation = needs(&context("caddy"), &name(), &parse(READY, true));
    assert!(
        preparation.needs.is_empty() && preparation.left.is_empty(),
        "{preparation:?}"
    );
}

#[test]
fn a_fresh_host_fails_where_bootstrap_helps() {
    let levels = levels("caddy", FRESH);
    let failed: Vec<_> = levels
        .iter()
        .filter(|(_, level)| *level == Level::Fail)
        .map(|(check, _)| *check)
        .collect();
    assert_eq!(failed, ["tools", "folder", "caddy", "caddy"]);
    let preparation = needs(&context("caddy"), &name(), &parse(FRESH, true));
    let folder = |path: &str| Need::Folder {
        path: path.to_owned(),
    };
    assert_eq!(
        preparation.needs,
        [
            folder("/var/lib/webpods"),
            Need::Group {
                group: "docker".to_owned()
            },
            Need::SharedFolder {
                path: "/etc/caddy/apps".to_owned()
            },
            Need::Import {
                path: "/etc/caddy/Caddyfile".to_owned()
            },
            Need::Migration {
                path: "/etc/sysctl.d/60-webpods.conf".to_owned()
            },
        ]
    );
    assert_eq!(preparation.left, ["install flock"]);
}

#[test]
fn caddy_is_nobodys_business_without_its_driver() {
    let levels = levels("none", FRESH);
    assert!(levels.iter().all(|(check, _)| *check != "caddy"));
    let preparation = needs(&context("none"), &name(), &parse(READY, false));
    assert!(preparation.needs.is_empty() && preparation.left.is_empty());
    let traefik = needs(&context("traefik"), &name(), &parse(READY, false));
    assert!(traefik.left[0].contains("`traefik`"));
}

#[test]
fn what_bootstrap_cannot_do_is_said() {
    let lines = FRESH
        .replace("docker-group yes", "docker-group no")
        .replace("caddy yes", "caddy no")
        .replace(
            "folder absent /var/lib/webpods\n",
            "folder occupied /var/lib/webpods\n",
        );
    let preparation = needs(&context("caddy"), &name(), &parse(&lines, true));
    assert_eq!(preparation.left.len(), 4, "{:?}", preparation.left);
    assert!(
        !preparation
            .needs
            .iter()
            .any(|need| matches!(need, Need::Group { .. } | Need::Import { .. }))
    );
}

#[test]
fn a_cache_elsewhere_needs_its_own_folder_and_what_can_be_made_needs_nothing() {
    let lines = READY
        .replace(
            "usable /var/lib/webpods/state",
            "creatable /var/lib/webpods/state",
        )
        .replace("usable /var/lib/webpods/cache", "absent /srv/webpods");
    let preparation = needs(&context("caddy"), &name(), &parse(&lines, true));
    let path = "/srv/webpods".to_owned();
    assert_eq!(preparation.needs, [Need::Folder { path }]);
}

#[test]
fn hostile_lines_are_skipped() {
    let facts = parse(
        "folder\nfolder usable\n\u{1b}[2J x\nroot maybe\nsocket /x\n",
        true,
    );
    assert!(facts.folders.is_empty() && !facts.root);
    assert_eq!(facts.socket, Access::Absent);
}

#[test]
fn little_disk_is_a_warning_and_less_is_a_failure() {
    for (free, level) in [
        (100 << 20, Level::Fail),
        (1 << 30, Level::Warn),
        (3 << 30, Level::Ok),
    ] {
        let mut facts = parse(READY, false);
        facts.disk_free = Some(free);
        let host = name();
        let mut findings = Findings::of(&host);
        judge::facts(&mut findings, &context("none"), &facts);
        let found = findings.into_vec();
        let disk = found.iter().find(|it| it.check == "disk").unwrap();
        assert_eq!(disk.level, level, "{free}");
    }
}

#[test]
fn shared_replicas_without_a_private_address_are_a_warning() {
    let warned = |context: &Context| {
        let host = name();
        let mut findings = Findings::of(&host);
        judge::mesh(&mut findings, context, &context.hosts[0]);
        !findings.into_vec().is_empty()
    };
    assert!(warned(&context("caddy")));
    assert!(!warned(&context("none")));
    let mut local = context("caddy");
    local.proxy.upstreams = Upstreams::Local;
    assert!(!warned(&local));
    let mut mesh = context("caddy");
    mesh.hosts[0].mesh_ip = Some("10.0.0.1".to_owned());
    assert!(!warned(&mesh));
}

#[test]
fn amounts_are_short() {
    assert_eq!(amount(0), "0 MB");
    assert_eq!(amount(999_999_999), "999 MB");
    assert_eq!(amount(61_672_140_800), "61.6 GB");
}
