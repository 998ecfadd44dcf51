//! One value of the tree on its way to be read: type and spelling are complained about here, once for all readers.

use super::shape::Shape;
use super::spelling::{listed, nearest, one_of};
use super::value::Bad;
use super::{At, Reading};
use crate::config::complaint::Complaint;
use crate::config::source::Place;
use crate::config::tree::{Content, Entry, Filled, Node, Scalar};

/// A value, how it is called and where its key stands.
#[derive(Clone, Debug)]
pub(super) struct Field<'n> {
    /// E.g. `services.backend.needs[0]`; empty for the whole file.
    pub(super) path: String,
    key: Place,
    node: &'n Node,
}

/// A map whose keys have been checked.
pub(super) struct Fields<'n> {
    field: Field<'n>,
    shape: &'static Shape,
}

impl<'n> Field<'n> {
    /// The whole file.
    pub(super) fn root(node: &'n Node) -> Self {
        Self { path: String::new(), key: node.place.first_line(), node }
    }

    fn below(&self, entry: &'n Entry) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{}", self.path, entry.key.text), key: entry.key.place.clone(), node: &entry.value }
    }

    /// Where to point at: the value, or the key if the value is nothing to point at.
    pub(super) fn place(&self) -> Place {
        let value = self.node.place.first_line();
        if self.node.is_null() || value.bytes.is_empty() { self.key.clone() } else { value }
    }

    /// Where its key stands.
    pub(super) fn key(&self) -> &Place {
        &self.key
    }

    /// Its key is there, but no value.
    pub(super) fn is_null(&self) -> bool {
        self.node.is_null()
    }

