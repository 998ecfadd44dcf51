//! Which keys each map of the pipeline file has, and which it will have: held against the schema by a test.

/// The keys of one map of the pipeline file.
#[derive(Debug)]
pub(in crate::config) struct Shape {
    /// Its title in the schema.
    pub(in crate::config) title: &'static str,
    /// What can be given.
    pub(in crate::config) keys: &'static [&'static str],
    /// What is documented but not in this version.
    pub(in crate::config) later: &'static [&'static str],
}

pub(in crate::config) const PIPELINE: Shape = Shape {
    title: "Pipeline",
    keys: &[
        "pipeline",
        "region",
        "account",
        "assume_role",
        "cluster",
        "images",
        "attest",
        "gate",
        "verify",
        "services",
        "allow_latest",
        "on_interrupt",
        "notify",
        "environments",
    ],
    later: &[],
};

pub(in crate::config) const IMAGE: Shape = Shape {
    title: "Image",
    keys: &[
        "context",
        "dockerfile",
        "repository",
        "args",
        "target",
        "platform",
        "platforms",
        "compression",
        "secrets",
        "ssh",
        "not_secret",
        "cache",
    ],
    later: &[],
};

pub(in crate::config) const SECRET: Shape = Shape { title: "BuildSecret", keys: &["env", "file"], later: &[] };

pub(in crate::config) const NOT_SECRET: Shape = Shape { title: "NotSecret", keys: &["path", "rule", "reason"], later: &[] };

pub(in crate::config) const GATE: Shape = Shape {
    title: "Gate",
    keys: &["fail_on", "thresholds", "fixable_only", "new_only", "max_age", "allow_status", "waivers"],
    later: &[],
};

pub(in crate::config) const THRESHOLDS: Shape =
    Shape { title: "Thresholds", keys: &["critical", "high", "medium", "low"], later: &[] };

pub(in crate::config) const WAIVER: Shape = Shape { title: "Waiver", keys: &["id", "package", "until", "reason"], later: &[] };

pub(in crate::config) const SERVICE: Shape = Shape {
    title: "Service",
    keys: &[
        "service",
        "needs",
        "task_definition",
        "containers",
        "strategy",
        "traffic",
        "pause",
        "judge",
        "smoke",
        "service_definition",
        "force_new_deployment",
    ],
    later: &[],
};

pub(in crate::config) const STRATEGY: Shape =
    Shape { title: "Strategy", keys: &["rolling", "blue_green", "canary", "linear"], later: &[] };

pub(in crate::config) const ROLLING: Shape =
    Shape { title: "Rolling", keys: &["minimum_percent", "maximum_percent"], later: &[] };

pub(in crate::config) const BLUE_GREEN: Shape = Shape { title: "BlueGreen", keys: &["terminate_after"], later: &[] };

pub(in crate::config) const CANARY: Shape = Shape { title: "Canary", keys: &["steps", "bake", "terminate_after"], later: &[] };

pub(in crate::config) const LINEAR: Shape =
    Shape { title: "Linear", keys: &["steps", "step", "bake", "terminate_after"], later: &[] };

pub(in crate::config) const TRAFFIC: Shape =
    Shape { title: "Traffic", keys: &["alternate_target_group", "production_rule", "test_rule", "role"], later: &[] };

pub(in crate::config) const PAUSE: Shape = Shape { title: "PauseBlock", keys: &["at", "timeout"], later: &[] };

pub(in crate::config) const JUDGE: Shape =
    Shape { title: "Judge", keys: &["errors", "latency", "metrics", "probes", "alarms", "patience"], later: &[] };

pub(in crate::config) const ERRORS: Shape = Shape { title: "Errors", keys: &["worse_by", "at_least"], later: &[] };

pub(in crate::config) const LATENCY: Shape = Shape { title: "Latency", keys: &["worse_by"], later: &[] };

pub(in crate::config) const METRIC: Shape = Shape { title: "Metric", keys: &["query", "worse_by", "max"], later: &[] };

pub(in crate::config) const PROBE: Shape = Shape { title: "Probe", keys: &["url", "headers", "expect"], later: &[] };

pub(in crate::config) const NOTIFY: Shape = Shape { title: "Notify", keys: &["webhook", "event_bridge"], later: &[] };

pub(in crate::config) const WEBHOOK: Shape = Shape { title: "Webhook", keys: &["url", "on"], later: &[] };

pub(in crate::config) const EVENT_BRIDGE: Shape = Shape { title: "EventBridge", keys: &["bus", "on"], later: &[] };

pub(in crate::config) const SMOKE: Shape = Shape { title: "Smoke", keys: &["url", "expect", "within"], later: &[] };

#[cfg(test)]
pub(in crate::config) const SHAPES: &[&Shape] = &[
    &PIPELINE,
    &IMAGE,
    &SECRET,
    &NOT_SECRET,
    &GATE,
    &THRESHOLDS,
    &WAIVER,
    &SERVICE,
    &STRATEGY,
    &ROLLING,
    &BLUE_GREEN,
    &CANARY,
    &LINEAR,
    &TRAFFIC,
    &PAUSE,
    &JUDGE,
    &ERRORS,
    &LATENCY,
    &METRIC,
    &PROBE,
    &SMOKE,
    &NOTIFY,
    &WEBHOOK,
    &EVENT_BRIDGE,
];
