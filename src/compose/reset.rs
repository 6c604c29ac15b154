//! `!reset` and `!override`: what a file says about values of the files before it.

use super::node::{Mark, Node, Value};

/// Places to clear before merging, as keys from the root.
#[derive(Debug, Clone, Default)]
pub struct Resets(Vec<Vec<String>>);

impl Resets {
    /// Takes the marked values out of `document` and remembers where they were.
    pub fn take(document: &mut Node) -> Self {
        let mut resets = Self::default();
        resets.collect(document, &mut Vec::new());
        resets
    }

    fn collect(&mut self, node: &mut Node, path: &mut Vec<String>) {
        match &mut node.value {
            // A list's items have no identity across files: a marked one is only left out.
            Value::List(items) => {
                items.retain(|item| item.mark != Mark::Reset);
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(format!("[{index}]"));
                    self.collect(item, path);
                    path.pop();
                }
            }
            Value::Map(map) => map.retain(|key, entry| {
                path.push(key.to_string());
                match entry.node.mark {
                    Mark::None => self.collect(&mut entry.node, path),
                    Mark::Reset | Mark::Override => self.0.push(path.clone()),
                }
                path.pop();
                entry.node.mark != Mark::Reset
            }),
            _ => {}
        }
    }

    /// Removes from `earlier` what this document resets or overrides.
    pub fn apply(&self, earlier: &mut Node) {
        for path in &self.0 {
            clear(earlier, path);
        }
    }

    /// The same for one service, known by its name, that `extends` another.
    pub fn apply_to_service(&self, name: &str, service: &mut Node) {
        for path in &self.0 {
            if let [services, service_name, rest @ ..] = path.as_slice()
                && services == "services"
                && service_name == name
                && !rest.is_empty()
            {
                clear(service, rest);
            }
        }
    }
}

fn clear(node: &mut Node, path: &[String]) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    let Some(map) = node.as_map_mut() else {
        return;
    };
    if rest.is_empty() {
        map.shift_remove(key);
    } else if let Some(entry) = map.get_mut(key) {
        clear(&mut entry.node, rest);
    }
}
