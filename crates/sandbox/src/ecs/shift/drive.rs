//! What a look at a service does for its shift: before the scheduler's step the wiring is looked at and hooks are answered,
//! after it hooks are asked, traffic is moved and the service deployment told.

use serde_json::Value;
use shipit_scheduler::{Action, Answer, DeploymentId, Failure, Hooks, Note, Reason, Rollback, Step, Time};

use super::super::service::configuration::{alarm_rollback, breaker};
use super::super::service::rollback::{explain, judged_by};
use super::super::service::rollout::{Fact, Status};
use super::super::service::{Service, revision_of};
use super::configuration::hooks;
use super::hooks::Round;
use super::progress::{Progress, Wired};
use super::wiring::{Traffic, resolve};
use super::{reason, traffic};
use crate::state::State;

/// Before the scheduler's step.
pub(in crate::ecs) fn before(state: &mut State, service: &mut Service, now: Time) {
    if service.plan.shifting.is_some() {
        wire(state, service, now);
        hear(service, now);
    }
}

/// The open service deployment's place, if it is the one that shifts.
fn shifting(service: &Service) -> Option<usize> {
    let candidate = service.plan.shifting.as_ref()?.candidate;
    let open = |place: &usize| !service.rollouts[*place].status.is_final() && service.rollouts[*place].deployment == candidate;
    service.rollouts.len().checked_sub(1).filter(open)
}

/// Which target groups the candidate gets; a wiring that cannot work sends it back before anything is started.
fn wire(state: &State, service: &mut Service, now: Time) {
    let Some(place) = shifting(service) else {
        return;
    };
    let rollout = &mut service.rollouts[place];
    let target = rollout.target;
    let progress = rollout.shift.get_or_insert_default();
    if std::mem::replace(&mut progress.wired, Wired::Seen) == Wired::Seen {
        return;
    }
    let (source, divided) = service.plan.shifting.as_ref().map_or((None, false), |shift| (shift.source, shift.remains.is_some()));
    let traffic = if divided { Traffic::Split } else { Traffic::Whole };
    match resolve(state, service, &service.revisions[target], source, traffic) {
        Ok(groups) => service.revisions[target].groups = groups,
        Err(what) => {
            if let Some(progress) = &mut service.rollouts[place].shift {
                progress.why = Some(reason::networking(&what));
            }
            service.plan.turn_back(Reason::Asked, now);
        }
    }
}

/// Hooks that have been answered, or have not in time.
fn hear(service: &mut Service, now: Time) {
    let asked = service.plan.shifting.as_ref().is_some_and(|shift| shift.hooks == Hooks::Asked);
    let Some(place) = shifting(service).filter(|_| asked) else {
        return;
    };
    let Some(progress) = &mut service.rollouts[place].shift else {
        return;
    };
    let Some(round) = &mut progress.round else {
        return;
    };
    round.expire(now);
    let Some(verdict) = round.verdict() else {
        return;
    };
    if verdict == Answer::Failed && progress.why.is_none() {
        progress.why = round.why();
    }
    service.plan.answer(verdict, now);
}

/// After the step, before what it does to tasks is carried out.
pub(in crate::ecs) fn after(state: &mut State, service: &mut Service, step: &Step) {
    for note in &step.notes {
        match note {
            Note::StageEntered { deployment, stage, hooks: asked, .. } => {
                let Some(place) = shifting_as(service, *deployment) else { continue };
                let forward = !goes_back(service.rollouts[place].status);
                let hooks = hooks(&service.rollouts[place].configuration);
                let round = (*asked == Hooks::Asked).then(|| Round::ask(state, &hooks, *stage));
                let progress = service.rollouts[place].shift.get_or_insert_default();
                progress.stage = Some(*stage);
                // On the way back it stays to be seen which hook it was.
                if round.is_some() || forward {
                    progress.round = round;
                }
            }
            Note::TurningBack { deployment, to, reason } => turning_back(state, service, *deployment, *to, *reason),
            Note::TurnedBack { deployment, .. } => {
                let now = state.now_seconds();
                if let Some(place) = shifting_as(service, *deployment) {
                    service.rollouts[place].take(Fact::Completed, now);
                }
            }
            Note::Halted { deployment, reason } => halted(state, service, *deployment, *reason),
            _ => {}
        }
    }
    for action in &step.actions {
        if let Action::Route { candidate, weights } = *action {
            traffic::route(state, service, candidate, weights);
            let now = state.now_seconds();
            if let Some(place) = shifting_as(service, candidate) {
                service.rollouts[place].updated_at = now;
                service.rollouts[place].shift.get_or_insert_default().weights = weights;
            }
        }
    }
}

