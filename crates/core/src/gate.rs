//! The scan gate: findings against thresholds and waivers. Everything unknown fails closed unless the policy says otherwise.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How bad a finding is. The order is the order of badness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// INFORMATIONAL.
    Informational,
    /// LOW.
    Low,
    /// MEDIUM.
    Medium,
    /// HIGH.
    High,
    /// CRITICAL.
    Critical,
    /// UNDEFINED, UNTRIAGED, or a word that shipit does not know: as bad as the worst, for it may be.
    Unknown,
}

/// `gate:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// The lowest severity that blocks.
    pub fail_on: Threshold,
    /// What to do with an image that cannot be scanned.
    pub unscannable: Unscannable,
    /// Findings that are accepted until a day.
    pub waivers: Vec<Waiver>,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self { fail_on: Threshold::High, unscannable: Unscannable::Refuse, waivers: Vec::new() }
    }
}

/// `fail_on:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Low and worse block.
    Low,
    /// Medium and worse block.
    Medium,
    /// High and worse block.
    High,
    /// Critical blocks.
    Critical,
    /// No finding blocks; a missing scan still does.
    Never,
}

/// `unscannable:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unscannable {
    /// No result, no deploy.
    Refuse,
    /// Deploys without a result, and says so.
    Allow,
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
}

/// One vulnerability found in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// E.g. `CVE-2026-1234`.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// The package it is in, where the scanner says so.
    pub package: Option<String>,
    /// The version of that package.
    pub version: Option<String>,
    /// The version that has it fixed, where known.
    pub fixed_in: Option<String>,
}

/// What the registry says of an image's scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Scan {
    /// PENDING, IN_PROGRESS, or no scan known yet right after the push: wait.
    Running,
    /// COMPLETE or ACTIVE: these are the findings.
    Finished {
        /// All findings, every page.
        findings: Vec<Finding>,
    },
    /// There is and will be no result: the status and its description as AWS gives them.
    Unavailable {
        /// E.g. `UNSUPPORTED_IMAGE`.
        status: String,
        /// AWS's description, or nothing.
        description: String,
    },
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Pass {
        /// How many findings of each severity, worst first.
        counts: Vec<(Severity, usize)>,
        /// Findings that would have blocked, with the waiver that let them pass.
        waived: Vec<(Finding, Waiver)>,
    },
    /// Stop: these findings block, worst first.
    Block {
        /// What blocks.
        blocking: Vec<Finding>,
        /// Waivers that would have helped but have expired.
        expired: Vec<Waiver>,
    },
    /// Stop, or pass with a remark: there is no result.
    Unknown {
        /// The status.
        status: String,
        /// AWS's description.
        description: String,
        /// The policy lets it pass.
        allowed: Unscannable,
    },
    /// No verdict yet.
    Wait,
}

/// Judges a scan on a day.
pub fn judge(policy: &GatePolicy, scan: &Scan, today: Date) -> Verdict {
    match scan {
        Scan::Running => Verdict::Wait,
        Scan::Unavailable { status, description } => {
            Verdict::Unknown { status: status.clone(), description: description.clone(), allowed: policy.unscannable }
        }
        Scan::Finished { findings } => judge_findings(policy, findings, today),
    }
}

fn judge_findings(policy: &GatePolicy, findings: &[Finding], today: Date) -> Verdict {
    let mut blocking = Vec::new();
    let mut waived = Vec::new();
    let mut expired = Vec::new();
    for finding in findings.iter().filter(|finding| blocks(policy.fail_on, finding.severity)) {
        let waivers: Vec<&Waiver> = policy.waivers.iter().filter(|waiver| waiver.covers(finding)).collect();
        match waivers.iter().find(|waiver| waiver.until >= today) {
            Some(waiver) => waived.push((finding.clone(), (*waiver).clone())),
            None => {
                expired.extend(waivers.into_iter().cloned());
                blocking.push(finding.clone());
            }
        }
    }
    if blocking.is_empty() {
        return Verdict::Pass { counts: counts(findings), waived };
    }
    blocking.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    Verdict::Block { blocking, expired }
}

fn blocks(threshold: Threshold, severity: Severity) -> bool {
    let lowest = match threshold {
        Threshold::Never => return false,
        Threshold::Low => Severity::Low,
        Threshold::Medium => Severity::Medium,
        Threshold::High => Severity::High,
        Threshold::Critical => Severity::Critical,
    };
    severity >= lowest
}

/// How many findings of each severity, worst first, zeros left out.
pub fn counts(findings: &[Finding]) -> Vec<(Severity, usize)> {
    use Severity::{Critical, High, Informational, Low, Medium, Unknown};
    [Unknown, Critical, High, Medium, Low, Informational]
        .into_iter()
        .map(|severity| (severity, findings.iter().filter(|finding| finding.severity == severity).count()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

impl Waiver {
    /// This waiver is about that finding, whatever the day.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.id == finding.id && self.package.as_ref().is_none_or(|package| Some(package) == finding.package.as_ref())
    }
}
