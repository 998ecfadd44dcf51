//! Undo after a failure or an interrupt: traffic, then capacity; newest first; what cannot be undone is said.

use shipit_core::event::Event;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Fact, Undo, to_undo};
use shipit_core::plan::{Plan, Roll, StepId, StepKind};
use shipit_core::release::Revision;
use shipit_core::rollout::{Phase, Rollout, Why, Wish};
use shipit_core::settled::Begun;
use tokio::sync::watch;

use super::Context;
use super::record::Journal;
use super::rollout::Rolling;

/// Undoes every step that left something behind.
pub async fn unwind(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) {
    for (step, undo) in to_undo(&journal.entries()) {
        let roll = plan.steps.iter().find(|candidate| candidate.id == step).and_then(|step| match &step.kind {
            StepKind::Roll(roll) => Some(roll),
            _ => None,
        });
        let Some(roll) = roll else { continue };
        // A rollout that never asked for anything has nothing to undo.
        if begun(journal, &step).is_none() {
            continue;
        }
        let result = match &undo {
            Undo::Nothing => continue,
            Undo::Created { service } => Err(created(service)),
            Undo::TurnBack { revision, .. } => turn_back(context, journal, &step, roll, revision).await,
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

/// The deployment that the step asked for first: ours, not the one back.
fn begun(journal: &Journal<'_>, step: &StepId) -> Option<Begun> {
    journal.entries().into_iter().filter(|entry| entry.step == *step).find_map(|entry| match entry.fact {
        Fact::Began { begun } => Some(begun),
        _ => None,
    })
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
) -> Result<(), Failure> {
    (context.tell)(Event::UndoStarted {
        step: step.clone(),
        doing: format!("`{}` goes back to {}", roll.service, revision.short()),
    });
    journal.record(step, Fact::UndoStarted).await?;
    let Some(begun) = begun(journal, step) else { return Ok(()) };
    // The way back is the reconciler's own, from the phase in which it is to be asked for.
    let phase = Phase::TurningBack { begun: begun.clone(), why: Why::Aborted };
    journal.record(step, Fact::Decided { phase: phase.clone() }).await?;
    let (_, wish) = watch::channel(Wish::GoOn);
    let rolling = Rolling { context, journal, step, roll, revision: &begun.revision, wish };
    let ended = rolling.run(Rollout::in_phase(phase)).await?;
    match ended.phase {
        Phase::TurnedBack { .. } => {
            (context.tell)(Event::Undone {
                step: step.clone(),
                now: format!("`{}` serves {} again", roll.service, revision.short()),
            });
            Ok(())
        }
        Phase::Superseded { by } => Err(Failure::new(
            Code::Superseded,
            format!("someone deployed {} to `{}` while it was going back", by.short(), roll.service),
        )),
        _ => Err(Failure::new(Code::RolloutStuck, format!("`{}` did not come back to {}", roll.service, revision.short()))
            .now("the deployment back is still in progress, or ECS gave it up")
            .next(format!(
                "shipit status, then `aws ecs update-service --service {} --task-definition {}`",
                roll.ecs_service,
                revision.short()
            ))),
    }
}
