//! The one way an image gets into a repository, by PutImage or by a push: the rules, then the change.

use serde_json::Value;
use shipit_scheduler::Time;

use super::image::{Image, Parts};
use super::manifest::{BadManifest, Descriptor, Manifest, Refers};
use super::repository::{Contents, disk};
use super::scan::{Cause, Scan};
use super::scanning::Mode;
use crate::error::AwsError;
use crate::registry::store::digest_of;
use crate::state::State;

/// A manifest on its way into a repository.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The repository.
    pub repository: &'a str,
    /// The manifest as it was sent.
    pub manifest: &'a [u8],
    /// Its media type as the sender gives it.
    pub media_type: Option<&'a str>,
    /// The tag it is to have.
    pub tag: Option<&'a str>,
    /// The digest that the sender expects.
    pub digest: Option<&'a str>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The image or its tag is new, or the tag has moved.
    Changed(String),
    /// The same image was there under the same tag; ECR's API calls it an error, a push does not.
    Already(String),
}

/// Why it is refused. The API and the OCI protocol word it differently only in the code.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not a manifest that ECR takes.
    #[error(transparent)]
    Bad(#[from] BadManifest),
    /// The sender's digest is another one.
    #[error("The image digest '{0}' does not match the digest calculated from the image manifest")]
    Digest(String),
    /// Layers or the config have not been uploaded.
    #[error(
        "Layers with digests '[{digests}]' required for pushing image into repository with name '{repository}' in the registry with id '{registry}' do not exist"
    )]
    Layers {
        /// Which.
        digests: String,
        /// Where.
        repository: String,
        /// The account.
        registry: String,
    },
    /// Manifests of an index have not been pushed.
    #[error(
        "Images with digests '[{digests}]' required for pushing image into repository with name '{repository}' in the registry with id '{registry}' do not exist"
    )]
    Images {
        /// Which.
        digests: String,
        /// Where.
        repository: String,
        /// The account.
        registry: String,
    },
    /// The tag stands for another image and may not move.
    #[error(
        "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable."
    )]
    Immutable {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
    },
    /// Anything else: no such repository, a full disk.
    #[error("{}", .0.message)]
    Other(AwsError),
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        Refusal::Other(error)
    }
}

impl Refusal {
    /// As ECR's API answers it.
    pub fn into_aws(self) -> AwsError {
        let code = match self {
            Refusal::Other(error) => return error,
            Refusal::Bad(_) => "InvalidParameterException",
            Refusal::Digest(_) => "ImageDigestDoesNotMatchException",
            Refusal::Layers { .. } => "LayersNotFoundException",
            Refusal::Images { .. } => "ReferencedImagesNotFoundException",
            Refusal::Immutable { .. } => "ImageTagAlreadyExistsException",
        };
        AwsError::new(code, self.to_string())
    }
}

impl State {
    /// Puts an image into a repository; a new one is scanned where the registry scans on push.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn put_image(&mut self, put: Put<'_>) -> Result<Done, Refusal> {
        let now = self.clock.now();
        let repository = self.repository(None, put.repository)?;
        let contents = &repository.contents;
        let manifest = Manifest::read(put.manifest, put.media_type)?;
        let digest = digest_of(put.manifest);
        if let Some(expected) = put.digest.filter(|expected| *expected != digest) {
            return Err(Refusal::Digest(expected.to_owned()));
        }
        let (parts, size) = self.check_parts(put.repository, contents, &manifest)?;
        let known = contents.images.contains_key(&digest);
        if let Some(tag) = put.tag {
            match contents.tags.get(tag) {
                Some(at) if *at == digest => return Ok(Done::Already(digest)),
                Some(_) if repository.mutability.pins(tag) => {
                    return Err(Refusal::Immutable { tag: tag.to_owned(), repository: put.repository.to_owned() });
                }
                _ => {}
            }
        } else if known {
            return Ok(Done::Already(digest));
        }

        let mode = self.ecr.scanning.mode(put.repository, repository.scan_on_push);
        self.store().write_blob(&digest, put.manifest).map_err(|error| disk(&error))?;
        self.change(put.repository, |contents| {
            if !known {
                contents.images.insert(digest.clone(), new_image(manifest, parts, size, mode, now));
            }
            if let Some(tag) = put.tag {
                contents.tags.insert(tag.to_owned(), digest.clone());
            }
        })?;
        Ok(Done::Changed(digest))
    }

    fn check_parts(&self, name: &str, contents: &Contents, manifest: &Manifest) -> Result<(Parts, u64), Refusal> {
        match &manifest.refers {
            Refers::Blobs { config, layers } => {
                let needed = || [config].into_iter().chain(layers).filter(|part| part.urls.is_empty());
                let missing = list(needed().filter(|part| !contents.blobs.contains_key(&part.digest)));
                if !missing.is_empty() {
                    return Err(Refusal::Layers {
                        digests: missing,
                        repository: name.to_owned(),
                        registry: self.account.clone(),
                    });
                }
                let size = needed().filter_map(|part| contents.blobs.get(&part.digest)).sum();
                let parts = if !layers.is_empty() && layers.iter().all(Descriptor::is_file_system) {
                    let of_registry = layers.iter().filter(|layer| layer.urls.is_empty());
                    Parts::Layers(of_registry.map(|layer| layer.digest.clone()).collect())
                } else {
                    Parts::Artifact
                };
                Ok((parts, size))
            }
            Refers::Manifests(children) => {
                let missing = list(children.iter().filter(|child| !contents.images.contains_key(&child.digest)));
                if !missing.is_empty() {
                    return Err(Refusal::Images {
                        digests: missing,
                        repository: name.to_owned(),
                        registry: self.account.clone(),
                    });
                }
                let children: Vec<String> = children.iter().map(|child| child.digest.clone()).collect();
                let sizes = children.iter().filter_map(|child| contents.images.get(child));
                let largest = sizes.map(|image| image.size).max().unwrap_or_default();
                Ok((Parts::Manifests(children), largest))
            }
        }
    }
}

fn new_image(manifest: Manifest, parts: Parts, size: u64, mode: Mode, now: Time) -> Image {
    let scan = Some(Scan::new(Cause::Push, now));
    let (basic, enhanced) = match mode {
        // An artifact about another image is no image to be scanned.
        _ if manifest.subject.is_some() => (None, None),
        Mode::Manual | Mode::Off => (None, None),
        Mode::OnPush => (scan, None),
        Mode::Enhanced(_) => (None, scan),
    };
    Image {
        media_type: manifest.media_type,
        artifact_media_type: manifest.artifact_media_type,
        size,
        pushed_at: now,
        subject: manifest.subject,
        parts,
        basic,
        enhanced,
    }
}

fn list<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> String {
    let digests: Vec<&str> = descriptors.map(|descriptor| descriptor.digest.as_str()).collect();
    digests.join(", ")
}

/// An image as PutImage and BatchGetImage answer it.
pub(super) fn image_json(
    account: &str,
    repository: &str,
    digest: &str,
    tag: Option<&str>,
    manifest: &str,
    media_type: &str,
) -> Value {
    serde_json::json!({
        "registryId": account,
        "repositoryName": repository,
        "imageId": {"imageDigest": digest, "imageTag": tag},
        "imageManifest": manifest,
        "imageManifestMediaType": media_type,
    })
}