/// The place of the service deployment of that deployment; both may have ended in the same step.
fn shifting_as(service: &Service, deployment: DeploymentId) -> Option<usize> {
    let place = service.rollouts.len().checked_sub(1)?;
    (service.rollouts[place].deployment == deployment).then_some(place)
}

/// Why this shift goes back, in AWS's words.
fn why(progress: Option<&Progress>, reason: Reason) -> String {
    progress.and_then(|progress| progress.why.clone()).unwrap_or_else(|| reason::of(reason))
}

fn turning_back(state: &State, service: &mut Service, candidate: DeploymentId, to: DeploymentId, reason: Reason) {
    let now = state.now_seconds();
    let Some(place) = shifting_as(service, candidate) else {
        return;
    };
    let why = why(service.rollouts[place].shift.as_ref(), reason);
    let revision = service.plan.deployment(to).map_or(service.rollouts[place].target, revision_of);
    explain(service, candidate, why.clone(), now);
    judged_by(state, service, revision);
    service.rollouts[place].take(Fact::TurningBack { reason: why, revision }, now);
}

/// It stays as it is: nothing to go back to, nobody who wants it to, or the way back has failed too.
fn halted(state: &State, service: &mut Service, candidate: DeploymentId, reason: Reason) {
    let now = state.now_seconds();
    let Some(place) = shifting_as(service, candidate) else {
        return;
    };
    let rollout = &service.rollouts[place];
    let wanted = match reason {
        Reason::Failed(failure) => rolls_back(&rollout.configuration, failure),
        Reason::Hook(_) | Reason::TimedOut(_) | Reason::Asked => true,
    };
    let (status, text) = match rollout.status {
        Status::StopRequested => (Status::Stopped, reason::STOPPED.to_owned()),
        status if goes_back(status) => (Status::RollbackFailed, reason::SOURCE_IS_GONE.to_owned()),
        _ if wanted => (Status::RollbackFailed, reason::NO_CANDIDATE.to_owned()),
        _ => (Status::Stopped, reason::not_wanted(reason)),
    };
    let explained = match status {
        Status::RollbackFailed => why(rollout.shift.as_ref(), reason),
        _ => text.clone(),
    };
    explain(service, candidate, explained, now);
    service.rollouts[place].take(Fact::Over { status, reason: text }, now);
}

fn goes_back(status: Status) -> bool {
    matches!(status, Status::RollbackRequested | Status::RollbackInProgress)
}

fn rolls_back(configuration: &Value, failure: Failure) -> bool {
    match failure {
        Failure::TasksFailedToStart => breaker(configuration).rollback() == Rollback::ToLastCompleted,
        Failure::Alarm => alarm_rollback(configuration),
    }
}

/// When to look again for the sake of hooks.
pub(in crate::ecs) fn wake(service: &Service) -> Option<Time> {
    let asked = service.plan.shifting.as_ref().is_some_and(|shift| shift.hooks == Hooks::Asked);
    let place = shifting(service).filter(|_| asked)?;
    service.rollouts[place].shift.as_ref()?.round.as_ref()?.wake()
}
