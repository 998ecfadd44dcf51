//! What was found, with the numbers that a person reads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AlarmState, Limit, Ratio};

/// Is the candidate worse? The order is the order of badness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Surely better, by more than it could have been worse.
    Better,
    /// Surely not worse than allowed.
    Same,
    /// Cannot be told yet: never a pass, however long it lasts.
    Inconclusive,
    /// Surely worse, by more than allowed.
    Worse,
}

/// What one look says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// AWS's time of the look.
    pub at: Timestamp,
    /// The newest minute that was compared; none when none could be.
    pub through: Option<Timestamp>,
    /// The verdict on all of it.
    pub verdict: Verdict,
    /// What both sides served in the minutes that were compared; none when none could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
    /// One by one, in the order of the pipeline file.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// What it still needs before it can tell; the most that any finding needs.
    pub fn needs(&self) -> Needs {
        self.findings.iter().map(|finding| finding.needs).fold(Needs::NOTHING, |most, needs| Needs {
            requests: most.requests.max(needs.requests),
            minutes: most.minutes.max(needs.minutes),
        })
    }

    /// The findings that make it what it is, the worst alone.
    pub fn decisive(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == self.verdict)
    }
}

/// What an inconclusive finding still needs, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// About so many further requests on the candidate.
    pub requests: u64,
    /// At least so many further minutes in which both sides serve.
    pub minutes: u32,
}

impl Needs {
    /// It can tell.
    pub const NOTHING: Self = Self { requests: 0, minutes: 0 };
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The verdict on this alone.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Evidence,
    /// What is missing; nothing when the verdict is not inconclusive.
    pub needs: Needs,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Evidence {
    /// Errors among the requests of the minutes in which both sides served.
    Errors {
        /// The candidate's.
        candidate: Count,
        /// The stable version's.
        stable: Count,
        /// How many minutes.
        minutes: u32,
        /// In so many of them the stable version had no traffic any more: beside them are its minutes from before that.
        #[serde(default)]
        before: u32,
        /// At most so likely is it that equal versions look so different at any of the looks: 1 is no sign at all.
        chance: f64,
        /// What is allowed.
        worse_by: Ratio,
    },
    /// A level minute by minute: latency, or a further metric.
    Minutes {
        /// `p50`, `p95`, or the metric's name.
        name: String,
        /// What it is measured in.
        unit: Unit,
        /// Minutes in which the candidate was beyond what is allowed; where it is better, those in which the stable version was.
        beyond: u32,
        /// Minutes that could be compared.
        minutes: u32,
        /// In so many of them the stable version had no traffic any more: beside them are its minutes from before that.
        #[serde(default)]
        before: u32,
        /// The median of the candidate's minutes.
        candidate: f64,
        /// The median of the stable version's, where it is compared with them.
        stable: Option<f64>,
        /// At most so likely is it that a candidate within what is allowed looks so, or one beyond it, whichever is named.
        chance: f64,
        /// What is allowed.
        limit: Limit,
    },
    /// Nothing to compare: no minute in which both sides served.
    NoMinutes {
        /// What of.
        name: String,
    },
    /// The last minute in which both sides served is too long ago to tell how it is now.
    Stale {
        /// What of.
        name: String,
        /// When it began.
        last: Timestamp,
    },
    /// A probe.
    Probe {
        /// Its name.
        name: String,
        /// How many answers in a row, the newest last, were not as expected.
        failed: u32,
        /// How many there are.
        asked: u32,
        /// The newest that was not as expected.
        said: Option<String>,
    },
    /// A probe that could not be sent.
    Unsent {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// An alarm.
    Alarm {
        /// Its name.
        name: String,
        /// Its state; none when CloudWatch does not know it.
        state: Option<AlarmState>,
    },
    /// `judge:` names nothing to judge.
    NothingAsked,
}

/// What a level is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A further metric's own.
    Own,
}

/// What both sides served in the minutes that were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// The candidate's.
    pub candidate: Served,
    /// The stable version's.
    pub stable: Served,
    /// How many minutes of each.
    pub minutes: u32,
    /// In so many of them the stable version had no traffic any more: the candidate's are beside minutes from before that.
    #[serde(default)]
    pub before: u32,
}

/// What one side served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Requests and errors.
    pub count: Count,
    /// The median of the minutes' p95, in milliseconds; none without a datapoint.
    pub p95_ms: Option<u64>,
}

/// Requests of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// All of them.
    pub requests: u64,
    /// Those that got no proper answer.
    pub errors: u64,
}

impl Count {
    /// The share of errors; 0 without requests.
    pub fn rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors as f64 / self.requests as f64 }
    }
}
