//! BatchCheckLayerAvailability.

use serde::Deserialize;
use serde_json::{Value, json};

use super::image::is_digest;
use super::request::{OfRepository, length, read};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// BatchCheckLayerAvailability.
pub const TABLE: Table = &[("BatchCheckLayerAvailability", batch_check_layer_availability)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    #[serde(flatten)]
    of: OfRepository,
    layer_digests: Vec<String>,
}

fn batch_check_layer_availability(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Check = read(body)?;
    length("layerDigests", &request.layer_digests, 100)?;
    let repository = state.repository(request.of.registry_id.as_deref(), &request.of.repository_name)?;
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for digest in &request.layer_digests {
        if !is_digest(digest) {
            failures.push(json!({
                "layerDigest": digest,
                "failureCode": "InvalidLayerDigest",
                "failureReason": "Invalid layer digest",
            }));
            continue;
        }
        layers.push(match repository.contents.blobs.get(digest) {
            Some(size) => json!({
                "layerDigest": digest,
                "layerAvailability": "AVAILABLE",
                "layerSize": size,
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            }),
            None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
        });
    }
    Ok(json!({"layers": layers, "failures": failures}))
}
