//! Both versions of a rollout side by side: tasks, and where they are judged, requests, errors, latency and the verdict so far.

use shipit_core::analysis::{Needs, Percent, Served, Verdict};
use shipit_core::event::{Compared, RolloutSeen, Shifting, Side};

use super::super::ink::{self, Line, Style};
use super::super::words;
use super::block::WIDEST;

/// Where these lines begin, with labels of the usual width.
const BEGIN: usize = 15;

pub(super) fn lines(seen: &RolloutSeen, width: usize) -> Vec<Line> {
    let mut lines = match &seen.shift {
        Some(shift) => beside(seen, shift, width.min(WIDEST).saturating_sub(BEGIN)),
        None => tasks_alone(seen),
    };
    if let Some(waits) = waits(seen) {
        let room = width.min(WIDEST).saturating_sub(BEGIN);
        lines.extend(ink::wrap(&waits, room.max(20)).into_iter().map(Line::plain));
    }
    if let Some(event) = &seen.event {
        lines.push(Line::new().add(Style::Dim, format!("ECS: {event}")));
    }
    lines
}

/// What is waited for, with ECS's word for the stage.
fn waits(seen: &RolloutSeen) -> Option<String> {
    let stage = seen.shift.as_ref().map(|shift| shift.stage.as_str()).filter(|stage| !seen.waiting_for.contains(stage));
    match (seen.waiting_for.as_str(), stage) {
        ("", stage) => stage.map(str::to_owned),
        (waits, Some(stage)) => Some(format!("waiting for {waits} ({stage})")),
        (waits, None) => Some(format!("waiting for {waits}")),
    }
}

fn tasks_alone(seen: &RolloutSeen) -> Vec<Line> {
    let names = [Some(&seen.candidate), seen.stable.as_ref()];
    let width = names.iter().flatten().map(|side| side.revision.short().chars().count()).max().unwrap_or(0);
    let line = |name: &str, side: &Side| {
        let starting = starting(side);
        let tasks = words::count(u64::from(side.running), "task");
        Line::plain(format!("{name:<9}  {:<width$}  {tasks} running{starting}", side.revision.short()))
    };
    let mut lines = vec![failed(line("candidate", &seen.candidate), seen)];
    lines.extend(seen.stable.as_ref().map(|stable| line("stable", stable)));
    lines
}

/// `candidate  43  8/8 tasks    812 req  0.1% errors  p95 41 ms`, and below it the stable version in the same columns.
fn beside(seen: &RolloutSeen, shift: &Shifting, room: usize) -> Vec<Line> {
    let sides = shift.compared.as_ref().and_then(|compared| compared.sides);
    let mut rows = vec![row("candidate", &seen.candidate, seen, sides.map(|sides| sides.candidate))];
    rows.extend(seen.stable.as_ref().map(|stable| row("stable", stable, seen, sides.map(|sides| sides.stable))));
    // Latency gives way first.
    if rows.iter().any(|row| row.iter().map(|cell| ink::width(cell) + 2).sum::<usize>() > room + 2) {
        rows.iter_mut().for_each(|row| row.truncate(5));
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let numbers = columns > 3;
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| ink::width(cell)).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let mut text = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(width(column) - ink::width(cell));
            // Words to the left, numbers to the right.
            let (left, right) = if column < 3 { ("", gap.as_str()) } else { (gap.as_str(), "") };
            let between = if column == 0 { "" } else { "  " };
            text.push_str(&format!("{between}{left}{cell}{right}"));
        }
        text.trim_end().to_owned()
    };
    let mut lines: Vec<Line> = rows.iter().map(|row| Line::plain(line(row))).collect();
    match (lines.first_mut(), seen.failed_tasks) {
        (_, 0) => {}
        (Some(first), _) if !numbers => *first = failed(std::mem::take(first), seen),
        (_, failed) => {
            let failed = words::count(u64::from(failed), "task");
            lines.insert(1, Line::new().add(Style::Bad, format!("{failed} of the candidate failed")));
        }
    }
    let Some(compared) = &shift.compared else { return lines };
    let verdict = so_far(compared);
    let style = if compared.verdict == Verdict::Worse { Style::Bad } else { Style::Plain };
    match lines.last_mut().filter(|last| numbers && last.width() + 3 + ink::width(&verdict) <= room) {
        Some(last) => *last = std::mem::take(last).add(style, format!("   {verdict}")),
        None => lines.push(Line::new().add(style, verdict)),
    }
    if !is_told_by_numbers(compared) {
        lines.extend(ink::wrap(&compared.found, room.max(20)).into_iter().map(Line::plain));
    }
    lines
}

