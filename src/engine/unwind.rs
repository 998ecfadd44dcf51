//! Undo after a failure or an interrupt: traffic, then capacity; newest first; what cannot be undone is said.

use shipit_core::event::Event;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Fact, Registered, Standing, Undo, revision, standings, to_undo};
use shipit_core::plan::{Plan, Roll, StepId};
use shipit_core::release::Revision;
use shipit_core::rollout::{Phase, Rollout, Why, Wish};
use shipit_core::settled::Begun;
use tokio::sync::watch;

use super::Context;
use super::change::found;
use super::record::Journal;
use super::rollout::Rolling;
use super::step::Turn;
use super::theirs;

/// Undoes every step that left something behind.
pub async fn unwind(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) {
    for (step, undo) in to_undo(&journal.entries()) {
        let Some((_, roll)) = plan.rolls().find(|(id, _)| **id == step) else { continue };
        let result = match begun(context, journal, roll, &step).await {
            // A rollout that never asked for anything has nothing to undo.
            Ok(None) => Ok(()),
            Ok(Some(begun)) => match &undo {
                Undo::Nothing => Ok(()),
                Undo::Created { service } => Err(created(service)),
                Undo::TurnBack { revision, .. } => turn_back(context, journal, &step, roll, revision, &begun).await,
            },
            Err(failure) => Err(failure),
        };
        let told = match result {
            Ok(()) => journal.record(&step, Fact::Undone).await,
            Err(failure) => {
                (context.tell)(Event::UndoFailed { step: step.clone(), failure: failure.clone() });
                journal.record(&step, Fact::UndoFailed { failure }).await
            }
        };
        if let Err(failure) = told {
            (context.tell)(Event::UndoFailed { step, failure });
        }
    }
}

/// The deployment that the step asked for first: ours, not the one back. A step that was cut may have asked without
/// learning of the answer: that AWS must tell.
async fn begun(context: &Context<'_>, journal: &Journal<'_>, roll: &Roll, step: &StepId) -> Result<Option<Begun>, Failure> {
    let entries = journal.entries();
    let of_step = || entries.iter().filter(|entry| entry.step == *step);
    let known = of_step().find_map(|entry| match &entry.fact {
        Fact::Began { begun } => Some(begun.clone()),
        _ => None,
    });
    let since = of_step().find(|entry| matches!(entry.fact, Fact::Started { .. })).map(|entry| entry.at);
    let cut = match standings(&entries).get(step) {
        Some(Standing::Started(_)) => true,
        Some(Standing::Failed(..)) => journal.is_from_before(step),
        _ => false,
    };
    match (known, since, revision(&entries, &StepId::register(&roll.service))) {
        (None, Some(since), Some((revision, Registered::New))) if cut => {
            let Some(begun) = found(context, roll, &revision, since).await? else { return Ok(None) };
            journal.record(step, Fact::Began { begun: begun.clone() }).await?;
            Ok(Some(begun))
        }
        (known, ..) => Ok(known),
    }
}

fn created(service: &str) -> Failure {
    Failure::new(Code::RolloutStuck, format!("`{service}` was created by this run and has nothing to go back to"))
        .now("its tasks are as ECS left them")
        .next("fix the cause and deploy again, or delete the service")
}

async fn turn_back(
    context: &Context<'_>,
    journal: &Journal<'_>,
    step: &StepId,
    roll: &Roll,
    revision: &Revision,
    begun: &Begun,
) -> Result<(), Failure> {
    (context.tell)(Event::UndoStarted {
        step: step.clone(),
        doing: format!("`{}` goes back to {}", roll.service, revision.short()),
    });
    journal.record(step, Fact::UndoStarted).await?;
    // The way back is the reconciler's own, from the phase in which it is to be asked for.
    let phase = Phase::TurningBack { begun: begun.clone(), why: Why::Aborted };
    journal.record(step, Fact::Decided { phase: phase.clone() }).await?;
    let (_, wish) = watch::channel(Wish::GoOn);
    let rolling = Rolling { context, journal, step, roll, revision: &begun.revision, turn: Turn::First, wish };
    let ended = rolling.run(Rollout::in_phase(phase)).await?;
    match ended.phase {
        Phase::TurnedBack { .. } => {
            (context.tell)(Event::Undone {
                step: step.clone(),
                now: format!("`{}` serves {} again", roll.service, revision.short()),
            });
            Ok(())
        }
        Phase::Superseded { by } => {
            let what = format!("someone deployed {} to `{}` after this run had", by.short(), roll.service);
            let failure = Failure::new(Code::Superseded, what).now("nothing of theirs is undone");
            Err(theirs::named(context, failure, &by, &begun.revision).await)
        }
        _ => Err(Failure::new(Code::RolloutStuck, format!("`{}` did not come back to {}", roll.service, revision.short()))
            .now("the deployment back is still in progress, or ECS gave it up")
            .next(format!(
                "shipit status, then `aws ecs update-service --service {} --task-definition {}`",
                roll.ecs_service,
                revision.short()
            ))),
    }
}
