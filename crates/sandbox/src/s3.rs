//! The sandbox's S3, as far as the artefacts of a pipeline need it: objects put and read, by path (`/<bucket>/<key>`).
//!
//! An object is read by who put it, and by a job of CodePipeline whose artefact it is. Buckets come with their first object.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use crate::state::Shared;

/// The largest object, in bytes.
const LIMIT: usize = 64 << 20;

/// Objects by bucket and key.
#[derive(Debug, Default)]
pub struct S3 {
    objects: BTreeMap<(String, String), Object>,
}

#[derive(Clone, Debug)]
struct Object {
    content: Bytes,
    etag: String,
    modified: Timestamp,
    /// Who put it.
    access_key: String,
}

/// The request is for S3: signed for it, which no other service's is.
pub(crate) fn is_meant(headers: &HeaderMap) -> bool {
    credential(headers).is_some_and(|credential| credential.split('/').nth(3) == Some("s3"))
}

/// Answers a request; none where the connection broke off.
pub(crate) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Option<Response<Body>> {
    let (head, body) = request.into_parts();
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned();
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    let access_key = credential(&head.headers).and_then(|credential| credential.split('/').next()).unwrap_or_default().to_owned();
    let token = head.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() {
        return Some(refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "The sandbox has objects, not buckets.", &key));
    }
    let name = (bucket, key);
    match head.method {
        Method::PUT => {
            let Ok(body) = Limited::new(body, LIMIT).collect().await else {
                return Some(refusal(
                    StatusCode::BAD_REQUEST,
                    "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size",
                    &name.1,
                ));
            };
            let content = body.to_bytes();
            let etag: String = Sha256::digest(&content).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let mut state = shared.lock();
            let modified = i64::try_from(state.clock.now().0).ok().and_then(|now| Timestamp::from_millisecond(now).ok());
            let object = Object { content, etag: format!("\"{etag}\""), modified: modified.unwrap_or_default(), access_key };
            let reply = Response::builder().header(header::ETAG, object.etag.clone()).body(Body::empty());
            state.s3.objects.insert(name, object);
            drop(state);
            shared.ring();
            reply.ok()
        }
        Method::GET | Method::HEAD => {
            let state = shared.lock();
            let found = state.s3.objects.get(&name).cloned();
            let allowed = state.job_may_read(&access_key, token, &name.0, &name.1);
            drop(state);
            let owner = found.as_ref().is_some_and(|object| object.access_key == access_key);
            match found {
                // Who may not read is not told what is there.
                _ if allowed == Some(false) || (allowed.is_none() && !owner && found.is_some()) => {
                    Some(refusal(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied", &name.1))
                }
                None => Some(refusal(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.", &name.1)),
                Some(object) => {
                    let reply = Response::builder()
                        .header(header::ETAG, object.etag)
                        .header(header::CONTENT_TYPE, "binary/octet-stream")
                        .header(header::CONTENT_LENGTH, object.content.len())
                        .header(header::LAST_MODIFIED, object.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
                    let is_head = head.method == Method::HEAD;
                    reply.body(if is_head { Body::empty() } else { Body::from(object.content) }).ok()
                }
            }
        }
        _ => Some(refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "The sandbox puts and gets objects.", &name.1)),
    }
}

fn credential(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.split("Credential=").nth(1)?.split(',').next()
}

fn refusal(status: StatusCode, code: &str, message: &str, key: &str) -> Response<Body> {
    let escaped = key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><Key>{escaped}</Key>\
         <RequestId>SANDBOX</RequestId><HostId>SANDBOX</HostId></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}
