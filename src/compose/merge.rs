//! Lays one document over another by Compose's rules: mappings key by key, lists appended, and
//! about thirty paths with rules of their own.

use super::diagnose::Problem;
use super::node::{Entry, List, Map, Node, Value};
use super::path::Path;

type Faults = Vec<Problem>;

/// `over` laid over `base`; where the two clash, `problems` say so and `over` stands.
pub fn documents(base: Node, over: Node, problems: &mut Faults) -> Node {
    merge(base, over, &Path::ROOT, problems)
}

/// The service `name` laid over the one it extends.
pub fn services(name: &str, base: Node, over: Node, problems: &mut Faults) -> Node {
    let services = Path::ROOT.key("services");
    merge(base, over, &services.key(name), problems)
}

fn merge(base: Node, over: Node, path: &Path<'_>, problems: &mut Faults) -> Node {
    // A key without a value leaves what is there.
    if over.is_null() && !base.is_null() && !path.with(replaces) {
        return base;
    }
    match path.with(rule) {
        Rule::Default => by_kind(base, over, path, problems),
        Rule::Replace => over,
        Rule::Append => append(sequence(base), sequence(over)),
        Rule::Hosts => {
            let base = sequence(base);
            let over = sequence(over);
            let items = over.as_list().unwrap_or_default().to_vec();
            let kept = base.as_list().unwrap_or_default();
            let new = items
                .into_iter()
                .filter(|item| !kept.contains(item))
                .collect();
            let at = over.at;
            append(base, Node::new(Value::List(new), at))
        }
        Rule::Build => by_kind(long_build(base), long_build(over), path, problems),
        Rule::DependsOn => {
            let entry = |at| {
                Node::mapping(
                    Map::from_iter([
                        (
                            "condition".to_owned(),
                            Entry::made(Node::string("service_started", at)),
                        ),
                        (
                            "required".to_owned(),
                            Entry::made(Node::new(Value::Bool(true), at)),
                        ),
                    ]),
                    at,
                )
            };
            by_kind(mapping(base, &entry), mapping(over, &entry), path, problems)
        }
        Rule::Names => {
            let nothing = |at| Node::new(Value::Null, at);
            by_kind(
                mapping(base, &nothing),
                mapping(over, &nothing),
                path,
                problems,
            )
        }
        Rule::Logging => {
            let driver = |node: &Node| node.get("driver").cloned();
            match (driver(&base), driver(&over)) {
                (Some(a), Some(b)) if a != b => over,
                _ => by_kind(base, over, path, problems),
            }
        }
        Rule::Subnets => subnets(base, &over, path, problems),
    }
}

enum Rule {
    /// Mappings key by key, lists appended, anything else replaced.
    Default,
    /// The later value wins whole.
    Replace,
    /// As `k=v` items, appended; the same key later wins when duplicates are dropped.
    Append,
    /// Like `Append`, items that are there already left out.
    Hosts,
    /// A string is the context.
    Build,
    /// A list is a mapping with default conditions.
    DependsOn,
    /// A list is a mapping without values.
    Names,
    /// Options only mix for the same driver.
    Logging,
    /// Pools by subnet.
    Subnets,
}

fn rule(path: &[&str]) -> Rule {
    match path {
        ["networks", _, "ipam", "config"] => Rule::Subnets,
        ["networks" | "volumes", _, "labels"] => Rule::Append,
        ["services", _, rest @ ..] => match rest {
            // A single limit and a pair do not mix.
            ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Rule::Replace,
            [
                "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "environment"
                | "label_file" | "labels" | "sysctls" | "tmpfs",
            ]
            | ["build", "additional_contexts" | "args" | "labels"]
            | ["deploy", "labels"]
            | ["volumes", _, "volume", "labels"] => Rule::Append,
            ["extra_hosts"] | ["build", "extra_hosts"] => Rule::Hosts,
            ["build"] => Rule::Build,
            ["depends_on"] => Rule::DependsOn,
            ["networks" | "models"] => Rule::Names,
            ["logging"] => Rule::Logging,
            _ => Rule::Default,
        },
        _ => Rule::Default,
    }
}

/// Where an explicit `null` is a value: it clears the command of the image.
fn replaces(path: &[&str]) -> bool {
    matches!(rule(path), Rule::Replace)
}

