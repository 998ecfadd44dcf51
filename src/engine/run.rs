//! The saga: ready steps side by side, every fact written down; on the first failure nothing new starts, then unwind.

use std::time::Instant;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use shipit_core::event::{Event, Outcome, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Entry, Fact, Output, Undo, given_up, ready};
use shipit_core::plan::{Plan, Step, StepId, StepKind};
use shipit_core::rollout::Wish;
use tokio::sync::watch;

use super::record::Journal;
use super::step::{Doing, Done, StepEnd, Turn, Undone};
use super::{Context, interrupt, outcome, unwind};

/// Carries a plan out, from wherever its journal stands, and undoes what must be undone.
pub async fn run(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) -> Outcome {
    let began = Instant::now();
    (context.tell)(Event::Planned { steps: plan.listing(), notes: Vec::new() });
    let before = journal.entries();
    let end = match given_up(&before) {
        Some(failure) => Err(failure.clone()),
        None => forward(context, plan, journal).await,
    };
    let failure = match end {
        Ok(()) => None,
        Err(failure) if failure.code == Code::Interrupted && given_up(&before).is_none() => {
            Some(interrupt::carry_out(context, plan, journal, failure).await)
        }
        Err(failure) if failure.code == Code::Paused => Some(failure.next(format!("shipit resume {}", journal.run))),
        Err(failure) => {
            give_up(context, journal, &failure).await;
            unwind::unwind(context, plan, journal).await;
            Some(failure)
        }
    };
    let outcome = outcome::outcome(context, plan, journal, failure, began.elapsed());
    (context.tell)(Event::RunFinished { outcome: outcome.clone() });
    outcome
}

/// Whoever goes on with this journal goes back, too.
pub(super) async fn give_up(context: &Context<'_>, journal: &Journal<'_>, failure: &Failure) {
    if given_up(&journal.entries()).is_some() {
        return;
    }
    if let Err(trouble) = journal.record(&StepId::run(), Fact::GivenUp { failure: failure.clone() }).await {
        let message = format!("the run is given up, and that is not in the journal: {}", trouble.what);
        (context.tell)(Event::Notice { message });
    }
}

async fn forward(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>) -> Result<(), Failure> {
    let (stop, wish) = watch::channel(Wish::GoOn);
    let mut running: FuturesUnordered<LocalBoxFuture<'_, Result<(), Failure>>> = FuturesUnordered::new();
    let mut started: Vec<StepId> = Vec::new();
    let mut failed: Option<Failure> = None;
    let mut paused: Option<Failure> = None;
    let mut interrupt = context.interrupt.clone();
    loop {
        if failed.is_none() {
            for step in ready(plan, &journal.entries()) {
                if !started.contains(&step.id) {
                    started.push(step.id.clone());
                    running.push(Box::pin(start(context, plan, journal, step, wish.clone())));
                }
            }
        }
        let ended = tokio::select! {
            ended = running.next() => ended,
            // Whatever is under way is dropped as in a crash: the facts say how far it is, and nothing waits for an answer.
            () = aborted(&mut interrupt) => return Err(failed.unwrap_or_else(interrupted)),
        };
        let Some(ended) = ended else { break };
        if let Err(failure) = ended {
            // What waits for a person keeps nothing else from its end.
            if failure.code == Code::Paused {
                paused.get_or_insert(failure);
                continue;
            }
            // The first failure is the run's; those that follow from giving up are not.
            failed.get_or_insert(failure);
            stop.send_replace(Wish::Abort);
        }
    }
    match failed.or(paused) {
        None => Ok(()),
        Some(failure) => Err(failure),
    }
}

fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "the run was interrupted").because("a signal asked it to end")
}

pub(super) async fn aborted(interrupt: &mut watch::Receiver<Wish>) {
    if interrupt.wait_for(|wish| *wish == Wish::Abort).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One step from its first fact to its last. Both are written here and not by the loop that drives the steps: a step that
/// waits for the journal while another holds it would otherwise wait for ever, for the loop would not drive the other.
async fn start(
    context: &Context<'_>,
    plan: &Plan,
    journal: &Journal<'_>,
    step: &Step,
    mut wish: watch::Receiver<Wish>,
) -> Result<(), Failure> {
    let began = Instant::now();
    let turn = turn(journal, step);
    let doing = Doing { context, plan, journal, step, turn, wish: wish.clone() };
    let result = async {
        if turn == Turn::First {
            journal.record(&step.id, Fact::Started { undo: undo(step) }).await.map_err(StepEnd::from)?;
        }
        (context.tell)(Event::StepStarted { step: step.id.clone() });
        if matches!(step.kind, StepKind::Roll(_)) {
            // A rollout is not dropped: it sees the abort through `decide` and brings the service back.
            return doing.run().await;
        }
        tokio::select! {
            result = doing.run() => result,
            _ = wish.wait_for(|wish| *wish == Wish::Abort) => Err(StepEnd::Dropped),
        }
    }
    .await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    conclude(context, journal, step.id.clone(), took_ms, result).await
}

/// A step that was started without an end is done again.
fn turn(journal: &Journal<'_>, step: &Step) -> Turn {
    let started = |entry: &Entry| entry.step == step.id && matches!(entry.fact, Fact::Started { .. });
    match journal.entries().iter().find(|entry| started(entry)) {
        Some(entry) => Turn::Again { since: entry.at },
        None => Turn::First,
    }
}

/// The way back is captured before the act, from what was observed.
fn undo(step: &Step) -> Undo {
    match &step.kind {
        StepKind::Roll(roll) => match &roll.before {
            Some(revision) => Undo::TurnBack {
                service: roll.ecs_service.clone(),
                revision: revision.clone(),
                configuration: roll.before_configuration.clone(),
            },
            None => Undo::Created { service: roll.ecs_service.clone() },
        },
        _ => Undo::Nothing,
    }
}

async fn conclude(
    context: &Context<'_>,
    journal: &Journal<'_>,
    step: StepId,
    took_ms: u64,
    result: Result<Done, StepEnd>,
) -> Result<(), Failure> {
    match result {
        Ok(Done { output, result }) => {
            journal.record(&step, Fact::Succeeded { output }).await?;
            (context.tell)(Event::StepSucceeded { step, result, took_ms });
            Ok(())
        }
        Err(StepEnd::Paused { failure }) => {
            (context.tell)(Event::StepPaused { step, what: failure.what.clone(), took_ms });
            Err(*failure)
        }
        Err(StepEnd::Dropped) => {
            (context.tell)(Event::Notice { message: format!("`{step}` was given up") });
            Ok(())
        }
        Err(StepEnd::Failed { failure, undone }) => {
            let mut written = journal.record(&step, Fact::Failed { failure: (*failure).clone() }).await;
            let standing = match undone {
                Undone::Yes => Some(Fact::Undone),
                Undone::No => None,
                Undone::Never => Some(Fact::UndoFailed { failure: (*failure).clone() }),
            };
            if let Some(fact) = standing {
                written = written.and(journal.record(&step, fact).await);
            }
            if let Err(trouble) = written {
                (context.tell)(Event::Notice {
                    message: format!("`{step}` failed, and that is not in the journal: {}", trouble.what),
                });
            }
            (context.tell)(Event::StepFailed { step, failure: (*failure).clone(), took_ms });
            Err(*failure)
        }
    }
}

/// What a step that needed no work came to.
pub(super) fn unchanged(revision: shipit_core::release::Revision) -> Done {
    Done { output: Output::RolledOut { revision: revision.clone() }, result: StepResult::Unchanged { revision } }
}
