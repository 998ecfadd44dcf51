//! What CloudWatch knows of two target groups in the same minutes, and of alarms.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use shipit_core::analysis::{AlarmState, Metric, Samples};

use super::PortResult;

/// What one look asks for.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The ECS service's name, for queries that say `{service}`.
    pub service: &'a str,
    /// ARN of the candidate's target group.
    pub candidate: &'a str,
    /// ARN of the stable version's target group.
    pub stable: &'a str,
    /// The first minute; the one that `since` lies in belongs to it.
    pub since: Timestamp,
    /// AWS's time now: minutes that begin later do not belong to it.
    pub at: Timestamp,
    /// Further metrics.
    pub metrics: &'a [Metric],
    /// Alarms by name.
    pub alarms: &'a [String],
}

/// Metrics and alarms, read only.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Both sides minute by minute, oldest first, without the minutes that have no datapoint at all; further metrics and
    /// alarms by name; no probes. A target group behind no Application Load Balancer has no minutes.
    async fn look(&self, watched: &Watched<'_>) -> PortResult<Samples>;
    /// How these alarms stand; one that does not exist is left out.
    async fn alarms(&self, names: &[String]) -> PortResult<BTreeMap<String, AlarmState>>;
}
