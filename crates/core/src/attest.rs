//! Attestations: what is told about an image by its digest, beside it in the registry, and what must have been told of a
//! digest before it is deployed.

mod part;
pub mod provenance;
pub mod sbom;
mod source;
mod verify;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::release::Digest;

pub use part::{Part, Role, parts};
pub use verify::{Attached, Expected, verify};

/// What shipit can tell about an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Its packages: SPDX 2.3.
    Sbom,
    /// What it was built from, and by which run: SLSA provenance 1 in an in-toto statement.
    Provenance,
}

impl Attestation {
    /// As the pipeline file has it.
    pub fn word(self) -> &'static str {
        match self {
            Attestation::Sbom => "sbom",
            Attestation::Provenance => "provenance",
        }
    }

    /// The artifact's type in the registry, and its content's media type.
    pub fn artifact_type(self) -> &'static str {
        match self {
            Attestation::Sbom => "application/spdx+json",
            Attestation::Provenance => "application/vnd.in-toto+json",
        }
    }

    /// What its statement is about, where it is a statement: told by an annotation too, so that a list of referrers says it.
    pub fn predicate_type(self) -> Option<&'static str> {
        match self {
            Attestation::Sbom => None,
            Attestation::Provenance => Some(provenance::PREDICATE),
        }
    }
}

impl fmt::Display for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The annotation that says what a statement is about.
pub const PREDICATE_ANNOTATION: &str = "in-toto.io/predicate-type";

/// An artifact that refers to an image, as the registry lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its manifest's digest.
    pub digest: Digest,
    /// What it is.
    pub artifact_type: String,
    /// What its statement is about, where it says so.
    pub predicate_type: Option<String>,
}

impl Referrer {
    /// It may be that attestation; a statement that does not say what it is about may be any.
    pub fn tells(&self, attestation: Attestation) -> bool {
        let told = |predicate: &str| predicate.starts_with("https://slsa.dev/provenance/");
        self.artifact_type == attestation.artifact_type()
            && (attestation == Attestation::Sbom || self.predicate_type.as_deref().is_none_or(told))
    }
}

/// What `verify:` asks of a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// One of those that shipit makes and reads.
    Told(Attestation),
    /// Any artifact of this type, whatever it says: a signature, a scan's report.
    Artifact(String),
}

impl Required {
    /// The artifact's type.
    pub fn artifact_type(&self) -> &str {
        match self {
            Required::Told(attestation) => attestation.artifact_type(),
            Required::Artifact(artifact_type) => artifact_type,
        }
    }
}

/// As the pipeline file has it.
impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Required::Told(attestation) => attestation.fmt(f),
            Required::Artifact(artifact_type) => f.write_str(artifact_type),
        }
    }
}

/// The image that an attestation is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// `<registry>/<repository>`.
    pub repository: &'a str,
    /// Its manifest's digest.
    pub digest: &'a Digest,
}

impl Digest {
    /// The 64 digits.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }
}
