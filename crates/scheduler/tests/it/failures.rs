//! Deployments that go wrong: the breaker, rollback, alarms.

use shipit_scheduler::{
    Breaker, Cause, DeploymentId, Failure, Health, HealthSource, Note, Reset, Role, Rollback, Rollout, Service, Span, StopCause,
    TaskId, Threshold,
};

use crate::world::{CONTAINER, Quality, START, TARGET, World, causes, healthy, is_settled, notes, started, updated};

#[test]
fn tasks_that_never_start_trip_the_breaker_and_are_rolled_back() {
    let mut world = updated(2, Breaker::with_rollback(), TARGET, Quality::NeverStarts);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    let primary = world.service.primary();
    assert_eq!((primary.id, primary.revision, primary.rolls_back), (DeploymentId(3), 0, Some(DeploymentId(2))));
    let notes = notes(&world);
    let failed = Note::DeploymentFailed { deployment: DeploymentId(2), failure: Failure::TasksFailedToStart };
    let back = Note::RollingBack { failed: DeploymentId(2), to: DeploymentId(1), primary: DeploymentId(3) };
    assert!(notes.windows(2).any(|pair| pair == [failed.clone(), back.clone()]), "{notes:?}");
    assert!(world.looks.iter().all(|look| healthy(&look.after, look.now) >= 2), "never below what was there");
}

#[test]
fn the_deployments_while_rolling_back() {
    let mut world = updated(2, Breaker::with_rollback(), TARGET, Quality::NeverStarts);
    while world.service.deployments.len() < 3 {
        world.step();
        for task in world.service.tasks.clone() {
            world.run(task.id);
        }
    }
    let states: Vec<_> = world.service.deployments.iter().map(|one| (one.id.0, one.role, one.rollout)).collect();
    let expected =
        [(3, Role::Primary, Rollout::InProgress), (2, Role::Active, Rollout::Failed), (1, Role::Active, Rollout::Completed)];
    assert_eq!(states, expected);
    assert!(world.obey(100));
    assert_eq!(world.service.deployments.len(), 1);
}

#[test]
fn tasks_that_are_never_healthy_trip_the_breaker_and_say_which_check() {
    for (health, cause) in [(TARGET, Cause::FailedTargetHealth), (CONTAINER, Cause::FailedContainerHealth)] {
        let mut world = updated(4, Breaker::with_rollback(), health, Quality::NeverHealthy);
        assert!(world.obey(100));
        assert!(is_settled(&world.service, world.now));
        assert_eq!(world.service.primary().revision, 0);
        let mut stops = world.looks.iter().flat_map(|look| causes(&look.step));
        assert!(stops.any(|other| other == cause), "{health:?}");
    }
}

#[test]
fn without_rollback_it_stays_failed_and_the_old_tasks_stay() {
    let mut world = updated(3, Breaker::without_rollback(), TARGET, Quality::NeverHealthy);
    assert!(world.obey(100));
    let service = &world.service;
    assert_eq!((service.primary().id, service.primary().rollout), (DeploymentId(2), Rollout::Failed));
    assert_eq!(service.deployments.len(), 2);
    assert_eq!(service.tasks.iter().map(|task| task.deployment).collect::<Vec<_>>(), [DeploymentId(1); 3]);
    assert!(!service.steady);
    world.service.stopped(TaskId(1), StopCause::Exited, world.now);
    assert!(world.obey(100));
    assert_eq!(world.service.tasks.len(), 2, "a stalled service starts nothing");
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let mut service = Service::new(2, 0, START);
    service.breaker = Breaker::with_rollback();
    let mut world = World::new(service, vec![Quality::NeverStarts]);
    assert!(world.obey(100));
    assert_eq!(world.service.primary().rollout, Rollout::Failed);
    assert_eq!(world.service.deployments.len(), 1);
    assert!(world.service.tasks.is_empty());
    assert!(!notes(&world).iter().any(|note| matches!(note, Note::RollingBack { .. })));
}

#[test]
fn a_rollback_that_fails_is_not_rolled_back_again() {
    let mut world = updated(1, Breaker::with_rollback(), TARGET, Quality::NeverStarts);
    world.qualities = vec![Quality::NeverStarts, Quality::NeverStarts];
    assert!(world.obey(100));
    let primary = world.service.primary();
    assert_eq!((primary.id, primary.rollout, primary.rolls_back), (DeploymentId(3), Rollout::Failed, Some(DeploymentId(2))));
    assert_eq!(world.service.tasks.len(), 1, "the task of the first deployment stays");
}

#[test]
fn a_stalled_service_is_freed_by_the_next_update() {
    let mut world = updated(2, Breaker::without_rollback(), TARGET, Quality::NeverStarts);
    assert!(world.obey(100));
    let id = world.service.update(0, world.now);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().id, id);
}

#[test]
fn an_update_after_a_stall_that_fails_too_goes_back_to_the_completed_one() {
    let mut world = updated(2, Breaker::without_rollback(), TARGET, Quality::NeverStarts);
    assert!(world.obey(100));
    world.service.breaker = Breaker::with_rollback();
    world.service.update(1, world.now);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().revision, 0);
}

#[test]
fn a_stalled_service_can_be_scaled_to_nothing() {
    let mut world = updated(2, Breaker::without_rollback(), TARGET, Quality::NeverStarts);
    assert!(world.obey(100));
    world.service.scale(0);
    assert!(world.obey(100));
    assert!(world.service.tasks.is_empty());
}

