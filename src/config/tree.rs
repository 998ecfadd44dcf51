//! A tree in which every key and value knows its place and plain scalars stay as they were typed.

use std::sync::Arc;

use super::source::{Place, Source};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands; behind an alias, where it is defined.
    pub place: Place,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Scalar(Scalar),
    /// `[…]`, or lines with `-`.
    List(Vec<Node>),
    /// `{…}`, or lines with `key:`, in the order of the file.
    Map(Vec<Entry>),
}

/// A scalar as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text; of a plain one exactly what stands in the file.
    pub text: String,
    /// How it was written.
    pub style: Style,
    /// What `${env:…}` made of it.
    pub filled: Filled,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// With quotes, or as a block.
    Quoted,
}

/// What `${env:…}` made of a scalar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filled {
    /// There was none.
    #[default]
    No,
    /// These variables were filled in.
    From {
        /// Their names, in order.
        variables: Vec<String>,
        /// The text as it stands in the file.
        written: String,
    },
    /// A variable was not set: complained about already, the text means nothing.
    Unset,
}

/// One `key: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// A key and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// A quoted scalar that is all of a text, e.g. the value of a flag.
    pub fn text(source: &Arc<Source>) -> Self {
        let scalar = Scalar { text: source.text.clone(), style: Style::Quoted, filled: Filled::No };
        Self { place: Place::all_of(source), content: Content::Scalar(scalar) }
    }

    /// Nothing stands there: `key:`, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(Scalar { text, style: Style::Plain, filled: Filled::No })
            if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The entries, if it is a map.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The entries to change, if it is a map.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The value under that key, if it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    /// "text", "a list", "a map" or "nothing", for messages.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            _ if self.is_null() => "nothing",
            Content::Scalar(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// How many nodes it has, and how many levels.
    pub(super) fn size(&self) -> (usize, usize) {
        let join = |(nodes, height): (usize, usize), node: &Node| {
            let (more, high) = node.size();
            (nodes + more, height.max(high))
        };
        let (nodes, height) = match &self.content {
            Content::Scalar(_) => (0, 0),
            Content::List(items) => items.iter().fold((0, 0), join),
            Content::Map(entries) => entries.iter().map(|entry| &entry.value).fold((0, 0), join),
        };
        (nodes + 1, height + 1)
    }
}
