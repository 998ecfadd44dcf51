//! `notify:` in the schema.

use schemars::JsonSchema;

use super::{FromVariable, When};

/// Who is told how a run has ended.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Notify {
    /// A webhook that takes what Slack's incoming webhooks take.
    webhook: Option<Webhook>,
    /// An event bus of Amazon EventBridge.
    event_bridge: Option<EventBridge>,
}

/// A webhook.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Webhook {
    /// Its URL, which is a secret: `${env:NAME}`, or `${env:NAME:-}` where nobody is told if that is not set.
    url: FromVariable,
    /// When; `always` if not given.
    on: Option<When>,
}

/// An event bus.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct EventBridge {
    /// Its name or ARN; `default` if not given.
    bus: Option<String>,
    /// When; `always` if not given.
    on: Option<When>,
}
