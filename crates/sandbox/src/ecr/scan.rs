//! An image's scan as a function of time: first unknown, then running, then what was found.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shipit_scheduler::{Span, Time};

use super::findings::Findings;
use super::image::{Image, millis};
use crate::scanner::{Finding, System};
use crate::state::State;

/// For so long after a push nobody knows of the scan: ScanNotFoundException.
pub const UNKNOWN: Span = Span::seconds(1);

/// So long a scan runs at least.
pub const RUNS: Span = Span::seconds(5);

/// A scan that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// By what.
    pub cause: Cause,
    /// When.
    #[serde(with = "millis")]
    pub at: Time,
    /// What the look into the layers said; not kept: another run of the sandbox may have other advisories.
    #[serde(skip)]
    pub outcome: Option<Outcome>,
}

/// Why a scan was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The image was pushed.
    Push,
    /// Someone asked: StartImageScan, or enhanced scanning was switched on.
    Request,
}

/// What the look into the layers said.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// [`super::Ecr::edition`] of the advisories.
    pub edition: u64,
    /// The verdict.
    pub verdict: Verdict,
}

/// A scan's verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Looked at.
    Scanned {
        /// The image's system.
        system: System,
        /// The layer that holds its package database.
        layer: String,
        /// What was found, worst first.
        findings: Vec<Finding>,
    },
    /// No known package database.
    Unsupported,
    /// It could not be looked at: why.
    Failed(String),
}

/// A scan as DescribeImageScanFindings shows it at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// ScanNotFoundException.
    NotFound,
    /// A status without findings.
    Status {
        /// `status`.
        status: String,
        /// `description`.
        description: Option<String>,
    },
    /// A status with findings.
    Findings {
        /// `status`.
        status: String,
        /// `description`.
        description: Option<String>,
        /// The findings.
        findings: Findings,
    },
}

impl Scan {
    /// A scan that was asked for at a time.
    pub fn new(cause: Cause, at: Time) -> Self {
        Self { cause, at, outcome: None }
    }

    /// When it is over, if the look into the layers is.
    pub fn ends(&self) -> Time {
        match self.cause {
            Cause::Push => self.at + UNKNOWN + RUNS,
            Cause::Request => self.at + RUNS,
        }
    }

    /// What is known of it at a time.
    pub fn stage(&self, now: Time) -> Stage<'_> {
        if self.cause == Cause::Push && now < self.at + UNKNOWN {
            return Stage::Unknown;
        }
        match &self.outcome {
            Some(outcome) if now >= self.ends() => Stage::Over(outcome),
            _ => Stage::Running,
        }
    }
}

/// A scan's stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage<'a> {
    /// Nobody knows of it yet.
    Unknown,
    /// It runs.
    Running,
    /// It is over.
    Over(&'a Outcome),
}

impl Image {
    /// No time in it lies after `now`: virtual time of an earlier run may have been ahead.
    pub fn not_after(&mut self, now: Time) {
        self.pushed_at = self.pushed_at.min(now);
        for scan in [&mut self.basic, &mut self.enhanced].into_iter().flatten() {
            scan.at = scan.at.min(now);
        }
    }
}

impl State {
    /// An image's scan as it is shown now; a scan fault goes before what was really found.
    pub fn scan_view(&self, repository: &str, digest: &str, image: &Image) -> View {
        let enhanced = self.ecr.scanning.is_enhanced();
        let now = self.clock.now();
        if let Some(fault) = self.faults.scan(repository, digest) {
            return self.fault_view(fault, repository, digest, image);
        }
        let scan = if enhanced { &image.enhanced } else { &image.basic };
        let Some(scan) = scan else {
            return View::NotFound;
        };
        let status = |status: &str, description: &str| View::Status {
            status: status.to_owned(),
            description: Some(description.to_owned()),
        };
        match scan.stage(now) {
            Stage::Unknown => View::NotFound,
            Stage::Running => {
                View::Status { status: if enhanced { "PENDING" } else { "IN_PROGRESS" }.to_owned(), description: None }
            }
            Stage::Over(outcome) => match &outcome.verdict {
                Verdict::Unsupported => status("UNSUPPORTED_IMAGE", UNSUPPORTED),
                Verdict::Failed(why) => status("FAILED", why),
                Verdict::Scanned { .. } => View::Findings {
                    status: if enhanced { "ACTIVE" } else { "COMPLETE" }.to_owned(),
                    description: Some(if enhanced { CONTINUOUS } else { COMPLETE }.to_owned()),
                    findings: self.findings(repository, digest, image, scan, outcome),
                },
            },
        }
    }
}

/// The description of a finished basic scan.
pub const COMPLETE: &str = "The scan was completed successfully.";
/// The description of an enhanced scan that goes on.
pub const CONTINUOUS: &str = "Continuous scan is selected for image.";
const UNSUPPORTED: &str = "UnsupportedImageError: The operating system and/or package manager are not supported.";

impl View {
    /// `imageScanStatus`; null when no scan is known.
    pub fn status_json(&self) -> Value {
        match self {
            View::NotFound => Value::Null,
            View::Status { status, description } | View::Findings { status, description, .. } => {
                json!({"status": status, "description": description})
            }
        }
    }

    /// `imageScanFindingsSummary`; null without findings.
    pub fn summary_json(&self) -> Value {
        match self {
            View::Findings { findings, .. } => findings.summary_json(),
            View::NotFound | View::Status { .. } => Value::Null,
        }
    }
}
