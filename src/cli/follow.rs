//! Deployments in progress, followed by looking at AWS alone: each change is said, and how it ended.

use std::time::Duration;

use futures_util::future::join_all;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Service;
use shipit_core::rollout::Until;
use shipit_core::settled::{Begun, Settled, ShiftSeen, settled, shift_of};

use super::session::{Session, refuse};
use super::typed;
use crate::engine::theirs;
use crate::engine::underway::{again, given_up, open_pauses};
use crate::engine::wait::Pace;
use crate::report;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// A pause that waits for its answer.
    Paused,
    /// The deployment's success, or a place on its way.
    At(Until),
    /// The revision before is back.
    Back,
}

/// What is waited for, and how long.
#[derive(Clone, Debug)]
pub struct Follow {
    /// What.
    pub ends: Ends,
    /// In AWS's time.
    pub limit: Duration,
}

impl Follow {
    /// Until the deployment has succeeded, for as long as it takes.
    pub fn to_the_end() -> Self {
        Self { ends: Ends::At(Until::Deployed), limit: Duration::MAX }
    }

    /// Until the revision before is back.
    pub fn back() -> Self {
        Self { ends: Ends::Back, limit: Duration::MAX }
    }
}

/// Follows all of them side by side, each the deployment that is known, or the one in progress; answers the exit of the worst.
pub async fn follow(session: &Session, services: &[(&Service, Option<Begun>)], how: &Follow) -> Exit {
    let mut worst = Exit::Done;
    for result in join_all(services.iter().map(|(service, known)| one(session, service, known.clone(), how))).await {
        match result {
            Ok(message) => report::say(&typed::line(&message)),
            Err(failure) => worst = refuse(&[failure]),
        }
    }
    worst
}

async fn one(session: &Session, of: &Service, known: Option<Begun>, how: &Follow) -> Result<String, Failure> {
    let context = session.context(&|_| {});
    let (service, clock, name) = (&context.ports.service, context.clock, of.name.as_str());
    let begun = match known {
        Some(begun) => Some(begun),
        None => again(&context, name, async || service.current(&of.service).await).await?,
    };
    let Some(begun) = begun else { return nothing(&context, of, how).await };
    let started = clock.now();
    let mut pace = Pace::new(None, name);
    let mut said = String::new();
    loop {
        match service.follow(&begun).await {
            Ok(evidence) => {
                pace.answered();
                let settled = settled(&begun, &evidence);
                match (end(name, &begun, &settled, &how.ends), &settled) {
                    (Some(Err(failure)), Settled::Superseded { by }) => {
                        return Err(theirs::named(&context, failure, by, &begun.revision).await);
                    }
                    (Some(end), _) => return end,
                    (None, _) => {}
                }
                let shift = shift_of(&begun, &evidence);
                if let Some(message) = shift.and_then(|shift| on_the_way(name, &how.ends, shift)) {
                    return Ok(message);
                }
                if let Some(now) = told(name, &begun, &settled, shift).filter(|now| *now != said) {
                    report::say(&typed::line(&now));
                    said = now;
                }
            }
            Err(error) if error.is_passing() => pace.refused(),
            Err(error) => return Err(error.into()),
        }
        let elapsed = clock.now().duration_since(started).unsigned_abs();
        if elapsed > how.limit {
            return Err(over(name, &begun, how.limit, said));
        }
        clock.sleep(pace.next(elapsed)).await;
    }
}

/// There is nothing to wait for.
async fn nothing(context: &crate::engine::Context<'_>, of: &Service, how: &Follow) -> Result<String, Failure> {
    let name = &of.name;
    let look = again(context, name, async || context.ports.service.look(&of.service).await).await?;
    let Some(running) = look.present() else {
        return Err(Failure::new(Code::ServiceMissing, format!("the service `{}` does not exist", of.service)));
    };
    let stands = format!("`{name}` runs {}, and no deployment is in progress", running.revision.short());
    match how.ends {
        Ends::Paused => {
            Err(Failure::new(Code::NothingPaused, format!("`{name}` comes to no pause")).because(stands).next("shipit status"))
        }
        Ends::At(_) | Ends::Back => Ok(stands),
    }
}

