//! The rollouts: why one went wrong, then how it went, those that went wrong first.

use maud::{Markup, html};
use shipit_core::event::Compared;

use super::super::view::compared_words;
use super::Part;
use super::chart::Chart;
use super::charts::charts;
use super::ending::Tone;
use super::model::Model;
use super::step::{State, Step};
use super::text::{clock, rich};
use super::{dossier, text};

/// All rollouts of a run.
pub(super) fn part(model: &Model) -> Option<Part> {
    let steps = model.rollouts();
    let body = html! { @for step in &steps { (one(step)) } };
    (!steps.is_empty()).then_some(Part { id: "rollouts", title: "Rollouts", body })
}

/// What its candidate and the revision that it replaces are called.
fn revisions(step: &Step) -> (&str, &str) {
    match step.revisions() {
        Some((candidate, stable)) => (candidate.short(), stable.map_or("nothing before", |stable| stable.short())),
        None => ("the candidate", "the stable version"),
    }
}

/// The charts of a rollout.
pub fn drawn(step: &Step) -> Vec<Chart> {
    let (candidate, stable) = revisions(step);
    let names = sides(candidate, stable);
    charts(&step.course, [&names[0], &names[1]])
}

fn one(step: &Step) -> Markup {
    let (candidate, stable) = revisions(step);
    let charts = drawn(step);
    let tone = if step.went_wrong() {
        Tone::Bad
    } else if step.state == State::Done {
        Tone::Good
    } else {
        Tone::Warn
    };
    html! {
        article.card.rollout {
            header {
                h3 { span.sign.(tone.class()) aria-hidden="true" { (tone.sign()) } " " (step.subject) }
                p.revisions { code { (stable) } span aria-label="to" { " → " } code { (candidate) } }
            }
            p.words { (rich(&step.words)) }
            @if let Some((cause, dossier)) = &step.dossier { (dossier::html(cause, dossier)) }
            @if !charts.is_empty() { div.charts { @for chart in &charts { (chart.html()) } } }
            @if let Some(compared) = &step.course.compared { (judged(compared)) }
            @if step.course.stages.len() > 1 {
                details {
                    summary { "Stages (" (step.course.stages.len()) ")" }
                    ol.plain { @for (at, stage) in &step.course.stages { li { time { (clock(*at)) } " " code { (stage) } } } }
                }
            }
            @if !step.course.said.is_empty() {
                details {
                    summary { "What ECS said (" (step.course.said.len()) ")" }
                    ol.plain { @for (at, said) in &step.course.said { li { time { (clock(*at)) } " " (said) } } }
                }
            }
        }
    }
}

/// How both versions are called: by their numbers, where they are of one family.
fn sides(candidate: &str, stable: &str) -> [String; 2] {
    match (candidate.rsplit_once(':'), stable.rsplit_once(':')) {
        (Some((family, ours)), Some((other, theirs))) if family == other => {
            [format!("candidate {ours}"), format!("stable {theirs}")]
        }
        _ => [format!("candidate {candidate}"), format!("stable {stable}")],
    }
}

fn judged(compared: &Compared) -> Markup {
    html! {
        p.judged {
            b { "Candidate against stable: " }
            (text::rich(&compared_words(compared)))
        }
    }
}
