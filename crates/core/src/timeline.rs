//! How long a rollout should take, as the scheduler predicts, and how long without progress is too long.

mod shift;

use serde_json::Value;
use shipit_scheduler::{Assumptions, Prediction, Span, Time, predict};

use crate::pipeline::{Pause, Service, Strategy};
use crate::plan::{Driver, Roll};
use crate::snapshot::RunningService;

/// What a task start is taken to last: image pull, network interface, container start (Fargate; M).
const TASK_START: Span = Span::seconds(45);
/// Least patience: shorter ones would take a slow image pull for a stall.
const LEAST_PATIENCE: Span = Span::seconds(300);
/// The default of `stopTimeout`.
const STOP: Span = Span::seconds(30);

/// The rollout of a service: which bounds, how long.
pub fn roll(service: &Service, running: Option<&RunningService>) -> Roll {
    let expected = running.and_then(|running| expected(service, running));
    let patience = match &service.strategy {
        Strategy::Shift(shift) => shift::patience(service, shift, running, patience(running)),
        Strategy::Rolling { .. } => patience(running),
    };
    let shifts = matches!(service.strategy, Strategy::Shift(_));
    let group = running.and_then(|running| running.codedeploy.as_deref());
    let load_balancer = running.and_then(|running| running.load_balancer.as_deref());
    Roll {
        service: service.name.clone(),
        ecs_service: service.service.clone(),
        driver: driver(running),
        strategy: service.strategy.clone(),
        pause: pause(service, running).filter(|_| shifts),
        judge: service.judge.clone().filter(|_| shifts).map(|judge| judge.at(load_balancer)),
        alarms: group.map(|group| group.heeds(service.judge.as_ref())).unwrap_or_default(),
        wiring: Vec::new(),
        before: running.map(|running| running.revision.clone()),
        before_configuration: running.map_or(Value::Null, |running| running.configuration.clone()),
        before_load_balancers: running.map_or(Value::Null, |running| running.load_balancers.clone()),
        create: if running.is_some() { None } else { service.service_definition.clone() },
        desired: running.map_or_else(|| desired_of(service.service_definition.as_ref()), |running| running.desired),
        expected_ms: expected.map(|span| span.0),
        patience_ms: patience.0,
    }
}

/// Where a person is asked: as the pipeline says, and at CodeDeploy's Ready wherever the deployment group waits there.
fn pause(service: &Service, running: Option<&RunningService>) -> Option<Pause> {
    match running.and_then(|running| running.codedeploy.as_deref()) {
        // A pause that CodeDeploy has not is refused where the wiring is held against it.
        Some(group) => group.pauses(service.pause.as_ref()).ok().flatten(),
        None => service.pause.clone(),
    }
}

fn driver(running: Option<&RunningService>) -> Driver {
    match running {
        Some(running) if running.controller == "CODE_DEPLOY" => Driver::CodeDeploy,
        _ => Driver::Ecs,
    }
}

fn desired_of(definition: Option<&Value>) -> u32 {
    definition
        .and_then(|definition| definition.get("desiredCount"))
        .and_then(Value::as_u64)
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(0)
}

/// The percents that will be in force: the pipeline's, else the service's own.
pub fn percents(service: &Service, running: &RunningService) -> shipit_scheduler::Percents {
    let Strategy::Rolling { minimum_percent, maximum_percent } = service.strategy else { return running.percents };
    shipit_scheduler::Percents {
        minimum_healthy: minimum_percent.unwrap_or(running.percents.minimum_healthy),
        maximum: maximum_percent.unwrap_or(running.percents.maximum),
    }
}

/// Predicts the rollout; none when nothing runs or it can never move.
pub fn expected(service: &Service, running: &RunningService) -> Option<Span> {
    if running.desired == 0 {
        return None;
    }
    if let Strategy::Shift(shift) = &service.strategy {
        return shift::expected(service, shift, running);
    }
    let mut state = shipit_scheduler::Service::settled(running.desired, 1, Time(0));
    state.percents = percents(service, running);
    state.breaker = running.breaker;
    state.grace = running.grace;
    state.health = running.health;
    state.update(2, Time(0));
    match predict(&state, assumptions(running), Time(0)) {
        Prediction::Settles { after, .. } => Some(after),
        Prediction::Stuck { .. } => None,
    }
}

fn assumptions(running: &RunningService) -> Assumptions {
    let healthy = running
        .target_groups
        .iter()
        .map(|group| Span(group.interval.0 * u64::from(group.healthy_threshold)))
        .max()
        .unwrap_or(Span::seconds(30));
    Assumptions { start: TASK_START, healthy_after: healthy, drain: drain(running) }
}

fn drain(running: &RunningService) -> Span {
    let deregistration = running.target_groups.iter().map(|group| group.drain.0).max().unwrap_or(0);
    Span(deregistration + STOP.0)
}

/// Without progress for this long the rollout counts as stalled: the longest single thing that is waited for, twice.
pub fn patience(running: Option<&RunningService>) -> Span {
    let Some(running) = running else { return Span(LEAST_PATIENCE.0 * 2) };
    let assumed = assumptions(running);
    let longest = assumed.start.0 + assumed.healthy_after.0.max(running.grace.0) + assumed.drain.0;
    Span(LEAST_PATIENCE.0.max(longest * 2))
}

/// The plan's words about a rollout.
pub fn because(service: &Service, running: Option<&RunningService>, roll: &Roll) -> String {
    let Some(running) = running else {
        return format!("creates the service with {} tasks", roll.desired);
    };
    if running.desired == 0 {
        return "nothing runs: desired count is 0, so the revision is set and no task starts".to_owned();
    }
    if let Strategy::Shift(shift) = &service.strategy {
        return shift::words(service, shift, running);
    }
    let bounds = percents(service, running).bounds(running.desired);
    let about = roll.expected_ms.map_or_else(String::new, |ms| format!(", about {}", minutes(ms)));
    format!("rolling: {} tasks, {} to {} at a time{about}", running.desired, bounds.lower, bounds.upper)
}

fn minutes(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    match seconds {
        0..=90 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}
