//! Where something is written: a file, an environment variable or a flag, and the bytes of it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use shipit_core::failure::Line;

/// What kind of text a [`Source`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A file: the pipeline file, or ECS JSON that it names.
    File,
    /// The value of a `SHIPIT_…` environment variable.
    Variable,
    /// The value of a flag.
    Flag,
}

/// A text that values are read from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// How it is called in front of a person: the path as it was given, the variable's or the flag's name.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A stretch of a [`Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text it is in.
    pub source: Arc<Source>,
    /// From the first byte to behind the last; always inside the text and on character boundaries.
    pub bytes: Range<usize>,
}

impl Place {
    /// That stretch, cut down to what the text has.
    pub fn new(source: &Arc<Source>, bytes: Range<usize>) -> Self {
        let start = boundary(&source.text, bytes.start);
        let end = boundary(&source.text, bytes.end).max(start);
        Self { source: Arc::clone(source), bytes: start..end }
    }

    /// The very start of the text: for what is wrong with all of it.
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// The whole text.
    pub fn all_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0..source.text.len())
    }

    /// The part of it that is on its first line.
    pub fn first_line(&self) -> Self {
        let text = &self.source.text[self.bytes.clone()];
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        Self::new(&self.source, self.bytes.start..self.bytes.start + length)
    }

    /// The text that stands there.
    pub fn text(&self) -> &str {
        &self.source.text[self.bytes.clone()]
    }

    /// Line and column of the first character, counted from 1; columns are characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.bytes.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Its first line, where it is in a file.
    pub fn line(&self) -> Option<Line> {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (line, column) = self.line_and_column();
        let file = self.source.name.clone();
        (self.source.kind == SourceKind::File).then(|| Line { file, line: number(line), column: Some(number(column)) })
    }

    /// This place lies inside that one.
    pub fn is_in(&self, other: &Place) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && other.bytes.start <= self.bytes.start && self.bytes.end <= other.bytes.end
    }
}

/// `file:line:column`; the name alone for a variable or a flag.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind {
            SourceKind::File if self.source.text.is_empty() => f.write_str(&self.source.name),
            SourceKind::File => {
                let (line, column) = self.line_and_column();
                write!(f, "{}:{line}:{column}", self.source.name)
            }
            SourceKind::Variable | SourceKind::Flag => f.write_str(&self.source.name),
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
