//! BatchGetImage, PutImage, BatchDeleteImage.

use serde::Deserialize;
use serde_json::{Value, json};

use super::image::{Missing, Parts, is_digest};
use super::manifest::{DOCKER_IMAGE, OCI_IMAGE, convert};
use super::put::{Done, Put, image_json};
use super::repository::{Contents, disk};
use super::request::{ImageId, OfRepository, length, read};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::registry::store::digest_of;
use crate::state::State;

/// The operations on manifests.
pub const TABLE: Table = &[("BatchGetImage", batch_get_image), ("PutImage", put_image), ("BatchDeleteImage", batch_delete_image)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Get {
    #[serde(flatten)]
    of: OfRepository,
    image_ids: Vec<ImageId>,
    accepted_media_types: Option<Vec<String>>,
}

fn batch_get_image(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Get = read(body)?;
    length("imageIds", &request.image_ids, 100)?;
    let name = &request.of.repository_name;
    let repository = state.repository(request.of.registry_id.as_deref(), name)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in &request.image_ids {
        let found = repository.contents.find(id).and_then(|digest| {
            let image = repository.contents.images.get(digest).ok_or(Missing::NotFound)?;
            Ok((digest, image))
        });
        let (digest, image) = match found {
            Ok(found) => found,
            Err(missing) => {
                failures.push(failure(id, missing.code(), missing.reason()));
                continue;
            }
        };
        let stored = state.store().read_blob(digest).map_err(|error| disk(&error))?;
        let accepted = request.accepted_media_types.as_deref().unwrap_or_default();
        let (digest, media_type, bytes) = match conversion(id, &image.media_type, accepted, &stored) {
            Some((media_type, bytes)) => (digest_of(&bytes), media_type, bytes),
            None => (digest.to_owned(), image.media_type.as_str(), stored),
        };
        let manifest = String::from_utf8_lossy(&bytes);
        let tag = id.image_tag.as_deref();
        images.push(image_json(&state.account, name, &digest, tag, &manifest, media_type));
    }
    Ok(json!({"images": images, "failures": failures}))
}

/// Asked for by tag with only the other format accepted, ECR converts; by digest it never does.
fn conversion<'a>(id: &ImageId, stored_type: &str, accepted: &'a [String], stored: &[u8]) -> Option<(&'a str, Vec<u8>)> {
    if id.image_digest.is_some() || accepted.is_empty() || accepted.iter().any(|wanted| wanted == stored_type) {
        return None;
    }
    let wanted = accepted.iter().find(|wanted| [DOCKER_IMAGE, OCI_IMAGE].contains(&wanted.as_str()))?;
    Some((wanted, convert(stored, wanted)?))
}

fn failure(id: &ImageId, code: &str, reason: &str) -> Value {
    json!({
        "imageId": {"imageDigest": id.image_digest, "imageTag": id.image_tag},
        "failureCode": code,
        "failureReason": reason,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRequest {
    #[serde(flatten)]
    of: OfRepository,
    image_manifest: String,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

fn put_image(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: PutRequest = read(body)?;
    let name = &request.of.repository_name;
    state.repository(request.of.registry_id.as_deref(), name)?;
    let tag = request.image_tag.as_deref();
    let put = Put {
        repository: name,
        manifest: request.image_manifest.as_bytes(),
        media_type: request.image_manifest_media_type.as_deref(),
        tag,
        digest: request.image_digest.as_deref(),
    };
    match state.put_image(put).map_err(super::put::Refusal::into_aws)? {
        Done::Already(digest) => Err(AwsError::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry with id '{}'",
                tag.unwrap_or("null"),
                state.account
            ),
        )),
        Done::Changed(digest) => {
            let repository = state.repository(None, name)?;
            let id = ImageId { image_digest: Some(digest), image_tag: None };
            let (digest, image) = state.image(name, repository, &id)?;
            let image = image_json(&state.account, name, digest, tag, &request.image_manifest, &image.media_type);
            Ok(json!({"image": image}))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delete {
    #[serde(flatten)]
    of: OfRepository,
    image_ids: Vec<ImageId>,
}

/// By tag only the tag goes, and the image with its last tag; by digest the image goes with all its tags.
fn batch_delete_image(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Delete = read(body)?;
    length("imageIds", &request.image_ids, 100)?;
    let name = &request.of.repository_name;
    state.repository(request.of.registry_id.as_deref(), name)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    state.change(name, |contents| {
        for id in &request.image_ids {
            match delete(contents, id) {
                Ok(ids) => deleted.extend(ids),
                Err((code, reason)) => failures.push(failure(id, code, &reason)),
            }
        }
    })?;
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

/// What went, or BatchDeleteImage's code and reason. An image that others refer to can go; they stay.
pub(crate) fn delete(contents: &mut Contents, id: &ImageId) -> Result<Vec<Value>, (&'static str, String)> {
    let digest = contents.find(id).map_err(|missing| (missing.code(), missing.reason().to_owned()))?;
    let digest = digest.to_owned();
    let tags: Vec<String> = contents.tags_of(&digest).into_iter().map(str::to_owned).collect();
    let only_tag = id.image_tag.as_ref().filter(|_| tags.len() > 1);
    if let Some(tag) = only_tag {
        contents.tags.remove(tag);
        return Ok(vec![json!({"imageDigest": digest, "imageTag": tag})]);
    }
    let parents: Vec<&str> = contents
        .images
        .iter()
        .filter(|(_, image)| matches!(&image.parts, Parts::Manifests(children) if children.contains(&digest)))
        .map(|(parent, _)| parent.as_str())
        .collect();
    if !parents.is_empty() {
        let text = format!("Requested image referenced by manifest list: [{}]", parents.join(", "));
        return Err(("ImageReferencedByManifestList", text));
    }
    contents.images.remove(&digest);
    contents.tags.retain(|_, at| *at != digest);
    if tags.is_empty() {
        return Ok(vec![json!({"imageDigest": digest})]);
    }
    Ok(tags.iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})).collect())
}

/// `sha256:…` as it stands in a message of a push; anything else is a tag.
pub(crate) fn reference(text: &str) -> ImageId {
    let text = Some(text.to_owned());
    if text.as_deref().is_some_and(is_digest) {
        ImageId { image_digest: text, image_tag: None }
    } else {
        ImageId { image_digest: None, image_tag: text }
    }
}
