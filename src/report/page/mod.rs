//! A run as a page: events -> model (a pure fold) -> one HTML file that needs nothing but itself, the worst first.

mod changes;
pub(super) mod chart;
pub(super) mod charts;
mod course;
mod dossier;
mod ending;
mod gate;
mod harmless;
pub(super) mod model;
pub(super) mod rollout;
pub(super) mod step;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod timeline;
mod top;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use shipit_core::event::Stamped;

use model::Model;

const STYLE: &str = include_str!("style.css");

/// The page of a run, from the lines of its `events.jsonl`; none where no line is an event. A line that is cut off is passed over.
pub fn page(events: &str) -> Option<String> {
    let events: Vec<Stamped> = events.lines().filter_map(harmless::event).collect();
    (!events.is_empty()).then(|| document(&Model::of(&events)).into_string())
}

/// A part of the page with its place in it.
struct Part {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

fn document(model: &Model) -> Markup {
    let ending = ending::ending(model);
    let (pipeline, run) = model.head.as_ref().map_or(("shipit", ""), |head| (head.pipeline.as_str(), head.run.as_str()));
    let parts: Vec<Part> = [rollout::part(model), gate::part(model), timeline::part(model), changes::part(model), notes(model)]
        .into_iter()
        .flatten()
        .collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (ending.tone.sign()) " " (ending.word) " · " (pipeline) " · " (run) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (top::header(model))
                @if !parts.is_empty() {
                    nav aria-label="Parts of this report" {
                        ul { @for part in &parts { li { a href=(format!("#{}", part.id)) { (part.title) } } } }
                    }
                }
                main #main tabindex="-1" {
                    (top::verdict(model, ending))
                    @for part in &parts {
                        section.part aria-labelledby=(part.id) {
                            h2 #(part.id) { (part.title) }
                            (part.body)
                        }
                    }
                }
                footer {
                    p { "Written by shipit " (env!("CARGO_PKG_VERSION")) " from " code { ".shipit/runs/" (run) "/events.jsonl" } ". Times are UTC." }
                }
            }
        }
    }
}

/// Nothing is loaded, run or sent: only the style above is taken, by its digest.
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

fn notes(model: &Model) -> Option<Part> {
    let body = html! { ul.notes { @for note in &model.notes { li { (text::rich(note)) } } } };
    (!model.notes.is_empty()).then_some(Part { id: "notes", title: "Worth knowing", body })
}
