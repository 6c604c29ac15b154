//! Which hosts may run a service (spec §8.3).

use super::fleet::{Fleet, Member, list};
use crate::error::{Error, Result, near_miss};
use crate::model::{Constraint, Context, Host, Service};

/// The hosts that may run `service`, in inventory order.
///
/// # Errors
/// No host is left, or fewer than `min_hosts` are.
pub(super) fn eligible<'f, 'a>(
    context: &Context,
    fleet: &'f Fleet<'a>,
    service: &Service,
) -> Result<Vec<&'f Member<'a>>> {
    let wanted = service.placement.hosts.as_deref();
    let mut found: Vec<&Member<'_>> = fleet
        .members
        .iter()
        .filter(|member| {
            wanted.is_none_or(|hosts| hosts.iter().any(|host| host == member.name().as_str()))
        })
        .collect();
    if found.is_empty() {
        return Err(nowhere(context, fleet, service));
    }
    let constraints = &service.placement.constraints;
    found.retain(|member| constraints.iter().all(|one| holds(one, member.host)));
    if found.is_empty() {
        return Err(Error::user(format!(
            "service `{}` has no host to run on: its `deploy.placement.constraints` hold for none \
             of the hosts of context `{}` that may run it",
            service.name, context.name
        ))
        .hint("constraints compare the hosts' names and `labels` in the context"));
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

/// As Swarm compares: without regard to case; a label that is not there is empty.
fn holds(constraint: &Constraint, host: &Host) -> bool {
    let there = match &constraint.label {
        None => host.name.as_str(),
        Some(label) => host.labels.get(label).map_or("", String::as_str),
    };
    there.eq_ignore_ascii_case(&constraint.value) == constraint.equal
}

/// Those of `found` that a service which runs beside this one may be on too.
///
/// # Errors
/// None is left.
pub(super) fn also<'f, 'a>(
    found: Vec<&'f Member<'a>>,
    service: &Service,
    follower: &Service,
) -> Result<Vec<&'f Member<'a>>> {
    let Some(hosts) = follower.placement.hosts.as_deref() else {
        return Ok(found);
    };
    let left: Vec<&Member<'_>> = found
        .iter()
        .filter(|member| hosts.iter().any(|host| host == member.name().as_str()))
        .copied()
        .collect();
    if left.is_empty() {
        return Err(Error::user(format!(
            "service `{}` runs beside `{}`, but `x-placement.hosts` allows it only on {}, and `{}` \
             only on {}",
            follower.name,
            service.name,
            list(hosts.iter().map(|host| host.escape_debug().to_string())),
            service.name,
            list(found.iter().map(|member| member.name())),
        ))
        .hint("allow both on the same hosts"));
    }
    Ok(left)
}

/// Names in `x-placement.hosts` that are in no inventory and look like a typo of one that is.
///
/// The intersection decides (spec §8.3), since an overlay may list the hosts of many contexts; so
/// this is a warning at most.
pub(super) fn typos(context: &Context, service: &Service) -> Vec<String> {
    let known = || context.hosts.iter().map(|host| host.name.as_str());
    let wanted = service.placement.hosts.as_deref().unwrap_or_default();
    wanted
        .iter()
        .filter(|name| name.len() > 2 && !known().any(|host| host == *name))
        .filter_map(|name| {
            let near = near_miss(name, known())?;
            Some(format!(
                "`x-placement.hosts` of `{}` names `{}`, which is not in context `{}`; did you \
                 mean `{near}`?",
                service.name,
                name.escape_debug(),
                context.name
            ))
        })
        .collect()
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
    } else if let Some(typo) = typos(context, service).into_iter().next() {
        error.hint(typo)
    } else {
        error.hint(format!(
            "name hosts of context `{}` in `x-placement.hosts`, for example in an overlay file",
            context.name
        ))
    }
}
