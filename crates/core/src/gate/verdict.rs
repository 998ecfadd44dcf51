//! What a judgement comes to: the verdict, which goes on record, and how each finding stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Severity};
use super::policy::Waiver;

/// What the gate says, finding by finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Every finding that was listed, worst first.
    pub findings: Vec<Judged>,
}

/// A finding and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// It.
    #[serde(flatten)]
    pub finding: Finding,
    /// The platforms of an index whose images have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// What became of it.
    #[serde(flatten)]
    pub standing: Standing,
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It blocks, or is one of more than are allowed.
    Blocks,
    /// It would count, and is accepted.
    Waived {
        /// By this waiver.
        by: Waiver,
    },
    /// It would count, but the running image has it too.
    Known,
    /// It would count, but nothing fixes it yet.
    Unfixed,
    /// It does not matter, or is one of as many as are allowed.
    Tolerated,
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Pass(Box<Record>),
    /// Stop: more findings than are allowed.
    Block {
        /// What blocks, worst first, as far as it is listed.
        blocking: Vec<Finding>,
        /// The limits that are exceeded.
        exceeded: Vec<Exceeded>,
        /// What else goes on record.
        record: Box<Record>,
    },
    /// Stop: an image has no usable result, and the policy does not let that pass.
    Unknown {
        /// Which, and why.
        without: Without,
        /// What else goes on record.
        record: Box<Record>,
    },
    /// No verdict yet.
    Wait {
        /// How the scan that is waited for stands.
        status: String,
    },
}

/// A limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exceeded {
    /// Of this severity or worse.
    pub at: Severity,
    /// So many may stay.
    pub allowed: usize,
    /// So many are there.
    pub found: usize,
}

/// An image without a usable result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without {
    /// Its platform, where it is one of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// How its scan stands.
    pub status: String,
    /// Why that is no result, in the registry's words or ours.
    pub description: String,
    /// What is lacking.
    pub lack: Lack,
}

/// Why there is no usable result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// The status says that there is none.
    Result,
    /// There is one, older than the policy takes.
    Freshness,
    /// It did not come in time.
    End,
}

/// What the record of a run keeps of a judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How many findings of each severity, worst first, waived ones among them.
    pub counts: Vec<(Severity, usize)>,
    /// Findings that are accepted, each with the waiver that let it pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<(Finding, Waiver)>,
    /// Findings that would count, but the running image has them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Finding>,
    /// Findings that would count, but nothing fixes them yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfixed: Vec<Finding>,
    /// Waivers whose last day is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<Waiver>,
    /// Waivers that hold, and are about nothing that was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<Waiver>,
    /// Images that pass without a result, because the policy names their status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Without>,
    /// When the image was scanned: the oldest of all results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<Timestamp>,
    /// How new the vulnerability database was that was scanned with: the oldest of all results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_at: Option<Timestamp>,
}

impl Verdict {
    /// What goes on record; nothing of one that is still to come.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Verdict::Pass(record) | Verdict::Block { record, .. } | Verdict::Unknown { record, .. } => Some(record),
            Verdict::Wait { .. } => None,
        }
    }
}
