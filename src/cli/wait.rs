//! `shipit wait`: follows deployments that are in progress, whoever asked for them.

use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::rollout::Until;
use shipit_core::settled::{Begun, Settled, ShiftSeen, Stage, settled, shift_of};

use super::Common;
use super::session::{Session, refuse};
use crate::engine::theirs;
use crate::engine::wait::Pace;
use crate::report;

/// Wait for the deployments in progress.
#[derive(Clone, Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    common: Common,
    /// Give the wait up after so many minutes of AWS's time; the deployments go on
    #[arg(long, default_value_t = 60, value_name = "MINUTES")]
    minutes: u64,
    /// `stable` or `deployed`, `paused`, `traffic-shifted`, or a stage of ECS such as `bake-time`
    #[arg(long, default_value = "deployed", value_name = "WHAT", value_parser = until)]
    until: Ends,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ends {
    /// A pause that waits for its answer.
    Paused,
    /// The deployment's success, or a place on its way.
    At(Until),
}

fn until(word: &str) -> Result<Ends, String> {
    let stage = Stage::of(&word.to_uppercase().replace('-', "_"));
    match (word, stage) {
        ("stable" | "deployed", _) => Ok(Ends::At(Until::Deployed)),
        ("traffic-shifted", _) => Ok(Ends::At(Until::TrafficShifted)),
        ("paused", _) => Ok(Ends::Paused),
        (_, Stage::Other(_)) => {
            let stages: Vec<String> = Stage::known().map(|stage| stage.word().to_lowercase().replace('_', "-")).collect();
            Err(format!("take `stable`, `deployed`, `paused`, `traffic-shifted` or a stage: {}", stages.join(", ")))
        }
        (_, stage) => Ok(Ends::At(Until::Stage(stage))),
    }
}

/// Waits.
pub async fn run(args: Wait) -> Exit {
    let session = match Session::open_without_contexts(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let limit = Duration::from_secs(args.minutes.saturating_mul(60));
    let waits =
        session.pipeline().services.iter().map(|service| one(&session, &service.name, &service.service, limit, &args.until));
    let mut worst = Exit::Done;
    for result in join_all(waits).await {
        match result {
            Ok(message) => report::say(&message),
            Err(failure) => worst = refuse(&[failure]),
        }
    }
    worst
}

async fn one(session: &Session, name: &str, ecs_service: &str, limit: Duration, ends: &Ends) -> Result<String, Failure> {
    let service = &session.connected.ports.service;
    let clock = session.connected.clock;
    let Some(begun) = service.current(ecs_service).await? else {
        return Ok(format!("`{name}` has no deployment in progress"));
    };
    let started = clock.now();
    let mut pace = Pace::new(None, name);
    loop {
        match service.follow(&begun).await {
            Ok(evidence) => {
                pace.answered();
                let settled = settled(&begun, &evidence);
                match (end(name, &begun, &settled), &settled) {
                    (Some(Err(failure)), Settled::Superseded { by }) => {
                        return Err(theirs::named(&session.context(&|_| {}), failure, by, &begun.revision).await);
                    }
                    (Some(end), _) => return end,
                    (None, _) => {}
                }
                if let Some(message) = shift_of(&begun, &evidence).and_then(|shift| on_the_way(name, ends, shift)) {
                    return Ok(message);
                }
            }
            Err(error) if error.is_passing() => pace.refused(),
            Err(error) => return Err(error.into()),
        }
        let elapsed = clock.now().duration_since(started).unsigned_abs();
        if elapsed > limit {
            return Err(Failure::new(Code::StillRunning, format!("the deployment of `{name}` is still in progress"))
                .now(format!("{} goes on by itself", begun.revision.short()))
                .next("shipit wait"));
        }
        clock.sleep(pace.next(elapsed)).await;
    }
}

/// A place on the way at which the wait ends.
fn on_the_way(name: &str, ends: &Ends, shift: &ShiftSeen) -> Option<String> {
    let stage = shift.stage.word();
    match ends {
        Ends::Paused => shift.hooks.iter().find(|hook| hook.is_open_pause()).map(|hook| {
            let until = hook.expires_at.map_or_else(String::new, |at| format!(" until {at:.0}"));
            format!("`{name}` waits for an answer at {stage}{until}: shipit continue {name} --proceed, or --turn-back")
        }),
        Ends::At(until) if until.is_reached(shift) => {
            let baking = shift.baking_until.map_or_else(String::new, |until| format!(", baking until {until:.0}"));
            Some(format!("`{name}` is at {stage}{baking}"))
        }
        Ends::At(_) => None,
    }
}

fn end(name: &str, begun: &Begun, settled: &Settled) -> Option<Result<String, Failure>> {
    match settled {
        Settled::Pending | Settled::RollingBack { .. } => None,
        Settled::Done { .. } => Some(Ok(format!("`{name}` runs {}", begun.revision.short()))),
        Settled::RolledBack { to, reason } => {
            Some(Err(Failure::new(Code::RolloutTurnedBack, format!("`{name}` was turned back to {}", to.short()))
                .because(format!("ECS: {reason}"))
                .now(format!("`{name}` serves {} again", to.short()))))
        }
        Settled::Failed { reason } => Some(Err(
            Failure::new(Code::RolloutStuck, format!("the deployment of `{name}` failed")).because(format!("ECS: {reason}"))
        )),
        Settled::Superseded { by } => {
            Some(Err(Failure::new(Code::Superseded, format!("another deployment of `{name}` took over: {}", by.short()))))
        }
    }
}
