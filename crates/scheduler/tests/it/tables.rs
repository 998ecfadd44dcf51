//! The published tables, through whole steps and a world that obeys.

use crate::world::{START, World, is_settled, starts, stops};
use shipit_scheduler::{
    Action, Assumptions, Breaker, HealthSource, Note, Percents, Prediction, Rollout, Service, Span, StopCause, Threshold, Why,
    predict,
};

/// The first step of a row.
enum First {
    Start(usize),
    Stop(usize),
    Stuck,
}
use First::{Start, Stop, Stuck};

/// desired, minimum healthy percent, maximum percent, first step: every row of the table of ECS's rounding.
const ROWS: [(u32, u32, u32, First); 21] = [
    (1, 100, 200, Start(1)),
    (1, 100, 100, Stuck),
    (1, 50, 100, Stuck),
    (1, 100, 150, Stuck),
    (1, 50, 150, Stuck),
    (1, 0, 100, Stop(1)),
    (2, 75, 100, Stuck),
    (2, 100, 149, Stuck),
    (2, 100, 150, Start(1)),
    (2, 50, 100, Stop(1)),
    (3, 100, 125, Stuck),
    (3, 100, 133, Stuck),
    (3, 100, 134, Start(1)),
    (3, 66, 100, Stop(1)),
    (3, 67, 100, Stuck),
    (4, 50, 100, Stop(2)),
    (4, 100, 125, Start(1)),
    (4, 50, 200, Start(4)),
    (5, 100, 110, Stuck),
    (5, 90, 110, Stuck),
    (10, 95, 105, Stuck),
];

const CHECKS: [HealthSource; 4] = [
    HealthSource { container: false, target: false },
    HealthSource { container: true, target: false },
    HealthSource { container: false, target: true },
    HealthSource { container: true, target: true },
];

fn updated(desired: u32, percents: Percents, health: HealthSource) -> World {
    let mut service = Service::settled(desired, 0, START);
    service.percents = percents;
    service.health = health;
    service.update(1, START);
    World::good(service)
}

#[test]
fn every_row_takes_its_first_step_and_settles_or_is_stuck_for_ever() {
    for (desired, minimum, maximum, first) in ROWS {
        for health in CHECKS {
            let row = format!("{desired},{minimum},{maximum} {health:?}");
            let percents = Percents::new(minimum, maximum);
            let mut world = updated(desired, percents, health);
            let step = world.step().clone();
            match first {
                Start(count) => {
                    assert!(matches!(step.actions[0], Action::Start { .. }), "{row}");
                    assert_eq!(starts(&step), count, "{row}");
                }
                Stop(count) => {
                    assert!(matches!(step.actions[0], Action::Stop { .. }), "{row}");
                    assert_eq!(stops(&step), count, "{row}");
                    assert_eq!(starts(&step), count, "what stops makes room at once: {row}");
                }
                Stuck => stays_stuck(&mut world, &row),
            }
            let stuck = matches!(first, Stuck);
            assert_eq!(percents.stuck(desired), stuck, "{row}");
            assert!(world.obey(400), "{row}");
            assert_eq!(is_settled(&world.service, world.now), !stuck, "{row}");
            if !stuck {
                assert!(world.service.tasks.iter().all(|task| task.deployment == world.service.primary().id), "{row}");
            }
        }
    }
}

/// No action for a day, one announcement, and no failure counted.
fn stays_stuck(world: &mut World, row: &str) {
    let primary = world.service.primary().id;
    assert_eq!(world.looks[0].step.notes, [Note::StuckByConfiguration { deployment: primary }], "{row}");
    for _ in 0..(24 * 60) {
        world.now = world.now + Span::seconds(60);
        let step = world.step();
        assert!(step.actions.is_empty() && step.notes.is_empty(), "{row}: {step:?}");
    }
    assert_eq!(world.service.primary().rollout, Rollout::InProgress, "{row}");
    assert_eq!(world.service.primary().failed_tasks, 0, "{row}");
    assert_eq!(world.service.deployments.len(), 2, "{row}");
}

#[test]
fn every_percent_of_small_services_settles_unless_it_is_called_stuck() {
    let assumptions = Assumptions { start: Span::seconds(20), healthy_after: Span::seconds(15), drain: Span::seconds(5) };
    for desired in 0..=6 {
        for minimum in 0..=100 {
            for maximum in 100..=200 {
                let percents = Percents::new(minimum, maximum);
                let world = updated(desired, percents, HealthSource { container: false, target: true });
                let settles = match predict(&world.service, assumptions, START) {
                    Prediction::Settles { starts, peak_tasks, .. } => {
                        assert_eq!(starts, desired, "{desired},{minimum},{maximum}");
                        assert!(peak_tasks >= desired, "{desired},{minimum},{maximum}");
                        true
                    }
                    Prediction::Stuck { why, .. } => {
                        assert_eq!(why, Why::Configuration { bounds: percents.bounds(desired) });
                        false
                    }
                };
                assert_eq!(settles, !percents.stuck(desired), "{desired},{minimum},{maximum}");
            }
        }
    }
}

/// Fails tasks of a first deployment before they run, one at a time, and counts until it is given up.
fn failures_until_failed(desired: u32, threshold: Threshold) -> u32 {
    let mut service = Service::new(desired, 0, START);
    service.breaker = match Breaker::without_rollback() {
        Breaker::On { rollback, reset, .. } => Breaker::On { rollback, reset, threshold },
        Breaker::Off => unreachable!("it was just made"),
    };
    let mut world = World::good(service);
    let mut failures = 0;
    world.step();
    while world.service.primary().rollout == Rollout::InProgress {
        let task = world.service.tasks[0].id;
        world.service.stopped(task, StopCause::FailedToStart, world.now);
        failures += 1;
        shipit_scheduler::step(&mut world.service, world.now);
    }
    failures
}

#[test]
fn the_breaker_trips_at_the_threshold_for_every_desired_count_to_400() {
    for desired in 1..=400_u32 {
        let half = f64::from(desired) * 0.5;
        let expected = half.ceil().clamp(3.0, 200.0) as u32;
        assert_eq!(Threshold::default().threshold(desired), expected, "desired {desired}");
        assert_eq!(failures_until_failed(desired, Threshold::default()), expected, "desired {desired}");
    }
}

#[test]
fn other_thresholds_trip_where_they_say() {
    assert_eq!(failures_until_failed(1, Threshold::UnboundedPercent(50)), 1);
    assert_eq!(failures_until_failed(10, Threshold::UnboundedPercent(100)), 10);
    assert_eq!(failures_until_failed(4, Threshold::Count(9)), 9);
    assert_eq!(failures_until_failed(4, Threshold::BoundedPercent(1)), 3);
}
