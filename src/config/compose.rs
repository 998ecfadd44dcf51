//! YAML text -> tree.
//!
//! Built on the event parser of `serde-saphyr`: its serde layer stops at the first mistake and decides what `no` and `012`
//! mean, which only the reader can know.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options};

use super::complaint::Complaint;
use super::source::{Place, Source};
use super::tree::{Content, Entry, Filled, Key, Node, Scalar, Style};

/// Aliases may not make more of a file than this many nodes.
const MOST_NODES: usize = 10_000;

/// Nothing may be nested deeper than this, aliases followed.
const DEEPEST: usize = 64;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceKind;

    fn read(text: &str) -> Node {
        let source = Arc::new(Source { kind: SourceKind::File, name: "x.yaml".into(), text: text.into() });
        let mut complaints = Vec::new();
        let node = parse(&source, &mut complaints).expect("it is YAML");
        assert_eq!(complaints, []);
        node
    }

    fn scalar<'n>(node: &'n Node, key: &str) -> (&'n str, Style) {
        match &node.get(key).expect("the key is there").content {
            Content::Scalar(scalar) => (&scalar.text, scalar.style),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn plain_scalars_stay_as_they_were_typed() {
        let node = read("a: 012345678901\nb: no\nc: 1e3\nd: 'no'\ne: 2027-01-31\nf: 0x1F\ng: |\n  two\n  lines\n");
        assert_eq!(scalar(&node, "a"), ("012345678901", Style::Plain));
        assert_eq!(scalar(&node, "b"), ("no", Style::Plain));
        assert_eq!(scalar(&node, "c"), ("1e3", Style::Plain));
        assert_eq!(scalar(&node, "d"), ("no", Style::Quoted));
        assert_eq!(scalar(&node, "e"), ("2027-01-31", Style::Plain));
        assert_eq!(scalar(&node, "f"), ("0x1F", Style::Plain));
        assert_eq!(scalar(&node, "g"), ("two\nlines\n", Style::Quoted));
    }

    #[test]
    fn places_are_bytes_shown_as_characters() {
        let node = read("größe: { straße: weiß }\n");
        let value = node.get("größe").and_then(|map| map.get("straße")).expect("it is there");
        assert_eq!(value.place.text(), "weiß");
        assert_eq!(value.place.line_and_column(), (1, 18));
        assert_eq!(node.get("größe").expect("it is there").place.text(), "{ straße: weiß }");
    }

    #[test]
    fn anchors_aliases_and_merge_keys_work() {
        let node = read("base: &base { a: 1, b: 2 }\nmore: { <<: *base, b: 3 }\nboth: { <<: [{ a: 4 }, *base] }\nsame: *base\n");
        let get = |map: &str, key: &str| scalar(node.get(map).expect("it is there"), key).0.to_owned();
        assert_eq!([get("more", "a"), get("more", "b")], ["1", "3"]);
        assert_eq!([get("both", "a"), get("both", "b")], ["4", "2"]);
        assert_eq!([get("same", "a"), get("same", "b")], ["1", "2"]);
    }
}