fn over(name: &str, begun: &Begun, limit: Duration, said: String) -> Failure {
    let failure = Failure::new(Code::StillRunning, format!("the deployment of `{name}` is still in progress"))
        .because(format!("it takes longer than the {} min of this wait", limit.as_secs() / 60));
    let failure = if said.is_empty() { failure } else { failure.now(said) };
    failure.now(format!("the deployment of {} goes on in AWS", begun.revision.short())).next("shipit wait")
}

/// How it stands, in a line.
fn told(name: &str, begun: &Begun, settled: &Settled, shift: Option<&ShiftSeen>) -> Option<String> {
    let to = begun.revision.short();
    match (settled, shift) {
        (Settled::RollingBack { reason }, _) => Some(format!("`{name}` goes back from {to}: {reason}")),
        (_, Some(shift)) => Some(paused(name, shift).unwrap_or_else(|| {
            let share = shift.production.map_or_else(String::new, |share| format!(" with {share} of the traffic"));
            format!("`{name}`: {to} is at {}{share}{}", shift.stage.word(), baking(shift))
        })),
        (_, None) => None,
    }
}

fn baking(shift: &ShiftSeen) -> String {
    shift.baking_until.map_or_else(String::new, |until| format!(", baking until {until:.0}"))
}

/// The pause that it waits at, and how to answer it.
pub fn paused(name: &str, shift: &ShiftSeen) -> Option<String> {
    let open = open_pauses(shift);
    let first = open.first()?;
    let until = first.expires_at.map_or_else(String::new, |at| format!(" until {at:.0}"));
    let then = first.then.as_ref().map_or_else(String::new, |then| format!(", then AWS's answer is {then}"));
    let count = if open.len() > 1 { format!("answers to {} pauses", open.len()) } else { "an answer".to_owned() };
    let stage = shift.stage.word();
    Some(format!("`{name}` waits for {count} at {stage}{until}{then}: shipit continue {name} --proceed, or --turn-back"))
}

/// A place on the way at which the wait ends.
fn on_the_way(name: &str, ends: &Ends, shift: &ShiftSeen) -> Option<String> {
    match ends {
        Ends::Paused => paused(name, shift),
        Ends::At(until) if until.is_reached(shift) => Some(format!("`{name}` is at {}{}", shift.stage.word(), baking(shift))),
        Ends::At(_) | Ends::Back => None,
    }
}

fn end(name: &str, begun: &Begun, settled: &Settled, ends: &Ends) -> Option<Result<String, Failure>> {
    let to = begun.revision.short();
    match (settled, ends) {
        (Settled::Pending | Settled::RollingBack { .. }, _) => None,
        (Settled::Done { .. }, Ends::At(_)) => Some(Ok(format!("`{name}` runs {to}"))),
        (Settled::Done { .. }, Ends::Paused) => {
            Some(Err(Failure::new(Code::NothingPaused, format!("`{name}` comes to no pause"))
                .because(format!("the deployment of {to} has succeeded"))
                .now(format!("`{name}` runs {to}"))
                .next("shipit status")))
        }
        (Settled::Done { .. }, Ends::Back) => Some(Err(Failure::new(Code::StillRunning, format!("`{name}` is not back"))
            .because(format!("the deployment of {to} had succeeded before AWS heard of it"))
            .now(format!("`{name}` runs {to}"))
            .next(format!("shipit rollback {name}")))),
        (Settled::RolledBack { to, .. }, Ends::Back) => Some(Ok(format!("`{name}` serves {} again", to.short()))),
        (settled, _) => given_up(name, settled).map(Err),
    }
}
