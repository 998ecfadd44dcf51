//! `notify:`: who is told how a run has ended, and what EventBridge is told.

use serde_json::{Value, json};

use crate::event::Outcome;
use crate::failure::Exit;
use crate::plan::Plan;
use crate::release::RunId;

/// Who is told. Nobody unless the file says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// `webhook:`.
    pub webhook: Option<Webhook>,
    /// `event_bridge:`.
    pub event_bridge: Option<EventBridge>,
}

/// A webhook that takes what Slack's incoming webhooks take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its URL as it is written, with its `${env:…}`: who knows it can post, so it is filled in only as the message goes out.
    pub url: String,
    /// When.
    pub on: On,
}

/// An event bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBridge {
    /// Its name or ARN.
    pub bus: String,
    /// When.
    pub on: On,
}

/// Which ends are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// Every one.
    #[default]
    Always,
    /// Those that a person should look at: every exit but 0.
    Failure,
}

impl On {
    /// Whether this end is told.
    pub fn includes(self, exit: Exit) -> bool {
        match self {
            On::Always => true,
            On::Failure => exit != Exit::Done,
        }
    }
}

/// `Source` of the events.
pub const SOURCE: &str = "shipit";
/// `DetailType` of the end of a run.
pub const RUN_FINISHED: &str = "shipit Run Finished";

/// `Detail` of the end of a run: small, for an event is limited to 256 KiB; log lines stay in the run's folder.
pub fn detail(run: &RunId, plan: &Plan, environment: Option<&str>, by: &str, outcome: &Outcome) -> Value {
    let failure = outcome.failure.as_ref().map(|failure| json!({"code": failure.code, "what": failure.what}));
    json!({
        "run": run,
        "pipeline": plan.pipeline,
        "environment": environment,
        "cluster": plan.cluster,
        "commit": plan.source.commit,
        "tag": plan.tag,
        "by": by,
        "result": outcome.exit,
        "exit": outcome.exit.code(),
        "failure": failure,
        "services": outcome.services,
        "images": outcome.images,
        "took_ms": outcome.took_ms,
    })
}
