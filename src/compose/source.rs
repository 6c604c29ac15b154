//! The files that were read, and where in them something stands.

use std::path::{Path, PathBuf};

/// A range of bytes in one file. Every value has one or two, so they are as small as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    start: [u8; 4],
    /// Index into [`Sources`]; [`Span::NOWHERE`] has none.
    file: [u8; 2],
    /// No more of a longer one is ever shown.
    length: u8,
}

impl Span {
    /// For values that no file contains: defaults, names made from keys.
    pub const NOWHERE: Self = Self {
        start: [0; 4],
        file: [u8::MAX; 2],
        length: 0,
    };

    /// The bytes `start..end` of `file`; of many, the first 255.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let length = end.saturating_sub(start);
        Self {
            start: u32::try_from(start).unwrap_or(u32::MAX).to_ne_bytes(),
            file: file.0.to_ne_bytes(),
            length: u8::try_from(length).unwrap_or(u8::MAX),
        }
    }

    /// The bytes `from..to` of a scalar that is `length` bytes long as text; all of it when it is
    /// not written the way it reads.
    pub fn part(self, length: usize, from: usize, to: usize) -> Self {
        let range = self.range();
        let quote = match range.len().checked_sub(length) {
            Some(0) => 0,
            Some(2) => 1,
            _ => return self,
        };
        self.file().map_or(self, |file| {
            let start = range.start + quote;
            Self::new(file, start + from, start + to)
        })
    }

    /// The file, unless nowhere.
    pub fn file(self) -> Option<FileId> {
        (self != Self::NOWHERE).then_some(FileId(u16::from_ne_bytes(self.file)))
    }

    /// First byte and the one after the last.
    pub fn range(self) -> std::ops::Range<usize> {
        let start = u32::from_ne_bytes(self.start) as usize;
        start..start + usize::from(self.length)
    }
}

/// One of the files read during a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(u16);

impl FileId {
    /// Its place among the files, in the order in which they were read.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A Compose file's text and names.
#[derive(Debug)]
pub struct Source {
    /// Absolute, or `-` for standard input.
    pub path: PathBuf,
    /// As messages name it: relative to the working directory when inside it.
    pub shown: String,
    /// Its text, without a byte order mark.
    pub text: String,
}

/// All files read during one load, in the order they were read.
#[derive(Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, path: &Path, cwd: &Path, text: String) -> FileId {
        let shown = path.strip_prefix(cwd).unwrap_or(path).display().to_string();
        self.0.push(Source {
            path: path.to_owned(),
            shown,
            text,
        });
        FileId(u16::try_from(self.0.len() - 1).unwrap_or(u16::MAX))
    }

    /// The file with this id.
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.0.get(usize::from(id.0))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that were read since there were `count`.
    pub fn since(&self, count: usize) -> impl Iterator<Item = FileId> + use<> {
        (count..self.0.len()).map(|index| FileId(index.try_into().unwrap_or_default()))
    }

    /// The text of all files, in bytes.
    pub fn size(&self) -> usize {
        self.0.iter().map(|source| source.text.len()).sum()
    }

    /// Every path, without repetition.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for source in &self.0 {
            if !paths.contains(&source.path) {
                paths.push(source.path.clone());
            }
        }
        paths
    }

    /// Line and column, both from 1, of the start of `span`.
    pub fn position(&self, span: Span) -> Option<(usize, usize)> {
        let text = &self.get(span.file()?)?.text;
        let start = floor(text, span.range().start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[..start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        Some((line, text[line_start..start].chars().count() + 1))
    }
}

/// The nearest character boundary at or before `at`.
pub fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
