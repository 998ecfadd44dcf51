//! Predictions to the second, and how few steps they take.

use super::play::Play;
use super::{Assumptions, Part, Prediction, Timeline, Why, predict, timeline};
use crate::step::Failure;
use crate::{Breaker, HealthSource, Hooks, Pattern, Percents, Reason, Service, Share, Shift, Span, Stage, Time};

const START: Time = Time(1_000_000_000);
const ASSUMPTIONS: Assumptions =
    Assumptions { start: Span::seconds(30), healthy_after: Span::seconds(20), drain: Span::seconds(60) };

fn updated(desired: u32, percents: Percents, health: HealthSource) -> Service {
    let mut service = Service::settled(desired, 0, START);
    service.percents = percents;
    service.health = health;
    service.update(1, START);
    service
}

const TARGET: HealthSource = HealthSource { container: false, target: true };

#[test]
fn start_verdict_drain() {
    let service = updated(4, Percents::default(), TARGET);
    let expected = Prediction::Settles { after: Span::seconds(30 + 20 + 60), peak_tasks: 8, starts: 4 };
    assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
    assert_eq!(service.tasks.len(), 4, "the service itself is not touched");
}

#[test]
fn without_checks_the_forty_seconds_count() {
    let service = updated(1, Percents::default(), HealthSource::default());
    let expected = Prediction::Settles { after: Span::seconds(30 + 40 + 60), peak_tasks: 2, starts: 1 };
    assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
}

#[test]
fn in_two_halves_what_drains_still_holds_capacity() {
    let service = updated(4, Percents::new(50, 100), TARGET);
    // 0: two drain, two start; 50: the other two, while the first drain; 110: the last has drained
    let expected = Prediction::Settles { after: Span::seconds(110), peak_tasks: 8, starts: 4 };
    assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
}

#[test]
fn the_bake_time_counts() {
    let mut service = updated(1, Percents::default(), TARGET);
    service.alarm_bake = Span::seconds(600);
    let expected = Prediction::Settles { after: Span::seconds(110 + 600), peak_tasks: 2, starts: 1 };
    assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
}

#[test]
fn stuck_and_why() {
    let percents = Percents::new(100, 150);
    let why = Why::Configuration { bounds: percents.bounds(1) };
    let stuck = Prediction::Stuck { after: Span(0), why };
    assert_eq!(predict(&updated(1, percents, TARGET), ASSUMPTIONS, START), stuck);

    let mut alarmed = updated(1, Percents::default(), TARGET);
    alarmed.alarmed = true;
    let stuck = Prediction::Stuck { after: Span(0), why: Why::Failed(Failure::Alarm) };
    assert_eq!(predict(&alarmed, ASSUMPTIONS, START), stuck);
    crate::step(&mut alarmed, START);
    let stalled = Prediction::Stuck { after: Span(0), why: Why::Stalled };
    assert_eq!(predict(&alarmed, ASSUMPTIONS, START), stalled);
}

#[test]
fn from_the_middle_it_is_what_is_left() {
    let mut service = updated(4, Percents::default(), TARGET);
    service.breaker = Breaker::with_rollback();
    crate::step(&mut service, START);
    let later = START + Span::seconds(25);
    let expected = Prediction::Settles { after: Span::seconds(5 + 20 + 60), peak_tasks: 8, starts: 0 };
    assert_eq!(predict(&service, ASSUMPTIONS, later), expected);
}

/// How many steps a prediction takes; each is one pass over the tasks for each thing it does.
fn steps(service: &Service) -> u32 {
    let mut play = Play::new(service, ASSUMPTIONS, START);
    loop {
        if let Some(prediction) = play.step() {
            assert!(matches!(prediction, Prediction::Settles { starts: 5000, .. }), "{prediction:?}");
            return play.steps;
        }
    }
}

#[test]
fn five_thousand_tasks_take_few_steps() {
    assert!(steps(&updated(5000, Percents::default(), TARGET)) <= 5);
    assert!(steps(&updated(5000, Percents::new(50, 100), TARGET)) <= 10);
    // a hundred batches of fifty, three events each
    assert!(steps(&updated(5000, Percents::new(100, 101), TARGET)) <= 310);
}

const BAKE: Span = Span::seconds(600);
const STEP_BAKE: Span = Span::seconds(120);

fn shifted(desired: u32, pattern: Pattern, hooks: &[Stage]) -> Service {
    let mut service = Service::settled(desired, 0, START);
    service.health = TARGET;
    service.percents = Percents::new(100, 100);
    let shift = Shift { pattern, bake: BAKE, hooks: hooks.iter().copied().collect(), test_listener: true };
    service.shift(1, shift, START);
    service
}

/// The parts that take time or wait for a hook.
fn long(timeline: &Timeline) -> Vec<(Stage, u32, u64, Hooks)> {
    let parts = timeline.parts.iter().filter(|part| part.span > Span(0) || part.hooks == Hooks::Asked);
    parts.map(|part| (part.stage, part.round, part.span.0 / 1000, part.hooks)).collect()
}

