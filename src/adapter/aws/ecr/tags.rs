//! Tags and indices made in the registry itself: manifests go in again as they came out, and no layer moves.

use aws_sdk_ecr::types::ImageIdentifier;
use serde_json::json;
use shipit_core::release::{Digest, Tag};
use shipit_core::snapshot::Child;

use super::{Found, images, unreadable};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult, Tagged};

/// Of an index of images.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Adds a tag: the manifest byte for byte, with its media type, or the digest would be another.
pub(super) async fn add(ecr: &aws_sdk_ecr::Client, repository: &str, digest: &Digest, tag: &Tag) -> PortResult<Tagged> {
    let by_digest = ImageIdentifier::builder().image_digest(digest.as_str()).build();
    let found = images(ecr, repository, vec![by_digest, by_tag(tag)]).await?;
    // Where tags can be moved, PutImage would move it.
    if let Some(there) = found.iter().find(|one| one.tag.as_deref() == Some(tag.as_str())) {
        return Ok(of(there, digest));
    }
    let image = found.into_iter().find(|one| one.digest == *digest);
    let image = image.ok_or_else(|| PortError::NotFound { what: format!("image `{repository}@{}`", digest.short()) })?;
    let request = ecr.put_image().repository_name(repository).image_manifest(image.text).image_tag(tag.as_str());
    let request = request.set_image_manifest_media_type(image.media_type).image_digest(digest.as_str());
    match request.send().await.map_err(|error| AwsError::of(operation::PUT_IMAGE, &error)) {
        Ok(_) => Ok(Tagged::Yes),
        Err(error) if error.code() == Some("ImageAlreadyExistsException") => Ok(Tagged::Yes),
        Err(error) if error.code() == Some("ImageTagAlreadyExistsException") => {
            let there = images(ecr, repository, vec![by_tag(tag)]).await?.into_iter().next();
            there.map(|there| of(&there, digest)).ok_or_else(|| refused(error, repository))
        }
        Err(error) => Err(refused(error, repository)),
    }
}

/// Joins images in an index. The same images make the same bytes, so that doing it again is harmless.
pub(super) async fn join(ecr: &aws_sdk_ecr::Client, repository: &str, children: &[Child], tag: &Tag) -> PortResult<Digest> {
    let ids = children.iter().map(|child| ImageIdentifier::builder().image_digest(child.digest.as_str()).build()).collect();
    let found = images(ecr, repository, ids).await?;
    let mut manifests = Vec::new();
    for child in children {
        let image = found.iter().find(|one| one.digest == child.digest);
        let image =
            image.ok_or_else(|| PortError::NotFound { what: format!("image `{repository}@{}`", child.digest.short()) })?;
        let (os, architecture) = child.platform.split_once('/').unwrap_or(("linux", &child.platform));
        manifests.push(json!({
            "mediaType": image.media_type,
            "digest": image.digest,
            "size": image.text.len(),
            "platform": {"architecture": architecture, "os": os},
        }));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string();
    let request = ecr.put_image().repository_name(repository).image_manifest(&index).image_manifest_media_type(INDEX);
    let error = match request.image_tag(tag.as_str()).send().await {
        Ok(reply) => {
            let digest = reply.image.and_then(|image| image.image_id).and_then(|id| id.image_digest);
            return digest.map(Digest).ok_or_else(|| unreadable(operation::PUT_IMAGE, "an image without digest"));
        }
        Err(error) => AwsError::of(operation::PUT_IMAGE, &error),
    };
    if error.code() != Some("ImageAlreadyExistsException") {
        return Err(refused(error, repository));
    }
    let there = images(ecr, repository, vec![by_tag(tag)]).await?.into_iter().find(|there| there.text == index);
    there.map(|there| there.digest).ok_or_else(|| refused(error, repository))
}

fn by_tag(tag: &Tag) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag.as_str()).build()
}

fn of(there: &Found, digest: &Digest) -> Tagged {
    if there.digest == *digest { Tagged::Yes } else { Tagged::Taken { by: there.digest.clone() } }
}

fn refused(error: AwsError, repository: &str) -> PortError {
    named(error, || format!("repository `{repository}`"))
}
