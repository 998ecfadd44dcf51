//! `${{ … }}` as far as the action and the workflows need it: names with dots, texts, and `||`.

use serde_json::Value;

/// The text with every expression filled in; a name that is not known is nothing, as on GitHub.
pub fn fill(text: &str, contexts: &Value) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").unwrap_or_else(|| panic!("`${{{{` without an end: {text}"));
        filled.push_str(before);
        filled.push_str(&value(expression.trim(), contexts));
        rest = after;
    }
    filled + rest
}

fn value(expression: &str, contexts: &Value) -> String {
    let all = expression.split("||").map(|part| one(part.trim(), contexts));
    all.reduce(|first, next| if first.is_empty() { next } else { first }).unwrap_or_default()
}

fn one(name: &str, contexts: &Value) -> String {
    if let Some(text) = name.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return text.to_owned();
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    assert!(name.chars().all(plain), "the runner of the tests does not know `{name}`");
    match name.split('.').fold(contexts, |value, key| &value[key]) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
