//! What one look showed: both sides minute by minute, further metrics, probes, alarms. Facts only, in any order.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The period of the metrics.
pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What one look showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// AWS's time of the look.
    pub at: Timestamp,
    /// The candidate's target group.
    pub candidate: Vec<Minute>,
    /// The stable version's target group.
    pub stable: Vec<Minute>,
    /// Further metrics by [`Metric::name`](super::Metric).
    pub metrics: BTreeMap<String, Measured>,
    /// Answers of probes, all since the candidate could be asked.
    pub probes: Vec<Probed>,
    /// Alarms by name.
    pub alarms: BTreeMap<String, AlarmState>,
}

impl Samples {
    /// Nothing was seen.
    pub fn none(at: Timestamp) -> Self {
        Self {
            at,
            candidate: Vec::new(),
            stable: Vec::new(),
            metrics: BTreeMap::new(),
            probes: Vec::new(),
            alarms: BTreeMap::new(),
        }
    }
}

/// One side's minute, as `GetMetricData` gives it for a target group; what has no datapoint is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// When the minute began.
    pub start: Timestamp,
    /// Sum of `RequestCount`.
    pub requests: Option<u64>,
    /// Sum of `HTTPCode_Target_5XX_Count`.
    pub server_errors: Option<u64>,
    /// Sum of `TargetConnectionErrorCount`: what the load balancer answered with 502 because the target did not take the connection.
    pub connection_errors: Option<u64>,
    /// p50 of `TargetResponseTime`, in seconds.
    pub p50: Option<f64>,
    /// p95 of `TargetResponseTime`, in seconds.
    pub p95: Option<f64>,
}

impl Minute {
    /// A minute without any datapoint.
    pub fn empty(start: Timestamp) -> Self {
        Self { start, requests: None, server_errors: None, connection_errors: None, p50: None, p95: None }
    }

    /// Requests that got no proper answer. No datapoint is none of them; more than all requests is all of them.
    pub fn errors(&self) -> u64 {
        let counted = self.server_errors.unwrap_or(0).saturating_add(self.connection_errors.unwrap_or(0));
        counted.min(self.requests.unwrap_or(0))
    }
}

/// A further metric of both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The candidate's.
    pub candidate: Vec<Point>,
    /// The stable version's.
    pub stable: Vec<Point>,
}

/// One datapoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When its minute began.
    pub start: Timestamp,
    /// In the metric's own unit.
    pub value: f64,
}

/// One answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Which: [`Probe::name`](super::Probe).
    pub name: String,
    /// When it was answered.
    pub at: Timestamp,
    /// How.
    pub answer: Answered,
}

/// How a probe was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// As expected.
    Expected,
    /// Otherwise, or not at all: what was answered.
    Otherwise(String),
    /// It could not be sent from here, which says nothing of the candidate: why.
    Unsent(String),
}

/// `StateValue` of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// OK.
    Ok,
    /// ALARM.
    Alarm,
    /// INSUFFICIENT_DATA.
    InsufficientData,
    /// A word that shipit does not know.
    Other(String),
}