fn row(name: &str, side: &Side, seen: &RolloutSeen, served: Option<Served>) -> Vec<String> {
    let same_family = seen.stable.as_ref().is_some_and(|stable| stable.revision.family() == seen.candidate.revision.family());
    let short = side.revision.short();
    let revision = if same_family { short.rsplit(':').next().unwrap_or(short) } else { short };
    let number = |count: u32| words::number(u64::from(count));
    let starting = if side.pending > 0 { format!(" +{}", number(side.pending)) } else { String::new() };
    let tasks = format!("{}/{} tasks{starting}", number(side.running), number(seen.desired));
    let mut row = vec![name.to_owned(), revision.to_owned(), tasks];
    if let Some(served) = served {
        row.push(format!("{} req", words::number(served.count.requests)));
        row.push(format!("{} errors", Percent(served.count.rate())));
        row.extend(served.p95_ms.map(|ms| format!("p95 {} ms", words::number(ms))));
    }
    row
}

fn starting(side: &Side) -> String {
    if side.pending > 0 { format!(", {} starting", words::number(u64::from(side.pending))) } else { String::new() }
}

fn failed(line: Line, seen: &RolloutSeen) -> Line {
    match seen.failed_tasks {
        0 => line,
        failed => line.add(Style::Bad, format!(", {} failed", words::number(u64::from(failed)))),
    }
}

/// `same so far`, `inconclusive so far (needs about 500 requests more)`.
fn so_far(compared: &Compared) -> String {
    let needs = match compared.needs {
        Needs { requests: 0, minutes: 0 } => String::new(),
        Needs { requests: 0, minutes } => format!(" (needs {} more)", words::count(u64::from(minutes), "minute")),
        Needs { requests, .. } => format!(" (needs about {} more)", words::count(requests, "request")),
    };
    format!("{} so far{needs}", compared.verdict)
}

/// Nothing but what the numbers of both sides say.
fn is_told_by_numbers(compared: &Compared) -> bool {
    let open = compared.verdict == Verdict::Inconclusive && compared.needs != Needs::NOTHING;
    compared.sides.is_some() && (open || matches!(compared.verdict, Verdict::Same | Verdict::Better))
}

/// The same in one line, for a log.
pub(in crate::report) fn compared_words(compared: &Compared) -> String {
    let Some(sides) = compared.sides else { return format!("{}: {}", so_far(compared), compared.found) };
    let side = |name: &str, served: Served| {
        let p95 = served.p95_ms.map_or_else(String::new, |ms| format!(", p95 {} ms", words::number(ms)));
        let requests = words::count(served.count.requests, "request");
        format!("{name} {requests}, {} errors{p95}", Percent(served.count.rate()))
    };
    let told = format!("{}; {}; {}", side("candidate", sides.candidate), side("stable", sides.stable), so_far(compared));
    if is_told_by_numbers(compared) { told } else { format!("{told}: {}", compared.found) }
}

#[cfg(test)]
mod tests {
    use shipit_core::analysis::{Count, Sides};
    use shipit_core::pipeline::Share;

    use super::super::super::Colour;
    use super::super::super::stories::{look, revision};
    use super::*;

    fn compared(verdict: Verdict, needs: Needs, found: &str) -> Compared {
        let served = |requests, errors, p95_ms| Served { count: Count { requests, errors }, p95_ms: Some(p95_ms) };
        let sides = Sides { candidate: served(812, 1, 41), stable: served(7_310, 8, 43), minutes: 3, before: 0 };
        Compared { verdict, needs, sides: Some(sides), found: found.to_owned() }
    }

    fn drawn(compared: Option<Compared>, width: usize) -> String {
        let mut seen = look(2, 0, 2);
        (seen.candidate.running, seen.desired, seen.stable.as_mut().unwrap().running) = (8, 8, 8);
        seen.waiting_for = "production traffic to move".into();
        seen.event = None;
        seen.shift = Some(Shifting {
            stage: "PRODUCTION_TRAFFIC_SHIFT".into(),
            share: Some(Share::percent(10)),
            left_ms: None,
            compared: compared.map(Box::new),
        });
        painted(&seen, width)
    }

