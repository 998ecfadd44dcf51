//! Deployments that go well, and services at rest.

use shipit_scheduler::{
    Action, Breaker, Cause, DeploymentId, Health, HealthSource, Note, Percents, Phase, Rollout, Service, Span, StopCause, TaskId,
};

use crate::world::{Quality, START, TARGET, World, causes, is_settled, notes, started, starts, stops, updated};

#[test]
fn a_good_update_completes_and_only_it_remains() {
    let mut world = updated(4, Breaker::with_rollback(), TARGET, Quality::Good);
    assert_eq!(world.service.deployments.len(), 2);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().id, DeploymentId(2));
    let notes = notes(&world);
    assert!(notes.ends_with(&[Note::DeploymentCompleted { deployment: DeploymentId(2) }, Note::SteadyState]), "{notes:?}");
}

#[test]
fn completed_waits_until_the_old_tasks_are_gone() {
    let mut world = updated(1, Breaker::Off, TARGET, Quality::Good);
    let new = started(world.step())[0];
    world.run(new);
    world.check(new);
    assert_eq!(causes(world.step()), [Cause::Replaced]);
    world.now = world.now + Span::seconds(300);
    world.step();
    assert_eq!(world.service.primary().rollout, Rollout::InProgress, "the old task still drains");
    world.gone(TaskId(1));
    world.step();
    assert!(is_settled(&world.service, world.now));
}

#[test]
fn without_checks_the_old_task_goes_after_forty_seconds() {
    let mut world = updated(1, Breaker::Off, HealthSource::default(), Quality::Good);
    let new = started(world.step())[0];
    world.run(new);
    assert_eq!(world.step().wake, Some(START + Span::seconds(40)));
    world.now = START + Span::seconds(39);
    assert!(world.step().actions.is_empty());
    world.now = START + Span::seconds(40);
    assert_eq!(causes(world.step()), [Cause::Replaced]);
}

#[test]
fn an_update_in_the_middle_supersedes_and_drains_both() {
    let mut world = updated(2, Breaker::Off, TARGET, Quality::Good);
    let second = started(world.step());
    world.run(second[0]);
    let third = world.service.update(0, world.now);
    let step = world.step().clone();
    assert_eq!((starts(&step), stops(&step)), (2, 2), "the unfinished tasks make room: {step:?}");
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().id, third);
}

#[test]
fn an_unhealthy_task_is_replaced_first_and_stopped_after() {
    let mut service = Service::settled(2, 0, START);
    service.health = TARGET;
    let mut world = World::good(service);
    world.verdict(TaskId(1), Health::Unhealthy);
    let step = world.step().clone();
    assert_eq!((starts(&step), stops(&step)), (1, 0));
    let new = started(&step)[0];
    world.run(new);
    assert!(world.step().actions.is_empty(), "the replacement is not healthy yet");
    world.check(new);
    assert_eq!(causes(world.step()), [Cause::FailedTargetHealth]);
}

#[test]
fn an_unhealthy_task_is_stopped_first_where_there_is_no_room() {
    let mut service = Service::settled(2, 0, START);
    (service.health, service.percents) = (TARGET, Percents::new(50, 100));
    let mut world = World::good(service);
    world.verdict(TaskId(1), Health::Unhealthy);
    let step = world.step().clone();
    assert!(matches!(step.actions[..], [Action::Stop { .. }, Action::Start { .. }]), "{step:?}");
}

#[test]
fn an_unhealthy_verdict_within_the_grace_period_waits() {
    let mut service = Service::settled(1, 0, START);
    (service.health, service.grace) = (TARGET, Span::seconds(60));
    service.tasks[0].phase = Phase::Running(START);
    let mut world = World::good(service);
    world.verdict(TaskId(1), Health::Unhealthy);
    let step = world.step().clone();
    assert_eq!((step.actions.len(), step.wake), (0, Some(START + Span::seconds(60))));
    world.now = START + Span::seconds(60);
    assert_eq!(starts(world.step()), 1);
}

#[test]
fn scaling_in_stops_the_youngest_and_no_more_than_that() {
    let mut world = World::good(Service::settled(4, 0, START));
    world.service.scale(2);
    let step = world.step().clone();
    let expected = [TaskId(4), TaskId(3)].map(|task| Action::Stop { task, cause: Cause::ScaleIn });
    assert_eq!(step.actions, expected);
    assert!(world.obey(10));
    assert!(is_settled(&world.service, world.now));
}

#[test]
fn scaling_out_in_the_middle_starts_more_of_the_new() {
    let mut world = updated(2, Breaker::Off, TARGET, Quality::Good);
    assert_eq!(starts(world.step()), 2);
    world.service.scale(5);
    assert_eq!(starts(world.step()), 3);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
}

#[test]
fn a_service_of_no_tasks_completes_at_once() {
    let mut world = updated(0, Breaker::with_rollback(), TARGET, Quality::NeverStarts);
    let primary = world.service.primary().id;
    assert_eq!(world.step().notes, [Note::DeploymentCompleted { deployment: primary }, Note::SteadyState]);
}

#[test]
fn a_crash_in_the_steady_state_is_made_good() {
    let mut world = World::good(Service::settled(2, 0, START));
    world.service.stopped(TaskId(2), StopCause::Exited, world.now);
    assert_eq!(starts(world.step()), 1);
    assert!(!world.service.steady);
    assert!(world.obey(50));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(notes(&world).last(), Some(&Note::SteadyState));
}
