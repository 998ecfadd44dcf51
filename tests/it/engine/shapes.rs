//! Sister property of every rollout: whatever a service is like, a good version arrives and a bad one goes back.

use proptest::prelude::*;
use shipit_core::failure::Exit;
use shipit_scheduler::{Breaker, Percents, Span};

use super::journals::acts_follow_their_facts;
use super::sisters::{in_paused_time, is_told};
use crate::support::ecs::Spans;
use crate::support::property::holds;
use crate::support::revisions::Behaviour;
use crate::support::scenario::Scenario;

/// What a service is like, where it runs, and what its new version does.
#[derive(Clone, Copy, Debug)]
struct Shape {
    desired: u32,
    percents: Percents,
    breaker: Breaker,
    spans: Spans,
    platform: Platform,
    new: Behaviour,
}

/// By what a rollout is judged there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    WithServiceDeployments,
    WithoutServiceDeployments,
}

prop_compose! {
    fn shapes()(
        desired in 1_u32..12, minimum in 0_u32..=100, maximum in 100_u32..=200,
        breaker in prop::sample::select(vec![Breaker::with_rollback(), Breaker::without_rollback(), Breaker::Off]),
        spans in spans(),
        platform in prop::sample::select(vec![Platform::WithServiceDeployments, Platform::WithoutServiceDeployments]),
        new in prop::sample::select(
            vec![Behaviour::Healthy, Behaviour::FailsChecks, Behaviour::Crashes, Behaviour::NeverStarts]
        ),
    ) -> Shape {
        Shape { desired, percents: movable(desired, minimum, maximum), breaker, spans, platform, new }
    }
}

prop_compose! {
    /// A start stays below the least patience, 300 s, and drains go beyond AWS's default delay of 300 s.
    fn spans()(
        start in 1_u64..200, verdict in 1_u64..100, drain in 0_u64..400, listed in 0_u64..30, stale in 0_u64..20
    ) -> Spans {
        let seconds = Span::seconds;
        Spans {
            start: seconds(start), verdict: seconds(verdict), drain: seconds(drain), listed: seconds(listed), stale: seconds(stale)
        }
    }
}

/// The percents, or with the least maximum that lets such a service move: what cannot move is refused before it begins.
fn movable(desired: u32, minimum: u32, maximum: u32) -> Percents {
    let percents = Percents::new(minimum, maximum);
    if percents.stuck(desired) { Percents::new(minimum, 100 + 100_u32.div_ceil(desired)) } else { percents }
}

/// Shapes that a rollout is easily wrong about, and how.
fn known() -> [(&'static str, Shape); 2] {
    let seconds = Span::seconds;
    let shape = Shape {
        desired: 4,
        percents: Percents::new(51, 101),
        breaker: Breaker::with_rollback(),
        spans: Spans { start: seconds(66), verdict: seconds(29), drain: seconds(1), ..Spans::default() },
        platform: Platform::WithServiceDeployments,
        new: Behaviour::FailsChecks,
    };
    [
        (
            "four tasks come back one after another, in longer than the patience, while three that never left look like progress",
            shape,
        ),
        (
            "one drain, the load balancer's default of 300 s and the stop, takes longer than the least patience",
            Shape { spans: Spans { drain: seconds(330), ..shape.spans }, new: Behaviour::Healthy, ..shape },
        ),
    ]
}

async fn arrives_or_goes_back(shape: Shape) -> Result<(), TestCaseError> {
    let Shape { desired, percents, breaker, spans, platform, new } = shape;
    prop_assert!(!percents.stuck(desired), "the generator makes what can move");
    let scenario = Scenario::storefront().new_tasks("backend", new).breaker("backend", breaker);
    let scenario = scenario.sized("backend", desired, percents);
    {
        let mut world = scenario.world.lock();
        world.ecs.spans = spans;
        world.ecs.without_service_deployments = platform == Platform::WithoutServiceDeployments;
    }
    let run = scenario.deploy().await;
    let (exit, revision) = match new {
        Behaviour::Healthy => (Exit::Done, "backend:2"),
        Behaviour::FailsChecks | Behaviour::Crashes | Behaviour::NeverStarts => (Exit::TurnedBack, "backend:1"),
    };
    prop_assert_eq!(run.exit, exit, "{:?}", run.outcome);
    prop_assert_eq!(scenario.serves("backend"), Some(revision.to_owned()));
    acts_follow_their_facts(&run);
    is_told(&scenario, &run)
}

#[test]
fn a_shape_that_is_easily_judged_wrongly_is_judged_rightly() {
    for (wrong, shape) in known() {
        let right = in_paused_time(arrives_or_goes_back(shape));
        assert!(right.is_ok(), "{wrong}: {right:?}");
    }
}

#[test]
fn a_good_version_arrives_and_a_bad_one_goes_back_whatever_the_service_is_like() {
    holds(4, &shapes(), |shape| in_paused_time(arrives_or_goes_back(shape)));
}
