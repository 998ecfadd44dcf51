//! A pause answered by looking at AWS alone: whoever waits for it, and wherever its journal is.

use shipit_core::failure::Failure;
use shipit_core::pipeline::{Name, Service};
use shipit_core::release::RunId;
use shipit_core::rollout::Answer;
use shipit_core::settled::{Begun, HookId, Settled, Stage};
use shipit_core::tags;

use super::Context;
use super::coming::coming;
use super::underway::{Underway, again, open_pauses, underway};

/// A rollout that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The service's name in the file.
    pub service: Name,
    /// The run that it is of, if shipit's tags tell.
    pub run: Option<RunId>,
    /// Its deployment.
    pub begun: Begun,
    /// Where it waits.
    pub stage: Stage,
    /// What is to be answered; never empty.
    pub hooks: Vec<HookId>,
}

/// How a service stands to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It waits for one.
    Waits(Waiting),
    /// It waits for none, and why.
    WaitsNot(String),
}

/// How these services stand; only those of a run, where one is named.
///
/// # Errors
/// AWS could not be asked.
pub async fn stand(context: &Context<'_>, services: &[&Service], run: Option<&RunId>) -> Result<Vec<Stands>, Failure> {
    let mut all = Vec::new();
    for service in services {
        all.push(one(context, service, run).await?);
    }
    Ok(all)
}

async fn one(context: &Context<'_>, service: &Service, wanted: Option<&RunId>) -> Result<Stands, Failure> {
    let (port, name) = (&context.ports.service, &service.name);
    let look = again(context, name, async || coming(context, port.look(&service.service).await?).await).await?;
    let Some(running) = look.present() else { return Ok(Stands::WaitsNot(format!("`{name}` does not exist"))) };
    let run = running.tags.get(tags::RUN).map(|run| RunId(run.clone()));
    if wanted.is_some() && wanted != run.as_ref() {
        let of = run.map_or_else(|| "of no run of shipit".to_owned(), |run| format!("of run {run}"));
        return Ok(Stands::WaitsNot(format!("`{name}` runs {}, which is {of}", running.revision.short())));
    }
    let Some(Underway { begun, settled, shift, .. }) = underway(context, service).await? else {
        return Ok(Stands::WaitsNot(format!("`{name}` runs {}, and no deployment is in progress", running.revision.short())));
    };
    let to = begun.revision.short();
    let shift = match (settled, shift) {
        (Settled::Pending, Some(shift)) => shift,
        (Settled::Pending, None) => return Ok(Stands::WaitsNot(format!("`{name}` rolls to {to}, and nothing pauses it"))),
        _ => return Ok(Stands::WaitsNot(format!("the deployment of {to} to `{name}` goes back, or has ended"))),
    };
    let hooks: Vec<HookId> = open_pauses(&shift).into_iter().map(|hook| hook.id.clone()).collect();
    let stage = shift.stage;
    if hooks.is_empty() {
        let share = shift.production.map_or_else(String::new, |share| format!(" with {share} of the traffic"));
        return Ok(Stands::WaitsNot(format!("{to} of `{name}` is at {}{share}, and no pause is open there", stage.word())));
    }
    Ok(Stands::Waits(Waiting { service: name.clone(), run, begun, stage, hooks }))
}

/// Gives the answer: on the platform goes only when all that waits there is answered so, back as soon as one is.
///
/// # Errors
/// AWS does not take it.
pub async fn give(context: &Context<'_>, waiting: &Waiting, answer: Answer) -> Result<(), Failure> {
    let enough = match answer {
        Answer::Continue => waiting.hooks.len(),
        Answer::Rollback => 1,
    };
    for hook in waiting.hooks.iter().take(enough) {
        let proceed = async || context.ports.service.proceed(&waiting.begun, hook, answer).await;
        again(context, &waiting.service, proceed).await?;
    }
    Ok(())
}
