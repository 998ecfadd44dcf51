//! DescribeImages and ListImages.

use serde::Deserialize;
use serde_json::{Value, json};

use super::image::Image;
use super::page::page;
use super::repository::Repository;
use super::request::{Filter, ImageId, OfRepository, Paging, invalid, length, read};
use crate::clock::Clock;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations that list images.
pub const TABLE: Table = &[("DescribeImages", describe_images), ("ListImages", list_images)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    #[serde(flatten)]
    of: OfRepository,
    image_ids: Option<Vec<ImageId>>,
    #[serde(flatten)]
    paging: Paging,
    #[serde(default)]
    filter: Filter,
}

fn describe_images(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Describe = read(body)?;
    let name = &request.of.repository_name;
    let repository = state.repository(request.of.registry_id.as_deref(), name)?;
    let mut details = Vec::new();
    if let Some(ids) = &request.image_ids {
        length("imageIds", ids, 100)?;
        if request.paging.max_results.is_some() || request.paging.next_token.is_some() {
            return Err(invalid("imageIds", "maxResults and nextToken are not allowed with imageIds"));
        }
        let mut seen = Vec::new();
        for id in ids {
            let (digest, image) = state.image(name, repository, id)?;
            if !seen.contains(&digest) {
                seen.push(digest);
                details.push(state.detail(name, repository, digest, image));
            }
        }
        return Ok(json!({"imageDetails": details}));
    }
    for (digest, image) in &repository.contents.images {
        if request.filter.takes(repository.contents.tags_of(digest).len()) {
            details.push(state.detail(name, repository, digest, image));
        }
    }
    let page = page(details, &request.paging)?;
    Ok(json!({"imageDetails": page.items, "nextToken": page.next}))
}

impl State {
    fn detail(&self, name: &str, repository: &Repository, digest: &str, image: &Image) -> Value {
        let tags = repository.contents.tags_of(digest);
        let mut detail = json!({
            "registryId": self.account,
            "repositoryName": name,
            "imageDigest": digest,
            "imageTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "imageSizeInBytes": image.size,
            "imagePushedAt": Clock::seconds(image.pushed_at),
            "imageManifestMediaType": image.media_type,
            "artifactMediaType": image.artifact_media_type,
            "subjectManifestDigest": image.subject,
            "imageStatus": "ACTIVE",
        });
        // Basic scanning tells its results by DescribeImageScanFindings only.
        if self.ecr.scanning.is_enhanced() {
            let scan = self.scan_view(name, digest, image);
            detail["imageScanStatus"] = scan.status_json();
            detail["imageScanFindingsSummary"] = scan.summary_json();
        }
        detail
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(flatten)]
    of: OfRepository,
    #[serde(flatten)]
    paging: Paging,
    #[serde(default)]
    filter: Filter,
}

/// One id a tag, and one for an image without tags.
fn list_images(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: List = read(body)?;
    let repository = state.repository(request.of.registry_id.as_deref(), &request.of.repository_name)?;
    let mut ids = Vec::new();
    for digest in repository.contents.images.keys() {
        let tags = repository.contents.tags_of(digest);
        if !request.filter.takes(tags.len()) {
            continue;
        }
        if tags.is_empty() {
            ids.push(json!({"imageDigest": digest}));
        }
        ids.extend(tags.iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})));
    }
    let page = page(ids, &request.paging)?;
    Ok(json!({"imageIds": page.items, "nextToken": page.next}))
}
