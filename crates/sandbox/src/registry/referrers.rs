//! The artifacts that refer to a manifest: OCI's referrers API.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use serde_json::json;

use super::blobs::insert;
use super::refusal::Refusal;
use super::{Answer, Registry, empty, query};
use crate::ecr::image::is_digest;
use crate::ecr::manifest::OCI_INDEX;

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Registry {
    /// An index of descriptors; an empty one too for a manifest that is not there.
    pub(super) fn referrers(&self, repository: &str, digest: &str, request: &Request) -> Answer {
        if !is_digest(digest) {
            let text = format!("'{digest}' is not a digest");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", text));
        }
        let found = {
            let state = self.shared.lock();
            let contents = &state.repository(None, repository)?.contents;
            contents.referrers(&state.store(), digest).map_err(|error| Refusal::broken(&error))?
        };
        let wanted = query(request, "artifactType");
        let descriptors = found.into_iter().filter(|referrer| wanted.is_none() || referrer.artifact_type == wanted);
        let manifests = descriptors.map(|referrer| {
            let mut descriptor = json!({
                "mediaType": referrer.media_type,
                "digest": referrer.digest,
                "size": referrer.manifest_size,
            });
            if let Some(artifact_type) = referrer.artifact_type {
                descriptor["artifactType"] = artifact_type.into();
            }
            if !referrer.annotations.is_empty() {
                descriptor["annotations"] = referrer.annotations.into();
            }
            descriptor
        });
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests.collect::<Vec<_>>()});
        let mut response = empty(StatusCode::OK);
        insert(&mut response, CONTENT_TYPE, OCI_INDEX);
        if wanted.is_some() {
            insert(&mut response, FILTERS, "artifactType");
        }
        *response.body_mut() = Body::from(index.to_string());
        Ok(response)
    }
}
