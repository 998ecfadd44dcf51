//! The digests of one image that something is told of: its own, or those of an index and of each of its images.

use super::{Attestation, Required};
use crate::release::Digest;
use crate::snapshot::Child;

/// One digest that something is told of, and demanded of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its manifest.
    pub digest: Digest,
    /// What it is.
    pub role: Role,
}

/// What a manifest is, of the image that a service names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// All of it: one image.
    Whole,
    /// The index, which the task definition names: it has no packages of its own.
    Index,
    /// The image of one platform, which runs.
    Child {
        /// E.g. `linux/arm64`.
        platform: String,
    },
}

/// The parts of an image whose index has these images; none for what is no index. An index without any counts as an image:
/// what is demanded of that it does not have.
pub fn parts(digest: &Digest, children: Vec<Child>) -> Vec<Part> {
    let of = |role| Part { digest: digest.clone(), role };
    if children.is_empty() {
        return vec![of(Role::Whole)];
    }
    let child = |Child { platform, digest }| Part { digest, role: Role::Child { platform } };
    std::iter::once(of(Role::Index)).chain(children.into_iter().map(child)).collect()
}

impl Part {
    /// Whether shipit tells that of it. An index is not installed anywhere, so that it has no SBOM.
    pub fn is_told(&self, attestation: Attestation) -> bool {
        attestation != Attestation::Sbom || self.role != Role::Index
    }

    /// Whether it must have that. An index names its images by digest: what is said of it holds for them, and others sign and
    /// attest the index alone. What is installed is only said of the images.
    pub fn is_demanded(&self, required: &Required) -> bool {
        let is_sbom = *required == Required::Told(Attestation::Sbom);
        match self.role {
            Role::Whole => true,
            Role::Index => !is_sbom,
            Role::Child { .. } => is_sbom,
        }
    }

    /// The sentence, with the platform before it where that is in question.
    pub fn said(&self, sentence: String) -> String {
        match &self.role {
            Role::Whole | Role::Index => sentence,
            Role::Child { platform } => format!("{platform}: {sentence}"),
        }
    }
}
