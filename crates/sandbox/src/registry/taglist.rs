//! `tags/list`, in order, a page at a time (`?n=&last=`).

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LINK};
use serde_json::json;

use super::blobs::insert;
use super::{Answer, Registry, empty, query};

const DEFAULT: usize = 1000;

impl Registry {
    /// The tags of a repository.
    pub(super) fn tags(&self, repository: &str, request: &Request) -> Answer {
        let size = query(request, "n").and_then(|n| n.parse().ok()).unwrap_or(DEFAULT);
        let last = query(request, "last").unwrap_or_default();
        let mut tags: Vec<String> = {
            let state = self.shared.lock();
            let contents = &state.repository(None, repository)?.contents;
            let after = contents.tags.keys().filter(|tag| **tag > last);
            after.take(size.saturating_add(1)).cloned().collect()
        };
        let more = tags.len() > size;
        tags.truncate(size);
        let mut response = empty(StatusCode::OK);
        insert(&mut response, CONTENT_TYPE, "application/json");
        if let Some(end) = tags.last().filter(|_| more) {
            let next = format!("</v2/{repository}/tags/list?n={size}&last={end}>; rel=\"next\"");
            insert(&mut response, LINK, &next);
        }
        let body = json!({"name": repository, "tags": tags});
        *response.body_mut() = Body::from(body.to_string());
        Ok(response)
    }
}