#[test]
fn with_no_lower_bound_the_way_back_leads_over_an_outage() {
    let mut world = updated(1, Breaker::with_rollback(), TARGET, Quality::NeverStarts);
    world.service.percents = shipit_scheduler::Percents::new(0, 100);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now), "the completed deployment is remembered though its task is gone");
    assert_eq!(world.service.primary().revision, 0);
}

#[test]
fn crashes_after_running_without_checks_are_no_failures() {
    let mut world = updated(1, Breaker::with_rollback(), HealthSource::default(), Quality::Good);
    for _ in 0..50 {
        let new = started(world.step());
        assert_eq!(new.len(), 1);
        world.run(new[0]);
        world.service.stopped(new[0], StopCause::Exited, world.now);
        world.now = world.now + Span::seconds(5);
    }
    assert_eq!(world.service.primary().failed_tasks, 0);
    assert_eq!(world.service.primary().rollout, Rollout::InProgress);
}

#[test]
fn start_failures_count_only_until_one_task_has_run() {
    let mut world = updated(4, Breaker::with_rollback(), TARGET, Quality::Good);
    let new = started(world.step());
    world.service.stopped(new[0], StopCause::FailedToStart, world.now);
    world.service.stopped(new[1], StopCause::FailedToStart, world.now);
    assert_eq!(world.service.primary().failed_tasks, 2);
    world.run(new[2]);
    world.service.stopped(new[3], StopCause::FailedToStart, world.now);
    assert_eq!(world.service.primary().failed_tasks, 2, "stage 2 counts health checks");
}

#[test]
fn failures_of_an_older_deployment_do_not_count() {
    let mut world = updated(2, Breaker::with_rollback(), TARGET, Quality::Good);
    let new = started(world.step());
    world.service.update(2, world.now);
    world.service.stopped(new[0], StopCause::FailedToStart, world.now);
    assert_eq!(world.service.deployment(DeploymentId(2)).map(|one| one.failed_tasks), Some(0));
    assert_eq!(world.service.primary().failed_tasks, 0);
}

/// One task after the other is healthy and then unhealthy; how many failures are counted after `rounds`.
fn flapping(reset: Reset, rounds: u32) -> u32 {
    let breaker = Breaker::On { rollback: Rollback::Stay, reset, threshold: Threshold::Count(100) };
    let mut world = updated(1, breaker, TARGET, Quality::Good);
    for _ in 0..rounds {
        for task in started(&world.step().clone()) {
            world.run(task);
            world.verdict(task, Health::Healthy);
            world.verdict(task, Health::Unhealthy);
        }
        for task in world.service.tasks.clone() {
            world.gone(task.id);
        }
    }
    world.service.primary().failed_tasks
}

#[test]
fn a_task_that_becomes_healthy_clears_the_count_unless_all_count() {
    assert_eq!(flapping(Reset::OnHealthyTask, 6), 0);
    assert_eq!(flapping(Reset::Never, 6), 5);
}

#[test]
fn an_alarm_fails_the_deployment_in_progress_and_rolls_back() {
    let mut world = updated(2, Breaker::Off, TARGET, Quality::Good);
    world.service.alarm_rollback = true;
    world.step();
    world.service.alarmed = true;
    let notes = world.step().notes.clone();
    assert_eq!(notes[0], Note::DeploymentFailed { deployment: DeploymentId(2), failure: Failure::Alarm });
    assert!(world.obey(100), "the rollback was made under the alarm and ignores it");
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().revision, 0);
}

#[test]
fn an_alarm_that_was_there_before_is_ignored() {
    let mut service = Service::settled(2, 0, START);
    (service.health, service.alarmed) = (TARGET, true);
    let id = service.update(1, START);
    let mut world = World::good(service);
    assert!(world.obey(100));
    assert!(is_settled(&world.service, world.now));
    assert_eq!(world.service.primary().id, id);
}

#[test]
fn completed_waits_for_the_alarms_bake_time() {
    let mut world = updated(1, Breaker::Off, TARGET, Quality::Good);
    (world.service.alarm_bake, world.service.alarm_rollback) = (Span::seconds(120), true);
    while !world.service.steady {
        world.obey(1);
    }
    let since = world.service.primary().steady_since.expect("it bakes");
    world.now = since + Span::seconds(119);
    assert_eq!(world.step().wake, Some(since + Span::seconds(120)));
    assert_eq!(world.service.primary().rollout, Rollout::InProgress);
    let mut alarmed = World::good(world.service.clone());
    (alarmed.now, alarmed.service.alarmed) = (world.now, true);
    assert!(alarmed.obey(300));
    assert_eq!(alarmed.service.primary().revision, 0, "an alarm in the bake time still turns back");
    world.now = since + Span::seconds(120);
    world.step();
    assert!(is_settled(&world.service, world.now));
}

#[test]
fn tasks_that_keep_failing_to_start_are_complained_of() {
    let mut world = updated(1, Breaker::Off, TARGET, Quality::NeverStarts);
    world.obey(10);
    assert!(notes(&world).contains(&Note::UnableToStartConsistently { deployment: DeploymentId(2) }));
    assert_eq!(world.service.primary().rollout, Rollout::InProgress, "no breaker, no end");
}
