//! Who is told how a run has ended. It is told softly: what cannot be told is a notice, and the exit stays what it is.

use shipit_core::event::{Event, Outcome, Stamped};
use shipit_core::notify::{RUN_FINISHED, SOURCE, detail};
use shipit_core::plan::Plan;
use shipit_core::release::RunId;

use super::session::Session;
use crate::port::{BusEvent, PortResult};
use crate::report::{self, webhook};

/// A run that has ended.
pub struct Ended<'a> {
    /// Which.
    pub run: &'a RunId,
    /// What was to be done.
    pub plan: &'a Plan,
    /// How its beginning was told.
    pub started: Event,
    /// How it ended, as it was told.
    pub outcome: &'a Outcome,
}

/// Tells everybody, at once.
pub async fn notify(session: &Session, ended: Ended<'_>) {
    let Ended { run, plan, started, outcome } = ended;
    let (pipeline, herald, at) = (session.pipeline(), &session.connected.herald, session.connected.clock.now());
    let wanted = &pipeline.notify;
    let posted = async {
        let Some(webhook) = wanted.webhook.as_ref().filter(|webhook| webhook.on.includes(outcome.exit)) else { return };
        let finished = Event::RunFinished { outcome: outcome.clone() };
        let events = [Stamped { at, event: started }, Stamped { at, event: finished }];
        softly("the webhook", herald.post(&webhook.url, &webhook::body(&events, &session.by)).await);
    };
    let put = async {
        let Some(bus) = wanted.event_bridge.as_ref().filter(|bus| bus.on.includes(outcome.exit)) else { return };
        let detail = detail(run, plan, pipeline.environment.as_deref(), &session.by, outcome);
        let event = BusEvent { bus: &bus.bus, source: SOURCE, kind: RUN_FINISHED, detail: &detail };
        softly(&format!("the event bus `{}`", bus.bus), herald.put(&event).await);
    };
    tokio::join!(posted, put);
}

fn softly(whom: &str, result: PortResult<()>) {
    if let Err(error) = result {
        report::say(&report::ink::safe(&format!("notice: {whom} was not told how the run ended: {error}")));
    }
}
