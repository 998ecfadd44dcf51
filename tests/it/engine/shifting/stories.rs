//! One service whose traffic moves: by which strategy, and what the new version is like.

use std::collections::BTreeMap;
use std::sync::Mutex;

use shipit_core::analysis::{Errors, Judge};
use shipit_core::pipeline::{PauseAt, Share, Steps};
use shipit_core::release::Revision;
use shipit_scheduler::Span;

use super::tales::Tale;
use crate::support::revisions::Behaviour;
use crate::support::routed::{Quality, Requests};
use crate::support::run::Run;
use crate::support::scenario::{Scenario, revision};

pub const MINUTE: Span = Span::seconds(60);
pub const WEB: &str = "web";
pub const ALARM: &str = "web-5xx";

/// By which strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    BlueGreen,
    Canary,
    Linear,
}

impl By {
    pub const ALL: [By; 3] = [By::BlueGreen, By::Canary, By::Linear];
    /// Those in which both versions serve side by side.
    pub const BY_SHARES: [By; 2] = [By::Canary, By::Linear];

    fn steps(self) -> Steps {
        let bake = Span(5 * MINUTE.0);
        match self {
            By::BlueGreen => Steps::AllAtOnce,
            By::Canary => Steps::Canary { share: Share(100), bake },
            By::Linear => Steps::Linear { step: Share(250), bake },
        }
    }

    /// The shares that a candidate gets that goes through, before it has it all.
    pub fn shares(self) -> &'static [u32] {
        match self {
            By::BlueGreen => &[0, 1000],
            By::Canary => &[0, 100, 1000],
            By::Linear => &[0, 250, 500, 750, 1000],
        }
    }
}

/// The service `web` alone, two tasks, moved by this strategy.
pub fn web(by: By) -> Scenario {
    let mut scenario = Scenario::empty();
    scenario.service(WEB, "web", &[]);
    scenario.shifted(WEB, by.steps(), Span(5 * MINUTE.0))
}

/// The same, judged by its errors alone.
pub fn judged(by: By) -> Scenario {
    web(by).judged(WEB, Judge::default())
}

/// The same with an alarm that ECS heeds too.
pub fn alarmed(by: By) -> Scenario {
    let judge = Judge { errors: Some(Errors::default()), alarms: vec![ALARM.into()], ..Judge::default() };
    let scenario = web(by).judged(WEB, judge);
    scenario.world.lock().traffic.alarms.insert(ALARM.into(), shipit_core::analysis::AlarmState::Ok);
    scenario
}

/// The same with a pause before each step.
pub fn asked(by: By) -> Scenario {
    web(by).paused(WEB, &[PauseAt::BeforeProduction], Span(60 * MINUTE.0))
}

/// Its new version is like this under production traffic.
pub fn fares(scenario: Scenario, quality: Quality) -> Scenario {
    scenario.world.lock().ecs.revisions.quality.insert(WEB.into(), quality);
    scenario
}

/// Its new tasks do this.
pub fn tasks(scenario: Scenario, behaviour: Behaviour) -> Scenario {
    scenario.new_tasks(WEB, behaviour)
}

/// The candidate's revision.
pub fn candidate() -> Revision {
    revision("web:2")
}

/// The shares of production traffic that the candidate has had, and what became of its requests; none where there never was one.
pub fn had(scenario: &Scenario) -> Option<(Vec<u32>, Requests)> {
    let world = scenario.world.lock();
    let place = world.ecs.revisions.place(&candidate())?;
    Some((world.ecs.services[WEB].shares_of(place), world.requests(WEB, &candidate())))
}

/// What a run told, for a test that fails.
pub fn told(run: &Run) -> String {
    format!("{:?} {:?} {:?}", run.outcome, run.refusals, run.took)
}

/// Nothing of a rollout that has ended is left: no shift, no open hook, traffic on the one side that serves, and no hook or
/// strategy of it in the configuration where it went back.
#[track_caller]
pub fn nothing_is_left(scenario: &Scenario, what: &str) {
    let world = scenario.world.lock();
    let service = &world.ecs.services[WEB];
    let plan = &service.plan;
    assert_eq!(plan.shifting, None, "{what}");
    let side = service.side(plan.primary().id);
    let weights = [side, side.other()].map(|side| service.rule.get(&side).map_or(0, |share| share.0));
    assert_eq!(weights, [1000, 0], "{what}");
    assert!(service.deployments.iter().all(|one| !one.is_open()), "{what}: {:?}", service.deployments);
    assert!(world.ecs.revisions.all.len() <= 2, "{what}");
    let configuration = &service.configuration;
    let hooks = configuration["lifecycleHooks"].as_array().map_or(0, Vec::len);
    assert_eq!(hooks, 0, "{what}: {configuration}");
    if world.ecs.revisions.at(plan.primary().revision).arn != candidate() {
        assert_eq!(configuration["strategy"].as_str().unwrap_or("ROLLING"), "ROLLING", "{what}: {configuration}");
        assert_ne!(configuration["alarms"]["enable"], true, "{what}: {configuration}");
    }
}

/// How many calls a tale takes when nothing goes wrong besides.
pub async fn calls(by: By, tale: Tale) -> usize {
    static CALLS: Mutex<BTreeMap<(By, Tale), usize>> = Mutex::new(BTreeMap::new());
    let known = CALLS.lock().unwrap().get(&(by, tale)).copied();
    match known {
        Some(count) => count,
        None => {
            let count = tale.told(by).deploy().await.all_calls().count();
            CALLS.lock().unwrap().insert((by, tale), count);
            count
        }
    }
}
