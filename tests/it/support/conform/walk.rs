//! One value against one shape: members, types, required, enums, lengths, ranges, patterns.

use jiff::Timestamp;
use serde_json::Value;

use super::complaint::{Complaint, Place};
use super::model::{Model, Shape};

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON: timestamps are numbers of epoch seconds.
    Json,
    /// CBOR as it is recorded: timestamps are `{"$timestamp": seconds}`.
    Cbor,
    /// Forms and XML: every scalar is a text.
    Text,
}

/// A walk over one side of an exchange.
pub struct Walk<'a> {
    model: &'a Model,
    dialect: Dialect,
    place: Place,
    /// What is wrong.
    pub found: Vec<Complaint>,
}

impl<'a> Walk<'a> {
    /// Begins at the top.
    pub fn new(model: &'a Model, dialect: Dialect, place: Place) -> Self {
        Self { model, dialect, place, found: Vec::new() }
    }

    /// A complaint about the value here.
    pub fn complain(&mut self, about: &str, value: &Value) {
        self.found.push(self.place.complain(about, value));
    }

    /// The top of a request or reply; an operation without a shape has nothing there.
    pub fn structure(&mut self, shape: Option<&str>, value: &Value) {
        match (shape, value) {
            (Some(shape), value) => self.value(shape, value),
            (None, Value::Null) => {}
            (None, Value::Object(members)) if members.is_empty() => {}
            (None, value) => self.complain("a body where the operation has none", value),
        }
    }

    /// A value of the shape of this name.
    pub fn value(&mut self, name: &str, value: &Value) {
        let shape = self.model.shape(name);
        if shape.is_document() {
            return;
        }
        match (shape.kind(), value) {
            ("structure", Value::Object(members)) => {
                for (member, value) in members {
                    match shape.member(member) {
                        Some(of) => self.below(format!(".{member}"), |walk| walk.value(of, value)),
                        None => self.complain(&format!("{name} member {member}"), value),
                    }
                }
                for required in shape.required().filter(|required| !members.contains_key(*required)) {
                    self.complain(&format!("{name} without {required}"), value);
                }
            }
            ("list", Value::Array(items)) => {
                self.length(&shape, items.len(), value);
                for (index, item) in items.iter().enumerate() {
                    self.below(format!("[{index}]"), |walk| walk.value(shape.item(), item));
                }
            }
            // A form cannot say that a list is empty but so.
            ("list", Value::String(text)) if self.dialect == Dialect::Text && text.is_empty() => self.length(&shape, 0, value),
            ("map", Value::Object(members)) => {
                let (key, of) = shape.entry();
                self.length(&shape, members.len(), value);
                for (name, value) in members {
                    self.below(format!("[\"{name}\"]"), |walk| {
                        walk.value(key, &Value::String(name.clone()));
                        walk.value(of, value);
                    });
                }
            }
            ("string", Value::String(text)) => self.text(&shape, text),
            ("blob", Value::String(_)) => {}
            (kind, scalar) => self.scalar(kind, &shape, scalar),
        }
    }

    fn below(&mut self, step: String, look: impl FnOnce(&mut Self)) {
        self.place.enter(step);
        look(self);
        self.place.leave();
    }

    fn scalar(&mut self, kind: &str, shape: &Shape, value: &Value) {
        let number = match (self.dialect, value) {
            (Dialect::Text, Value::String(text)) => text.parse::<f64>().ok(),
            (Dialect::Text, _) => None,
            (_, value) => value.as_f64(),
        };
        let fits = match kind {
            "boolean" if self.dialect == Dialect::Text => value == "true" || value == "false",
            "boolean" => value.is_boolean(),
            "integer" => number.is_some_and(|it| it.fract() == 0.0 && it.abs() <= f64::from(i32::MAX)),
            "long" => number.is_some_and(|it| it.fract() == 0.0 && it.abs() < i64::MAX as f64),
            "double" | "float" => number.is_some(),
            "timestamp" => match self.dialect {
                Dialect::Json => number.is_some(),
                Dialect::Cbor => value.get("$timestamp").is_some_and(Value::is_number),
                Dialect::Text => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            },
            _ => false,
        };
        if !fits {
            return self.complain(&format!("{} is not a {kind}", shape.name), value);
        }
        if let Some(number) = number.filter(|_| kind != "timestamp") {
            self.bounds(shape, number, value);
        }
    }

    fn text(&mut self, shape: &Shape, text: &str) {
        let value = Value::String(text.to_owned());
        if let Some(words) = shape.words()
            && !words.contains(&text)
        {
            self.complain(&format!("{} enum {text}", shape.name), &value);
        }
        self.length(shape, text.chars().count(), &value);
        if let Some(pattern) = shape.pattern()
            && !self.model.matches(pattern, text)
        {
            self.complain(&format!("{} pattern {pattern}", shape.name), &value);
        }
    }

    fn length(&mut self, shape: &Shape, length: usize, value: &Value) {
        self.bounds(shape, length as f64, value);
    }

    fn bounds(&mut self, shape: &Shape, size: f64, value: &Value) {
        for (which, wrong) in
            [("min", shape.bound("min").is_some_and(|min| size < min)), ("max", shape.bound("max").is_some_and(|max| size > max))]
        {
            if wrong {
                let bound = shape.bound(which).unwrap_or_default();
                self.complain(&format!("{} {which} {bound}", shape.name), value);
            }
        }
    }
}
