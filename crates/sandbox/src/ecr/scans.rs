//! StartImageScan and DescribeImageScanFindings.

use serde::Deserialize;
use serde_json::{Value, json};
use shipit_scheduler::Span;

use super::image::Parts;
use super::page::page;
use super::request::{ImageId, OfRepository, Paging, read};
use super::scan::{Cause, Scan, View};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations on scans.
pub const TABLE: Table = &[("StartImageScan", start_image_scan), ("DescribeImageScanFindings", describe_image_scan_findings)];

/// An image is scanned once in so much virtual time, the scan on push included.
pub const QUOTA: Span = Span::seconds(24 * 3600);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    #[serde(flatten)]
    of: OfRepository,
    image_id: ImageId,
}

fn start_image_scan(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Start = read(body)?;
    let name = request.of.repository_name;
    let repository = state.repository(request.of.registry_id.as_deref(), &name)?;
    let (digest, image) = state.image(&name, repository, &request.image_id)?;
    if state.ecr.scanning.is_enhanced() {
        return Err(AwsError::new("ValidationException", "This feature is disabled"));
    }
    if !matches!(image.parts, Parts::Layers(_)) {
        return Err(AwsError::new(
            "UnsupportedImageTypeException",
            format!(
                "An artifact with media type '{}' cannot be scanned. For more information, see the Amazon ECR documentation.",
                image.media_type
            ),
        ));
    }
    let now = state.clock.now();
    if image.basic.as_ref().is_some_and(|scan| now < scan.at + QUOTA) {
        return Err(AwsError::new("LimitExceededException", "The scan quota per image has been exceeded. Wait and try again."));
    }
    let digest = digest.to_owned();
    state.change(&name, |contents| {
        if let Some(image) = contents.images.get_mut(&digest) {
            image.basic = Some(Scan::new(Cause::Request, now));
        }
    })?;
    Ok(json!({
        "registryId": state.account,
        "repositoryName": name,
        "imageId": {"imageDigest": digest, "imageTag": request.image_id.image_tag},
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    #[serde(flatten)]
    of: OfRepository,
    image_id: ImageId,
    #[serde(flatten)]
    paging: Paging,
}

fn describe_image_scan_findings(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Describe = read(body)?;
    let name = &request.of.repository_name;
    let repository = state.repository(request.of.registry_id.as_deref(), name)?;
    let (digest, image) = state.image(name, repository, &request.image_id)?;
    let view = state.scan_view(name, digest, image);
    let mut reply = json!({
        "registryId": state.account,
        "repositoryName": name,
        "imageId": {"imageDigest": digest, "imageTag": request.image_id.image_tag},
        "imageScanStatus": view.status_json(),
    });
    match view {
        View::NotFound => {
            let tag = request.image_id.image_tag;
            let id = ImageId { image_digest: Some(digest.to_owned()), image_tag: tag };
            return Err(AwsError::new(
                "ScanNotFoundException",
                format!(
                    "Image scan does not exist for the image with '{}' in the repository with name '{name}' in the registry with id '{}'",
                    id.text(),
                    state.account
                ),
            ));
        }
        View::Status { .. } => {}
        View::Findings { findings, .. } => {
            let page = page(findings.list.all().to_vec(), &request.paging)?;
            let mut shown = findings.summary_json();
            shown[findings.list.member()] = Value::from(page.items);
            reply["imageScanFindings"] = shown;
            reply["nextToken"] = json!(page.next);
        }
    }
    Ok(reply)
}
