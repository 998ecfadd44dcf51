//! Asking ECS for a revision, and for the earlier one, by looking first: asking twice, or after a lost answer, is harmless,
//! and what someone else has deployed meanwhile is theirs.

use std::cell::Cell;

use shipit_core::failure::Failure;
use shipit_core::plan::Roll;
use shipit_core::release::Revision;
use shipit_core::rollout::Handle;
use shipit_core::settled::{Begun, Settled, settled};

use super::wait::patiently;
use super::{Context, outcome};
use crate::port::{Change, PortError, PortResult};

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
pub async fn ask(context: &Context<'_>, roll: &Roll, change: &Change) -> Result<Asked, Failure> {
    let lost = Cell::new(false);
    let attempt = async || attempt(context, roll, change, &lost).await;
    match patiently(context.clock, &roll.service, PortError::is_passing, attempt).await {
        Ok(begun) => Ok(Asked::Begun(begun)),
        Err(_) if lost.get() => Ok(Asked::Unanswered),
        Err(error) => Err(error.into()),
    }
}

async fn attempt(context: &Context<'_>, roll: &Roll, change: &Change, lost: &Cell<bool>) -> PortResult<Begun> {
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
        now if now == roll.before.as_ref() => begin(change).await,
        Some(now) if *now == change.revision => match patiently(clock, &roll.service, throttled, current).await? {
            Some(begun) if begun.revision == change.revision => Ok(begun),
            // It has ended already: asked again nothing changes, and the reply names the deployment that is there.
            _ => begin(&Change { create: None, ..change.clone() }).await,
        },
        now => Err(outcome::deployed_meanwhile(&roll.service, roll.before.as_ref(), now).into()),
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
/// replaced by a deployment of its own.
///
/// # Errors
/// It could not be asked for now (a passing error), or not at all.
pub async fn ask_back(context: &Context<'_>, roll: &Roll, before: &Revision, begun: &Begun) -> PortResult<Way> {
    let (port, clock) = (&context.ports.service, context.clock);
    let throttled = PortError::is_throttled;
    match patiently(clock, &roll.service, throttled, async || port.stop(begun).await).await {
        Ok(()) => return Ok(Way::Open(Handle::Stopping)),
        Err(error) if error.is_passing() => return Err(error),
        Err(_) => {}
    }
    // It has ended already, or this platform cannot stop it: how does the service stand now?
    let evidence = patiently(clock, &roll.service, throttled, async || port.follow(begun).await).await?;
    let primary = evidence.deployments.iter().find(|deployment| deployment.role == "PRIMARY");
    let foreign = primary.map(|primary| &primary.revision).filter(|now| **now != begun.revision && *now != before);
    match (settled(begun, &evidence), foreign) {
        (Settled::RollingBack { .. } | Settled::RolledBack { .. }, _) => Ok(Way::Open(Handle::Stopping)),
        (Settled::Superseded { by }, _) if by != *before => Ok(Way::Taken { by }),
        (_, Some(by)) => Ok(Way::Taken { by: by.clone() }),
        (_, None) => {
            let back = Change {
                service: roll.ecs_service.clone(),
                revision: before.clone(),
                configuration: roll.before_configuration.clone(),
                create: None,
            };
            let asked = patiently(clock, &roll.service, throttled, async || port.begin(&back).await).await;
            asked.map(|begun| Way::Open(Handle::Begun(begun)))
        }
    }
}
