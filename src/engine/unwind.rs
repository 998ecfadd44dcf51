//! Undo after a failure or an interrupt: traffic, then capacity; newest first; what cannot be undone is said.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
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

/// How long a change may take to show in what AWS answers.
const UNTIL_SHOWN: Duration = Duration::from_secs(5);

/// Undoes every step that left something behind: one after the other, for a service may need those that moved before it. While
/// a person waits for the end, AWS is asked for all of it at once, in the same order, and goes back by itself.
pub async fn unwind(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) {
    let mut going: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
    let mut interrupt = context.interrupt.clone();
    for (step, undo) in to_undo(&journal.entries()) {
        let Some((_, roll)) = plan.rolls().find(|(id, _)| **id == step) else { continue };
        let asked = watch::Sender::new(false);
        let mut is_asked = asked.subscribe();
        going.push(Box::pin(one(context, plan, journal, roll, step, undo, asked)));
        loop {
            tokio::select! {
                ended = going.next() => if ended.is_none() { break },
                () = asked_in_haste(&mut interrupt, &mut is_asked) => break,
            }
        }
    }
    while going.next().await.is_some() {}
}

fn is_cut(journal: &Journal<'_>, step: &StepId) -> bool {
    matches!(standings(&journal.entries()).get(step), Some(Standing::Started(_)))
}

async fn asked_in_haste(interrupt: &mut watch::Receiver<Wish>, asked: &mut watch::Receiver<bool>) {
    let haste = interrupt.wait_for(|wish| *wish == Wish::Abort).await.is_ok();
    if !haste || asked.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn one(
    context: &Context<'_>,
    plan: &Plan,
    journal: &Journal<'_>,
    roll: &Roll,
    step: StepId,
    undo: Undo,
    asked: watch::Sender<bool>,
) {
    let known = match begun(context, journal, roll, &step).await {
        // A rollout that never asked for anything has nothing to undo. One that was cut a moment ago may not show yet.
        Ok(None) if !journal.is_from_before(&step) && is_cut(journal, &step) => {
            asked.send_replace(true);
            context.clock.sleep(UNTIL_SHOWN).await;
            begun(context, journal, roll, &step).await
        }
        known => known,
    };
    let result = match known {
        Ok(None) => Ok(()),
        Ok(Some(begun)) => match &undo {
            Undo::Nothing => Ok(()),
            Undo::Created { service } => Err(created(service)),
            Undo::TurnBack { revision, .. } => {
                let (_, wish) = watch::channel(Wish::GoOn);
                let (ours, source) = (&begun.revision, &plan.source);
                let rolling =
                    Rolling { context, journal, step: &step, roll, revision: ours, source, turn: Turn::First, wish, asked };
                turn_back(&rolling, revision, &begun).await
            }
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

/// The deployment that the step asked for first: ours, not the one back. A step that was cut may have asked without
/// learning of the answer: that AWS must tell.
///
/// # Errors
/// AWS could not be asked, or the answer not be written down.
pub(super) async fn begun(
    context: &Context<'_>,
    journal: &Journal<'_>,
    roll: &Roll,
    step: &StepId,
) -> Result<Option<Begun>, Failure> {
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

async fn turn_back(rolling: &Rolling<'_>, revision: &Revision, begun: &Begun) -> Result<(), Failure> {
    let Rolling { context, journal, step, roll, .. } = *rolling;
    (context.tell)(Event::UndoStarted {
        step: step.clone(),
        doing: format!("`{}` goes back to {}", roll.service, revision.short()),
    });
    journal.record(step, Fact::UndoStarted).await?;
    // The way back is the reconciler's own, from the phase in which it is to be asked for.
    let phase = Phase::TurningBack { begun: begun.clone(), why: Why::Aborted };
    journal.record(step, Fact::Decided { phase: phase.clone() }).await?;
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
