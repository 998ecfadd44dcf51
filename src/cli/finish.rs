//! A run carried out: journal opened, events told, outcome answered as the exit. A fresh run is the case of no facts.

use std::time::Instant;

use shipit_core::event::{Event, Outcome};
use shipit_core::failure::Exit;
use shipit_core::journal::{Book, Entry, Head};
use shipit_core::plan::Plan;
use shipit_core::release::RunId;

use super::notify::{Ended, notify};
use super::session::{Session, new_run, refuse};
use super::typed;
use crate::engine::interrupt::left;
use crate::engine::record::Journal;
use crate::engine::resume::begin;
use crate::engine::run::run;
use crate::report::{Output, Reports};

/// Carries a plan out as a new run, with facts that are known beforehand; answers its exit.
pub async fn carry_out(session: &Session, plan: &Plan, remarks: &[String], output: Output, facts: Vec<Entry>) -> Exit {
    match carried_out(session, plan, remarks, output, facts).await {
        Ok(outcome) => outcome.exit,
        Err(exit) => exit,
    }
}

/// The same, with all that came of it.
///
/// # Errors
/// What was refused has been said; the exit is to be answered.
pub async fn carried_out(
    session: &Session,
    plan: &Plan,
    remarks: &[String],
    output: Output,
    facts: Vec<Entry>,
) -> Result<Outcome, Exit> {
    let head = Head { run: new_run(jiff::Timestamp::now()), by: session.by.clone(), plan: plan.clone() };
    match begin(&session.context(&|_| {}), head, facts).await {
        Ok(book) => Ok(follow(session, book, remarks, output).await),
        Err(failure) => Err(refuse(&[failure])),
    }
}

/// Carries out what a journal, which is open, says there is still to do.
pub async fn go_on(session: &Session, book: Book, remarks: &[String], output: Output) -> Exit {
    follow(session, book, remarks, output).await.exit
}

async fn follow(session: &Session, book: Book, remarks: &[String], output: Output) -> Outcome {
    let clock = session.connected.clock;
    let Head { run: run_id, plan, .. } = book.head;
    session.announce(&run_id);
    let reports = Reports::new(output, &session.pipeline().folder, &run_id, move || clock.now());
    let tell = |event: Event| reports.tell(typed::event(event));
    tell(started(session, &run_id, &plan));
    for remark in remarks {
        tell(Event::Notice { message: remark.clone() });
    }
    let journal = Journal::new(session.connected.ports.store.as_ref(), clock, run_id, book.entries);
    let (context, began) = (session.context(&tell), Instant::now());
    let outcome = tokio::select! {
        outcome = run(&context, &plan, &journal) => outcome,
        // Whoever leaves at once does not wait until others are told.
        () = session.left() => return left(&context, &plan, &journal, began.elapsed()),
    };
    let told = typed::outcome(outcome.clone());
    let ended = Ended { run: &journal.run, plan: &plan, started: started(session, &journal.run, &plan), outcome: &told };
    tokio::select! {
        () = notify(session, ended) => {}
        () = session.left() => {}
    }
    outcome
}

fn started(session: &Session, run: &RunId, plan: &Plan) -> Event {
    Event::RunStarted {
        run: run.clone(),
        pipeline: plan.pipeline.clone(),
        environment: session.pipeline().environment.clone(),
        tag: plan.tag.0.clone(),
        subject: plan.source.subject.clone(),
        cluster: plan.cluster.clone(),
        region: session.region().to_owned(),
        resume: typed::line(&format!("shipit resume {run}")),
    }
}
