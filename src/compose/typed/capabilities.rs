//! `cap_add` and `cap_drop`.

use std::collections::BTreeSet;

/// Full names, each once, in order, as Docker Compose sends them. `ALL` stands for every one.
pub fn read(list: &[String]) -> BTreeSet<String> {
    list.iter()
        .map(|name| {
            let name = name.trim().to_ascii_uppercase();
            if name == "ALL" || name.starts_with("CAP_") {
                name
            } else {
                format!("CAP_{name}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_full_and_each_is_there_once() {
        let list = ["net_admin", "CAP_CHOWN", "all", "chown", " ALL "].map(str::to_owned);
        let read: Vec<String> = read(&list).into_iter().collect();
        assert_eq!(read, ["ALL", "CAP_CHOWN", "CAP_NET_ADMIN"]);
    }
}
