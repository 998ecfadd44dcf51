//! HEAD and GET of a blob.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::refusal::Refusal;
use super::{Answer, Registry, empty};

/// OCI's header for the digest of what is sent.
pub const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Registry {
    /// A blob of a repository: one that only another repository has is unknown here.
    pub(super) async fn blob(&self, repository: &str, digest: &str, request: Request) -> Answer {
        let (size, path) = {
            let state = self.shared.lock();
            let found = state.repository(None, repository)?.contents.blobs.get(digest);
            let size = *found.ok_or_else(|| unknown(digest))?;
            (size, state.store().blob(digest))
        };
        let mut response = empty(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        insert(&mut response, DIGEST, digest);
        if request.method() == Method::GET {
            let file = File::open(path).await.map_err(|error| Refusal::broken(&error))?;
            *response.body_mut() = Body::from_stream(ReaderStream::with_capacity(file, 1 << 18));
        }
        Ok(response)
    }
}

fn unknown(digest: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", format!("blob unknown to registry: {digest}"))
}

/// Adds a header; a value that HTTP cannot carry is left out.
pub(super) fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
