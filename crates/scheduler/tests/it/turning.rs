//! Shifts that are turned back or halted, and what befalls tasks in the middle.

use crate::shift_script::{End, rest};
use crate::stages::{BAKE, CANARY, EVERYWHERE, LINEAR, routes, shift, shifted, stages};
use crate::world::{Quality, START, TARGET, World, alive, healthy, is_settled, notes};
use shipit_scheduler::{
    Action, Answer, Breaker, DeploymentId, Failure, Health, Hooks, Note, Pattern, Reason, Rollout, Service, Share, Shift, Span,
    Stage, StopCause, Way, Weights,
};

pub const SOURCE: DeploymentId = DeploymentId(1);
pub const CANDIDATE: DeploymentId = DeploymentId(2);

/// Obeys until the shift is at this stage in this round, answering hooks on the way.
pub fn until(world: &mut World, stage: Stage, round: u32) {
    for _ in 0..400 {
        world.obey(1);
        let shifting = world.service.shifting.as_ref().expect("the shift goes on");
        if (shifting.stage, shifting.round) == (stage, round) {
            return;
        }
        if shifting.hooks == Hooks::Asked {
            world.service.answer(Answer::Passed, world.now);
        }
    }
    panic!("never at {stage:?}: {:?}", world.service.shifting);
}

/// A canary whose stages all wait for a hook where they can.
pub fn paused_canary() -> World {
    shifted(shift(CANARY, &EVERYWHERE, true))
}

fn is_back(world: &World) -> bool {
    world.service.shifting.is_none() && is_settled(&world.service, world.now) && world.service.primary().id == SOURCE
}

#[test]
fn turned_back_at_any_stage_the_source_serves_alone_again() {
    let points = [
        (Stage::PreScaleUp, 0),
        (Stage::ScaleUp, 0),
        (Stage::PostScaleUp, 0),
        (Stage::TestTrafficShift, 0),
        (Stage::PostTestTrafficShift, 0),
        (Stage::PreProductionTrafficShift, 0),
        (Stage::ProductionTrafficShift, 0),
        (Stage::PreProductionTrafficShift, 1),
        (Stage::ProductionTrafficShift, 1),
        (Stage::PostProductionTrafficShift, 1),
        (Stage::BakeTime, 1),
        (Stage::CleanUp, 1),
    ];
    for (stage, round) in points {
        let mut world = paused_canary();
        until(&mut world, stage, round);
        let begun = world.looks.len();
        world.service.turn_back(Reason::Asked, world.now);
        world.obey_and_answer(Answer::Passed);
        assert!(is_back(&world), "{stage:?} {round}: {:?}", world.service);
        assert_eq!(world.service.serving(), [(SOURCE, Weights::ALL)]);
        let said: Vec<_> =
            notes(&world).into_iter().filter(|note| matches!(note, Note::TurningBack { .. } | Note::TurnedBack { .. })).collect();
        let expected = [
            Note::TurningBack { deployment: CANDIDATE, to: SOURCE, reason: Reason::Asked },
            Note::TurnedBack { deployment: CANDIDATE, to: SOURCE },
        ];
        assert_eq!(said, expected, "{stage:?} {round}");
        if stage != Stage::CleanUp {
            let lost = world.looks[begun..].iter().flat_map(|look| &look.step.actions);
            let of_source = |action: &&Action| matches!(action, Action::Stop { task, .. } if task.0 <= 3);
            assert_eq!(lost.filter(of_source).count(), 0, "{stage:?} {round}: the source lost tasks");
        }
    }
}

#[test]
fn the_way_back_undoes_production_then_test_then_capacity() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostProductionTrafficShift, 1);
    let (stages_before, routes_before) = (stages(&world).len(), routes(&world).len());
    world.service.answer(Answer::Failed, world.now);
    world.obey(400);
    assert_eq!(world.service.shifting.as_ref().map(|shifting| shifting.hooks), Some(Hooks::Asked), "ECS asks there again");
    world.obey_and_answer(Answer::Failed);
    let back = [Stage::ProductionTrafficShift, Stage::TestTrafficShift, Stage::CleanUp].map(|stage| (stage, 1));
    assert_eq!(stages(&world)[stages_before..], back);
    assert_eq!(routes(&world)[routes_before..], [(1000, 0), (0, 0)]);
    assert!(is_back(&world));
    let reason = Reason::Hook(Stage::PostProductionTrafficShift);
    assert!(notes(&world).contains(&Note::TurningBack { deployment: CANDIDATE, to: SOURCE, reason }));
}

#[test]
fn an_alarm_counts_in_the_bake_too() {
    let mut world = shifted(shift(Pattern::AllAtOnce, &[], false));
    world.service.alarm_rollback = true;
    until(&mut world, Stage::BakeTime, 0);
    world.service.alarmed = true;
    world.step();
    assert_eq!(world.service.serving()[1], (SOURCE, Weights::ALL), "traffic is back with the same step");
    assert!(world.obey(400) && is_back(&world));
    let failed = Note::DeploymentFailed { deployment: CANDIDATE, failure: Failure::Alarm };
    assert!(notes(&world).contains(&failed));
}

