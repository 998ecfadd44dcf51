//! A pause answered by looking at AWS alone: whoever waits for it, and wherever its journal is.

use shipit_core::failure::Failure;
use shipit_core::pipeline::{Name, Service};
use shipit_core::release::RunId;
use shipit_core::rollout::Answer;
use shipit_core::settled::{Begun, HookId, Settled, Stage, settled, shift_of};
use shipit_core::snapshot::ServiceSeen;
use shipit_core::tags;

use super::Context;
use super::coming::coming;
use super::wait::patiently;
use crate::port::{PortError, PortResult};

/// A rollout that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The service's name in the file.
    pub service: Name,
    /// Its deployment.
    pub begun: Begun,
    /// Where it waits.
    pub stage: Stage,
    /// What is to be answered; never empty.
    pub hooks: Vec<HookId>,
}

/// Which of these services wait; of a run alone, where one is named.
///
/// # Errors
/// AWS could not be asked.
pub async fn waiting(context: &Context<'_>, services: &[&Service], run: Option<&RunId>) -> Result<Vec<Waiting>, Failure> {
    let mut all = Vec::new();
    for service in services {
        if let Some(waiting) = one(context, service, run).await? {
            all.push(waiting);
        }
    }
    Ok(all)
}

async fn one(context: &Context<'_>, service: &Service, run: Option<&RunId>) -> Result<Option<Waiting>, Failure> {
    let port = &context.ports.service;
    if let Some(run) = run {
        let look = again(context, &service.name, async || coming(context, port.look(&service.service).await?).await).await?;
        let of_run = |seen: &ServiceSeen| seen.present().is_some_and(|running| running.tags.get(tags::RUN) == Some(&run.0));
        if !of_run(&look) {
            return Ok(None);
        }
    }
    let Some(begun) = again(context, &service.name, async || port.current(&service.service).await).await? else {
        return Ok(None);
    };
    let evidence = again(context, &service.name, async || port.follow(&begun).await).await?;
    let Some(shift) = shift_of(&begun, &evidence).filter(|_| settled(&begun, &evidence) == Settled::Pending) else {
        return Ok(None);
    };
    let hooks: Vec<HookId> = shift.hooks.iter().filter(|hook| hook.is_open_pause()).map(|hook| hook.id.clone()).collect();
    let stage = shift.stage.clone();
    Ok((!hooks.is_empty()).then(|| Waiting { service: service.name.clone(), begun, stage, hooks }))
}

/// Gives the answer to all that waits there: the platform goes on only when all are answered, and one that is not lets go back.
///
/// # Errors
/// AWS does not take it.
pub async fn give(context: &Context<'_>, waiting: &Waiting, answer: Answer) -> Result<(), Failure> {
    for hook in &waiting.hooks {
        let proceed = async || context.ports.service.proceed(&waiting.begun, hook, answer).await;
        again(context, &waiting.service, proceed).await?;
    }
    Ok(())
}

async fn again<T>(context: &Context<'_>, seed: &str, call: impl AsyncFnMut() -> PortResult<T>) -> Result<T, Failure> {
    Ok(patiently(context.clock, seed, PortError::is_passing, call).await?)
}
