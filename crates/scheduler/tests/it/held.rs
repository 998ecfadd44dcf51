//! Deployments outside the percents, as CodeDeploy's task sets are.

use crate::world::{START, TARGET, World, alive, healthy, is_settled, notes};
use shipit_scheduler::{Action, Cause, DeploymentId, Health, Hold, Note, Percents, Rollout, Service, StopCause};

const BLUE: DeploymentId = DeploymentId(1);
const GREEN: DeploymentId = DeploymentId(2);

/// Percents under which nothing could roll, a blue and a green task set.
fn sets() -> World {
    let mut service = Service::settled(3, 0, START);
    service.health = TARGET;
    service.percents = Percents::new(100, 100);
    service.hold(BLUE, Hold::Full);
    service.update(1, START);
    service.hold(GREEN, Hold::Full);
    World::good(service)
}

fn of(world: &World, id: DeploymentId) -> usize {
    world.service.tasks.iter().filter(|task| task.deployment == id).count()
}

#[test]
fn two_held_deployments_both_have_the_full_count_whatever_the_percents_say() {
    let mut world = sets();
    assert!(world.obey(400));
    assert_eq!((of(&world, BLUE), of(&world, GREEN)), (3, 3));
    assert_eq!(healthy(&world.service, world.now), 6);
    assert_eq!(world.service.primary().rollout, Rollout::InProgress, "the other one is kept");
    assert!(!notes(&world).iter().any(|note| matches!(note, Note::StuckByConfiguration { .. } | Note::SteadyState)));
}

#[test]
fn a_held_deployment_makes_good_what_dies_and_replaces_what_is_unhealthy_first() {
    let mut world = sets();
    world.obey(400);
    let blue = world.service.tasks[0].id;
    world.service.stopped(blue, StopCause::Exited, world.now);
    assert!(matches!(world.step().actions[..], [Action::Start { deployment: BLUE, .. }]));
    world.obey(400);
    let green = world.service.tasks.iter().find(|task| task.deployment == GREEN).expect("green has tasks").id;
    world.verdict(green, Health::Unhealthy);
    let step = world.step().clone();
    let [Action::Start { deployment: GREEN, task: new }] = step.actions[..] else { panic!("not a replacement: {step:?}") };
    world.run(new);
    world.check(new);
    assert_eq!(world.step().actions, [Action::Stop { task: green, cause: Cause::FailedTargetHealth }]);
}

#[test]
fn a_deployment_taken_to_zero_goes_and_the_other_is_an_ordinary_primary_again() {
    let mut world = sets();
    world.obey(400);
    world.service.hold(BLUE, Hold::Empty);
    let step = world.step();
    assert!(step.actions.iter().all(|action| matches!(action, Action::Stop { cause: Cause::Replaced, .. })));
    assert_eq!(step.actions.len(), 3);
    world.service.hold(GREEN, Hold::Free);
    assert!(world.obey(400) && is_settled(&world.service, world.now), "{:?}", world.service);
    assert_eq!(world.service.primary().id, GREEN);
}

#[test]
fn going_back_makes_the_first_the_primary_again() {
    let mut world = sets();
    world.obey(400);
    world.service.promote(BLUE);
    world.service.hold(GREEN, Hold::Empty);
    world.service.hold(BLUE, Hold::Free);
    assert!(world.obey(400) && is_settled(&world.service, world.now), "{:?}", world.service);
    assert_eq!((world.service.primary().id, of(&world, BLUE)), (BLUE, 3));
}

#[test]
fn held_deployments_follow_the_desired_count() {
    let mut world = sets();
    world.obey(400);
    world.service.scale(1);
    assert!(world.obey(400));
    assert_eq!((of(&world, BLUE), of(&world, GREEN)), (1, 1));
    world.service.scale(4);
    assert!(world.obey(400));
    assert_eq!(alive(&world.service), 8);
    world.service.scale(0);
    assert!(world.obey(400));
    assert_eq!((alive(&world.service), world.service.deployments.len()), (0, 2), "a kept one is not forgotten");
}

#[test]
fn what_is_not_held_is_left_alone_beside_a_held_primary() {
    let mut world = sets();
    world.obey(400);
    world.service.hold(BLUE, Hold::Free);
    assert!(world.obey(400));
    assert_eq!(of(&world, BLUE), 3);
    world.service.hold(GREEN, Hold::Empty);
    assert!(world.obey(400));
    assert_eq!((of(&world, BLUE), of(&world, GREEN)), (3, 0));
}