#[test]
fn an_alarm_without_rollback_halts_with_traffic_as_it_is() {
    let mut world = shifted(shift(CANARY, &[], false));
    until(&mut world, Stage::ProductionTrafficShift, 0);
    world.service.alarmed = true;
    assert!(world.obey(400));
    let shifting = world.service.shifting.clone().expect("it has not ended");
    assert_eq!(shifting.way, Way::Halted(Reason::Failed(Failure::Alarm)));
    assert_eq!(shifting.weights.production, Share::percent(10));
    assert_eq!((world.service.primary().id, world.service.primary().rollout), (CANDIDATE, Rollout::Failed));
    assert_eq!(healthy(&world.service, world.now), 6, "both sides keep what they have");
}

#[test]
fn the_breaker_counts_while_scaling_up_and_not_after() {
    let mut service = Service::settled(3, 0, START);
    (service.health, service.breaker) = (TARGET, Breaker::with_rollback());
    service.shift(1, shift(Pattern::AllAtOnce, &[], false), START);
    let mut world = World::new(service.clone(), vec![Quality::Good, Quality::NeverStarts]);
    assert!(world.obey(400) && is_back(&world));
    assert!(routes(&world).is_empty(), "it never got traffic");
    let reason = Reason::Failed(Failure::TasksFailedToStart);
    assert!(notes(&world).contains(&Note::TurningBack { deployment: CANDIDATE, to: SOURCE, reason }));

    let mut world = World::good(service);
    until(&mut world, Stage::BakeTime, 0);
    for _ in 0..9 {
        let task = world.service.tasks.iter().find(|task| task.deployment == CANDIDATE && task.target == Health::Healthy);
        let task = task.expect("the candidate is healthy").id;
        world.verdict(task, Health::Unhealthy);
        world.step();
        for task in world.service.tasks.clone() {
            world.run(task.id);
            world.gone(task.id);
        }
        world.step();
        world.service.tasks.clone().iter().filter(|other| other.id != task).for_each(|other| world.check(other.id));
        world.step();
    }
    let shifting = world.service.shifting.as_ref().expect("it bakes");
    assert_eq!((shifting.stage, shifting.way), (Stage::BakeTime, Way::Forward));
}

#[test]
fn a_candidate_that_never_comes_up_is_given_a_day() {
    let mut service = Service::settled(2, 0, START);
    service.health = TARGET;
    service.shift(1, shift(CANARY, &[], false), START);
    let mut world = World::new(service, vec![Quality::Good, Quality::NeverHealthy]);
    world.service.grace = Span::seconds(7 * 86_400);
    assert!(world.obey(400) && is_back(&world), "{:?}", world.service);
    let turns = |note: &Note| matches!(note, Note::TurningBack { .. });
    let look = world.looks.iter().find(|look| look.step.notes.iter().any(turns)).expect("it turns back");
    let took = look.now - START;
    assert!((86_400..=86_402).contains(&(took.0 / 1000)), "{took:?}");
    let reason = Reason::TimedOut(Stage::ScaleUp);
    assert!(notes(&world).contains(&Note::TurningBack { deployment: CANDIDATE, to: SOURCE, reason }));
}

#[test]
fn the_first_deployment_shifts_without_a_source_and_has_nowhere_to_go_back_to() {
    for test_listener in [false, true] {
        let mut service = Service::new(2, 0, START);
        service.health = TARGET;
        service.shift_first(shift(LINEAR, &[Stage::PostProductionTrafficShift], test_listener), START);
        assert_eq!(service.serving(), [(SOURCE, Weights::NONE)]);
        let mut world = World::good(service);
        until(&mut world, Stage::PostProductionTrafficShift, 0);
        let mut refused = World::good(world.service.clone());
        refused.now = world.now;

        world.obey_and_answer(Answer::Passed);
        assert!(is_settled(&world.service, world.now), "{:?}", world.service);
        assert_eq!(routes(&world).last(), Some(&(if test_listener { 1000 } else { 0 }, 1000)), "all at once: nobody shares it");

        refused.service.answer(Answer::Failed, refused.now);
        assert!(refused.obey(400));
        let reason = Reason::Hook(Stage::PostProductionTrafficShift);
        assert_eq!(notes(&refused), [Note::Halted { deployment: SOURCE, reason }]);
        assert_eq!(refused.service.primary().rollout, Rollout::Failed);
        assert_eq!(healthy(&refused.service, refused.now), 2, "what serves stays");
        let fix = refused.service.shift(1, Shift::at_once(), refused.now);
        assert!(refused.obey(400) && is_settled(&refused.service, refused.now), "{:?}", refused.service);
        assert_eq!(refused.service.primary().id, fix);
    }
}

