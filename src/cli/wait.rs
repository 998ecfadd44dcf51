//! `shipit wait`: follows deployments that are in progress, whoever asked for them.

use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::settled::{Begun, Settled, settled};

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
}

/// Waits.
pub async fn run(args: Wait) -> Exit {
    let session = match Session::open_without_contexts(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let limit = Duration::from_secs(args.minutes.saturating_mul(60));
    let waits = session.pipeline().services.iter().map(|service| one(&session, &service.name, &service.service, limit));
    let mut worst = Exit::Done;
    for result in join_all(waits).await {
        match result {
            Ok(message) => report::say(&message),
            Err(failure) => worst = refuse(&[failure]),
        }
    }
    worst
}

async fn one(session: &Session, name: &str, ecs_service: &str, limit: Duration) -> Result<String, Failure> {
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
