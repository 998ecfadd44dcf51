//! A plan carried out: journal opened, events told, outcome answered as the exit.

use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::journal::Entry;
use shipit_core::plan::Plan;

use super::session::{Session, new_run, refuse};
use crate::engine::record::Journal;
use crate::engine::run::run;
use crate::report::{Output, Reports};

/// Carries a plan out from the given facts on: none, in a fresh run.
pub async fn carry_out(session: &Session, plan: &Plan, remarks: &[String], output: Output, facts: Vec<Entry>) -> Exit {
    let clock = session.connected.clock;
    let run_id = new_run(jiff::Timestamp::now());
    let reports = Reports::new(output, &session.pipeline().folder, &run_id, move || clock.now());
    let tell = |event: Event| reports.tell(event);
    tell(Event::RunStarted {
        run: run_id.clone(),
        pipeline: plan.pipeline.clone(),
        environment: session.pipeline().environment.clone(),
        tag: plan.tag.0.clone(),
        subject: plan.source.subject.clone(),
        cluster: plan.cluster.clone(),
        region: session.region().to_owned(),
    });
    for remark in remarks {
        tell(Event::Notice { message: remark.clone() });
    }
    let stored = match serde_json::to_value(plan) {
        Ok(stored) => stored,
        Err(error) => return refuse(&[Failure::new(Code::Unexpected, format!("the plan cannot be written down: {error}"))]),
    };
    if let Err(error) = session.connected.ports.store.open(&run_id, &stored).await {
        return refuse(&[error.into()]);
    }
    let journal = Journal::new(session.connected.ports.store.as_ref(), clock, run_id, facts);
    run(&session.context(&tell), plan, &journal).await.exit
}