#[test]
fn a_source_task_that_dies_in_the_middle_is_replaced_by_its_own_revision() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostScaleUp, 0);
    let task = world.service.tasks.iter().find(|task| task.deployment == SOURCE).expect("the source has tasks").id;
    world.service.stopped(task, StopCause::Exited, world.now);
    let step = world.step();
    assert!(matches!(step.actions[..], [Action::Start { deployment: SOURCE, .. }]), "{step:?}");
}

#[test]
fn a_source_whose_tasks_never_start_holds_no_small_step_up() {
    let mut world = World::new(Service::settled(0, 0, START), vec![Quality::NeverStarts, Quality::Good]);
    let pattern = Pattern::Linear { step: Share(30), bake: Span::seconds(300) };
    world.service.shift(1, Shift { pattern, ..Shift::at_once() }, world.now);
    world.service.scale(1);
    let end = rest(&mut world).expect("it ends");
    assert!(matches!(end, End::Over) && world.service.primary().rollout == Rollout::Completed, "{:?}", world.service);
    assert_eq!(world.service.serving(), [(CANDIDATE, Weights::ALL)]);
}

#[test]
fn an_unhealthy_task_of_either_side_is_replaced_first_and_stopped_after() {
    for side in [SOURCE, CANDIDATE] {
        let mut world = paused_canary();
        until(&mut world, Stage::PreProductionTrafficShift, 1);
        let task = world.service.tasks.iter().find(|task| task.deployment == side).expect("it has tasks").id;
        world.verdict(task, Health::Unhealthy);
        let step = world.step().clone();
        assert!(matches!(step.actions[..], [Action::Start { deployment, .. }] if deployment == side), "{step:?}");
        let Some(Action::Start { task: new, .. }) = step.actions.first().copied() else { unreachable!("it was just seen") };
        world.run(new);
        world.check(new);
        let step = world.step();
        assert!(matches!(step.actions[..], [Action::Stop { task: stopped, .. }] if stopped == task), "{step:?}");
    }
}

#[test]
fn a_new_desired_count_is_for_both_sides_and_traffic_waits_for_it() {
    let mut world = paused_canary();
    until(&mut world, Stage::PreProductionTrafficShift, 0);
    world.service.scale(5);
    world.service.answer(Answer::Passed, world.now);
    let step = world.step();
    assert_eq!(step.actions.len(), 4, "two more for each: {step:?}");
    assert!(step.actions.iter().all(|action| matches!(action, Action::Start { .. })), "no traffic yet: {step:?}");
    until(&mut world, Stage::ProductionTrafficShift, 0);
    world.obey(10);
    assert_eq!(world.service.serving()[0].1.production, Share::percent(10));
    assert_eq!(healthy(&world.service, world.now), 10);
    world.service.scale(1);
    world.obey(10);
    assert_eq!(alive(&world.service), 2);
    assert_eq!(world.service.serving()[0].1.production, Share::percent(10));
}

#[test]
fn the_step_says_when_a_bake_ends_and_when_a_stage_times_out() {
    let mut world = shifted(shift(Pattern::AllAtOnce, &[Stage::PostScaleUp], false));
    world.obey(400);
    assert_eq!(world.looks.last().and_then(|look| look.step.wake), None, "a hook may take its time");
    world.service.answer(Answer::Passed, world.now);
    let wake = world.step().wake;
    assert_eq!(wake, Some(world.now + BAKE), "it bakes");
    let mut world = shifted(shift(Pattern::AllAtOnce, &[], false));
    assert_eq!(world.step().wake, Some(START + Span::seconds(86_400)), "it scales up");
}

#[test]
fn a_service_scaled_to_nothing_goes_back_at_once() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostProductionTrafficShift, 1);
    world.service.scale(0);
    world.service.turn_back(Reason::Asked, world.now);
    let step = world.step();
    assert!(step.actions.iter().any(|action| matches!(action, Action::Route { .. })), "{step:?}");
    world.obey_and_answer(Answer::Passed);
    assert!(is_back(&world), "{:?}", world.service);
}

#[test]
fn traffic_goes_back_only_once_the_source_has_something_healthy() {
    let mut world = paused_canary();
    until(&mut world, Stage::PostProductionTrafficShift, 1);
    let lost: Vec<_> = world.service.tasks.iter().filter(|task| task.deployment == SOURCE).map(|task| task.id).collect();
    lost.into_iter().for_each(|task| world.service.stopped(task, StopCause::Exited, world.now));
    world.service.turn_back(Reason::Asked, world.now);
    let step = world.step().clone();
    let [Action::Start { task: first, .. }, Action::Start { .. }, Action::Start { .. }] = step.actions[..] else {
        panic!("traffic must wait: {step:?}")
    };
    world.run(first);
    world.check(first);
    let step = world.step();
    assert!(matches!(step.actions[..], [Action::Route { .. }]), "{step:?}");
    world.obey_and_answer(Answer::Passed);
    assert!(is_back(&world), "{:?}", world.service);
}
