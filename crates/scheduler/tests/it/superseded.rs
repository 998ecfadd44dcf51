//! Shifts that the next deployment supersedes in the middle: one side serves before the next scales up.

use crate::stages::{CANARY, shift};
use crate::turning::{CANDIDATE, SOURCE, paused_canary, until};
use crate::world::{START, TARGET, World, is_settled};
use shipit_scheduler::{Action, Rollout, Service, Shift, Stage, StopCause, Weights};

/// Superseded at each point: who is the source of the third, and which route gets it all of the traffic.
#[test]
fn a_superseded_shift_leaves_one_side_serving_before_the_next_scales_up() {
    let to_source = Some(Action::Route { candidate: CANDIDATE, weights: Weights::NONE });
    let rows = [
        (Stage::ScaleUp, 0, SOURCE, None),
        (Stage::PreProductionTrafficShift, 0, SOURCE, to_source),
        (Stage::ProductionTrafficShift, 0, SOURCE, to_source),
        (Stage::BakeTime, 1, SOURCE, to_source),
        (Stage::CleanUp, 1, CANDIDATE, None),
    ];
    for (stage, round, source, route) in rows {
        let mut world = paused_canary();
        until(&mut world, stage, round);
        let begun = world.looks.len();
        let third = world.service.shift(2, shift(CANARY, &[], true), world.now);
        let shifting = world.service.shifting.clone().expect("it has begun");
        assert_eq!((shifting.candidate, shifting.source), (third, Some(source)), "{stage:?}");
        let reconciles = stage != Stage::CleanUp;
        assert_eq!(shifting.stage == Stage::ReconcileService, reconciles, "{stage:?}: {shifting:?}");
        world.step();
        let routed = world.looks[begun].step.actions.iter().find(|action| matches!(action, Action::Route { .. })).copied();
        assert_eq!(routed, route, "{stage:?}");
        assert!(world.obey(400) && is_settled(&world.service, world.now), "{stage:?}: {:?}", world.service);
        assert_eq!(world.service.primary().id, third, "{stage:?}");
    }
}

#[test]
fn an_update_in_the_middle_of_a_shift_leaves_no_traffic_on_what_drains() {
    let mut world = paused_canary();
    until(&mut world, Stage::PreProductionTrafficShift, 1);
    let third = world.service.update(2, world.now);
    let shifting = world.service.shifting.as_ref().expect("it goes all at once");
    assert_eq!((shifting.source, &shifting.shift), (Some(SOURCE), &Shift::at_once()));
    assert!(world.obey(400) && is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().id, third);
}

#[test]
fn superseded_with_nothing_healthy_at_the_source_the_candidate_keeps_the_traffic() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostProductionTrafficShift, 1);
    let lost: Vec<_> = world.service.tasks.iter().filter(|task| task.deployment == SOURCE).map(|task| task.id).collect();
    lost.into_iter().for_each(|task| world.service.stopped(task, StopCause::Exited, world.now));
    world.service.shift(2, Shift::at_once(), world.now);
    assert_eq!(world.service.shifting.as_ref().and_then(|shifting| shifting.source), Some(CANDIDATE));
    assert_eq!(world.service.serving()[1], (CANDIDATE, Weights::ALL));
}

#[test]
fn a_shift_in_the_middle_of_a_rolling_deployment_starts_from_the_completed_one() {
    let mut service = Service::settled(4, 0, START);
    service.health = TARGET;
    service.update(1, START);
    let mut world = World::good(service);
    world.step();
    let first = world.service.tasks.iter().find(|task| task.deployment == CANDIDATE).expect("it has started").id;
    world.run(first);
    world.check(first);
    world.step();
    let third = world.service.shift(2, Shift::at_once(), world.now);
    let shifting = world.service.shifting.as_ref().expect("it has begun");
    assert_eq!((shifting.stage, shifting.source), (Stage::ReconcileService, Some(SOURCE)));
    assert!(world.obey(400) && is_settled(&world.service, world.now), "{:?}", world.service);
    assert_eq!(world.service.primary().id, third);
}

#[test]
fn a_source_that_has_failed_is_not_waited_for() {
    let mut service = Service::new(3, 0, START);
    service.health = TARGET;
    let mut world = World::good(service);
    world.step();
    for task in world.service.tasks.clone().into_iter().take(2) {
        world.run(task.id);
        world.check(task.id);
    }
    world.service.alarmed = true;
    world.step();
    assert_eq!(world.service.primary().rollout, Rollout::Failed);
    world.service.shift(1, shift(CANARY, &[Stage::PostProductionTrafficShift], false), world.now);
    assert!(world.obey(400));
    let lost: Vec<_> = world.service.tasks.iter().filter(|task| task.deployment == SOURCE).map(|task| task.id).collect();
    world.service.stopped(lost[0], StopCause::Exited, world.now);
    let begun = world.now;
    let third = world.service.shift(2, Shift::at_once(), world.now);
    assert_eq!(world.service.shifting.as_ref().and_then(|shifting| shifting.source), Some(SOURCE));
    assert!(world.obey(400) && is_settled(&world.service, world.now), "{:?}", world.service);
    assert_eq!(world.service.primary().id, third);
    assert!((world.now - begun).0 < 3_600_000, "it took a stage's limit");
}

#[test]
fn what_is_left_of_the_traffic_waits_for_the_source_to_be_full() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostProductionTrafficShift, 1);
    let lost = world.service.tasks.iter().find(|task| task.deployment == SOURCE).expect("the source has tasks").id;
    world.service.stopped(lost, StopCause::Exited, world.now);
    world.service.shift(2, Shift::at_once(), world.now);
    let step = world.step().clone();
    let [Action::Start { task: new, deployment: SOURCE }] = step.actions[..] else { panic!("traffic must wait: {step:?}") };
    world.run(new);
    world.check(new);
    let step = world.step();
    let routed = Action::Route { candidate: CANDIDATE, weights: Weights::NONE };
    assert_eq!(step.actions.first(), Some(&routed), "{step:?}");
}
