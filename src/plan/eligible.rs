//! Which hosts may run a service (spec §8.3).

use super::fleet::{Fleet, Member, list};
use crate::error::{Error, Result, near_miss};
use crate::model::{Context, Service};

/// The hosts that may run `service`, in inventory order.
///
/// # Errors
/// `x-placement` names a host that is not in the context, no host is left, or fewer than
/// `min_hosts` are.
pub(super) fn eligible<'f, 'a>(
    context: &Context,
    fleet: &'f Fleet<'a>,
    service: &Service,
) -> Result<Vec<&'f Member<'a>>> {
    let wanted = service.placement.hosts.as_deref();
    if let Some(wanted) = wanted {
        refuse_strangers(context, service, wanted)?;
    }
    let found: Vec<&Member<'_>> = fleet
        .members
        .iter()
        .filter(|member| {
            wanted.is_none_or(|hosts| hosts.iter().any(|host| host == member.name().as_str()))
        })
        .collect();
    if found.is_empty() {
        return Err(nowhere(context, fleet, service));
    }
    if let Some(fewest) = service.placement.min_hosts
        && found.len() < fewest as usize
    {
        let names = list(found.iter().map(|member| member.name()));
        return Err(Error::user(format!(
            "service `{}` needs at least {fewest} hosts (`x-placement.min_hosts`), but only {} \
             may run it: {names}",
            service.name,
            found.len()
        ))
        .hint(format!(
            "add hosts to context `{}` or to `x-placement.hosts`, or lower `min_hosts`",
            context.name
        )));
    }
    Ok(found)
}

/// A list that names no host of this context at all is refused as empty below; one that mixes
/// known and unknown names is an overlay for another context, or a typo. The intersection decides
/// (spec §8.3), and only what looks like a typo is refused.
fn refuse_strangers(context: &Context, service: &Service, wanted: &[String]) -> Result<()> {
    let known = || context.hosts.iter().map(|host| host.name.as_str());
    for name in wanted {
        if known().any(|host| host == name) {
            continue;
        }
        let near = near_miss(name, known()).filter(|near| !wanted.iter().any(|w| w == near));
        if let Some(near) = near {
            return Err(Error::user(format!(
                "service `{}`: `x-placement.hosts` names `{}`, which is not in context `{}`",
                service.name,
                name.escape_debug(),
                context.name
            ))
            .hint(format!("did you mean `{near}`?")));
        }
    }
    Ok(())
}

fn nowhere(context: &Context, fleet: &Fleet<'_>, service: &Service) -> Error {
    let known = list(context.hosts.iter().map(|host| &host.name));
    let wanted = service.placement.hosts.as_deref().unwrap_or_default();
    let shown = list(wanted.iter().map(|name| name.escape_debug().to_string()));
    let left_out = fleet
        .left_out
        .iter()
        .any(|host| wanted.iter().any(|name| name == host.as_str()));
    let error = Error::user(format!(
        "service `{}` has no host to run on: `x-placement.hosts` allows {shown}, context `{}` has \
         {known}{}",
        service.name,
        context.name,
        if left_out {
            ", and `--hosts` leaves them out"
        } else {
            ""
        }
    ));
    if left_out {
        error.hint(format!("add one of {shown} to `--hosts`"))
    } else {
        error.hint(format!(
            "name hosts of context `{}` in `x-placement.hosts`, for example in an overlay file",
            context.name
        ))
    }
}
