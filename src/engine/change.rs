//! Asking ECS for a revision, and for the earlier one, by looking first: asking twice, or after a lost answer, is harmless,
//! and what someone else has deployed meanwhile is theirs.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use shipit_core::codedeploy::Alarms;
use shipit_core::failure::Failure;
use shipit_core::pipeline::{Shift, Steps};
use shipit_core::plan::{Body, Roll};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::rollout::Handle;
use shipit_core::settled::{Begun, ServiceDeployments, Settled, settled, taken_over};

use super::step::Turn;
use super::wait::patiently;
use super::{Context, outcome};
use crate::port::{Asker, Change, PortError, PortResult, StopType};

/// How far the clock of the machine that wrote the journal may be ahead of AWS's.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// What came of asking.
pub enum Asked {
    /// The deployment to follow.
    Begun(Begun),
    /// ECS may have taken the change: the answer was lost, and none could be had since.
    Unanswered,
}

/// Asks for the change.
///
/// # Errors
/// Why the service is untouched.
pub async fn ask(context: &Context<'_>, roll: &Roll, change: &Change, turn: Turn) -> Result<Asked, Failure> {
    let lost = Cell::new(false);
    let attempt = async || attempt(context, roll, change, turn, &lost).await;
    match patiently(context.clock, &roll.service, PortError::is_passing, attempt).await {
        Ok(begun) => Ok(Asked::Begun(begun)),
        Err(_) if lost.get() => Ok(Asked::Unanswered),
        Err(error) => Err(error.into()),
    }
}

async fn attempt(context: &Context<'_>, roll: &Roll, change: &Change, turn: Turn, lost: &Cell<bool>) -> PortResult<Begun> {
    let (port, clock) = (&context.ports.service, context.clock);
    // What was throttled was not looked at: it is asked again as it is.
    let throttled = PortError::is_throttled;
    let begin = async |change: &Change| {
        let begun = patiently(clock, &roll.service, throttled, async || port.begin(change).await).await;
        lost.set(lost.get() || matches!(begun, Err(PortError::Unreachable { .. })));
        begun
    };
    let seen = patiently(clock, &roll.service, throttled, async || port.look(&change.service).await).await?;
    let current = async || port.current(&change.service).await;
    match seen.present().map(|running| &running.revision) {
        now if now == roll.before.as_ref() => {
            let earlier = match (turn, now) {
                (Turn::Again { since }, Some(_)) => {
                    patiently(clock, &roll.service, throttled, async || earlier(context, roll, &change.revision, since).await)
                        .await?
                }
                _ => None,
            };
            match earlier {
                Some(begun) => Ok(begun),
                None => begin(change).await,
            }
        }
        Some(now) if *now == change.revision => match patiently(clock, &roll.service, throttled, current).await? {
            Some(begun) if begun.revision == change.revision => Ok(begun),
            // It has ended already: asked again nothing changes, and the reply names the deployment that is there.
            _ => begin(&Change { create: None, ..change.clone() }).await,
        },
        now => Err(outcome::deployed_meanwhile(&roll.service, roll.before.as_ref(), now).into()),
    }
}

/// The deployment that was asked for at `since` or later and has gone back already, so that it is not asked for twice.
async fn earlier(context: &Context<'_>, roll: &Roll, revision: &Revision, since: Timestamp) -> PortResult<Option<Begun>> {
    let asked_at = since.checked_sub(SKEW).unwrap_or(since);
    let unknown = DeploymentId("unknown".to_owned());
    let begun = Begun { service: roll.ecs_service.clone(), revision: revision.clone(), deployment: unknown, asked_at };
    let evidence = context.ports.service.follow(&begun).await?;
    let ServiceDeployments::Listed { list } = &evidence.service_deployments else { return Ok(None) };
    Ok(list.iter().any(|found| found.revision == *revision && found.created_at >= asked_at).then_some(begun))
}

/// The deployment that an answerless call may have led to, wherever it stands by now; none when there is none.
///
/// # Errors
/// AWS could not be asked.
pub async fn found(context: &Context<'_>, roll: &Roll, revision: &Revision, since: Timestamp) -> PortResult<Option<Begun>> {
    let (port, clock) = (&context.ports.service, context.clock);
    let look = async || port.look(&roll.ecs_service).await;
    let seen = patiently(clock, &roll.service, PortError::is_passing, look).await?;
    let Some(running) = seen.present() else { return Ok(None) };
    let current = async || port.current(&roll.ecs_service).await;
    match patiently(clock, &roll.service, PortError::is_passing, current).await? {
        Some(begun) if begun.revision == *revision => return Ok(Some(begun)),
        _ => {}
    }
    let earlier = async || earlier(context, roll, revision, since).await;
    match patiently(clock, &roll.service, PortError::is_passing, earlier).await? {
        None if running.revision == *revision => {
            let deployment = running.primary.clone().unwrap_or_else(|| DeploymentId("unknown".to_owned()));
            let asked_at = since.checked_sub(SKEW).unwrap_or(since);
            Ok(Some(Begun { service: roll.ecs_service.clone(), revision: revision.clone(), deployment, asked_at }))
        }
        earlier => Ok(earlier),
    }
}

/// Whether the service may be brought back.
pub enum Way {
    /// It is coming back.
    Open(Handle),
    /// Someone else's deployment has taken over.
    Taken {
        /// Its revision.
        by: Revision,
    },
}

/// Asks for the revision `before` in place of the one that was begun: ECS rolls back what is in progress; what has ended is
/// replaced by a deployment of its own, all at once, for `before` is known to work.
///
/// # Errors
/// It could not be asked for now (a passing error), or not at all.
pub async fn ask_back(context: &Context<'_>, roll: &Roll, before: &Revision, begun: &Begun, asker: Asker) -> PortResult<Way> {
    let (port, clock) = (&context.ports.service, context.clock);
    let throttled = PortError::is_throttled;
    match patiently(clock, &roll.service, throttled, async || port.stop(begun, StopType::Rollback).await).await {
        Ok(()) => return Ok(Way::Open(Handle::Stopping)),
        Err(error) if error.is_passing() => return Err(error),
        Err(_) => {}
    }
    // It has ended already, or this platform cannot stop it: how does the service stand now?
    let evidence = patiently(clock, &roll.service, throttled, async || port.follow(begun).await).await?;
    let primary = evidence.deployments.iter().find(|deployment| deployment.role == "PRIMARY");
    let foreign = primary.map(|primary| &primary.revision).filter(|now| **now != begun.revision && *now != before);
    match (settled(begun, &evidence), foreign.cloned().or_else(|| taken_over(begun, &evidence).filter(|by| by != before))) {
        (Settled::RollingBack { .. } | Settled::RolledBack { .. }, _) => Ok(Way::Open(Handle::Stopping)),
        (Settled::Superseded { by }, _) if by != *before => Ok(Way::Taken { by }),
        (_, Some(by)) => Ok(Way::Taken { by }),
        (_, None) => {
            let body = Body::back(roll);
            let back = Change {
                service: roll.ecs_service.clone(),
                revision: before.clone(),
                configuration: body.configuration,
                load_balancers: body.load_balancers,
                create: None,
                shift: Some(Shift { steps: Steps::AllAtOnce, terminate_after: None }),
                alarms: Alarms::Off,
                asker,
            };
            let asked = patiently(clock, &roll.service, throttled, async || port.begin(&back).await).await;
            asked.map(|begun| Way::Open(Handle::Begun(begun)))
        }
    }
}
