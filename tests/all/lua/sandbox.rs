//! What a script cannot do, however it tries.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use webpods::error::{Error, Kind};
use webpods::plan::{PlaceRequest, Policy as _};

use super::{decider, project};

/// Runs `body` inside `place` and returns the error it must end with.
fn attack(body: &str) -> Error {
    let text = format!("return {{ place = function(service)\n{body}\nreturn {{}}\nend }}");
    let folder = project(&[("placement/attack.lua", &text)]);
    let request = PlaceRequest {
        service: "web".parse().unwrap(),
        replicas: 1,
        hosts: Vec::new(),
        max_per_host: None,
        current: BTreeMap::new(),
    };
    let begin = Instant::now();
    let error = decider(Some(folder.path()))
        .place("attack", &request)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::User, "{body}: {error}");
    assert!(
        error.to_string().contains(".webpods/placement/attack.lua:"),
        "{body}: {error}"
    );
    // The limit is processor time; a busy machine gets a generous multiple of it.
    assert!(begin.elapsed() < Duration::from_secs(30), "{body}");
    error
}

#[test]
fn endless_work_is_stopped_at_its_line() {
    for body in [
        "while true do end",
        "repeat until false",
        "for i = 1, math.huge do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(error) end",
        "pcall(function() while true do end end) while true do end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "local co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "string.find(string.rep('a', 50000), string.rep('a?', 40) .. string.rep('a', 40) .. 'b')",
        "string.find(string.rep('a', 300000), '.-.-.-.-b')",
        "local s = string.rep('x', 1e6) while true do string.gsub(s, '.', '%0%0') end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end",
        "table.sort(table.create(100000, 1), function(a, b) while true do end end)",
    ] {
        let error = attack(body);
        assert!(
            error.message().contains("ran longer than 500 ms"),
            "{body}: {error}"
        );
    }
}

#[test]
fn catching_the_interrupt_does_not_turn_it_into_an_answer() {
    let error = attack("pcall(function() while true do end end) do return { } end");
    assert!(error.message().contains("ran longer than"), "{error}");
}

#[test]
fn memory_is_bounded() {
    for body in [
        "local s = string.rep('x', 1e9)",
        "local t = {} while true do t[#t + 1] = string.rep('x', 1e6) .. #t end",
        "local t = table.create(6e7)",
        "local t = table.create(1e9)",
        "table.move({}, 1, 9e6, 1, {})",
        "table.move({}, 1, 2e9, 1)",
        "local function f() return f() end f()",
        "local b = buffer.create(1e9)",
        "local s = 'x' while true do s = s .. s end",
        "local function f(...) return f(1, ...) end f()",
        "coroutine.wrap(function() local t = {} for i = 1, math.huge do t[i] = {i} end end)()",
    ] {
        let error = attack(body);
        let text = error.to_string();
        assert!(
            text.contains("more than 64 MiB")
                || text.contains("stack overflow")
                || text.contains("too large")
                || text.contains("table overflow")
                || text.contains("too many elements")
                || text.contains("out of memory")
                || text.contains("invalid argument")
                || text.contains("ran longer"),
            "{body}: {error}"
        );
    }
    let error = attack("while true do pcall(string.rep, 'x', 1e9) end");
    assert!(error.message().contains("ran longer than"), "{error}");
}

#[test]
fn the_standard_library_cannot_be_changed() {
    for body in [
        "string.format = nil",
        "table.insert = print",
        "webpods.allow = nil",
        "webpods.json.encode = nil",
        "getmetatable('').__index = {}",
        "rawset(string, 'format', nil)",
        "rawset(webpods, 'x', 1)",
        "setmetatable(string, {})",
        "table.clear(string)",
        "service.replicas = 99",
    ] {
        let error = attack(body);
        assert!(
            error.to_string().contains("readonly")
                || error.to_string().contains("protected")
                || error.to_string().contains("index"),
            "{body}: {error}"
        );
    }
}

#[test]
fn what_reaches_outside_is_not_there() {
    for name in [
        "loadstring",
        "load",
        "dofile",
        "loadfile",
        "getfenv",
        "setfenv",
        "newproxy",
        "io",
        "debug",
        "package",
        "collectgarbage",
        "gcinfo",
        "os.execute",
        "os.getenv",
        "os.remove",
        "os.exit",
        "os.time",
        "math.random",
        "webpods.sh",
        "webpods.host",
        "webpods.sleep",
    ] {
        let error = attack(&format!("local x = {name}; assert(x ~= nil, 'absent')"));
        assert!(error.to_string().contains("absent"), "{name}: {error}");
    }
}

#[test]
fn require_finds_scripts_and_nothing_else() {
    for name in [
        "../x",
        "/etc/passwd",
        "./x",
        "placement/../../x",
        "@self",
        "",
        "a\\0b",
        "placement/none",
        "\\n",
    ] {
        let error = attack(&format!("require('{name}')"));
        assert!(
            error.message().contains("is not valid") || error.message().contains("does not exist"),
            "{name}: {error}"
        );
    }
    let error = attack("require('placement/attack/../attack')");
    assert!(error.message().contains("is not valid"), "{error}");
}

#[test]
fn globals_of_one_script_do_not_reach_another() {
    let folder = project(&[
        ("common.lua", "shared = 1 return { get = function() return shared end }"),
        (
            "placement/one.lua",
            "local common = require('common')
             return { place = function() assert(shared == nil) assert(common.get() == 1) return {} end }",
        ),
    ]);
    let request = PlaceRequest {
        service: "web".parse().unwrap(),
        replicas: 0,
        hosts: Vec::new(),
        max_per_host: None,
        current: BTreeMap::new(),
    };
    assert!(decider(Some(folder.path())).place("one", &request).is_ok());
}

#[test]
fn errors_of_any_shape_are_told_with_script_and_line() {
    for (body, expected) in [
        ("error('boom')", "boom"),
        ("error('boom', 0)", "boom"),
        ("error({ code = 2 })", ""),
        ("error(nil)", ""),
        ("error()", ""),
        ("local x = nil; x.y = 1", "nil"),
        ("local x = service.replicas.nothing.more", "index"),
        ("error('line\\nbreak')", "line"),
        ("error(string.rep('x', 100000))", "xxx"),
        ("webpods.json.decode('{')", "JSON"),
        ("webpods.yaml.decode('a: [')", "YAML"),
        ("webpods.json.encode(print)", "JSON"),
        ("webpods.template('proxy/none', {})", "template"),
        ("webpods.on('befor_start', print)", "before_start"),
    ] {
        let error = attack(body);
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
}

#[test]
fn a_vm_works_on_after_it_stopped_a_script() {
    let folder = project(&[(
        "placement/twice.lua",
        "return { place = function(service)
            while service.replicas == 1 do end
            return {}
        end }",
    )]);
    let decider = decider(Some(folder.path()));
    let mut request = PlaceRequest {
        service: "web".parse().unwrap(),
        replicas: 1,
        hosts: Vec::new(),
        max_per_host: None,
        current: BTreeMap::new(),
    };
    assert!(decider.place("twice", &request).is_err());
    request.replicas = 0;
    assert!(decider.place("twice", &request).is_ok());
}
