//! Why a rollout went wrong: the cause, the last words of a task, what stopped, which targets were not well.

use maud::{Markup, html};
use shipit_core::dossier::{Dossier, Stop, TargetGroup, TargetState};
use shipit_core::failure::{Cause, Kind};

use super::super::words;
use super::text::{clock, log, rich, table};

/// A dossier, what tells most first.
pub fn html(cause: &Cause, dossier: &Dossier) -> Markup {
    html! {
        div.dossier {
            // What nothing of this tells is told by the failure above.
            @if cause.cause == Kind::Unknown {
                h4 { "What was captured" }
            } @else {
                h4 { "Why: " (cause.cause.words()) }
                p { (rich(&cause.because)) }
                @if !cause.next.is_empty() { p.next { b { "Next " } (rich(&cause.next)) } }
            }
            @if let Some(lines) = &dossier.log {
                p.caption { "The last words of task " code { (lines.task.get(..8).unwrap_or(&lines.task)) } ", container " code { (lines.container) } }
                (log(&format!("log of container {}", lines.container), lines.lines.iter().map(String::as_str)))
            }
            @if let Some(toll) = &dossier.toll { p { "What it cost: " (toll.words(dossier.revision.short())) "." } }
            (stops(dossier))
            @for group in &dossier.target_groups { (targets(group)) }
            @if let Some(said) = &dossier.said { p { b { "ECS: " } (said) } }
            @if !dossier.events.is_empty() {
                details {
                    summary { "Service events that tell something (" (dossier.events.len()) ")" }
                    ul.plain { @for event in &dossier.events { li { (event) } } }
                }
            }
            @if !dossier.unread.is_empty() {
                details {
                    summary { "What could not be read (" (dossier.unread.len()) ")" }
                    ul.plain {
                        @for unread in &dossier.unread {
                            li {
                                (unread.what) ": " (unread.why)
                                @if let Some(permission) = &unread.permission { " (" code { (permission) } ")" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn stops(dossier: &Dossier) -> Markup {
    let row = |stop: &Stop| {
        vec![
            html! { code { (stop.short()) } },
            html! { (stop.stopped_at.map_or_else(|| "stopping".to_owned(), clock)) },
            html! { (String::from(stop.code.clone())) },
            html! { (stop.reason) },
            html! { (stop.ends()) },
        ]
    };
    let rows: Vec<Vec<Markup>> = dossier.stops.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            p.caption { "Tasks that failed" }
            (table("tasks that failed", &["task", "stopped", "code", "reason", "containers"], &rows))
            @if dossier.more_stops > 0 { p { "and " (words::count(dossier.more_stops as u64, "more task")) } }
        }
    }
}

fn targets(group: &TargetGroup) -> Markup {
    let rows: Vec<Vec<Markup>> = group
        .targets
        .iter()
        .map(|target| {
            let why = [&target.reason, &target.description].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
            vec![html! { (target.address) ":" (target.port) }, html! { (target.state.word()) }, html! { (why) }]
        })
        .collect();
    html! {
        @if group.targets.iter().all(|target| target.state == TargetState::Healthy) {
            p { "All " (words::count(rows.len() as u64, "target")) " of " code { (group.name()) } " were healthy." }
        } @else {
            p.caption { "Targets of " code { (group.name()) } @if let Some(path) = &group.path { ", asked for " code { (path) } } }
            (table(&format!("targets of {}", group.name()), &["target", "state", "why"], &rows))
        }
    }
}
