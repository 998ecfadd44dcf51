//! The deployment of a service that is in progress, whoever asked for it: one look.

use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Service;
use shipit_core::release::Revision;
use shipit_core::settled::{Begun, Evidence, HookSeen, Settled, ShiftSeen, settled, shift_of};

use super::Context;
use super::wait::patiently;
use crate::port::{PortError, PortResult};

/// A deployment in progress.
#[derive(Clone, Debug)]
pub struct Underway {
    /// It.
    pub begun: Begun,
    /// How it stands.
    pub settled: Settled,
    /// How traffic stands, where it is shifted.
    pub shift: Option<ShiftSeen>,
    /// The revision that it replaces, if one is seen beside it.
    pub stable: Option<Revision>,
}

/// Looks.
///
/// # Errors
/// AWS could not be asked.
pub async fn underway(context: &Context<'_>, service: &Service) -> Result<Option<Underway>, Failure> {
    let port = &context.ports.service;
    let current = async || port.current(&service.service).await;
    let Some(begun) = again(context, &service.name, current).await? else { return Ok(None) };
    let evidence = again(context, &service.name, async || port.follow(&begun).await).await?;
    Ok(Some(Underway::of(begun, &evidence)))
}

impl Underway {
    /// Of a look.
    pub fn of(begun: Begun, evidence: &Evidence) -> Self {
        let stable = evidence.deployments.iter().map(|one| &one.revision).find(|revision| **revision != begun.revision);
        Self { settled: settled(&begun, evidence), shift: shift_of(&begun, evidence).cloned(), stable: stable.cloned(), begun }
    }
}

/// Why a deployment of the service came to nothing; none while it may still come to something.
pub fn given_up(name: &str, settled: &Settled) -> Option<Failure> {
    match settled {
        Settled::Pending | Settled::RollingBack { .. } | Settled::Done { .. } => None,
        Settled::RolledBack { to, reason } => {
            let to = to.short();
            let failure = Failure::new(Code::RolloutTurnedBack, format!("`{name}` was turned back to {to}"));
            Some(failure.because(format!("ECS: {reason}")).now(format!("`{name}` serves {to} again")))
        }
        Settled::Failed { reason } => {
            let failure = Failure::new(Code::RolloutStuck, format!("the deployment of `{name}` failed"));
            Some(failure.because(format!("ECS: {reason}")))
        }
        Settled::Superseded { by } => {
            Some(Failure::new(Code::Superseded, format!("another deployment of `{name}` took over: {}", by.short())))
        }
    }
}

/// The pauses of a shift that wait for their answer.
pub fn open_pauses(shift: &ShiftSeen) -> Vec<&HookSeen> {
    shift.hooks.iter().filter(|hook| hook.is_open_pause()).collect()
}

/// Asks again while AWS throttles or cannot be reached, for a while.
///
/// # Errors
/// The last one.
pub async fn again<T>(context: &Context<'_>, seed: &str, call: impl AsyncFnMut() -> PortResult<T>) -> Result<T, Failure> {
    Ok(patiently(context.clock, seed, PortError::is_passing, call).await?)
}