    fn painted(seen: &RolloutSeen, width: usize) -> String {
        let lines = lines(seen, width).into_iter().map(|line| line.paint(width - BEGIN, Colour::No));
        lines.collect::<Vec<_>>().join("\n")
    }

    const OPEN: Needs = Needs { requests: 500, minutes: 0 };

    #[test]
    fn both_sides_stand_in_the_same_columns_with_the_verdict_beside_or_below() {
        let open = compared(Verdict::Inconclusive, OPEN, "candidate answers 0.1% errors");
        insta::assert_snapshot!(drawn(Some(open.clone()), 80), @r"
        candidate  43  8/8 tasks    812 req  0.1% errors  p95 41 ms
        stable     42  8/8 tasks  7,310 req  0.1% errors  p95 43 ms
        inconclusive so far (needs about 500 requests more)
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        insta::assert_snapshot!(drawn(Some(open), 200), @r"
        candidate  43  8/8 tasks    812 req  0.1% errors  p95 41 ms
        stable     42  8/8 tasks  7,310 req  0.1% errors  p95 43 ms
        inconclusive so far (needs about 500 requests more)
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        insta::assert_snapshot!(drawn(Some(compared(Verdict::Same, Needs::NOTHING, "p95 41 ms")), 200), @r"
        candidate  43  8/8 tasks    812 req  0.1% errors  p95 41 ms
        stable     42  8/8 tasks  7,310 req  0.1% errors  p95 43 ms   same so far
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
    }

    #[test]
    fn what_the_numbers_do_not_tell_is_said_below() {
        let alarm = compared(Verdict::Worse, Needs::NOTHING, "alarm `web-5xx` is in ALARM");
        insta::assert_snapshot!(drawn(Some(alarm.clone()), 80), @r"
        candidate  43  8/8 tasks    812 req  0.1% errors  p95 41 ms
        stable     42  8/8 tasks  7,310 req  0.1% errors  p95 43 ms
        worse so far
        alarm `web-5xx` is in ALARM
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        let early = Compared { sides: None, ..compared(Verdict::Inconclusive, OPEN, "errors: no minute yet") };
        insta::assert_snapshot!(drawn(Some(early), 80), @r"
        candidate  43  8/8 tasks
        stable     42  8/8 tasks
        inconclusive so far (needs about 500 requests more)
        errors: no minute yet
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        insta::assert_snapshot!(drawn(None, 80), @r"
        candidate  43  8/8 tasks
        stable     42  8/8 tasks
        waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        insta::assert_snapshot!(compared_words(&alarm), @"candidate 812 requests, 0.1% errors, p95 41 ms; stable 7,310 requests, 0.1% errors, p95 43 ms; worse so far: alarm `web-5xx` is in ALARM");
    }

    #[test]
    fn another_family_is_named_and_what_has_no_datapoint_is_left_out() {
        let mut compared = compared(Verdict::Same, Needs::NOTHING, "");
        let sides = compared.sides.as_mut().unwrap();
        (sides.candidate.p95_ms, sides.stable.p95_ms) = (None, None);
        let mut seen = look(2, 1, 2);
        seen.failed_tasks = 1;
        seen.candidate.revision = shipit_core::release::Revision("arn:aws:ecs:eu:1:task-definition/shop:1".into());
        let shift = Shifting { stage: "X".into(), share: None, left_ms: None, compared: Some(Box::new(compared)) };
        seen.shift = Some(shift);
        insta::assert_snapshot!(painted(&seen, 80), @r"
        candidate  shop:1       2/2 tasks +1    812 req  0.1% errors
        1 task of the candidate failed
        stable     frontend:42  2/2 tasks     7,310 req  0.1% errors
        same so far
        waiting for 2 old tasks to drain (X)
        ECS: (service frontend) has started 2 tasks: (task 3f2a91c0c7d1b…
        ");
        seen.shift.as_mut().unwrap().compared = None;
        insta::assert_snapshot!(painted(&seen, 80).lines().next().unwrap(), @"candidate  shop:1       2/2 tasks +1, 1 failed");
        assert_ne!(revision(43).family(), seen.candidate.revision.family());
    }
}
