//! `safety:` of a context with the defaults of spec §5.3.

use super::decode::Fields;
use crate::model::{Confirm, ContextName, Destructive, Origin, Safety, SafetyLevel};

/// Verbs that `confirm.required_for` may list: those that change hosts.
pub const GUARDABLE: [&str; 14] = [
    "up",
    "deploy",
    "down",
    "start",
    "stop",
    "restart",
    "rm",
    "exec",
    "push",
    "rollback",
    "cleanup",
    "prune",
    "node bootstrap",
    "proxy reload",
];

const LEVELS: [(&str, SafetyLevel); 2] = [
    ("safe", SafetyLevel::Safe),
    ("guarded", SafetyLevel::Guarded),
];

const ORIGINS: [(&str, Origin); 2] = [("local", Origin::Local), ("ci", Origin::Ci)];

/// Decodes `safety`, or what its absence means.
pub(super) fn decode(context: &Fields<'_>, name: &ContextName) -> Safety {
    let mut safety = Safety {
        level: SafetyLevel::Safe,
        confirm: Confirm {
            required_for: Vec::new(),
            token: name.to_string(),
        },
        allow_from: vec![Origin::Local, Origin::Ci],
    };
    let Some(node) = context.get("safety") else {
        return safety;
    };
    let keys = ["level", "confirm", "allow_from"];
    let fields = Fields::of(node, "safety", &keys, context.problems);
    safety.level = fields.choice("level", &LEVELS).unwrap_or_default();
    if let Some(origins) = decode_origins(&fields) {
        safety.allow_from = origins;
    }
    let mut required_for = None;
    if let Some(node) = fields.get("confirm") {
        let keys = ["required_for", "token"];
        let confirm = Fields::of(node, "safety.confirm", &keys, context.problems);
        if let Some((token, _)) = confirm.text("token") {
            token.clone_into(&mut safety.confirm.token);
        }
        required_for = decode_verbs(&confirm);
    }
    safety.confirm.required_for = required_for.unwrap_or_else(|| match safety.level {
        SafetyLevel::Safe => Vec::new(),
        SafetyLevel::Guarded => Destructive::DEFAULT.map(str::to_owned).to_vec(),
    });
    safety
}

fn decode_origins(fields: &Fields<'_>) -> Option<Vec<Origin>> {
    let texts = fields.texts("allow_from")?;
    let mut origins = Vec::new();
    for (text, at) in texts {
        if let Some(origin) = fields.choose(text, at, "safety.allow_from", &ORIGINS)
            && !origins.contains(&origin)
        {
            origins.push(origin);
        }
    }
    if fields.list("allow_from").is_some_and(<[_]>::is_empty) {
        let at = fields.get("allow_from").and_then(|node| node.at);
        fields.problems.add_with_hint(
            at,
            "`safety.allow_from` is empty, so nobody could use this context",
            "list `local`, `ci` or both",
        );
    }
    Some(origins)
}

fn decode_verbs(confirm: &Fields<'_>) -> Option<Vec<String>> {
    let words = GUARDABLE.map(|verb| (verb, verb));
    let mut verbs: Vec<String> = Vec::new();
    for (text, at) in confirm.texts("required_for")? {
        let path = "safety.confirm.required_for";
        let Some(verb) = confirm.choose(text, at, path, &words) else {
            continue;
        };
        // `deploy` is `up` under another name: guarding one guards both.
        let both: &[&str] = match verb {
            "up" | "deploy" => &["up", "deploy"],
            _ => &[verb],
        };
        for verb in both {
            if !verbs.iter().any(|known| known == verb) {
                verbs.push((*verb).to_owned());
            }
        }
    }
    Some(verbs)
}
