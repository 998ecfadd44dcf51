//! `${env:NAME}` and `${env:NAME:-default}`, in the pipeline file and in ECS JSON; any other `${…}` is left as it is.

use std::sync::Arc;

use serde_json::Value;

use shipit_core::variables::OPEN;
pub use shipit_core::variables::{Env, Text, fill};

use super::complaint::Complaint;
use super::source::{Place, Source};
use super::tree::{Content, Filled, Node, Scalar};

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
    scalar.filled = if filled.unset.is_empty() {
        Filled::From { variables: filled.variables, written: scalar.text.clone() }
    } else {
        Filled::Unset
    };
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
