//! An image or index of a repository, as its manifest describes it.

use serde::{Deserialize, Serialize};
use shipit_scheduler::Time;

use super::repository::{Contents, Repository};
use super::request::ImageId;
use super::scan::Scan;
use crate::error::AwsError;
use crate::state::State;

/// An image or index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The manifest's media type.
    pub media_type: String,
    /// The config's media type, or the artifact's.
    pub artifact_media_type: Option<String>,
    /// Compressed bytes: config and layers; of an index, its largest child's.
    pub size: u64,
    /// When it was pushed first.
    #[serde(with = "millis")]
    pub pushed_at: Time,
    /// The digest of the manifest that this one is about.
    pub subject: Option<String>,
    /// What it is made of.
    pub parts: Parts,
    /// Its basic scan.
    pub basic: Option<Scan>,
    /// Its enhanced scan.
    pub enhanced: Option<Scan>,
}

/// What a manifest refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// Layers to be laid on each other, lowest first.
    Layers(Vec<String>),
    /// An artifact that is no file system: an attestation, a signature, a chart.
    Artifact,
    /// Manifests, one a platform.
    Manifests(Vec<String>),
}

/// Times are kept as milliseconds.
pub(super) mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use shipit_scheduler::Time;

    pub(crate) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        u64::deserialize(deserializer).map(Time)
    }
}

/// Why an id leads to no image, with BatchGetImage's code and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Neither digest nor tag.
    Unnamed,
    /// The digest is not `sha256:` and 64 hexadecimal digits.
    BadDigest,
    /// There is none.
    NotFound,
    /// The tag stands for another digest.
    Mismatch,
}

impl Missing {
    /// `failureCode`.
    pub fn code(self) -> &'static str {
        match self {
            Missing::Unnamed => "MissingDigestAndTag",
            Missing::BadDigest => "InvalidImageDigest",
            Missing::NotFound => "ImageNotFound",
            Missing::Mismatch => "ImageTagDoesNotMatchDigest",
        }
    }

    /// `failureReason`.
    pub fn reason(self) -> &'static str {
        match self {
            Missing::Unnamed => "Invalid request parameters: both tag and digest cannot be null",
            Missing::BadDigest => {
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
            }
            Missing::NotFound => "Requested image not found",
            Missing::Mismatch => "Image tag does not match digest",
        }
    }
}

impl Contents {
    /// The digest that an id stands for.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, id: &ImageId) -> Result<&str, Missing> {
        if id.image_digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            return Err(Missing::BadDigest);
        }
        let by_digest = |digest: &str| self.images.get_key_value(digest).map(|(digest, _)| digest.as_str());
        match (&id.image_digest, &id.image_tag) {
            (None, None) => Err(Missing::Unnamed),
            (Some(digest), None) => by_digest(digest).ok_or(Missing::NotFound),
            (digest, Some(tag)) => {
                let at = self.tags.get(tag).ok_or(Missing::NotFound)?;
                match digest {
                    Some(digest) if digest != at => Err(Missing::Mismatch),
                    _ => by_digest(at).ok_or(Missing::NotFound),
                }
            }
        }
    }
}

/// `sha256:` and 64 hexadecimal digits in lower case.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

impl State {
    /// An image of a repository, with its digest.
    ///
    /// # Errors
    /// ImageNotFoundException, in ECR's words; InvalidParameterException when the id names nothing.
    pub fn image<'a>(&self, name: &str, repository: &'a Repository, id: &ImageId) -> Result<(&'a str, &'a Image), AwsError> {
        let contents = &repository.contents;
        let found = contents.find(id).and_then(|digest| {
            let image = contents.images.get(digest).ok_or(Missing::NotFound)?;
            Ok((digest, image))
        });
        found.map_err(|missing| match missing {
            Missing::Unnamed | Missing::BadDigest => {
                AwsError::new("InvalidParameterException", missing.reason())
            }
            Missing::NotFound | Missing::Mismatch => AwsError::new(
                "ImageNotFoundException",
                format!(
                    "The image with imageId {} does not exist within the repository with name '{name}' in the registry with id '{}'",
                    id.text(),
                    self.account
                ),
            ),
        })
    }
}
