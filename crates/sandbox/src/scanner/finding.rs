//! One vulnerability in one package.

use serde::{Deserialize, Serialize};

/// How bad it is, in ECR's words, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// CVSS 9.0 and above.
    Critical,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 0.1 to 3.9.
    Low,
    /// Not worth an update, says the vendor.
    Informational,
    /// Nobody has said; enhanced scanning calls it `UNTRIAGED`.
    Undefined,
}

impl Severity {
    /// As basic scanning writes it.
    pub fn basic(self) -> &'static str {
        match self {
            Severity::Critical => "CRITICAL",
            Severity::High => "HIGH",
            Severity::Medium => "MEDIUM",
            Severity::Low => "LOW",
            Severity::Informational => "INFORMATIONAL",
            Severity::Undefined => "UNDEFINED",
        }
    }

    /// As enhanced scanning writes it.
    pub fn enhanced(self) -> &'static str {
        match self {
            Severity::Undefined => "UNTRIAGED",
            known => known.basic(),
        }
    }

    /// Reads either spelling; anything else is undefined.
    pub fn read(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "CRITICAL" => Severity::Critical,
            "HIGH" | "IMPORTANT" => Severity::High,
            "MEDIUM" | "MODERATE" => Severity::Medium,
            "LOW" => Severity::Low,
            "INFORMATIONAL" | "UNIMPORTANT" | "NEGLIGIBLE" | "NONE" => Severity::Informational,
            _ => Severity::Undefined,
        }
    }
}

/// A CVSS rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// The base score, 0 to 10.
    pub score: f64,
    /// The vector, e.g. `CVSS:3.1/AV:N/…`.
    pub vector: String,
}

/// A vulnerability in an installed package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `CVE-…`, or the advisory's own id.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// The package, by the name that the advisory knows it under.
    pub package: String,
    /// The installed version.
    pub version: String,
    /// The first version without it, where there is one.
    pub fixed: Option<String>,
    /// What it is.
    pub description: String,
    /// Where to read more; empty when the advisory does not say.
    pub url: String,
    /// Its rating, where the advisory has one.
    pub cvss: Option<Cvss>,
}