    /// It is written as text, not as a map or list.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.node.content, Content::Scalar(_)) && !self.node.is_null()
    }

    fn wrong_type(&self, wanted: &str, reading: &mut Reading<'_>) {
        let name = if self.path.is_empty() { "a pipeline file".to_owned() } else { format!("`{}`", self.path) };
        reading.complain(Complaint::new(self.place(), format!("{name} must be {wanted}, not {}", self.node.kind())));
    }

    /// It is written as a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.content, Content::Map(_))
    }

    /// Its key.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// It is that word, plain or quoted.
    pub(super) fn is_text_of(&self, word: &str) -> bool {
        matches!(&self.node.content, Content::Scalar(scalar) if scalar.text == word)
    }

    /// What stands there, as it was parsed.
    pub(super) fn node(&self) -> &'n Node {
        self.node
    }

    /// As a map with the keys of that shape.
    pub(super) fn fields(self, shape: &'static Shape, reading: &mut Reading<'_>) -> Option<Fields<'n>> {
        let Content::Map(entries) = &self.node.content else {
            self.wrong_type("a map", reading);
            return None;
        };
        for entry in entries.iter().filter(|entry| !shape.keys.contains(&entry.key.text.as_str())) {
            reading.complain(unknown(&self.path, entry, shape));
        }
        Some(Fields { field: self, shape })
    }

    /// As a map with names of the user's choice.
    pub(super) fn named(&self, reading: &mut Reading<'_>) -> Option<Vec<(At<String>, Field<'n>)>> {
        let Content::Map(entries) = &self.node.content else {
            self.wrong_type("a map", reading);
            return None;
        };
        let name = |entry: &Entry| At { value: entry.key.text.clone(), place: entry.key.place.clone() };
        Some(entries.iter().map(|entry| (name(entry), self.below(entry))).collect())
    }

    /// As a list.
    pub(super) fn items(&self, reading: &mut Reading<'_>) -> Option<Vec<Field<'n>>> {
        let items = match &self.node.content {
            Content::List(items) => items,
            Content::Scalar(scalar) if !self.is_null() => {
                let complaint = Complaint::new(self.place(), format!("`{}` must be a list, not text", self.path));
                reading.complain(complaint.help(format!("write `[{}]`", scalar.text.escape_debug())));
                return None;
            }
            Content::Scalar(_) | Content::Map(_) => {
                self.wrong_type("a list", reading);
                return None;
            }
        };
        let item = |(index, node): (usize, &'n Node)| Field {
            path: format!("{}[{index}]", self.path),
            key: if node.place.bytes.is_empty() { self.key.clone() } else { node.place.first_line() },
            node,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// As text. Nothing, without a further complaint, if a variable in it was not set.
    pub(super) fn text(&self, reading: &mut Reading<'_>) -> Option<At<String>> {
        let Content::Scalar(scalar) = &self.node.content else {
            self.wrong_type("text", reading);
            return None;
        };
        if self.node.is_null() {
            self.wrong_type("text", reading);
            return None;
        }
        let variables = match &scalar.filled {
            Filled::No => &[][..],
            Filled::From { variables, .. } => variables,
            Filled::Unset => return None,
        };
        reading.came_from(&self.path, &self.node.place, variables);
        Some(At { value: scalar.text.clone(), place: self.place() })
    }

    /// The text as it stands in the file, where variables were filled into it.
    pub(super) fn written(&self) -> Option<&'n str> {
        match &self.node.content {
            Content::Scalar(Scalar { filled: Filled::From { written, .. }, .. }) => Some(written),
            _ => None,
        }
    }

    /// As text that means something.
    pub(super) fn read<T>(&self, reading: &mut Reading<'_>, meaning: impl FnOnce(&str) -> Result<T, Bad>) -> Option<At<T>> {
        let At { value: text, place } = self.text(reading)?;
        match meaning(&text) {
            Ok(value) => Some(At { value, place }),
            Err(bad) => {
                reading.complain(bad.complaint(place, &format!("`{}`", self.path)));
                None
            }
        }
    }
}

impl<'n> Fields<'n> {
    /// The value under a key of the shape, if one is given.
    pub(super) fn get(&self, key: &str) -> Option<Field<'n>> {
        self.given(key).filter(|field| !field.is_null())
    }

    /// All values under keys of the shape, in the order of the file, with those that are null.
    pub(super) fn in_order(&self) -> Vec<Field<'n>> {
        let known = |entry: &&Entry| self.shape.keys.contains(&entry.key.text.as_str());
        self.field.node.entries().iter().filter(known).map(|entry| self.field.below(entry)).collect()
    }

    /// It has no keys at all, not even unknown ones.
    pub(super) fn is_empty(&self) -> bool {
        self.field.node.entries().is_empty()
    }

    /// The key is there, with or without a value.
    pub(super) fn given(&self, key: &str) -> Option<Field<'n>> {
        debug_assert!(self.shape.keys.contains(&key), "`{key}` is missing in the shape of {}", self.shape.title);
        let entry = self.field.node.entries().iter().find(|entry| entry.key.text == key)?;
        Some(self.field.below(entry))
    }

    /// The value under a key that must be there.
    pub(super) fn require(&self, key: &str, reading: &mut Reading<'_>) -> Option<Field<'n>> {
        match self.given(key) {
            Some(field) if field.is_null() => {
                reading.complain(Complaint::new(field.key, format!("`{}` has no value", field.path)));
                None
            }
            Some(field) => Some(field),
            // The complaint about the misspelt key has said it.
            None if self.misspelt(key) => None,
            None => {
                reading.complain(self.missing(key, reading));
                None
            }
        }
    }

    /// Another key may be meant for this one, and has been complained about.
    pub(super) fn misspelt(&self, key: &str) -> bool {
        let unknown = self.field.node.entries().iter().map(|entry| entry.key.text.as_str());
        unknown.filter(|typed| !self.shape.keys.contains(typed)).any(|typed| nearest(typed, self.shape.keys) == Some(key))
    }

    fn missing(&self, key: &str, reading: &Reading<'_>) -> Complaint {
        let path = &self.field.path;
        if !path.is_empty() {
            return Complaint::new(self.field.key.clone(), format!("`{path}` has no `{key}`"));
        }
        let complaint = Complaint::new(self.field.key.clone(), format!("the key `{key}` is missing"));
        let has = reading.elsewhere.iter().filter(|elsewhere| elsewhere.key == key);
        let flags: Vec<String> = has.map(|elsewhere| format!("--env {}", elsewhere.environment)).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        if flags.is_empty() { complaint } else { complaint.help(format!("it is given with {}", one_of(&flags))) }
    }

    /// The path of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        if self.field.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.field.path) }
    }
}

fn unknown(path: &str, entry: &Entry, shape: &Shape) -> Complaint {
    let key = entry.key.text.as_str();
    let place = entry.key.place.clone();
    let inside = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
    if shape.later.contains(&key) {
        return Complaint::new(place, format!("this version does not have `{key}`{inside} yet"))
            .help("remove it, or use a version that has it");
    }
    let complaint = Complaint::new(place, format!("unknown key `{key}`{inside}"));
    match nearest(key, shape.keys) {
        Some(word) => complaint.help(format!("did you mean `{word}`?")),
        None => complaint.help(format!("known here: {}", listed(shape.keys))),
    }
}
