//! Every step of the plan with the time it took, on one scale.

use jiff::Timestamp;
use maud::{Markup, html};

use super::Part;
use super::ending::Tone;
use super::model::Model;
use super::step::{Doing, State, Step};
use super::text::{between, clock, log, rich, since};

/// The steps of a run.
pub fn part(model: &Model) -> Option<Part> {
    let span = model.span?;
    let body = html! {
        ol.timeline {
            @for step in &model.steps { (row(step, span)) }
        }
        p.scale aria-hidden="true" {
            span { (clock(span.0)) } span { (since(span.0, span.1)) }
        }
    };
    (!model.steps.is_empty()).then_some(Part { id: "timeline", title: "Steps", body })
}

fn row(step: &Step, (from, to): (Timestamp, Timestamp)) -> Markup {
    let (tone, word) = standing(&step.state);
    let took = step.spans.first().map(|first| between(first.from, step.spans.last().and_then(|last| last.to).unwrap_or(to)));
    html! {
        li.(tone.class()) {
            span.name {
                span.mark aria-hidden="true" { (tone.sign()) }
                " " b { (step.verb) } " " (step.subject)
                span.hidden { ", " (word) }
            }
            svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
                path.track d="M0 5H1000" {}
                @for span in &step.spans {
                    @let x = place(span.from, (from, to));
                    @let end = place(span.to.unwrap_or(to), (from, to));
                    rect class=(if span.doing == Doing::Back { "back" } else { "run" })
                        x=(format!("{x:.1}")) y="0" width=(format!("{:.1}", (end - x).max(3.0))) height="10" {}
                }
            }
            span.took { (took.as_deref().unwrap_or(word)) }
            p.words { (rich(&step.words)) }
            @if matches!(step.state, State::Failed(_)) && !step.tail.is_empty() {
                details open {
                    summary { "The last lines of its output" }
                    (log(&format!("output of {}", step.id), step.tail.iter().map(String::as_str)))
                }
            }
        }
    }
}

fn standing(state: &State) -> (Tone, &'static str) {
    match state {
        State::Waiting => (Tone::Quiet, "not begun"),
        State::Reused => (Tone::Good, "reused"),
        State::Running => (Tone::Warn, "under way"),
        State::Done => (Tone::Good, "done"),
        State::Failed(_) => (Tone::Bad, "failed"),
        State::Undone => (Tone::Warn, "undone"),
        State::NotUndone(_) => (Tone::Bad, "not undone"),
        State::Paused => (Tone::Warn, "paused"),
        State::GivenUp => (Tone::Quiet, "given up"),
    }
}

fn place(at: Timestamp, (from, to): (Timestamp, Timestamp)) -> f64 {
    let all = to.duration_since(from).as_millis_f64();
    if all <= 0.0 { 0.0 } else { (at.duration_since(from).as_millis_f64() / all * 1000.0).clamp(0.0, 1000.0) }
}