fn by_kind(base: Node, over: Node, path: &Path<'_>, problems: &mut Faults) -> Node {
    let (base_at, over_at) = (base.at, over.at);
    let kinds = (base.kind(), over.kind());
    let value = match (base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => Value::Map(maps(base, over, path, problems)),
        (Value::List(mut base), Value::List(over)) => {
            base.extend(over);
            Value::List(base)
        }
        (Value::Map(_) | Value::List(_), value) => {
            let (what, other) = kinds;
            let message = format!("{path}: {other} cannot be laid over {what}");
            problems.push(Problem::new(over_at, message).also(base_at, "merged with this"));
            value
        }
        (_, value) => value,
    };
    Node::new(value, over_at)
}

fn maps(mut base: Map, over: Map, path: &Path<'_>, problems: &mut Faults) -> Map {
    for (key, entry) in over {
        let Some(slot) = base.get_mut(&key) else {
            base.insert(key, entry);
            continue;
        };
        let old = std::mem::replace(&mut slot.node, Node::new(Value::Null, entry.key_at));
        slot.node = merge(old, entry.node, &path.key(&key), problems);
        slot.key_at = entry.key_at;
    }
    base
}

fn append(base: Node, over: Node) -> Node {
    let at = over.at;
    let mut items = into_items(base);
    items.extend(into_items(over));
    Node::new(Value::List(items), at)
}

fn into_items(node: Node) -> List {
    match node.value {
        Value::List(items) => items,
        _ => List::new(),
    }
}

/// As a list: `{k: v}` as `k=v` in order of the keys, a single string as one item.
fn sequence(node: Node) -> Node {
    let at = node.at;
    let items = match node.value {
        Value::List(items) => items,
        Value::Map(map) => {
            let mut items = List::with_capacity(map.len());
            for (key, entry) in map {
                let at = entry.node.at;
                match &entry.node.value {
                    Value::List(values) => {
                        for value in values {
                            let text = value.scalar_text().unwrap_or_default();
                            items.push(Node::string(format!("{key}={text}"), value.at));
                        }
                    }
                    _ => items.push(match entry.node.scalar_text() {
                        Some(text) => Node::string(format!("{key}={text}"), at),
                        None => Node::string(key, at),
                    }),
                }
            }
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            items
        }
        Value::Null => List::new(),
        value => [Node::new(value, at)].into(),
    };
    Node::new(Value::List(items), at)
}

/// As a mapping: each name of a list with what `value` makes.
fn mapping(node: Node, value: &dyn Fn(super::source::Span) -> Node) -> Node {
    let at = node.at;
    match node.value {
        Value::List(items) => {
            let mut map = Map::new();
            for item in items {
                if let Value::Str(name) = item.value {
                    let entry = Entry {
                        key_at: item.at,
                        node: value(item.at),
                    };
                    map.insert(name, entry);
                }
            }
            Node::mapping(map, at)
        }
        other => Node::new(other, at),
    }
}

fn long_build(node: Node) -> Node {
    let at = node.at;
    match node.value {
        Value::Str(context) => {
            let entry = Entry::made(Node::string(context, at));
            Node::mapping(Map::from_iter([("context".to_owned(), entry)]), at)
        }
        other => Node::new(other, at),
    }
}

/// Address pools by subnet. As Compose does it: a pool that the override does not name is lost.
fn subnets(base: Node, over: &Node, path: &Path<'_>, problems: &mut Faults) -> Node {
    let (at, base_at) = (over.at, base.at);
    let (Value::List(base), Some(overs)) = (base.value, over.as_list()) else {
        let message = format!("{path}: must be a list");
        problems.push(Problem::new(at, message).also(base_at, "merged with this"));
        return over.clone();
    };
    let subnet = |node: &Node| node.get("subnet").cloned();
    let mut merged = List::new();
    for mut original in base {
        // Compose keeps this pool by reference: merging it again changes the place it has already.
        let mut own = None;
        for over in overs {
            let known = |pools: &[Node], wanted: &Option<Node>| {
                pools.iter().position(|pool| subnet(pool) == *wanted)
            };
            if subnet(over) != subnet(&original) && known(&merged, &subnet(over)).is_none() {
                merged.push(over.clone());
                continue;
            }
            original = by_kind(original, over.clone(), path, problems);
            if let Some(index) = own {
                merged[index] = original.clone();
            }
            let index = known(&merged, &subnet(&original)).unwrap_or(merged.len());
            if index == merged.len() {
                merged.push(original.clone());
            } else {
                merged[index] = original.clone();
            }
            own = Some(index);
        }
    }
    Node::new(Value::List(merged), at)
}
