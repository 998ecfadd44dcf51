//! The gate's row: the findings of all images summed up, waived ones named.

use std::collections::BTreeMap;

use shipit_core::event::StepResult;
use shipit_core::gate::{Finding, Severity, Verdict, Waiver};

use super::super::ink::{Line, Style};
use super::super::words;
use super::rows::{Mark, Row, mark_of, plight};
use super::{Frame, Seen, State};

/// Waivers that are named one by one.
const NAMED: usize = 5;

pub(super) fn row(steps: &[&Seen], is_finished: bool, frame: &Frame) -> Row {
    let mark = mark_of(steps, is_finished);
    let bad = steps.iter().find(|step| step.mark() == Mark::Failed);
    let verdicts: Vec<(&str, &Verdict)> = steps.iter().filter_map(|step| Some((step.subject.as_str(), verdict(step)?))).collect();
    let scanning: Vec<&str> = names(steps, |state| matches!(state, State::Running { .. }));
    let waiting: Vec<&str> = names(steps, |state| matches!(state, State::Waiting));
    let text = match bad {
        Some(step) => plight(step, is_finished).unwrap_or_default(),
        None if verdicts.is_empty() && scanning.is_empty() => {
            steps.first().and_then(|step| plight(step, is_finished)).unwrap_or_default()
        }
        None => {
            let mut parts: Vec<String> = Vec::new();
            if !verdicts.is_empty() {
                parts.push(sum(&verdicts));
            }
            if !scanning.is_empty() {
                parts.push(format!("scanning {}", words::list(&scanning)));
            } else if !waiting.is_empty() && !is_finished {
                parts.push(format!("{} to come", words::list(&waiting)));
            }
            Line::plain(parts.join("; "))
        }
    };
    let mut row = Row::new(mark, "gate", text);
    row.took = steps.iter().filter_map(|step| step.took(frame.now)).max();
    row.under = under(&verdicts);
    row
}

fn verdict(step: &Seen) -> Option<&Verdict> {
    match &step.state {
        State::Done { result: StepResult::Gate { verdict }, .. } => Some(verdict),
        _ => None,
    }
}

fn names<'a>(steps: &[&'a Seen], wanted: impl Fn(&State) -> bool) -> Vec<&'a str> {
    steps.iter().filter(|step| wanted(&step.state)).map(|step| step.subject.as_str()).collect()
}

fn sum(verdicts: &[(&str, &Verdict)]) -> String {
    let mut total: BTreeMap<Severity, usize> = BTreeMap::from([(Severity::Critical, 0), (Severity::High, 0)]);
    let mut scanned = 0;
    let mut waivers = 0;
    for (_, verdict) in verdicts {
        if let Verdict::Pass { counts, waived } = verdict {
            scanned += 1;
            waivers += waived.len();
            for (severity, count) in counts {
                let accepted = waived.iter().filter(|(finding, _)| finding.severity == *severity).count();
                let sum = total.entry(*severity).or_default();
                *sum = sum.saturating_add(count.saturating_sub(accepted));
            }
        }
    }
    if scanned == 0 {
        return "passed without a scan result".to_owned();
    }
    let mut parts: Vec<String> = total
        .iter()
        .rev()
        .map(|(severity, count)| format!("{} {}", words::number(*count as u64), severity_word(*severity)))
        .collect();
    if waivers > 0 {
        parts.push(format!("{waivers} waived"));
    }
    parts.join(", ")
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
        Severity::Unknown => "of unknown severity",
    }
}

/// A verdict in a few words.
pub(super) fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass { .. } => sum(&[("", verdict)]),
        Verdict::Block { blocking, .. } => format!("stopped: {}", words::count(blocking.len() as u64, "finding")),
        Verdict::Unknown { status, .. } => format!("passed without a scan result: {status}"),
        Verdict::Wait => "no verdict yet".to_owned(),
    }
}

/// The waived findings, and images that pass without a result.
fn under(verdicts: &[(&str, &Verdict)]) -> Vec<Line> {
    let mut waived: Vec<(&Finding, &Waiver, Vec<&str>)> = Vec::new();
    let mut lines = Vec::new();
    for (image, verdict) in verdicts {
        match verdict {
            Verdict::Pass { waived: passed, .. } => {
                for (finding, waiver) in passed {
                    match waived.iter_mut().find(|(known, ..)| known.id == finding.id && known.package == finding.package) {
                        Some((_, _, images)) if images.contains(image) => {}
                        Some((_, _, images)) => images.push(image),
                        None => waived.push((finding, waiver, vec![image])),
                    }
                }
            }
            Verdict::Unknown { status, description, .. } => {
                let why = if description.is_empty() { String::new() } else { format!(": {description}") };
                lines.push(
                    Line::new()
                        .add(Style::Warn, format!("{image} passed without a scan result"))
                        .add(Style::Plain, format!(", {status}{why}")),
                );
            }
            Verdict::Block { .. } | Verdict::Wait => {}
        }
    }
    for (finding, waiver, images) in waived.iter().take(NAMED) {
        let package = finding.package.as_ref().map_or_else(String::new, |package| format!(" in {package}"));
        lines.push(
            Line::new()
                .add(Style::Warn, format!("waived until {}", waiver.until))
                .add(Style::Plain, format!("  {}{package} ({}): {}", finding.id, words::list(images), waiver.reason)),
        );
    }
    if waived.len() > NAMED {
        lines.push(Line::new().add(Style::Dim, format!("and {} more", waived.len() - NAMED)));
    }
    lines
}
