//! `cap_add` and `cap_drop`.

use std::collections::BTreeSet;

/// Every capability.
const ALL: &str = "ALL";

/// Both lists as Docker Compose sends them: full names, each once, in order; `ALL` stands for every
/// other; what is added is not dropped.
pub fn read(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let (add, drop) = (names(add), names(drop));
    let drop = drop.difference(&add).cloned().collect();
    (add.into_iter().collect(), drop)
}

fn names(list: &[String]) -> BTreeSet<String> {
    let names: BTreeSet<String> = list
        .iter()
        .map(|name| {
            let name = name.trim().to_ascii_uppercase();
            if name == ALL || name.starts_with("CAP_") {
                name
            } else {
                format!("CAP_{name}")
            }
        })
        .collect();
    if names.contains(ALL) {
        return [ALL.to_owned()].into();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_full_and_what_is_added_stays() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            read(&list("net_admin CAP_CHOWN"), &list("all")),
            (list("CAP_CHOWN CAP_NET_ADMIN"), list("ALL"))
        );
        assert_eq!(
            read(&list("ALL kill"), &list("KILL ALL")),
            (list("ALL"), vec![])
        );
        assert_eq!(
            read(&list("KILL"), &list("kill mknod mknod")),
            (list("CAP_KILL"), list("CAP_MKNOD"))
        );
    }
}