#[test]
fn a_shift_is_foretold_by_parts() {
    let canary = Pattern::Canary { share: Share::percent(10), bake: STEP_BAKE };
    let service = shifted(4, canary, &[]);
    let foretold = timeline(&service, ASSUMPTIONS, START);
    let parts = [
        (Stage::ScaleUp, 0, 50, Hooks::Clear),
        (Stage::ProductionTrafficShift, 0, 120, Hooks::Clear),
        (Stage::BakeTime, 1, 600, Hooks::Clear),
        (Stage::CleanUp, 1, 60, Hooks::Clear),
    ];
    assert_eq!(long(&foretold), parts);
    let end = Prediction::Settles { after: Span::seconds(50 + 120 + 600 + 60), peak_tasks: 8, starts: 4 };
    assert_eq!(foretold.end, end);
    assert_eq!(predict(&service, ASSUMPTIONS, START), end);
    let stages: Vec<_> = foretold.parts.iter().map(|part| (part.stage, part.round)).collect();
    assert_eq!(stages.len(), 12, "every stage is there once: {stages:?}");
    assert_eq!((stages[0], stages[11]), ((Stage::PreScaleUp, 0), (Stage::CleanUp, 1)));
}

#[test]
fn each_step_of_a_linear_shift_bakes_but_the_last() {
    let linear = Pattern::Linear { step: Share::percent(25), bake: STEP_BAKE };
    let foretold = timeline(&shifted(2, linear, &[]), ASSUMPTIONS, START);
    let bakes = long(&foretold).into_iter().filter(|part| part.0 == Stage::ProductionTrafficShift);
    assert_eq!(bakes.map(|part| (part.1, part.2)).collect::<Vec<_>>(), [(0, 120), (1, 120), (2, 120)]);
    let end = Prediction::Settles { after: Span::seconds(50 + 3 * 120 + 600 + 60), peak_tasks: 4, starts: 2 };
    assert_eq!(foretold.end, end);
}

#[test]
fn hooks_are_said_apart_and_take_no_time() {
    let hooks = [Stage::PreProductionTrafficShift, Stage::PostProductionTrafficShift];
    let canary = Pattern::Canary { share: Share::percent(10), bake: STEP_BAKE };
    let foretold = timeline(&shifted(4, canary, &hooks), ASSUMPTIONS, START);
    let asked = foretold.parts.iter().filter(|part| part.hooks == Hooks::Asked);
    let asked: Vec<_> = asked.map(|part| (part.stage, part.round, part.span)).collect();
    let [before, after] = hooks;
    assert_eq!(asked, [(before, 0, Span(0)), (before, 1, Span(0)), (after, 1, Span(0))]);
    let end = Prediction::Settles { after: Span::seconds(830), peak_tasks: 8, starts: 4 };
    assert_eq!(foretold.end, end);
}

#[test]
fn from_the_middle_of_a_stage_it_is_what_is_left_of_it() {
    let mut service = shifted(4, Pattern::AllAtOnce, &[]);
    crate::step(&mut service, START);
    let later = START + Span::seconds(25);
    let foretold = timeline(&service, ASSUMPTIONS, later);
    assert_eq!(long(&foretold)[0], (Stage::ScaleUp, 0, 25, Hooks::Clear));
    assert_eq!(foretold.parts[0].stage, Stage::ScaleUp);
    let end = Prediction::Settles { after: Span::seconds(25 + 600 + 60), peak_tasks: 8, starts: 0 };
    assert_eq!(foretold.end, end);
}

#[test]
fn the_way_back_is_foretold_too() {
    let mut service = shifted(4, Pattern::AllAtOnce, &[]);
    crate::step(&mut service, START);
    service.turn_back(Reason::Asked, START);
    let foretold = timeline(&service, ASSUMPTIONS, START);
    assert_eq!(long(&foretold), [(Stage::CleanUp, 0, 60, Hooks::Clear)]);
    assert_eq!(foretold.end, Prediction::Settles { after: Span::seconds(60), peak_tasks: 8, starts: 0 });
}

#[test]
fn a_shift_that_must_fail_says_why() {
    let mut service = shifted(4, Pattern::AllAtOnce, &[]);
    service.alarmed = true;
    let stuck = Prediction::Stuck { after: Span(0), why: Why::Failed(Failure::Alarm) };
    assert_eq!(timeline(&service, ASSUMPTIONS, START).end, stuck);

    let mut halted = shifted(1, Pattern::AllAtOnce, &[]);
    halted.halt(Reason::Asked);
    let stalled = Prediction::Stuck { after: Span(0), why: Why::Stalled };
    assert_eq!(timeline(&halted, ASSUMPTIONS, START).end, stalled);
}

#[test]
fn a_rolling_deployment_has_no_parts() {
    let foretold = timeline(&updated(4, Percents::default(), TARGET), ASSUMPTIONS, START);
    assert_eq!(foretold.parts, [] as [Part; 0]);
    assert!(matches!(foretold.end, Prediction::Settles { .. }));
}

#[test]
fn a_shift_of_five_thousand_tasks_takes_few_steps() {
    assert!(steps(&shifted(5000, Pattern::AllAtOnce, &[])) <= 8);
    // thirty-four steps of three percent
    let linear = Pattern::Linear { step: Share::percent(3), bake: STEP_BAKE };
    assert!(steps(&shifted(5000, linear, &[Stage::PreProductionTrafficShift])) <= 80);
}
