//! A person interrupts: the policy is carried out, and nothing is waited for before AWS is asked.

use std::time::Duration;

use shipit_core::event::{Event, Outcome};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Fact, Standing, standings, to_undo};
use shipit_core::pipeline::OnInterrupt;
use shipit_core::plan::{Plan, Roll, StepId};

use super::record::Journal;
use super::run::give_up;
use super::{Context, unwind};
use crate::port::StopType;

/// How long AWS is asked, on the wall, about a change whose answer was cut off, before the run is left.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Carries the policy out; answers what to tell.
pub async fn carry_out(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>, failure: Failure) -> Failure {
    match context.pipeline.on_interrupt {
        OnInterrupt::TurnBack => {
            give_up(context, journal, &failure).await;
            unwind::unwind(context, plan, journal).await;
            failure
        }
        OnInterrupt::Leave => leave(context, plan, journal, failure).await,
        OnInterrupt::Stop => stop(context, plan, journal, failure).await,
    }
}

/// The run is left in the middle, by a second signal: what was asked of AWS goes on there, and nothing more is asked.
pub fn left(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>, took: Duration) -> Outcome {
    let entries = journal.entries();
    let failure = Failure::new(Code::Interrupted, "the run was left before its end").because("a second signal asked it to");
    let goes_on = |failure: Failure, (step, roll): (&StepId, &Roll)| {
        let of_step = |is: fn(&Fact) -> bool| entries.iter().any(|entry| entry.step == *step && is(&entry.fact));
        match (standings(&entries).get(step), &roll.before) {
            (Some(Standing::Started(_)), Some(before)) if of_step(|fact| matches!(fact, Fact::UndoStarted)) => {
                failure.now(format!("`{}` goes back to {} in AWS", roll.service, before.short()))
            }
            (Some(Standing::Started(_)), _) if of_step(|fact| matches!(fact, Fact::Began { .. })) => {
                failure.now(format!("the deployment of `{}` goes on in AWS", roll.service))
            }
            _ => failure,
        }
    };
    let failure = plan.rolls().fold(failure, goes_on).next(format!("shipit resume {}", journal.run)).next("shipit status");
    let outcome = super::outcome::outcome(context, plan, journal, Some(failure), took);
    (context.tell)(Event::RunFinished { outcome: outcome.clone() });
    outcome
}

/// Nothing is written down but what AWS has begun: the run has not ended.
async fn leave(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>, failure: Failure) -> Failure {
    let mut going = Vec::new();
    for (step, roll) in plan.rolls() {
        if !matches!(standings(&journal.entries()).get(step), Some(Standing::Started(_))) {
            continue;
        }
        match tokio::time::timeout(LAST_LOOK, unwind::begun(context, journal, roll, step)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(_)) | Err(_)) | Err(_) => going.push(format!("`{}`", roll.service)),
        }
    }
    let failure = match going.as_slice() {
        [] => failure.now("nothing is in progress in AWS"),
        _ => failure.now(format!("the deployment of {} goes on in AWS", going.join(" and "))).next("shipit wait"),
    };
    failure.next(format!("shipit resume {}", journal.run))
}

/// Nothing goes back, and nobody goes on with it.
async fn stop(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>, mut failure: Failure) -> Failure {
    give_up(context, journal, &failure).await;
    for (step, _) in to_undo(&journal.entries()) {
        let Some((_, roll)) = plan.rolls().find(|(id, _)| **id == step) else { continue };
        let done = matches!(standings(&journal.entries()).get(&step), Some(Standing::Done(..)));
        let known = tokio::time::timeout(LAST_LOOK, unwind::begun(context, journal, roll, &step)).await;
        let fact = match (done, known) {
            (true, _) => {
                failure = failure.now(format!("`{}` runs what this run has deployed", roll.service));
                Fact::Kept
            }
            (false, Ok(Ok(None))) => Fact::Undone,
            (false, Ok(Ok(Some(begun)))) => match context.ports.service.stop(&begun, StopType::Abort).await {
                Ok(()) => {
                    let what =
                        format!("the deployment of {} to `{}` was stopped in its middle", begun.revision.short(), roll.service);
                    Fact::UndoFailed { failure: Failure { what, ..failure.clone() } }
                }
                Err(error) => {
                    failure = failure
                        .because(format!("ECS does not stop the deployment of `{}`: {error}", roll.service))
                        .now(format!("{} goes on to `{}` in AWS", begun.revision.short(), roll.service))
                        .next(format!("shipit wait, or shipit rollback {}", roll.service));
                    Fact::Kept
                }
            },
            (false, Ok(Err(_)) | Err(_)) => {
                failure = failure
                    .now(format!("whether a deployment of `{}` goes on could not be asked", roll.service))
                    .next("shipit status");
                Fact::Kept
            }
        };
        if let Err(trouble) = journal.record(&step, fact).await {
            (context.tell)(Event::Notice {
                message: format!("`{step}` stays as it is, and that is not in the journal: {}", trouble.what),
            });
        }
    }
    failure
}
