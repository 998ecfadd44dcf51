//! `${env:NAME}` and `${env:NAME:-default}` in a text; any other `${…}` is left as it is.

/// How to look up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a reference begins.
pub const OPEN: &str = "${env:";

/// A text with its `${env:…}` filled in.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// What came out.
    pub text: String,
    /// The variables it asked for, in order.
    pub variables: Vec<String>,
    /// Those of them that have neither a value nor a default.
    pub unset: Vec<String>,
}

/// Fills in a text. `NAME` is letters, digits and `_`, the default goes up to the first `}` and takes the place of an empty
/// value too, as in a shell; what is filled in is not looked at again.
pub fn fill(text: &str, env: Env<'_>) -> Text {
    let mut filled = Text { text: String::with_capacity(text.len()), variables: Vec::new(), unset: Vec::new() };
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let (before, from) = rest.split_at(start);
        filled.text.push_str(before);
        let Some((reference, after)) = reference(from) else {
            filled.text.push_str(OPEN);
            rest = &from[OPEN.len()..];
            continue;
        };
        match (env(reference.name), reference.default) {
            (None, None) => filled.unset.push(reference.name.to_owned()),
            (Some(value), None) => filled.text.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => filled.text.push_str(&value),
            (_, Some(default)) => filled.text.push_str(default),
        }
        filled.variables.push(reference.name.to_owned());
        rest = after;
    }
    filled.text.push_str(rest);
    filled
}

struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

/// The reference that the text begins with, and what comes behind it.
fn reference(text: &str) -> Option<(Reference<'_>, &str)> {
    let inner = text.strip_prefix(OPEN)?;
    let length = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, behind) = inner.split_at(length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(after) = behind.strip_prefix('}') {
        return Some((Reference { name, default: None }, after));
    }
    let (default, after) = behind.strip_prefix(":-")?.split_once('}')?;
    Some((Reference { name, default: Some(default) }, after))
}
