//! Undo after a failure or an interrupt: traffic, then capacity; newest first; what cannot be undone is said.

use jiff::SignedDuration;
use shipit_core::event::Event;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Fact, Undo, to_undo};
use shipit_core::plan::{Plan, Roll, StepId, StepKind};
use shipit_core::release::Revision;
use shipit_core::rollout::{OnStall, Phase, Policy, Progress, Rollout, Seen, Sight, Wish, decide};
use shipit_core::settled::{Begun, settled};

use super::Context;
use super::record::Journal;
use super::wait::Pace;
use crate::port::Change;

/// Undoes every step that left something behind.
pub async fn unwind(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) {
    for (step, undo) in to_undo(&journal.entries()) {
        let roll = plan.steps.iter().find(|candidate| candidate.id == step).and_then(|step| match &step.kind {
            StepKind::Roll(roll) => Some(roll),
            _ => None,
        });
        let Some(roll) = roll else { continue };
        if !touched(journal, &step) {
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

/// A rollout that never asked for anything has nothing to undo.
fn touched(journal: &Journal<'_>, step: &StepId) -> bool {
    journal.entries().iter().any(|entry| entry.step == *step && matches!(entry.fact, Fact::Began { .. }))
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
    let change = Change {
        service: roll.ecs_service.clone(),
        revision: revision.clone(),
        configuration: roll.before_configuration.clone(),
        create: None,
    };
    let begun = context.ports.service.begin(&change).await?;
    let phase = follow(context, roll, begun).await;
    match phase {
        Phase::Promoted { .. } => {
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

/// Follows a deployment that nothing will turn back: it arrives, or it does not.
async fn follow(context: &Context<'_>, roll: &Roll, begun: Begun) -> Phase {
    let policy = Policy {
        patience: SignedDuration::from_millis(i64::try_from(roll.patience_ms).unwrap_or(i64::MAX)),
        on_stall: OnStall::Leave,
        before: None,
    };
    let mut rollout = Rollout::in_phase(Phase::Rolling { begun: begun.clone() });
    let mut pace = Pace::new(roll.expected_ms.map(std::time::Duration::from_millis), &roll.service);
    let started = context.clock.now();
    loop {
        let sight = match context.ports.service.follow(&begun).await {
            Ok(evidence) => {
                pace.answered();
                Sight::Deployment { settled: settled(&begun, &evidence), progress: Progress::of(&evidence, &begun.revision) }
            }
            Err(_) => {
                pace.refused();
                Sight::Nothing
            }
        };
        rollout = decide(&policy, rollout, &Seen { at: context.clock.now(), sight, wish: Wish::GoOn }).rollout;
        if rollout.phase.is_final() {
            return rollout.phase;
        }
        let elapsed = context.clock.now().duration_since(started).unsigned_abs();
        context.clock.sleep(pace.next(elapsed)).await;
    }
}
