//! How long a shift should take, and in what it consists: capacity first, then traffic by steps, then the old version goes.

use shipit_scheduler::{Pattern, Prediction, Share, Span, Stage, Time, Timeline, timeline};

use super::assumptions;
use crate::pipeline::{Service, Shift, Steps};
use crate::plan::Wired;
use crate::snapshot::RunningService;

/// What a Network Load Balancer takes longer for each move of traffic.
const NETWORK: Span = Span::seconds(600);

/// The parts of a shift, as the scheduler plays them, answers of hooks left out.
struct Parts {
    /// Until the candidate is at full capacity and healthy.
    start: Span,
    /// The steps that bake.
    bakes: Vec<Span>,
    /// How often production traffic moves.
    moves: u64,
    /// What the load balancer takes longer for all moves together.
    moving: Span,
    terminate: Span,
    drain: Span,
}

impl Parts {
    /// None where it never settles.
    fn of(service: &Service, shift: &Shift, running: &RunningService) -> Option<Self> {
        let Timeline { end: Prediction::Settles { .. }, parts } = played(service, shift, running) else { return None };
        let sum = |is: fn(Stage) -> bool| Span(parts.iter().filter(|part| is(part.stage)).map(|part| part.span.0).sum());
        let steps = parts.iter().filter(|part| part.stage == Stage::ProductionTrafficShift).map(|part| part.span);
        let moves = shift.steps.shares().len() as u64;
        let each = if network(service, running) { NETWORK } else { Span(0) };
        Some(Self {
            start: sum(|stage| stage < Stage::ProductionTrafficShift),
            bakes: steps.filter(|span| *span > Span(0)).collect(),
            moves,
            moving: Span(each.0 * moves),
            terminate: sum(|stage| matches!(stage, Stage::PostProductionTrafficShift | Stage::BakeTime)),
            drain: sum(|stage| stage == Stage::CleanUp),
        })
    }

    fn sum(&self) -> Span {
        let bakes: u64 = self.bakes.iter().map(|bake| bake.0).sum();
        Span(self.start.0 + bakes + self.moving.0 + self.terminate.0 + self.drain.0)
    }
}

/// How long both versions are kept once all traffic has moved: CodeDeploy's groups say it themselves.
fn kept(shift: &Shift, running: &RunningService) -> Span {
    let minutes = match &running.codedeploy {
        Some(group) => group.terminate.minutes(),
        None => crate::plan::terminate_after(shift, &running.configuration),
    };
    Span(minutes * 60_000)
}

/// Whether traffic comes through a Network Load Balancer.
fn network(service: &Service, running: &RunningService) -> bool {
    let own = running.load_balancers.as_array().into_iter().flatten();
    let mut rules = own.filter_map(|one| one["advancedConfiguration"]["productionListenerRule"].as_str());
    let is_listener = |rule: &str| rule.contains(":listener/");
    rules.any(is_listener) || service.traffic.as_ref().is_some_and(|traffic| is_listener(&traffic.production_rule))
}

/// Predicts the shift, answers of hooks left out; none when nothing runs.
pub(super) fn expected(service: &Service, shift: &Shift, running: &RunningService) -> Option<Span> {
    if running.desired == 0 {
        return None;
    }
    Parts::of(service, shift, running).map(|parts| parts.sum())
}

fn played(service: &Service, shift: &Shift, running: &RunningService) -> Timeline {
    let mut state = shipit_scheduler::Service::settled(running.desired, 1, Time(0));
    state.percents = running.percents;
    state.grace = running.grace;
    state.health = running.health;
    let own = running.load_balancers.as_array().into_iter().flatten();
    let tested = own.map(|one| &one["advancedConfiguration"]["testListenerRule"]).any(serde_json::Value::is_string);
    let wanted = service.traffic.as_ref().is_some_and(|traffic| traffic.test_rule.is_some());
    let bake = kept(shift, running);
    let shift = shipit_scheduler::Shift {
        pattern: match shift.steps {
            Steps::AllAtOnce => Pattern::AllAtOnce,
            Steps::Canary { share, bake } => Pattern::Canary { share: Share(share.0), bake },
            Steps::Linear { step, bake } => Pattern::Linear { step: Share(step.0), bake },
        },
        bake,
        hooks: Default::default(),
        test_listener: tested || wanted,
    };
    state.shift(2, shift, Time(0));
    timeline(&state, assumptions(running), Time(0))
}

/// Without progress for this long a shift counts as stalled: a bake, a pause and a verdict are waited for, and are no stall.
pub(super) fn patience(service: &Service, shift: &Shift, running: Option<&RunningService>, least: Span) -> Span {
    let terminate = running.map_or(0, |running| kept(shift, running).0);
    let bake = shift.steps.bake().unwrap_or_default().0;
    let pause = super::pause(service, running).map_or(0, |pause| pause.timeout.0);
    let judge = service.judge.as_ref().map_or(0, |judge| u64::try_from(judge.patience.as_millis()).unwrap_or(0));
    Span(least.0 + terminate.max(bake).max(pause).max(judge))
}

/// "canary 10% → 100%, about 18 min (15–24): start 8 tasks 1m, bake 5m, shift, bake 10m, drain 1m".
pub(super) fn words(service: &Service, shift: &Shift, running: &RunningService) -> String {
    let wired = running
        .routing
        .iter()
        .flat_map(|routing| &routing.balancers)
        .any(|seen| matches!(&seen.wiring, crate::routing::WiringSeen::Known(known) if known.wired == Wired::ByUs));
    let wires = if wired { ", after its load balancer is told of both target groups" } else { "" };
    let Some(parts) = Parts::of(service, shift, running) else { return format!("{shift}{wires}") };
    format!("{shift}, about {}{wires}: {}", range(&parts), listed(&parts, running.desired).join(", "))
}

fn listed(parts: &Parts, desired: u32) -> Vec<String> {
    let tasks = if desired == 1 { "task" } else { "tasks" };
    let mut listed = vec![format!("start {desired} {tasks} {}", short(parts.start))];
    match parts.bakes.as_slice() {
        [] => {}
        [bake] => listed.push(format!("bake {}", short(*bake))),
        [bake, ..] => listed.push(format!("{} bakes of {}", parts.bakes.len(), short(*bake))),
    }
    listed.push(if parts.moving.0 > 0 { format!("shift {}", short(parts.moving)) } else { "shift".to_owned() });
    listed.push(format!("bake {}", short(parts.terminate)));
    listed.push(format!("drain {}", short(parts.drain)));
    listed
}

/// What varies is how long tasks take to start and to drain, and AWS's own steps between.
fn range(parts: &Parts) -> String {
    let minutes = |millis: u64| millis.div_ceil(60_000);
    let expected = parts.sum().0;
    let least = expected.saturating_sub((parts.start.0 + parts.drain.0) / 2);
    let most = expected + parts.start.0 * 2 + parts.drain.0 / 2 + parts.moves * 60_000;
    format!("{} min ({}–{})", minutes(expected), minutes(least), minutes(most))
}

fn short(span: Span) -> String {
    let seconds = span.0.div_ceil(1000);
    match seconds {
        0 => "0m".to_owned(),
        1..60 => format!("{seconds}s"),
        _ if seconds < 3 * 3600 || !seconds.is_multiple_of(3600) => format!("{}m", seconds.div_ceil(60)),
        _ => format!("{}h", seconds / 3600),
    }
}
