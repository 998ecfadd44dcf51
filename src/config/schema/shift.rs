//! The schema of what shifts traffic: its steps, its wiring, its pauses, its judge.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{Duration, Part, Place, Requests, Role, Rule, Scalar, Share, Status};

/// All traffic at once.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct BlueGreen {
    /// The old version is kept for so long once it has no traffic any more; what the service has, or `10m`, if not given.
    terminate_after: Option<Duration>,
}

/// One share of the traffic, then the rest.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Canary {
    /// The first share and `100%`; `[10%, 100%]` if not given.
    steps: Option<Vec<Share>>,
    /// How long the first share is watched, in whole minutes up to a day; `5m` if not given.
    bake: Option<Duration>,
    /// The old version is kept for so long once it has no traffic any more; what the service has, or `10m`, if not given.
    terminate_after: Option<Duration>,
}

/// Equal steps.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Linear {
    /// Equal steps up to `100%`; `step:` says the same.
    steps: Option<Vec<Share>>,
    /// One step, from 3 %; `10%` if not given.
    step: Option<Share>,
    /// How long each step is watched, in whole minutes up to a day; `6m` if not given.
    bake: Option<Duration>,
    /// The old version is kept for so long once it has no traffic any more; what the service has, or `10m`, if not given.
    terminate_after: Option<Duration>,
}

/// What ECS needs to move traffic between two target groups.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Traffic {
    /// The second target group: its name or ARN.
    alternate_target_group: String,
    /// ARN of the listener rule (Application Load Balancer) or listener (Network Load Balancer) of production traffic.
    production_rule: Rule,
    /// The same for test traffic.
    test_rule: Option<Rule>,
    /// ARN of the infrastructure role that ECS takes to change them.
    role: Role,
}

/// Places, or a block with them.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) enum Pause {
    Places(Vec<Place>),
    Block(PauseBlock),
}

/// Where a person is asked, and how long AWS waits for the answer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct PauseBlock {
    /// The places.
    at: Vec<Place>,
    /// How long AWS waits before it rolls back, in whole minutes up to 14 days; `24h` if not given.
    timeout: Option<Duration>,
}

/// How the candidate is compared with the version that serves beside it in the same minutes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Judge {
    /// Answers with a 5xx status and refused connections; `~` leaves them out.
    errors: Option<Errors>,
    /// The time until an answer begins; left out if not given.
    latency: Option<Latency>,
    /// Further CloudWatch metrics, by a name of your choice; more is worse.
    metrics: Option<BTreeMap<String, Metric>>,
    /// Requests to the candidate through the test listener, by a name of your choice.
    probes: Option<BTreeMap<String, Probe>>,
    /// CloudWatch alarms by name; they also become alarms of the deployment itself.
    alarms: Option<Vec<String>>,
    /// How long it may stay undecided before the candidate is turned back; `1h` if not given.
    patience: Option<Duration>,
}

/// How many more errors are too many.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Errors {
    /// So many percentage points more than the stable version has; `1%` if not given.
    worse_by: Option<Part>,
    /// So many requests each side must have served first; `500 requests` if not given.
    at_least: Option<Requests>,
}

/// How much longer is too long.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Latency {
    /// By this part of the stable version's p50 and p95; `20%` if not given.
    worse_by: Option<Part>,
}

/// A metric of each side, and how much of it is too much: `worse_by` or `max`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Metric {
    /// A metric math expression; `{target_group}`, `{load_balancer}` and `{service}` stand for each side's own.
    query: String,
    /// By this part more than the stable version's in the same minute.
    worse_by: Option<Part>,
    /// More than this in a minute.
    max: Option<f64>,
}

/// One address of the candidate that must answer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Probe {
    /// The URL; `{load_balancer}` stands for the DNS name of the service's load balancer.
    url: String,
    /// Headers to send, e.g. the one that the test rule asks for. A value from `${env:…}` is filled in as it goes out, and
    /// written down nowhere.
    headers: Option<BTreeMap<String, Scalar>>,
    /// The HTTP status expected; 200 if not given.
    expect: Option<Status>,
}
