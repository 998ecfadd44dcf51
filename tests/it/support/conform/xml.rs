//! Query replies: XML into the values that their shapes promise.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::model::Model;

/// An element.
#[derive(Debug, Default, PartialEq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// `xmlns`.
    pub namespace: Option<String>,
    /// The elements in it.
    pub children: Vec<Element>,
    /// The text in it.
    pub text: String,
}

impl Element {
    /// The document's element.
    ///
    /// # Errors
    /// It is not well-formed.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Element::default()];
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let inner = open.last_mut().ok_or("an element is closed twice")?;
            match event {
                Event::Start(start) => open.push(Self::named(&start)?),
                Event::Empty(start) => inner.children.push(Self::named(&start)?),
                Event::Text(part) => inner.text.push_str(&part.xml10_content()),
                Event::GeneralRef(name) => {
                    let entity = format!("&{};", name.xml10_content());
                    inner.text.push_str(&quick_xml::escape::unescape(&entity).map_err(|error| error.to_string())?);
                }
                Event::End(_) => {
                    let closed = open.pop().ok_or("an element is closed twice")?;
                    open.last_mut().ok_or("an element is closed twice")?.children.push(closed);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match open.as_mut_slice() {
            [document] if document.children.len() == 1 => Ok(document.children.remove(0)),
            _ => Err("it is not one element".to_owned()),
        }
    }

    fn named(start: &quick_xml::events::BytesStart) -> Result<Self, String> {
        let mut element = Self { name: start.name().as_ref().to_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            if attribute.key.as_ref() == "xmlns" {
                element.namespace = Some(attribute.value.to_string());
            }
        }
        Ok(element)
    }

    /// The child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The value of the shape of this name. What does not have its form becomes a value that is not of its kind.
    pub fn value(&self, model: &Model, shape: &str) -> Value {
        let shape = model.shape(shape);
        let has_text = !self.text.trim().is_empty();
        match shape.kind() {
            "structure" if !has_text => {
                let mut members = Map::new();
                for child in &self.children {
                    let value = match shape.member(&child.name) {
                        Some(of) => child.value(model, of),
                        None => child.as_is(),
                    };
                    if let Some(before) = members.get(&child.name).cloned() {
                        members.insert(child.name.clone(), Value::Array(vec![before, value]));
                    } else {
                        members.insert(child.name.clone(), value);
                    }
                }
                Value::Object(members)
            }
            "list" if !has_text && self.children.iter().all(|child| child.name == "member") => {
                self.children.iter().map(|child| child.value(model, shape.item())).collect()
            }
            "structure" | "list" | "map" => self.as_is(),
            _ if self.children.is_empty() => Value::String(self.text.clone()),
            _ => self.as_is(),
        }
    }

    fn as_is(&self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.clone());
        }
        Value::Object(self.children.iter().map(|child| (child.name.clone(), child.as_is())).collect())
    }
}
