//! The target banner (spec §6.4).

use serde_json::{Value, json};

use crate::model::{Context, HostName, ProjectName};

fn level(context: &Context) -> &'static str {
    if context.is_guarded() {
        "GUARDED"
    } else {
        "SAFE"
    }
}

pub(super) fn text(context: &Context, project: &ProjectName, hosts: &[HostName]) -> String {
    let mut text = format!("TARGET: {} [{}]", context.name, level(context));
    if let Some(provider) = &context.provider {
        text.push_str("  PROVIDER: ");
        text.push_str(&super::clean(provider).replace('\n', " "));
    }
    let hosts: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
    text + &format!("  PROJECT: {project}  HOSTS: {}", hosts.join(","))
}

pub(super) fn json(context: &Context, project: &ProjectName, hosts: &[HostName]) -> Value {
    json!({
        "event": "target",
        "context": context.name,
        "safety": context.safety.level,
        "provider": context.provider,
        "project": project,
        "hosts": hosts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifacts, Confirm, Defaults, Ports, Proxy, Safety, SafetyLevel, Ssh};

    fn production() -> Context {
        Context {
            name: "production".parse().unwrap(),
            provider: Some("aws".to_owned()),
            ssh: Ssh::default(),
            hosts: Vec::new(),
            defaults: Defaults::default(),
            proxy: Proxy::default(),
            artifacts: Artifacts::default(),
            ports: Ports::default(),
            safety: Safety {
                level: SafetyLevel::Guarded,
                confirm: Confirm {
                    required_for: Vec::new(),
                    token: "production".to_owned(),
                },
                allow_from: Vec::new(),
            },
        }
    }

    #[test]
    fn the_banner_is_the_one_of_the_specification() {
        let hosts = ["prod-1", "prod-2", "prod-3"].map(|host| host.parse().unwrap());
        let project = "payments-api".parse().unwrap();
        let mut context = production();
        assert_eq!(
            text(&context, &project, &hosts),
            "TARGET: production [GUARDED]  PROVIDER: aws  PROJECT: payments-api  \
             HOSTS: prod-1,prod-2,prod-3"
        );
        context.provider = None;
        context.safety.level = SafetyLevel::Safe;
        assert_eq!(
            text(&context, &project, &hosts[..1]),
            "TARGET: production [SAFE]  PROJECT: payments-api  HOSTS: prod-1"
        );
    }
}
