//! The gate's row: the findings of all images summed up, waived ones named.

use std::collections::BTreeMap;

use shipit_core::event::StepResult;
use shipit_core::gate::{Finding, Record, Severity, Waiver};

use super::super::ink::{Line, Style};
use super::super::words;
use super::rows::{Mark, Row, mark_of, plight};
use super::{Frame, Seen, State};

/// How many of a kind are named one by one.
const NAMED: usize = 5;

pub(super) fn row(steps: &[&Seen], is_finished: bool, frame: &Frame) -> Row {
    let mark = mark_of(steps, is_finished);
    let bad = steps.iter().find(|step| step.mark() == Mark::Failed);
    let records: Vec<(&str, &Record)> = steps.iter().filter_map(|step| Some((step.subject.as_str(), record(step)?))).collect();
    let scanning: Vec<&str> = names(steps, |state| matches!(state, State::Running { .. }));
    let waiting: Vec<&str> = names(steps, |state| matches!(state, State::Waiting));
    let text = match bad {
        Some(step) => plight(step, is_finished).unwrap_or_default(),
        None if records.is_empty() && scanning.is_empty() => {
            steps.first().and_then(|step| plight(step, is_finished)).unwrap_or_default()
        }
        None => {
            let mut parts: Vec<String> = Vec::new();
            if !records.is_empty() {
                parts.push(sum(&records));
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
    row.under = under(&records);
    if records.len() == steps.len() {
        row.under.extend(idle(&records));
    }
    row
}

fn record(step: &Seen) -> Option<&Record> {
    match &step.state {
        State::Done { result: StepResult::Gate { record }, .. } => Some(record),
        _ => None,
    }
}

fn names<'a>(steps: &[&'a Seen], wanted: impl Fn(&State) -> bool) -> Vec<&'a str> {
    steps.iter().filter(|step| wanted(&step.state)).map(|step| step.subject.as_str()).collect()
}

/// What the record of one gate comes to, in a few words.
pub(super) fn record_words(record: &Record) -> String {
    sum(&[("", record)])
}

