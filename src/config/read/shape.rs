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
        "gate",
        "services",
        "allow_latest",
        "on_interrupt",
        "environments",
    ],
    later: &["verify"],
};

pub(in crate::config) const IMAGE: Shape =
    Shape { title: "Image", keys: &["context", "dockerfile", "repository", "args", "target", "platform"], later: &["platforms"] };

pub(in crate::config) const GATE: Shape = Shape { title: "Gate", keys: &["fail_on", "unscannable", "waivers"], later: &[] };

pub(in crate::config) const WAIVER: Shape = Shape { title: "Waiver", keys: &["id", "package", "until", "reason"], later: &[] };

pub(in crate::config) const SERVICE: Shape = Shape {
    title: "Service",
    keys: &["service", "needs", "task_definition", "containers", "strategy", "smoke", "service_definition"],
    later: &["traffic", "judge", "pause"],
};

pub(in crate::config) const STRATEGY: Shape =
    Shape { title: "Strategy", keys: &["rolling"], later: &["blue_green", "canary", "linear"] };

pub(in crate::config) const ROLLING: Shape =
    Shape { title: "Rolling", keys: &["minimum_percent", "maximum_percent"], later: &[] };

pub(in crate::config) const SMOKE: Shape = Shape { title: "Smoke", keys: &["url", "expect", "within"], later: &[] };

#[cfg(test)]
pub(in crate::config) const SHAPES: &[&Shape] = &[&PIPELINE, &IMAGE, &GATE, &WAIVER, &SERVICE, &STRATEGY, &ROLLING, &SMOKE];
