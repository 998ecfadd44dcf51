//! One cause for everything that was captured of a failed rollout: pure, in the order in which it tells.
//!
//! First what ended the deployment whatever its tasks did (another deployment, a person, an alarm); then what most of its
//! failed tasks have in common; then what ECS says of tasks that it could not start at all; then unhealthy targets; then the
//! breaker alone. The texts are ECS's; one that is not known stays unknown and is quoted.

mod exits;
mod places;
mod secrets;
mod starts;
mod targets;
mod texts;

use super::cause::{Cause, Kind, Stops};
use crate::dossier::{Dossier, Stop, StopCode};

/// The cause.
pub fn classify(dossier: &Dossier) -> Cause {
    given_up(dossier)
        .or_else(|| of_stops(dossier).filter(|cause| cause.cause != Kind::Unknown))
        .or_else(|| places::of_events(dossier))
        .or_else(|| targets::of_targets(dossier))
        .or_else(|| of_stops(dossier))
        .or_else(|| breaker(dossier))
        .unwrap_or_else(|| unknown(dossier))
}

/// How many tasks stopped for each cause.
pub fn tally(dossier: &Dossier) -> Stops {
    dossier.stops.iter().map(|stop| of_stop(dossier, stop).cause).collect()
}

/// Who the sentence is about: `task 3f2a91c0`, or `3 tasks (first 3f2a91c0)`.
struct Who<'a> {
    dossier: &'a Dossier,
    stop: &'a Stop,
    count: usize,
}

impl std::fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.count {
            0 | 1 => write!(f, "task {}", self.stop.short()),
            count => write!(f, "{count} tasks (first {})", self.stop.short()),
        }
    }
}

/// What most of the failed tasks stopped for; of several the earliest.
fn of_stops(dossier: &Dossier) -> Option<Cause> {
    let tally = tally(dossier);
    let most = dossier.stops.iter().map(|stop| tally.of(of_stop(dossier, stop).cause)).max()?;
    let stop = dossier.stops.iter().find(|stop| tally.of(of_stop(dossier, stop).cause) == most)?;
    Some(cause_of(&Who { dossier, stop, count: most }))
}

fn of_stop(dossier: &Dossier, stop: &Stop) -> Cause {
    cause_of(&Who { dossier, stop, count: 1 })
}

fn cause_of(who: &Who<'_>) -> Cause {
    let found = match who.stop.code {
        StopCode::TaskFailedToStart => starts::cause(who).or_else(|| exits::cause(who)),
        StopCode::ServiceSchedulerInitiated if who.stop.reason.contains("container health check") => Some(exits::health(who)),
        StopCode::ServiceSchedulerInitiated => Some(targets::of_stop(who)),
        _ => exits::cause(who).or_else(|| starts::cause(who)),
    };
    found.unwrap_or_else(|| {
        let ends = who.stop.ends();
        let ends = if ends.is_empty() { String::new() } else { format!(" ({ends})") };
        let reason = if who.stop.reason.is_empty() { "ECS gives no reason" } else { &who.stop.reason };
        Cause::new(Kind::Unknown, format!("{who} stopped: {reason}{ends}"), look_at(who.dossier))
    })
}

/// What ended the deployment whatever its tasks did.
fn given_up(dossier: &Dossier) -> Option<Cause> {
    let said = dossier.said.as_deref()?;
    let lower = said.to_ascii_lowercase();
    if lower.contains("superseded") {
        let because = format!("another deployment of `{}` took over: {said}", dossier.service);
        return Some(Cause::new(Kind::Superseded, because, "look at who deployed with `shipit status`, then deploy again"));
    }
    if lower.contains("alarm") {
        let because = format!("an alarm of `{}` went off: {said}", dossier.service);
        let next = "`aws cloudwatch describe-alarms --state-value ALARM` shows which and why";
        return Some(Cause::new(Kind::Alarm, because, next));
    }
    if let Some(cause) = hook(said, &lower) {
        return Some(cause);
    }
    let breaker = lower.contains("circuit breaker");
    if !breaker && (lower.contains("stopped") || lower.contains("stopservicedeployment") || lower.contains("stop requested")) {
        let because = format!("someone stopped the deployment of `{}`: {said}", dossier.service);
        let next = "CloudTrail's `StopServiceDeployment` names who; then deploy again";
        return Some(Cause::new(Kind::Stopped, because, next));
    }
    None
}

/// What a hook ended: a function that failed, or a pause by its answer or for want of one.
fn hook(said: &str, lower: &str) -> Option<Cause> {
    let (what, next) = if lower.contains("pause hook timed out") {
        (
            "nobody answered the pause in time",
            "deploy again and answer with `shipit continue`; `timeout:` of `pause:` gives more time",
        )
    } else if lower.contains("pause hook failed") {
        ("the pause was answered with the way back", "whoever answered knows why; deploy again once that is mended")
    } else if lower.contains("lifecycle hook") {
        ("a lifecycle hook failed", "the log of the function that it names says why")
    } else {
        return None;
    };
    Some(Cause::new(Kind::Hook, format!("{what}: {said}"), next))
}

fn breaker(dossier: &Dossier) -> Option<Cause> {
    let said = dossier.said.as_deref()?;
    said.to_ascii_lowercase().contains("circuit breaker").then(|| {
        let because = format!("the circuit breaker of `{}` tripped and no failed task could be seen: {said}", dossier.service);
        Cause::new(Kind::Breaker, because, look_at(dossier))
    })
}

fn unknown(dossier: &Dossier) -> Cause {
    let told = dossier.said.as_ref().or(dossier.events.last());
    let because = told.map_or_else(|| "neither tasks nor events say why".to_owned(), |told| format!("ECS says: {told}"));
    Cause::new(Kind::Unknown, because, look_at(dossier))
}

fn look_at(dossier: &Dossier) -> String {
    format!("`aws ecs describe-services --cluster {} --services {}` shows its events", dossier.cluster, dossier.service)
}
