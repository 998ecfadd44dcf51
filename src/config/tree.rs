//! YAML as a tree in which every key and value knows its place and plain scalars stay as they were typed.
//!
//! Built on the event parser of `serde-saphyr`: its serde layer stops at the first mistake and decides what `no` and `012`
//! mean, which only the reader can know.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options};

use super::complaint::Complaint;
use super::source::{Place, Source};

/// Aliases may not make more of a file than this many nodes.
const MOST_NODES: usize = 10_000;

/// Nothing may be nested deeper than this, aliases followed.
const DEEPEST: usize = 64;

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
    From(Vec<String>),
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
    fn size(&self) -> (usize, usize) {
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

/// Reads YAML. Mistakes that leave a tree (duplicate keys, foreign tags) are added to `complaints`.
///
/// # Errors
/// The text is not YAML, holds no or several documents, or its aliases grow without bound.
pub fn parse(source: &Arc<Source>, complaints: &mut Vec<Complaint>) -> Result<Node, Complaint> {
    let parser = Parser::new_from_str_with_options(&source.text, options! { emit_comments: false });
    Composer { source, parser, complaints, anchors: HashMap::new(), nodes: 0, depth: 0 }.document()
}

struct Composer<'a> {
    source: &'a Arc<Source>,
    parser: Parser<'a, StrInput<'a>>,
    complaints: &'a mut Vec<Complaint>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

impl<'a> Composer<'a> {
    fn document(mut self) -> Result<Node, Complaint> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    let text = "a second document begins here, but a pipeline is one document";
                    return Err(Complaint::new(self.place(span).first_line(), text));
                }
                event => root = Some(self.node(event, span)?),
            }
        }
        root.ok_or_else(|| Complaint::new(Place::start_of(self.source), "the file is empty"))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Complaint> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Complaint> {
        let place = self.place(span);
        self.count(1, 1, &place)?;
        let (anchor, tag, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                let scalar = Scalar { text: text.into_owned(), style, filled: Filled::No };
                (anchor, tag, Node { place, content: Content::Scalar(scalar) })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.depth += 1;
                let (items, end) = self.list()?;
                self.depth -= 1;
                (anchor, tag, Node { place: self.between(span, end), content: Content::List(items) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.depth += 1;
                let (entries, end) = self.map()?;
                self.depth -= 1;
                (anchor, tag, Node { place: self.between(span, end), content: Content::Map(entries) })
            }
            Event::Alias(anchor) => return self.alias(anchor, place),
            _ => return Err(Complaint::new(place, "this is not YAML that can be read here")),
        };
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.foreign_tag(&tag, span, &node);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<Node, Complaint> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Complaint::new(place, "this alias stands inside of what it stands for"));
        };
        let (nodes, height) = node.size();
        self.count(nodes, height, &place)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, height: usize, place: &Place) -> Result<(), Complaint> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let text = format!("with its aliases followed the file has more than {MOST_NODES} values");
            return Err(Complaint::new(place.first_line(), text));
        }
        if self.depth + height > DEEPEST {
            return Err(Complaint::new(place.first_line(), format!("nested deeper than {DEEPEST} levels")));
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(Vec<Node>, Span), Complaint> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => return Ok((items, end)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<(Vec<Entry>, Span), Complaint> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, end) => {
                    for entry in merged {
                        if entries.iter().all(|have| have.key.text != entry.key.text) {
                            entries.push(entry);
                        }
                    }
                    return Ok((entries, end));
                }
                (event, span) => self.node(event, span)?,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            match key.content {
                Content::Scalar(Scalar { text, style: Style::Plain, .. }) if text == "<<" => merged.extend(self.merge_key(value)),
                Content::Scalar(Scalar { text, .. }) => {
                    let key = Key { text, place: key.place };
                    self.refuse_duplicate(&entries, &key);
                    entries.push(Entry { key, value });
                }
                Content::List(_) | Content::Map(_) => {
                    let text = format!("a key must be text, not {}", key.kind());
                    self.complaints.push(Complaint::new(key.place.first_line(), text));
                }
            }
        }
    }

    fn refuse_duplicate(&mut self, entries: &[Entry], key: &Key) {
        if let Some(first) = entries.iter().find(|entry| entry.key.text == key.text) {
            let (line, _) = first.key.place.line_and_column();
            let text = format!("`{}` is given twice, first on line {line}", key.text);
            self.complaints.push(Complaint::new(key.place.clone(), text).help("keep one of the two"));
        }
    }

    /// What `<<: value` brings in; of several maps the first that has a key wins, as YAML 1.1 says.
    fn merge_key(&mut self, value: Node) -> Vec<Entry> {
        let place = value.place.first_line();
        let maps = match value.content {
            Content::Map(entries) => return entries,
            Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Map(_))) => items,
            _ => {
                self.complaints.push(Complaint::new(place, "`<<` takes a map or a list of maps"));
                return Vec::new();
            }
        };
        let mut merged: Vec<Entry> = Vec::new();
        for entry in maps.iter().flat_map(Node::entries) {
            if merged.iter().all(|have| have.key.text != entry.key.text) {
                merged.push(entry.clone());
            }
        }
        merged
    }

    fn foreign_tag(&mut self, tag: &Tag, span: Span, node: &Node) {
        let place = span.tag_span().map_or_else(|| node.place.first_line(), |span| self.place(span));
        let text = format!("the tag `{}` means nothing here", tag.original());
        self.complaints.push(Complaint::new(place, text).help("write the value without a tag, in quotes where it is text"));
    }

    fn syntax(&self, error: &ScanError) -> Complaint {
        let at = offset(error.marker());
        Complaint::new(Place::new(self.source, at..at), format!("not YAML: {}", error.kind()))
    }

    fn place(&self, span: Span) -> Place {
        self.between(span, span)
    }

    fn between(&self, start: Span, end: Span) -> Place {
        Place::new(self.source, offset(&start.start)..offset(&end.end))
    }
}

/// Byte offsets are always there for text that is wholly in memory.
fn offset(marker: &Marker) -> usize {
    marker.byte_offset().unwrap_or_default()
}
