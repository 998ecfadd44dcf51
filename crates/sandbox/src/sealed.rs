//! A value that is kept and handed out, and shown nowhere else.

use std::fmt;

use serde_json::Value;

/// A secret's text. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// Seals a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who asked for it.
    pub fn open(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("***")
    }
}

/// Members of Secrets Manager, Parameter Store and CodePipeline that hold a secret.
const SECRET: [&str; 5] = ["SecretString", "SecretBinary", "Value", "secretAccessKey", "sessionToken"];

/// Puts `***` in the place of every secret within an exchange of one of those services.
pub(crate) fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if SECRET.contains(&name.as_str()) => "***".clone_into(text),
                    member => mask(member),
                }
            }
        }
        _ => {}
    }
}
