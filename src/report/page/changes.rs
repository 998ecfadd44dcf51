//! What a run changes: how each definition differs from the one that ran, and the images by digest.

use maud::{Markup, html};

use super::Part;
use super::model::Model;
use super::step::Step;
use super::text::table;

/// What the run changes.
pub fn part(model: &Model) -> Option<Part> {
    let changed: Vec<&Step> = model.steps.iter().filter(|step| !step.differences.is_empty()).collect();
    let images = model.images();
    let body = html! {
        @for step in &changed { (differences(step)) }
        @if !images.is_empty() {
            article.card {
                h3 { "Images" }
                ul.plain.digests { @for (name, digest) in &images { li { b { (name) } " " code { (digest) } } } }
            }
        }
    };
    (!changed.is_empty() || !images.is_empty()).then_some(Part { id: "changes", title: "Changes", body })
}

fn differences(step: &Step) -> Markup {
    let cell = |value: &Option<String>, sign: &str| {
        html! { @match value { Some(text) => code.(sign) { (text) }, None => span.none { "nothing" } } }
    };
    let rows: Vec<Vec<Markup>> = step
        .differences
        .iter()
        .map(|one| vec![html! { (one.place) }, cell(&one.before, "removed"), cell(&one.after, "added")])
        .collect();
    html! {
        article.card.diff {
            header { h3 { (step.subject) } p { (step.words) } }
            (table(&format!("what changed in {}", step.subject), &["where", "before", "now"], &rows))
        }
    }
}
