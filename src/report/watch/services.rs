//! The services as they are: a table that fits the terminal, and what each waits for below it.

use std::collections::BTreeMap;

use shipit_core::dossier::TargetGroup;

use super::super::ink::{self, Line, Style};
use super::super::view::WIDEST;
use super::super::words;
use super::Standing;

/// Where a commit and the targets are left out, in this order.
const NARROW: [(usize, usize); 2] = [(100, 4), (60, 3)];

/// The table.
pub(super) fn table(services: &[Standing], width: usize) -> Vec<Line> {
    let mut rows = vec![["service", "runs", "tasks", "targets", "commit", "deployment"].map(str::to_owned).to_vec()];
    rows.extend(services.iter().map(|service| cells(service).to_vec()));
    for (below, column) in NARROW {
        if width < below {
            rows.iter_mut().for_each(|row| drop(row.remove(column)));
        }
    }
    if rows.iter().skip(1).all(|row| row.get(3).is_some_and(String::is_empty)) && width >= 60 {
        rows.iter_mut().for_each(|row| drop(row.remove(3)));
    }
    let columns = rows.first().map_or(0, Vec::len);
    let wide = |column: usize| rows.iter().map(|row| ink::width(&row[column])).max().unwrap_or(0).min(32);
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let style = if at == 0 { Style::Dim } else { Style::Plain };
        let mut line = Line::plain("  ");
        let mut from = 2;
        for (column, (cell, wide)) in row.iter().zip(&widths).enumerate() {
            let cell = if column + 1 < columns { ink::fit(cell, *wide) } else { cell.clone() };
            line = line.add(style, cell).to(from + wide + 2);
            from += wide + 2;
        }
        lines.push(line);
    }
    let room = width.min(WIDEST).saturating_sub(4);
    for wait in services.iter().flat_map(|service| service.words.iter().skip(1)) {
        lines.extend(ink::wrap(wait, room).into_iter().map(|part| Line::plain("    ").add(Style::Warn, part)));
    }
    lines
}

fn cells(service: &Standing) -> [String; 6] {
    let name = ink::safe(&service.name);
    let Some(running) = service.seen.present() else {
        return [name, "does not exist".to_owned(), String::new(), String::new(), String::new(), String::new()];
    };
    let number = |count: u32| words::number(u64::from(count));
    [
        name,
        ink::safe(running.revision.short()),
        format!("{}/{}", number(running.running), number(running.desired)),
        health(&service.targets),
        running.tags.get("shipit:commit").map_or_else(|| "-".to_owned(), |commit| ink::safe(commit).chars().take(7).collect()),
        deployment(service),
    ]
}

/// `2 healthy, 1 unhealthy`: those that are well first.
pub(super) fn health(groups: &[TargetGroup]) -> String {
    let mut counts: BTreeMap<(bool, &str), u64> = BTreeMap::new();
    for target in groups.iter().flat_map(|group| &group.targets) {
        let word = target.state.word();
        *counts.entry((word != "healthy", word)).or_default() += 1;
    }
    let told = counts.into_iter().map(|((_, word), count)| format!("{} {}", words::number(count), ink::safe(word)));
    told.collect::<Vec<_>>().join(", ")
}

fn deployment(service: &Standing) -> String {
    match service.seen.present().and_then(|running| running.in_progress.as_ref()) {
        None => "none in progress".to_owned(),
        Some((_, revision)) => format!("to {}", ink::safe(revision.short())),
    }
}

/// The same in one line, without what a rollout tells by itself while it goes on.
pub(super) fn words(service: &Standing) -> String {
    let [_, runs, tasks, targets, commit, deployment] = cells(service);
    let Some(running) = service.seen.present() else { return runs };
    let steady = running.in_progress.is_none();
    let mut parts = vec![runs];
    if steady {
        parts.push(format!("{tasks} tasks"));
        parts.extend(Some(targets).filter(|targets| !targets.is_empty()).map(|targets| format!("targets: {targets}")));
    }
    parts.extend(Some(commit).filter(|commit| commit != "-").map(|commit| format!("commit {commit}")));
    parts.push(deployment);
    parts.extend(service.words.iter().skip(1).map(|wait| wait.trim().to_owned()));
    parts.join("; ")
}
