//! Mounting a blob: a push takes it over from another repository instead of uploading it, where the account allows that.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::Response;

use super::blobs::{DIGEST, insert};
use super::refusal::Refusal;
use super::{Registry, empty, query};
use crate::ecr::manifest::{Manifest, Refers};
use crate::ecr::repository::Contents;
use crate::ecr::settings::BlobMounting;
use crate::state::State;

impl Registry {
    /// The answer to a POST with `?mount=&from=` whose blob is there from now on; none where it has to be uploaded: the
    /// account's `BLOB_MOUNTING` is off, the repositories are encrypted differently, or no manifest over there refers to it.
    pub(super) fn mount(&self, repository: &str, request: &Request) -> Result<Option<Response>, Refusal> {
        let Some((digest, from)) = query(request, "mount").zip(query(request, "from")) else {
            return Ok(None);
        };
        let mut state = self.shared.lock();
        let encryption = state.repository(None, repository)?.encryption.clone();
        let Ok(source) = state.repository(None, &from) else {
            return Ok(None);
        };
        let Some(size) = source.contents.blobs.get(&digest).copied() else {
            return Ok(None);
        };
        let allowed = state.ecr.settings.blob_mounting == BlobMounting::Enabled && source.encryption == encryption;
        if !allowed || !is_referred_to(&state, &source.contents, &digest) {
            return Ok(None);
        }
        state.change(repository, |contents| contents.blobs.insert(digest.clone(), size))?;
        let mut response = empty(StatusCode::CREATED);
        let location = format!("http://{}/v2/{repository}/blobs/{digest}", state.address);
        insert(&mut response, LOCATION, &location);
        insert(&mut response, DIGEST, &digest);
        Ok(Some(response))
    }
}

fn is_referred_to(state: &State, contents: &Contents, digest: &str) -> bool {
    let store = state.store();
    contents.images.iter().any(|(manifest, image)| {
        let read = store.read_blob(manifest).ok().and_then(|bytes| Manifest::read(&bytes, Some(&image.media_type)).ok());
        match read.map(|manifest| manifest.refers) {
            Some(Refers::Blobs { config, layers }) => {
                config.digest == digest || layers.iter().any(|layer| layer.digest == digest)
            }
            Some(Refers::Manifests(_)) | None => false,
        }
    })
}
