//! Where in the tree a pass stands, matched against patterns like `services.*.ports.*`.

/// A chain of keys from the root; list items are `[]`.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    key: &'a str,
}

/// Deeper paths match no rule.
const LONGEST: usize = 10;

impl<'a> Path<'a> {
    /// The root.
    pub const ROOT: Path<'static> = Path {
        parent: None,
        key: "",
    };

    /// The path of the value under `key`.
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path {
            parent: Some(self),
            key,
        }
    }

    /// The path of a list's item.
    pub fn item(&'a self) -> Path<'a> {
        self.key("[]")
    }

    /// Calls `rules` with the keys from the root, none when the path is too long for any rule.
    pub fn with<T>(&self, rules: impl FnOnce(&[&str]) -> T) -> T {
        let mut keys = [""; LONGEST];
        let mut at = LONGEST;
        let mut path = self;
        while let Some(parent) = path.parent {
            if at == 0 {
                return rules(&[]);
            }
            at -= 1;
            keys[at] = path.key;
            path = parent;
        }
        rules(&keys[at..])
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() && self.key != "[]" {
                f.write_str(".")?;
            }
        }
        f.write_str(self.key)
    }
}
