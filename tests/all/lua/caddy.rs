//! `proxy/caddy` renders Caddyfiles that nothing can break out of (spec §11.4).

use webpods::model::{ProxyFile, Route, Tls, Upstream};
use webpods::plan::{Policy as _, RenderRequest};

use super::{decider, host, project};

fn route(domain: &str) -> Route {
    Route {
        domain: domain.to_owned(),
        service: "gateway".parse().unwrap(),
        health_path: Some("/healthz".to_owned()),
        tls: Tls::Off,
        upstreams: vec![
            Upstream {
                host: host("s1"),
                addr: "127.0.0.1".to_owned(),
                port: 20000,
            },
            Upstream {
                host: host("s2"),
                addr: "10.0.0.2".to_owned(),
                port: 20001,
            },
        ],
    }
}

fn request(routes: Vec<Route>) -> RenderRequest {
    RenderRequest {
        context: "lab".to_owned(),
        project: "shop".to_owned(),
        host: host("s1"),
        routes,
    }
}

fn render(routes: Vec<Route>) -> Vec<ProxyFile> {
    decider(None).render("caddy", &request(routes)).unwrap()
}

#[test]
fn a_route_becomes_a_site_with_its_upstreams() {
    let files = render(vec![route("shop.example.com")]);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "/etc/caddy/apps/lab/shop.caddy");
    insta::assert_snapshot!(files[0].content.as_deref().unwrap(), @r#"
    # Written by webpods for project shop of context lab. The next release overwrites it.

    http://shop.example.com {
    	reverse_proxy {
    		to 127.0.0.1:20000 10.0.0.2:20001
    		lb_policy round_robin
    		lb_try_duration 5s
    		lb_try_interval 100ms
    		fail_duration 2s
    		health_uri /healthz
    		health_interval 5s
    		health_timeout 2s
    	}
    }
    "#);
}

#[test]
fn tls_picks_the_address() {
    let mut internal = route("a.example.com");
    internal.tls = Tls::Internal;
    internal.health_path = None;
    let mut auto = route("b.example.com");
    auto.tls = Tls::Auto;
    auto.upstreams.clear();
    let content = render(vec![internal, auto]).remove(0).content.unwrap();
    insta::assert_snapshot!(content, @r#"
    # Written by webpods for project shop of context lab. The next release overwrites it.

    a.example.com {
    	tls internal
    	reverse_proxy {
    		to 127.0.0.1:20000 10.0.0.2:20001
    		lb_policy round_robin
    		lb_try_duration 5s
    		lb_try_interval 100ms
    		fail_duration 2s
    	}
    }

    b.example.com {
    	respond "no replica of this service is running" 503
    }
    "#);
}

#[test]
fn without_routes_the_file_goes() {
    assert_eq!(
        render(vec![]),
        [ProxyFile {
            path: "/etc/caddy/apps/lab/shop.caddy".to_owned(),
            content: None
        }]
    );
    assert_eq!(
        decider(None)
            .render("none", &request(vec![route("x")]))
            .unwrap(),
        []
    );
}

#[test]
fn nothing_breaks_out_of_the_caddyfile() {
    for hostile in [
        "a.com {\n}",
        "a.com }",
        "a b",
        "a\tb",
        "\"a\"",
        "`a`",
        "{$HOME}",
        "{env.X}",
        "a#b",
        "a\\b",
        "",
        "a,b",
        "a\nb",
        "http://a",
        "../a",
        "🚀.com",
        "(snippet)",
        "&(x)",
        ":80",
        "-a",
    ] {
        let error = decider(None)
            .render("caddy", &request(vec![route(hostile)]))
            .unwrap_err();
        assert!(
            error.message().contains("the domain"),
            "{hostile:?}: {error}"
        );
        assert!(!error.message().contains('\n'), "{hostile:?}");

        let mut wrong = route("a.com");
        wrong.upstreams[0].addr = hostile.to_owned();
        if !matches!(hostile, ":80" | "-a") {
            assert!(
                decider(None)
                    .render("caddy", &request(vec![wrong]))
                    .is_err(),
                "upstream {hostile:?}"
            );
        }
    }
    for hostile in [
        "", "healthz", "/a b", "/a\n", "/{x}", "/\"", "/a}", "/a\\", "/`", "/a#b",
    ] {
        let mut wrong = route("a.com");
        wrong.health_path = Some(hostile.to_owned());
        assert!(
            decider(None)
                .render("caddy", &request(vec![wrong]))
                .is_err(),
            "health path {hostile:?}"
        );
    }
}

#[test]
fn ipv6_upstreams_are_bracketed() {
    let mut six = route("a.com");
    six.upstreams[1].addr = "fd00::2".to_owned();
    let content = render(vec![six]).remove(0).content.unwrap();
    assert!(
        content.contains("to 127.0.0.1:20000 [fd00::2]:20001\n"),
        "{content}"
    );
}

#[test]
fn files_of_a_script_must_be_absolute_and_distinct() {
    for (body, expected) in [
        (
            "{ { path = 'x', content = '' } }",
            "\"x\" is not an absolute path",
        ),
        ("{ { path = '/a/../b' } }", "is not an absolute path"),
        ("{ { path = '/a\\n' } }", "is not an absolute path"),
        ("{ { path = '/a/' } }", "is not an absolute path"),
        (
            "{ { path = '/a' }, { path = '/a' } }",
            "`/a` is listed twice",
        ),
        (
            "{ { pth = '/a' } }",
            "unknown field `pth`; did you mean `path`?",
        ),
        ("{ { path = '/a', content = 3 } }", "string"),
        ("{ '/a' }", ""),
        ("nil", "it returned nothing"),
    ] {
        let text = format!("return {{ render = function() return {body} end }}");
        let folder = project(&[("proxy/mine.lua", &text)]);
        let error = decider(Some(folder.path()))
            .render("mine", &request(vec![]))
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(
            error.to_string().contains(".webpods/proxy/mine.lua:1"),
            "{error}"
        );
    }
}

#[test]
fn a_project_can_replace_the_template_alone() {
    let folder = project(&[(
        "templates/proxy/caddy.hbs",
        "{{#each sites}}{{address}};{{/each}}",
    )]);
    let files = decider(Some(folder.path()))
        .render("caddy", &request(vec![route("a.com"), route("b.com")]))
        .unwrap();
    assert_eq!(
        files[0].content.as_deref(),
        Some("http://a.com;http://b.com;")
    );
    let folder = project(&[("templates/proxy/caddy.hbs", "{{no_such_value}}")]);
    let error = decider(Some(folder.path()))
        .render("caddy", &request(vec![route("a.com")]))
        .unwrap_err();
    assert!(error.to_string().contains("no_such_value"), "{error}");
}