fn sum(records: &[(&str, &Record)]) -> String {
    let mut total: BTreeMap<Severity, usize> = BTreeMap::from([(Severity::Critical, 0), (Severity::High, 0)]);
    let (mut waived, mut known, mut unfixed) = (0, 0, 0);
    for (_, record) in records {
        waived += record.waived.len();
        known += record.known.len();
        unfixed += record.unfixed.len();
        let apart = || record.waived.iter().map(|(finding, _)| finding).chain(&record.known).chain(&record.unfixed);
        for (severity, count) in &record.counts {
            let apart = apart().filter(|finding| finding.severity == *severity).count();
            let sum = total.entry(*severity).or_default();
            *sum = sum.saturating_add(count.saturating_sub(apart));
        }
    }
    if records.iter().all(|(_, record)| record.scanned_at.is_none() && !record.without.is_empty()) {
        return "passed without a scan result".to_owned();
    }
    let mut parts: Vec<String> =
        total.iter().rev().map(|(severity, count)| format!("{} {severity}", words::number(*count as u64))).collect();
    let aside = [(waived, "waived"), (known, "known already"), (unfixed, "without a fix")];
    parts.extend(aside.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    parts.join(", ")
}

/// What does not go without saying: waived findings, what runs already, images that pass without a result.
fn under(records: &[(&str, &Record)]) -> Vec<Line> {
    let mut waived: Vec<(&Finding, &Waiver, Vec<&str>)> = Vec::new();
    let mut known: Vec<(&Finding, Vec<&str>)> = Vec::new();
    let mut lines = Vec::new();
    for (image, record) in records {
        for (finding, waiver) in &record.waived {
            match waived.iter_mut().find(|(same, ..)| same.is_same(finding)) {
                Some((_, _, images)) if images.contains(image) => {}
                Some((_, _, images)) => images.push(image),
                None => waived.push((finding, waiver, vec![image])),
            }
        }
        for finding in &record.known {
            match known.iter_mut().find(|(same, _)| same.is_same(finding)) {
                Some((_, images)) if images.contains(image) => {}
                Some((_, images)) => images.push(image),
                None => known.push((finding, vec![image])),
            }
        }
        for without in &record.without {
            let of = without.platform.as_ref().map_or_else(String::new, |platform| format!(" ({platform})"));
            let why = if without.description.is_empty() { String::new() } else { format!(": {}", without.description) };
            lines.push(
                Line::new()
                    .add(Style::Warn, format!("{image}{of} passed without a scan result"))
                    .add(Style::Plain, format!(", {}{why}", without.status)),
            );
        }
    }
    for (finding, waiver, images) in waived.iter().take(NAMED) {
        let text = format!("  {} ({}): {}", name(finding), words::list(images), waiver.reason);
        lines.push(Line::new().add(Style::Warn, format!("waived until {}", waiver.until)).add(Style::Plain, text));
    }
    more(&mut lines, waived.len());
    for (finding, images) in known.iter().take(NAMED) {
        let text = format!("  {} ({})", name(finding), words::list(images));
        lines.push(Line::new().add(Style::Warn, "runs already").add(Style::Plain, text));
    }
    more(&mut lines, known.len());
    lines
}

/// Waivers that have ended, and those that no image needed.
fn idle(records: &[(&str, &Record)]) -> Vec<Line> {
    let Some((_, first)) = records.first() else { return Vec::new() };
    let ended = first.expired.iter().map(|waiver| (format!("waiver ended on {}", waiver.until), waiver));
    let unused = first.unused.iter().filter(|waiver| records.iter().all(|(_, record)| record.unused.contains(waiver)));
    let unused = unused.map(|waiver| ("waiver of nothing that was found".to_owned(), waiver));
    let line = |(what, waiver): (String, &Waiver)| {
        let package = waiver.package.as_ref().map_or_else(String::new, |package| format!(" in {package}"));
        Line::new().add(Style::Dim, what).add(Style::Plain, format!("  {}{package}, {}", waiver.id, waiver.place))
    };
    let mut lines: Vec<Line> = ended.chain(unused).map(line).collect();
    let all = lines.len();
    lines.truncate(NAMED);
    more(&mut lines, all);
    lines
}

fn name(finding: &Finding) -> String {
    let package = finding.package.as_ref().map_or_else(String::new, |package| format!(" in {package}"));
    format!("{}{package}", finding.id)
}

fn more(lines: &mut Vec<Line>, all: usize) {
    if all > NAMED {
        lines.push(Line::new().add(Style::Dim, format!("and {} more", all - NAMED)));
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::event::Event;
    use shipit_core::gate::{Lack, Without};

    use super::super::super::Colour;
    use super::super::super::stories::{Story, finding, id, waiver};
    use super::*;

    fn record(change: impl FnOnce(&mut Record)) -> StepResult {
        let mut record = Record { scanned_at: Some(jiff::Timestamp::UNIX_EPOCH), ..Record::default() };
        change(&mut record);
        StepResult::Gate { record: Box::new(record) }
    }

    #[test]
    fn what_was_let_pass_is_said_and_which_waivers_nobody_needed() {
        let ended = Waiver { until: jiff::civil::date(2026, 1, 31), id: "CVE-2025-9".into(), ..waiver() };
        let unused = Waiver { id: "CVE-2026-8".into(), ..waiver() };
        let needed = Waiver { id: "CVE-2026-5".into(), ..waiver() };
        let backend = record(|record| {
            record.counts = vec![(Severity::High, 3), (Severity::Medium, 1)];
            record.known = vec![finding("CVE-2026-3", Severity::High)];
            record.waived = vec![(finding("CVE-2026-1234", Severity::High), waiver())];
            record.unfixed = vec![finding("CVE-2026-6", Severity::High)];
            record.expired = vec![ended.clone()];
            record.unused = vec![unused.clone(), needed];
        });
        let frontend = record(|record| {
            (record.expired, record.unused) = (vec![ended], vec![unused]);
            let (platform, status) = (Some("linux/arm64".to_owned()), "UNSUPPORTED_IMAGE".to_owned());
            record.without = vec![Without { platform, status, description: String::new(), lack: Lack::Result }];
        });
        let mut story = Story::new();
        story.planned().start("gate backend").done("gate backend", 200, backend).pushed().start("gate frontend");
        story.tell(Event::StepSucceeded { step: id("gate frontend"), result: frontend, took_ms: 900 });
        let view = story.view();
        let frame = Frame { width: 200, colour: Colour::No, now: story.now(), pulse: '●' };
        let gates: Vec<&Seen> = view.steps.iter().filter(|step| step.verb == "gate").collect();
        let row = row(&gates, false, &frame);
        let lines = std::iter::once(&row.text).chain(&row.under).map(|line| line.paint(200, Colour::No));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        0 critical, 0 high, 1 medium, 1 waived, 1 known already, 1 without a fix
        frontend (linux/arm64) passed without a scan result, UNSUPPORTED_IMAGE
        waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend): not reachable (SEC-77)
        runs already  CVE-2026-3 in libxml2 (backend)
        waiver ended on 2026-01-31  CVE-2025-9 in libxml2, shipit.yaml:14:7
        waiver of nothing that was found  CVE-2026-8 in libxml2, shipit.yaml:14:7
        ");
    }
}
