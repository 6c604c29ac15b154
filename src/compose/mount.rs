//! The short form of `volumes:`: `[source:]target[:options]`.

/// One mount, before it becomes a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// A path, a name, or none for an anonymous volume.
    pub source: Option<String>,
    /// The path in the container.
    pub target: String,
    /// `ro`.
    pub read_only: bool,
    /// `nocopy`.
    pub nocopy: bool,
    /// `rshared` and the like.
    pub propagation: Option<String>,
    /// `z` or `Z`.
    pub selinux: Option<String>,
}

impl Mount {
    /// Whether the source is a path of the host rather than a volume's name.
    pub fn is_bind(&self) -> bool {
        self.source.as_deref().is_some_and(is_path)
    }
}

/// Reads a short form.
pub fn parse(spec: &str) -> Result<Mount, String> {
    if spec.is_empty() {
        return Err("an empty volume".to_owned());
    }
    let mut mount = Mount::default();
    if spec.len() <= 2 {
        spec.clone_into(&mut mount.target);
        return Ok(mount);
    }
    let fields = fields(spec);
    if fields.iter().any(String::is_empty) {
        return Err(format!(
            "{spec:?} is not a volume: nothing between two colons"
        ));
    }
    match fields.as_slice() {
        [target] => mount.target.clone_from(target),
        [source, target, rest @ ..] => {
            mount.source = Some(source.clone());
            mount.target.clone_from(target);
            match rest {
                [] => {}
                [options] => options.split(',').for_each(|option| mount.option(option)),
                _ => return Err(format!("{spec:?} is not a volume: too many colons")),
            }
        }
        [] => {}
    }
    Ok(mount)
}

impl Mount {
    /// Options that are not known are left out, as Compose does.
    fn option(&mut self, option: &str) {
        match option {
            "ro" => self.read_only = true,
            "rw" => self.read_only = false,
            "nocopy" => self.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                self.propagation = Some(option.to_owned());
            }
            "z" | "Z" => self.selinux = Some(option.to_owned()),
            _ => {}
        }
    }
}

/// Splits at colons, except after a single letter (a Windows drive) and inside `${…}`.
fn fields(spec: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut braces = 0_u32;
    let mut chars = spec.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' if chars.peek() == Some(&'{') => braces += 1,
            '}' if braces > 0 => braces -= 1,
            ':' if braces == 0 && !is_drive(&field) => {
                fields.push(std::mem::take(&mut field));
                continue;
            }
            _ => {}
        }
        field.push(c);
    }
    fields.push(field);
    fields
}

fn is_drive(field: &str) -> bool {
    let mut chars = field.chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if c.is_alphabetic())
}

fn is_path(source: &str) -> bool {
    if source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") {
        return true;
    }
    let mut chars = source.chars();
    matches!((chars.next(), chars.next()), (Some(c), Some(':')) if c.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parse("/data").unwrap().source, None);
        let mount = parse("./a:/b:ro,z,rshared,zzz").unwrap();
        assert!(mount.is_bind() && mount.read_only);
        assert_eq!(mount.propagation.as_deref(), Some("rshared"));
        let mount = parse("db:/var/lib:nocopy").unwrap();
        assert!(!mount.is_bind() && mount.nocopy);
        let mount = parse("C:\\data:/data").unwrap();
        assert_eq!((mount.is_bind(), mount.target.as_str()), (true, "/data"));
    }

    #[test]
    fn nonsense_is_refused() {
        for spec in ["", "aa::b", "aa:/b:ro:x", ":/b", "abc:"] {
            assert!(parse(spec).is_err(), "{spec}");
        }
    }
}
