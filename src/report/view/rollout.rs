//! A rollout's row: tasks as a bar, both sides, what is waited for, what ECS said last.

use shipit_core::event::{RolloutSeen, Shifting, StepResult};

use super::super::ink::{Line, Style};
use super::super::words;
use super::block::WIDEST;
use super::dossier::cause_words;
use super::rows::{ROLLOUT, Row, plight, result_words, services_width};
use super::{Frame, Seen, State, View, sides};

pub(super) fn row(step: &Seen, view: &View, frame: &Frame) -> Row {
    let name = format!("{:<width$}  ", step.subject, width = services_width(view));
    let mut under = Vec::new();
    let text = match (&step.state, plight(step, view.is_finished())) {
        (State::Waiting | State::GivenUp, Some(line)) => Line::plain(name).join(line),
        (_, Some(line)) => line,
        (State::Running { .. }, None) => match &step.rollout {
            Some(seen) => {
                under = sides::lines(seen, frame.width);
                under.extend(step.cause.as_ref().map(|cause| Line::new().add(Style::Bad, cause_words(cause))));
                Line::plain(name).join(match &seen.shift {
                    Some(shift) => traffic(shift, frame.width),
                    None => bar(seen, frame.width),
                })
            }
            None => Line::plain(name).add(Style::Dim, &step.because),
        },
        (State::Done { result, .. }, None) => Line::plain(name).add(Style::Plain, done(step, result)),
        _ => Line::plain(name).add(Style::Plain, format!("unchanged: {}", step.because)),
    };
    let mut row = Row::new(step.mark(), ROLLOUT, text);
    row.took = step.took(frame.now);
    row.under = under;
    row
}

fn done(step: &Seen, result: &StepResult) -> String {
    match (result, &step.rollout) {
        (StepResult::RolledOut { revision, running, evidence }, Some(seen)) if *running > 0 => {
            let sure = if evidence == "service deployment" { String::new() } else { format!(" ({evidence})") };
            format!("rolled out {}  {running}/{} tasks{sure}", revision.short(), seen.desired)
        }
        _ => result_words(result),
    }
}

fn cells(width: usize) -> u64 {
    match width {
        0..50 => 0,
        50..100 => 16,
        _ => 24,
    }
}

/// Full cells for the share of the traffic that the candidate has.
fn traffic(shift: &Shifting, width: usize) -> Line {
    let share = shift.share.map_or_else(|| "?%".to_owned(), |share| share.to_string());
    let left = shift.left_ms.map_or_else(String::new, |ms| format!("  {} left", words::duration(ms)));
    let said = format!("{share} of the traffic{left}");
    let cells = cells(width).min(if width < WIDEST { 10 } else { u64::MAX });
    let Some(moved) = shift.share.map(|share| (u64::from(share.0) * cells).div_ceil(1000).min(cells)).filter(|_| cells > 0)
    else {
        return Line::plain(said);
    };
    let signs = |sign: &str, count: u64| sign.repeat(usize::try_from(count).unwrap_or(0));
    Line::plain("▕")
        .add(Style::Live, signs("█", moved))
        .add(Style::Dim, signs("▁", cells - moved))
        .add(Style::Plain, format!("▏ {said}"))
}

/// Full cells for tasks that run, half ones for tasks that start.
fn bar(seen: &RolloutSeen, width: usize) -> Line {
    let cells = cells(width);
    let tasks = format!("{}/{} tasks", words::number(u64::from(seen.candidate.running)), words::number(u64::from(seen.desired)));
    if seen.desired == 0 || cells == 0 {
        return Line::plain(tasks);
    }
    let part = |tasks: u32| (u64::from(tasks) * cells / u64::from(seen.desired)).min(cells);
    let running = part(seen.candidate.running);
    let pending = part(seen.candidate.running.saturating_add(seen.candidate.pending)) - running;
    let signs = |sign: &str, count: u64| sign.repeat(usize::try_from(count).unwrap_or(0));
    Line::plain("▕")
        .add(Style::Live, signs("█", running))
        .add(Style::Live, signs("▒", pending))
        .add(Style::Dim, signs("▁", cells - running - pending))
        .add(Style::Plain, format!("▏ {tasks}"))
}

#[cfg(test)]
mod tests {
    use shipit_core::event::Progress;
    use shipit_core::pipeline::Share;

    use super::super::super::Colour;
    use super::super::super::stories::{Story, look};
    use super::*;

    fn drawn(share: Option<u32>, left_ms: Option<u64>, width: usize) -> String {
        let shift = Shifting { stage: "PRODUCTION_TRAFFIC_SHIFT".into(), share: share.map(Share), left_ms, compared: None };
        traffic(&shift, width).paint(200, Colour::No)
    }

    #[test]
    fn the_bar_is_the_share_of_the_traffic() {
        assert_eq!(drawn(Some(100), Some(192_000), 80), "▕█▁▁▁▁▁▁▁▁▁▏ 10% of the traffic  3m 12s left");
        assert_eq!(drawn(Some(0), None, 80), "▕▁▁▁▁▁▁▁▁▁▁▏ 0% of the traffic");
        assert_eq!(drawn(Some(1000), None, 120), "▕████████████████████████▏ 100% of the traffic");
        assert_eq!(drawn(Some(5), None, 40), "0.5% of the traffic", "no room");
        assert_eq!(drawn(None, None, 80), "?% of the traffic", "it is never guessed");
    }

    /// The row of a canary and what stands below it.
    fn canary(width: usize) -> String {
        let mut seen = look(2, 0, 2);
        seen.waiting_for = "production traffic to move".into();
        let stage = "PRODUCTION_TRAFFIC_SHIFT".into();
        seen.shift = Some(Shifting { stage, share: Some(Share::percent(10)), left_ms: Some(192_000), compared: None });
        let mut story = Story::new();
        story.planned().pushed().passed().rolling().progress("roll frontend", Progress::Rollout(seen));
        let frame = Frame { width, colour: Colour::No, now: story.now(), pulse: '●' };
        let block = story.view().block(&frame);
        let from = block.iter().position(|line| line.contains("of the traffic")).unwrap();
        block[from..from + 4].join("\n")
    }

    #[test]
    fn how_long_it_bakes_is_told_on_a_narrow_terminal_too() {
        insta::assert_snapshot!(canary(80), @"
        ● rollout    frontend  ▕█▁▁▁▁▁▁▁▁▁▏ 10% of the traffic  3m 12s left       2.0s
                     candidate  43  2/2 tasks
                     stable     42  2/2 tasks
                     waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
        insta::assert_snapshot!(canary(200), @"
        ● rollout    frontend  ▕███▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▏ 10% of the traffic  3m 12s left                       2.0s
                     candidate  43  2/2 tasks
                     stable     42  2/2 tasks
                     waiting for production traffic to move (PRODUCTION_TRAFFIC_SHIFT)
        ");
    }
}
