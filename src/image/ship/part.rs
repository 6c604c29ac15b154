//! A blob, or the rest of one, that is sent to a host.

use crate::image::chunk::Recipe;
use crate::model::Blob;

/// A blob, or its rest, to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) blob: Blob,
    pub(super) offset: u64,
    /// How the host makes it of what it has; none: it is sent.
    pub(super) recipe: Option<Recipe>,
}

impl Part {
    pub(super) fn length(&self) -> u64 {
        self.blob.size - self.offset
    }

    /// Bytes of it that are sent.
    pub(super) fn sent(&self) -> u64 {
        self.recipe.as_ref().map_or(self.length(), Recipe::sent)
    }

    /// The line that announces it.
    pub(super) fn head(&self) -> String {
        let mut head = format!(
            "{} {} {}",
            self.blob.digest.hex(),
            self.offset,
            self.blob.size
        );
        if let Some(recipe) = &self.recipe {
            head.push_str(" made");
            for base in &recipe.bases {
                head.push(' ');
                head.push_str(base.digest.hex());
            }
        }
        head.push('\n');
        head
    }
}
