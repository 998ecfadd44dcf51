//! `${env:NAME}` and `${env:NAME:-default}`, in the pipeline file and in ECS JSON; any other `${…}` is left as it is.

use std::sync::Arc;

use serde_json::Value;

use super::complaint::Complaint;
use super::source::{Place, Source};
use super::tree::{Content, Filled, Node, Scalar};

/// How to look up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

const OPEN: &str = "${env:";

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

/// Fills in every scalar of a tree.
pub fn fill_tree(node: &mut Node, env: Env<'_>, complaints: &mut Vec<Complaint>) {
    match &mut node.content {
        Content::Scalar(scalar) if scalar.text.contains(OPEN) => fill_scalar(scalar, &node.place, env, complaints),
        Content::Scalar(_) => {}
        Content::List(items) => items.iter_mut().for_each(|item| fill_tree(item, env, complaints)),
        Content::Map(entries) => entries.iter_mut().for_each(|entry| fill_tree(&mut entry.value, env, complaints)),
    }
}

fn fill_scalar(scalar: &mut Scalar, place: &Place, env: Env<'_>, complaints: &mut Vec<Complaint>) {
    let filled = fill(&scalar.text, env);
    if filled.variables.is_empty() {
        return;
    }
    for name in &filled.unset {
        complaints.push(not_set(name, within(place, name)));
    }
    scalar.filled = if filled.unset.is_empty() { Filled::From(filled.variables) } else { Filled::Unset };
    scalar.text = filled.text;
}

/// Fills in every text of a JSON value (not its keys); `source` is the file it was read from.
pub fn fill_json(value: &mut Value, source: &Arc<Source>, env: Env<'_>, complaints: &mut Vec<Complaint>) {
    match value {
        Value::String(text) if text.contains(OPEN) => {
            let filled = fill(text, env);
            for name in &filled.unset {
                complaints.push(not_set(name, within(&Place::all_of(source), name)));
            }
            *text = filled.text;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_json(item, source, env, complaints)),
        Value::Object(members) => members.values_mut().for_each(|member| fill_json(member, source, env, complaints)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The reference without a default to that variable inside that place; escapes can hide it, then the place's first line.
fn within(place: &Place, name: &str) -> Place {
    let wanted = format!("{OPEN}{name}}}");
    match place.text().find(&wanted) {
        Some(at) => Place::new(&place.source, place.bytes.start + at..place.bytes.start + at + wanted.len()),
        None => place.first_line(),
    }
}

fn not_set(name: &str, place: Place) -> Complaint {
    Complaint::of_the_world(place, format!("the environment variable `{name}` is not set"))
        .help(format!("set it, or give a default: `${{env:{name}:-…}}`"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Text, fill};

    fn env(name: &str) -> Option<String> {
        match name {
            "STAGE" => Some("prod".into()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${env:STAGE}".into()),
            _ => None,
        }
    }

    fn filled(text: &str) -> String {
        fill(text, &env).text
    }

    #[test]
    fn values_and_defaults() {
        assert_eq!(filled("shop-${env:STAGE}-${env:STAGE}"), "shop-prod-prod");
        assert_eq!(filled("${env:NONE:-dev}"), "dev");
        assert_eq!(filled("${env:EMPTY:-dev}${env:EMPTY}"), "dev");
        assert_eq!(filled("${env:STAGE:-dev}"), "prod");
        assert_eq!(filled("${env:NONE:-}"), "");
        let unset = fill("${env:NONE}", &env);
        assert_eq!(unset, Text { text: String::new(), variables: vec!["NONE".into()], unset: vec!["NONE".into()] });
    }

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        assert_eq!(filled("${env:NESTED}"), "${env:STAGE}");
    }

    #[test]
    fn what_a_shell_means_by_it_is_left_alone() {
        for text in [
            "${HOME}",
            "${env:-x}",
            "${env:=x}",
            "${env:1:2}",
            "${env:A-B}",
            "${env:STAGE",
            "${env:}",
            "${ref:x}",
            "$env:STAGE",
            "${",
        ] {
            assert_eq!(fill(text, &env), Text { text: text.into(), variables: Vec::new(), unset: Vec::new() });
        }
    }

    proptest! {
        #[test]
        fn any_other_braces_pass_untouched(name in "[a-z]{1,5}", rest in "[^}]{0,12}", around in ".{0,12}") {
            prop_assume!(name != "env");
            let text = format!("{around}${{{name}:{rest}}}{around}");
            prop_assume!(!text.contains("${env:"));
            prop_assert_eq!(filled(&text), text);
        }
    }
}
