//! `gate:` of the pipeline file: what stops an image.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shipit_scheduler::Span;

use super::finding::{Finding, Severity};
use super::scan::{Detail, Status};

/// `gate:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatePolicy {
    /// The lowest severity of which one finding blocks.
    pub fail_on: Threshold,
    /// `thresholds:`: how many findings of that severity or worse may stay. They hold beside `fail_on`.
    pub thresholds: BTreeMap<Severity, usize>,
    /// `fixable_only:`.
    pub unfixed: Unfixed,
    /// `new_only:`.
    pub known: Known,
    /// `max_age:`: no older result counts.
    pub max_age: Option<Span>,
    /// `allow_status:`: an image passes without a result where its scan stands so. Everything else fails closed.
    pub allow_status: BTreeSet<Allowable>,
    /// Findings that are accepted until a day.
    pub waivers: Vec<Waiver>,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            fail_on: Threshold::High,
            thresholds: BTreeMap::new(),
            unfixed: Unfixed::Counts,
            known: Known::Counts,
            max_age: None,
            allow_status: BTreeSet::new(),
            waivers: Vec::new(),
        }
    }
}

/// `fail_on:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// Low and worse block.
    Low,
    /// Medium and worse block.
    Medium,
    /// High and worse block.
    High,
    /// Critical blocks.
    Critical,
    /// No finding blocks by itself; a missing scan still does.
    Never,
}

impl Threshold {
    /// The lowest severity that blocks.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Threshold::Never => None,
            Threshold::Low => Some(Severity::Low),
            Threshold::Medium => Some(Severity::Medium),
            Threshold::High => Some(Severity::High),
            Threshold::Critical => Some(Severity::Critical),
        }
    }
}

/// Findings that no update of a package takes away. Where the scanner does not tell whether there is one, they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfixed {
    /// They count as any other.
    Counts,
    /// They do not block.
    Passes,
}

/// Findings that the running image has too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// They count as any other.
    Counts,
    /// They do not block.
    Passes,
}

/// A status without a result that a policy may let pass. Whatever is not here can only fail closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowable {
    /// [`Status::UnsupportedImage`].
    UnsupportedImage,
    /// [`Status::ScanEligibilityExpired`]; findings that are still listed count all the same.
    ScanEligibilityExpired,
    /// [`Status::LimitExceeded`].
    LimitExceeded,
    /// [`Status::ImageSizeExceeded`].
    ImageSizeExceeded,
    /// [`Status::NotScanned`].
    NotScanned,
}

impl Allowable {
    /// The one that this status is.
    pub fn of(status: &Status) -> Option<Self> {
        match status {
            Status::UnsupportedImage => Some(Allowable::UnsupportedImage),
            Status::ScanEligibilityExpired => Some(Allowable::ScanEligibilityExpired),
            Status::LimitExceeded => Some(Allowable::LimitExceeded),
            Status::ImageSizeExceeded => Some(Allowable::ImageSizeExceeded),
            Status::NotScanned => Some(Allowable::NotScanned),
            _ => None,
        }
    }
}

/// One accepted finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The vulnerability, e.g. `CVE-2026-1234`.
    pub id: String,
    /// Only in this package, if given.
    pub package: Option<String>,
    /// The last day on which it holds.
    pub until: Date,
    /// Why it is acceptable.
    pub reason: String,
    /// Where it was written, e.g. `shipit.yaml:12:7`.
    pub place: String,
}

impl Waiver {
    /// This waiver is about that finding, whatever the day.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.id == finding.id && self.package.as_ref().is_none_or(|package| Some(package) == finding.package.as_ref())
    }
}

/// So many findings of a severity or worse, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit {
    /// Of this severity or worse.
    pub at: Severity,
    /// How many.
    pub allowed: usize,
}

impl GatePolicy {
    /// All limits, lowest severity first.
    pub fn limits(&self) -> Vec<Limit> {
        let fail_on = self.fail_on.severity().map(|at| Limit { at, allowed: 0 });
        let thresholds = self.thresholds.iter().map(|(at, allowed)| Limit { at: *at, allowed: *allowed });
        let mut limits: Vec<Limit> = fail_on.into_iter().chain(thresholds).collect();
        limits.sort_unstable();
        limits
    }

    /// What has to be read of the findings to judge by this policy.
    pub fn detail(&self) -> Detail {
        let counts = self.waivers.is_empty() && self.unfixed == Unfixed::Counts && self.known == Known::Counts;
        if counts { Detail::Counts } else { Detail::Findings }
    }
}

/// E.g. "fail on high, at most 10 of medium or worse, 2 waivers".
impl fmt::Display for GatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fail_on.severity() {
            Some(severity) => write!(f, "fail on {severity}")?,
            None if self.thresholds.is_empty() => f.write_str("the scan must exist, no finding blocks")?,
            None => f.write_str("the scan must exist")?,
        }
        self.thresholds.iter().try_for_each(|(severity, allowed)| write!(f, ", at most {allowed} {severity} or worse"))?;
        if self.unfixed == Unfixed::Passes {
            f.write_str(", only what can be fixed")?;
        }
        if self.known == Known::Passes {
            f.write_str(", only what is new")?;
        }
        self.max_age.iter().try_for_each(|age| write!(f, ", scanned within {}", age_words(*age)))
    }
}

/// E.g. "7d", "36h", "90m": whole days, hours or minutes where they fit.
pub(super) fn age_words(age: Span) -> String {
    let minutes = age.0 / 60_000;
    match minutes {
        0 => format!("{}s", age.0 / 1000),
        _ if minutes.is_multiple_of(24 * 60) => format!("{}d", minutes / (24 * 60)),
        _ if minutes.is_multiple_of(60) => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}
