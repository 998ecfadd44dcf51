//! HEAD, GET, PUT and DELETE of a manifest by tag or digest.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::blobs::{DIGEST, insert};
use super::refusal::Refusal;
use super::store::digest_of;
use super::{Answer, Registry, empty};
use crate::ecr::image::Missing;
use crate::ecr::manifest::{DOCKER_IMAGE, LARGEST, OCI_IMAGE, convert};
use crate::ecr::manifests::{delete, reference};
use crate::ecr::put::{Done, Put};

/// Tells a client that the registry lists referrers itself: no tag has to stand for the list.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Registry {
    /// A manifest's bytes as they were pushed; converted only when asked for by tag by one who takes the other image format
    /// alone, as ECR does.
    pub(super) async fn manifest(&self, repository: &str, wanted: &str, request: Request) -> Answer {
        let id = reference(wanted);
        let (digest, media_type, path) = {
            let state = self.shared.lock();
            let contents = &state.repository(None, repository)?.contents;
            let found = contents.find(&id).and_then(|digest| {
                let image = contents.images.get(digest).ok_or(Missing::NotFound)?;
                Ok((digest.to_owned(), image.media_type.clone()))
            });
            let (digest, media_type) =
                found.map_err(|missing| Refusal::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", missing.reason()))?;
            let path = state.store().blob(&digest);
            (digest, media_type, path)
        };
        let stored = tokio::fs::read(path).await.map_err(|error| Refusal::broken(&error))?;
        let other = if id.image_tag.is_some() { other_format(request.headers(), &media_type) } else { None };
        let converted = other.and_then(|other| Some((other, convert(&stored, other)?)));
        let (digest, media_type, bytes) = match &converted {
            Some((other, bytes)) => (digest_of(bytes), *other, bytes),
            None => (digest, media_type.as_str(), &stored),
        };
        let mut response = empty(StatusCode::OK);
        insert(&mut response, CONTENT_TYPE, media_type);
        insert(&mut response, DIGEST, &digest);
        let length = HeaderValue::from(bytes.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        if request.method() == Method::GET {
            *response.body_mut() = Body::from(bytes.clone());
        }
        Ok(response)
    }

    /// Puts a manifest. The same one again under the same tag is a success, also when the tag may not move.
    pub(super) async fn put_manifest(&self, repository: &str, wanted: &str, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let sent = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let sent = sent.map(|text| text.split(';').next().unwrap_or(text).trim());
        let bytes = to_bytes(body, LARGEST).await.map_err(|error| {
            let text = format!("manifest of more than {LARGEST} bytes, or cut off: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", text)
        })?;
        let id = reference(wanted);
        if id.image_tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            let text = format!("Invalid parameter at 'imageTag' failed to satisfy constraint: '{wanted}' is not a tag");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "TAG_INVALID", text));
        }
        let (digest, subject, address) = {
            let mut state = self.shared.lock();
            let done = state.put_image(Put {
                repository,
                manifest: &bytes,
                media_type: sent,
                tag: id.image_tag.as_deref(),
                digest: id.image_digest.as_deref(),
            })?;
            let (Done::Changed(digest) | Done::Already(digest)) = done;
            let image = state.repository(None, repository)?.contents.images.get(&digest);
            let subject = image.and_then(|image| image.subject.clone());
            (digest, subject, state.address.clone())
        };
        self.shared.ring();
        let mut response = empty(StatusCode::CREATED);
        let location = format!("http://{address}/v2/{repository}/manifests/{digest}");
        insert(&mut response, LOCATION, &location);
        insert(&mut response, DIGEST, &digest);
        if let Some(subject) = subject {
            insert(&mut response, SUBJECT, &subject);
        }
        Ok(response)
    }

    /// Deletes an image with its tags, or by tag as BatchDeleteImage does. What refers to it stays.
    pub(super) fn delete_manifest(&self, repository: &str, wanted: &str) -> Answer {
        let mut state = self.shared.lock();
        let deleted = state.change(repository, |contents| delete(contents, &reference(wanted)))?;
        deleted.map_err(|(code, reason)| match code {
            "ImageNotFound" => Refusal::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", reason),
            _ => Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", reason),
        })?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}

/// The image format that the reader takes, when the stored one is not among those.
fn other_format(headers: &HeaderMap, stored: &str) -> Option<&'static str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> = values
        .flat_map(|value| value.split(','))
        .map(|media_type| media_type.split(';').next().unwrap_or_default().trim())
        .filter(|media_type| !media_type.is_empty())
        .collect();
    let takes = |media_type: &str| accepted.contains(&media_type);
    if accepted.is_empty() || takes(stored) || takes("*/*") || takes("application/*") {
        return None;
    }
    [DOCKER_IMAGE, OCI_IMAGE].into_iter().find(|format| takes(format))
}

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = tag.as_bytes();
    (1..=128).contains(&bytes.len())
        && is_word(bytes[0])
        && bytes.iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b'-'))
}
