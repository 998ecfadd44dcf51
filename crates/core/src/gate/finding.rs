//! One vulnerability in one package of an image.

use std::fmt;

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

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Severity; 6] =
        [Severity::Unknown, Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Informational];

    /// ECR's word for it: `UNDEFINED` in basic scanning, `UNTRIAGED` in enhanced scanning, and others that may come, are unknown.
    pub fn read(word: &str) -> Self {
        match word {
            "CRITICAL" => Severity::Critical,
            "HIGH" => Severity::High,
            "MEDIUM" => Severity::Medium,
            "LOW" => Severity::Low,
            "INFORMATIONAL" => Severity::Informational,
            _ => Severity::Unknown,
        }
    }
}

/// E.g. "high"; "of unknown severity".
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Informational => "informational",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
            Severity::Unknown => "of unknown severity",
        })
    }
}

/// Whether there is a version of the package without the vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// Nobody says: basic scanning does not tell.
    #[default]
    Untold,
    /// There is none yet.
    None,
    /// There is one, its version is not said.
    Some,
    /// From this version on.
    In(String),
}

/// One vulnerability found in one package of an image.
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
    /// Whether an update helps.
    pub fix: Fix,
    /// Where it is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Finding {
    /// The same vulnerability in the same package, whatever its version.
    pub fn is_same(&self, other: &Finding) -> bool {
        self.id == other.id && self.package == other.package
    }

    /// Two scans tell of the same finding: what is worse of both holds, and of fixes the one that is there.
    pub(super) fn take_worse(&mut self, other: &Finding) {
        self.severity = self.severity.max(other.severity);
        self.fix = match (&self.fix, &other.fix) {
            (Fix::None, fix) | (fix, Fix::None) => fix.clone(),
            (one, another) => one.max(another).clone(),
        };
        self.url = self.url.take().or_else(|| other.url.clone());
    }

    /// The version that has it fixed, where that is known.
    pub fn fixed_in(&self) -> Option<&str> {
        match &self.fix {
            Fix::In(version) => Some(version),
            Fix::Untold | Fix::None | Fix::Some => None,
        }
    }
}

/// E.g. "high CVE-2026-1234 in libxml2 2.9.10, fixed in 2.9.14".
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            Severity::Unknown => write!(f, "{} {}", self.id, self.severity)?,
            severity => write!(f, "{severity} {}", self.id)?,
        }
        if let Some(package) = &self.package {
            write!(f, " in {package}")?;
            self.version.iter().try_for_each(|version| write!(f, " {version}"))?;
        }
        match &self.fix {
            Fix::In(version) => write!(f, ", fixed in {version}"),
            Fix::Some => f.write_str(", a fix is available"),
            Fix::None => f.write_str(", no fix yet"),
            Fix::Untold => Ok(()),
        }
    }
}

/// How many of each severity, worst first, zeros left out.
pub fn counts<'a>(findings: impl Iterator<Item = &'a Finding> + Clone) -> Vec<(Severity, usize)> {
    let count = |severity| findings.clone().filter(|finding| finding.severity == severity).count();
    Severity::ALL.into_iter().map(|severity| (severity, count(severity))).filter(|(_, count)| *count > 0).collect()
}
