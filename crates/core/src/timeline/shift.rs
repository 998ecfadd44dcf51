//! How long a shift should take, and in what it consists: capacity first, then traffic by steps, then the old version goes.

use shipit_scheduler::{Assumptions, Pattern, Prediction, Share, Span, Time, predict};

use super::assumptions;
use crate::pipeline::{Service, Shift, Steps};
use crate::plan::Wired;
use crate::snapshot::RunningService;

/// What a Network Load Balancer takes longer for each move of traffic (peers.md 0).
const NETWORK: Span = Span::seconds(600);

/// The parts of a shift.
struct Parts {
    start: Span,
    bakes: u64,
    bake: Span,
    moves: Span,
    terminate: Span,
    drain: Span,
}

impl Parts {
    fn of(service: &Service, shift: &Shift, running: &RunningService) -> Self {
        let assumed = assumptions(running);
        let moves = shift.steps.shares().len() as u64;
        let each = if network(service, running) { NETWORK } else { Span(0) };
        Self {
            start: Span(assumed.start.0 + assumed.healthy_after.0.max(running.grace.0)),
            bakes: moves - 1,
            bake: shift.steps.bake().unwrap_or_default(),
            moves: Span(each.0 * moves),
            terminate: kept(shift, running),
            drain: assumed.drain,
        }
    }

    fn sum(&self) -> Span {
        Span(self.start.0 + self.bakes * self.bake.0 + self.moves.0 + self.terminate.0 + self.drain.0)
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
    (running.desired > 0).then(|| {
        let parts = Parts::of(service, shift, running);
        let played = played(service, shift, running, assumptions(running));
        Span(played.map_or(parts.sum(), |span| Span(span.0 + parts.moves.0)).0)
    })
}

/// As the scheduler plays it.
fn played(service: &Service, shift: &Shift, running: &RunningService, assumed: Assumptions) -> Option<Span> {
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
    match predict(&state, assumed, Time(0)) {
        Prediction::Settles { after, .. } => Some(after),
        Prediction::Stuck { .. } => None,
    }
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
pub(super) fn words(service: &Service, shift: &Shift, running: &RunningService, expected: Option<Span>) -> String {
    let parts = Parts::of(service, shift, running);
    let expected = expected.unwrap_or(parts.sum());
    let tasks = if running.desired == 1 { "task" } else { "tasks" };
    let mut listed = vec![format!("start {} {tasks} {}", running.desired, short(parts.start))];
    match parts.bakes {
        0 => {}
        1 => listed.push(format!("bake {}", short(parts.bake))),
        bakes => listed.push(format!("{bakes} bakes of {}", short(parts.bake))),
    }
    listed.push(if parts.moves.0 > 0 { format!("shift {}", short(parts.moves)) } else { "shift".to_owned() });
    listed.push(format!("bake {}", short(parts.terminate)));
    listed.push(format!("drain {}", short(parts.drain)));
    let wired = running
        .routing
        .iter()
        .flat_map(|routing| &routing.balancers)
        .any(|seen| matches!(&seen.wiring, crate::routing::WiringSeen::Known(known) if known.wired == Wired::ByUs));
    let wires = if wired { ", after its load balancer is told of both target groups" } else { "" };
    format!("{shift}, about {}{wires}: {}", range(expected, &parts), listed.join(", "))
}

/// What varies is how long tasks take to start and to drain, and AWS's own steps between.
fn range(expected: Span, parts: &Parts) -> String {
    let minutes = |millis: u64| millis.div_ceil(60_000);
    let least = expected.0.saturating_sub((parts.start.0 + parts.drain.0) / 2);
    let most = expected.0 + parts.start.0 * 2 + parts.drain.0 / 2 + (parts.bakes + 1) * 60_000;
    format!("{} min ({}–{})", minutes(expected.0), minutes(least), minutes(most))
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
