//! Reads a misspelt key as the one that is meant, so that the other passes can look at its value
//! and miss nothing. Only for a project that is refused already.

use std::collections::HashMap;

use super::node::{Map, Node, Value};
use super::source::Span;

/// Misspelt keys by their places, and what is meant by each.
pub type Meant = HashMap<Span, &'static str>;

/// Renames the keys in `node`, and says whether there was one. A key that is there already stays.
pub fn rename(node: &mut Node, meant: &Meant) -> bool {
    match &mut node.value {
        Value::Map(map) => {
            let mut renamed = false;
            if map.values().any(|entry| meant.contains_key(&entry.key_at)) {
                renamed = in_map(map, meant);
            }
            for entry in map.values_mut() {
                renamed |= rename(&mut entry.node, meant);
            }
            renamed
        }
        Value::List(items) => {
            let mut renamed = false;
            for item in items {
                renamed |= rename(item, meant);
            }
            renamed
        }
        _ => false,
    }
}

fn in_map(map: &mut Map, meant: &Meant) -> bool {
    let mut renamed = false;
    for (key, entry) in std::mem::take(map) {
        match meant.get(&entry.key_at) {
            Some(right) if !map.contains_key(right) => {
                map.insert((*right).to_owned(), entry);
                renamed = true;
            }
            // The right one may follow the misspelt one, and is what counts.
            _ => {
                map.insert(key, entry);
            }
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::node::Entry;
    use crate::compose::source::Sources;

    #[test]
    fn a_key_that_is_there_stays() {
        let folder = std::path::Path::new("/");
        let file = Sources::default().add(folder, folder, String::new());
        let place = |at: usize| Span::new(file, at, at + 1);
        let entry = |at: usize, text: &str| Entry {
            key_at: place(at),
            node: Node::string(text, place(at + 1)),
        };
        let mut node = Node::mapping(
            Map::from_iter([
                ("imgae".to_owned(), entry(1, "wrong")),
                ("image".to_owned(), entry(3, "right")),
                ("prots".to_owned(), entry(5, "80")),
            ]),
            Span::NOWHERE,
        );
        let meant = Meant::from([(place(1), "image"), (place(5), "ports")]);
        assert!(rename(&mut node, &meant));
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        assert_eq!((text("image"), text("ports")), (Some("right"), Some("80")));
        assert!(!rename(&mut node, &Meant::new()));
    }
}
