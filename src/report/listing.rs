//! A plan and the state of services as a person reads them: data, so nothing is cut.

use std::collections::BTreeMap;
use std::fmt::Display;

use shipit_core::event::Work;
use shipit_core::plan::{Plan, StepId, StepKind};
use shipit_core::snapshot::ServiceSeen;

use super::ink::{self, Line, Style};
use super::view::tag;
use super::{Colour, words};

/// Far wider than anything that is listed.
const UNCUT: usize = 4096;

/// What a plan would do and why, how long the rollouts should take, remarks, and where surprising values came from.
pub fn plan<T: Display>(plan: &Plan, remarks: &[String], origins: &[(String, T)], colour: Colour) -> String {
    let mut lines = vec![header(plan), Line::new()];
    let steps = plan.listing();
    let verbs = steps.iter().map(|step| step.verb.len()).max().unwrap_or(0);
    let names = steps.iter().map(|step| ink::width(&step.subject)).max().unwrap_or(0);
    let mut number = 0;
    for step in &steps {
        let (sign, style) = match step.work {
            Work::Reused => ("-".to_owned(), Style::Dim),
            Work::ToDo => {
                number += 1;
                (number.to_string(), Style::Plain)
            }
        };
        let line =
            Line::new().add(style, format!("{sign:>3} {:<verbs$} {}", step.verb, step.subject)).to(4 + verbs + 1 + names + 2);
        lines.push(line.add(if step.work == Work::Reused { Style::Dim } else { Style::Plain }, &step.because));
    }
    if steps.iter().all(|step| step.work == Work::Reused) {
        lines.push(Line::plain("  nothing to do"));
    }
    if let Some(ms) = expected(plan) {
        lines.push(Line::new());
        lines.push(Line::plain(format!("  the rollouts should take about {}", words::duration(ms))));
    }
    if !remarks.is_empty() {
        lines.push(Line::new());
        lines.extend(remarks.iter().map(|remark| Line::new().add(Style::Warn, "  ! ").add(Style::Plain, remark)));
    }
    if !origins.is_empty() {
        lines.push(Line::new());
        let values = origins.iter().map(|(value, _)| ink::width(value)).max().unwrap_or(0);
        for (value, origin) in origins {
            lines.push(Line::plain(format!("  {value}")).to(2 + values + 2).add(Style::Dim, format!("from {origin}")));
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| line.paint(UNCUT, colour)).collect();
    lines.join("\n")
}

fn header(plan: &Plan) -> Line {
    let line = Line::new().add(Style::Bold, &plan.pipeline).add(Style::Plain, "  ").join(tag(plan.tag.as_str()));
    let line = match &plan.source.subject {
        Some(subject) => line.add(Style::Plain, format!(" \"{subject}\"")),
        None => line,
    };
    line.add(Style::Plain, format!("  → {}", plan.cluster))
}

/// The longest way through the rollouts, in milliseconds: independent ones go side by side.
fn expected(plan: &Plan) -> Option<u64> {
    let mut ends: BTreeMap<&StepId, u64> = BTreeMap::new();
    for step in &plan.steps {
        let begin = step.needs.iter().filter_map(|need| ends.get(need)).max().copied().unwrap_or(0);
        let own = match &step.kind {
            StepKind::Roll(roll) => roll.expected_ms.unwrap_or(0),
            _ => 0,
        };
        ends.insert(&step.id, begin.saturating_add(own));
    }
    ends.into_values().max().filter(|ms| *ms > 0)
}

/// How the services stand.
pub fn services(services: &[(&str, ServiceSeen)]) -> String {
    let mut table = vec![["service", "revision", "tasks", "commit", "deployment"].map(str::to_owned)];
    for (name, seen) in services {
        table.push(match seen.present() {
            None => [(*name).to_owned(), "does not exist".to_owned(), String::new(), String::new(), String::new()],
            Some(running) => [
                (*name).to_owned(),
                running.revision.short().to_owned(),
                format!("{}/{}", running.running, running.desired),
                running.tags.get("shipit:commit").map_or_else(|| "-".to_owned(), |commit| commit.chars().take(7).collect()),
                running.in_progress.as_ref().map_or_else(
                    || "none in progress".to_owned(),
                    |(_, revision)| format!("to {} in progress", revision.short()),
                ),
            ],
        });
    }
    let widths: Vec<usize> = (0..5).map(|column| table.iter().map(|row| ink::width(&row[column])).max().unwrap_or(0)).collect();
    let lines: Vec<String> = table
        .iter()
        .map(|row| {
            let mut line = Line::new();
            let mut column = 0;
            for (cell, width) in row.iter().zip(&widths) {
                line = line.add(Style::Plain, cell).to(column + width + 3);
                column += width + 3;
            }
            line.paint(UNCUT, Colour::No)
        })
        .collect();
    lines.join("\n")
}
