//! `judge:` as wanted: what is compared, and by how much the candidate may be worse.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// `judge:`. The default compares errors alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    /// `errors:`: answers with a 5xx status and refused connections; none leaves them out, e.g. behind a Network Load Balancer.
    pub errors: Option<Errors>,
    /// `latency:`; none leaves it out.
    pub latency: Option<Latency>,
    /// `metrics:`: further metrics by query.
    pub metrics: Vec<Metric>,
    /// `probes:`: requests to the candidate through the test listener.
    pub probes: Vec<Probe>,
    /// `alarms:`: CloudWatch alarms by name; one in ALARM is worse at once.
    pub alarms: Vec<String>,
    /// `patience:`: how long a judgement may stay inconclusive before the candidate is turned back.
    pub patience: SignedDuration,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            errors: Some(Errors::default()),
            latency: None,
            metrics: Vec::new(),
            probes: Vec::new(),
            alarms: Vec::new(),
            patience: Self::PATIENCE,
        }
    }
}

impl Judge {
    /// One hour, unless the file says otherwise.
    pub const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

    /// So long before traffic moves the stable version's minutes are looked at, for the time when it has none any more: as
    /// long as a judgement may take.
    pub fn looks_back(&self) -> SignedDuration {
        self.patience
    }

    /// With the load balancer's DNS name in the addresses of its probes.
    pub fn at(mut self, load_balancer: Option<&str>) -> Self {
        if let Some(name) = load_balancer {
            for probe in &mut self.probes {
                probe.url = probe.url.replace("{load_balancer}", name);
            }
        }
        self
    }

    /// Nothing is judged: such a judge could only be inconclusive for ever.
    pub fn is_empty(&self) -> bool {
        self.errors.is_none()
            && self.latency.is_none()
            && self.metrics.is_empty()
            && self.probes.is_empty()
            && self.alarms.is_empty()
    }
}

/// `errors:`. The default is `{ worse_by: 1%, at_least: 500 requests }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// How many percentage points the candidate's share of errors may lie above the stable version's.
    pub worse_by: Ratio,
    /// So many requests each side must have served before the candidate can pass.
    pub at_least: u64,
}

impl Default for Errors {
    fn default() -> Self {
        Self { worse_by: Ratio::percent(1), at_least: 500 }
    }
}

/// `latency:`. The default is `{ worse_by: 20% }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// By which part of the stable version's the candidate's p50 and p95 may be longer.
    pub worse_by: Ratio,
}

impl Default for Latency {
    fn default() -> Self {
        Self { worse_by: Ratio::percent(20) }
    }
}

/// One of `metrics:`, where more is worse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// How it is called in what people read.
    pub name: String,
    /// A CloudWatch metric math expression; `{target_group}`, `{load_balancer}` and `{service}` stand for each side's own.
    pub query: String,
    /// How much is too much.
    pub limit: Limit,
}

/// How much of a metric is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// By this part more than the stable version's in the same minute.
    WorseBy(Ratio),
    /// More than this in a minute.
    Max(Level),
}

/// One of `probes:`: a request to the candidate that must be answered as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// How it is called in what people read.
    pub name: String,
    /// The URL; `{load_balancer}` stands for the DNS name of the load balancer.
    pub url: String,
    /// Headers to send, e.g. the one that the test rule asks for. `${env:…}` in a value is filled in as it goes out: it may
    /// be a secret, which is written down nowhere.
    pub headers: Vec<(String, String)>,
    /// The HTTP status expected.
    pub expect: u16,
}

/// A part of a whole, exact: millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio {
    millionths: u32,
}

impl Ratio {
    /// Whole percents.
    pub const fn percent(percent: u32) -> Self {
        Self { millionths: percent.saturating_mul(10_000) }
    }

    /// Millionths: 0.1 % is 1,000.
    pub const fn millionths(millionths: u32) -> Self {
        Self { millionths }
    }

    /// As a fraction: 1 % is 0.01.
    pub fn fraction(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.millionths) / 1e4)
    }
}

/// A finite number in the metric's own unit. It is written as text, so that reading it gives the very same number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Level(f64);

impl Eq for Level {}

impl Level {
    /// The number; none when it is infinite or not a number.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl From<Level> for String {
    fn from(level: Level) -> String {
        level.0.to_string()
    }
}

impl TryFrom<String> for Level {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().ok().and_then(Self::new).ok_or("not a finite number")
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
