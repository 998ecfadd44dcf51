//! One AWS call: bytes in, the desk, bytes out, and the record of it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::accept::Dropped;
use super::desk::{Desk, request_id};
use crate::error::AwsError;
use crate::record;
use crate::wire::{self, Envelope, Protocol};

/// More than AWS takes for any operation: a layer part of 20 MiB in base64.
const LIMIT: usize = 32 << 20;

/// Answers one AWS call.
pub(super) async fn answer(desk: &Desk, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (head, body) = request.into_parts();
    let request_id = request_id();
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(too_large(&request_id)),
        Err(_) => return Err(Dropped),
    };
    let path = head.uri.path();
    let (envelope, call) = wire::read(path, &head.headers, &body);
    let answer = match call {
        Ok(call) => desk.call(call.service, &envelope.operation, call.body, access_key(&head.headers))?,
        Err(error) => Err(error),
    };
    let reply = wire::write(&envelope, &answer, &request_id);
    if let Some(recorder) = &desk.recorder {
        recorder.write(&record::exchange(&envelope, &body, &answer, &reply));
    }
    Ok(response(&envelope, reply, &request_id))
}

fn response(envelope: &Envelope, reply: wire::Reply, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    if let Some(content_type) = reply.content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if envelope.protocol == Protocol::Cbor {
        headers.insert(HeaderName::from_static("smithy-protocol"), HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), request_id);
    }
    response
}

fn too_large(request_id: &str) -> Response<Body> {
    let envelope = Envelope { protocol: Protocol::Json11, service: None, operation: String::new() };
    let error = AwsError::new("RequestEntityTooLargeException", "The request body is too large.").with_status(413);
    let reply = wire::write(&envelope, &Err::<Value, _>(error), request_id);
    response(&envelope, reply, request_id)
}

/// The access key id of a signed request; empty when it is not signed. Signatures are not checked.
fn access_key(headers: &HeaderMap) -> &str {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split("Credential=").nth(1).unwrap_or_default();
    credential.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_key_is_in_the_credential() {
        let mut headers = HeaderMap::new();
        assert_eq!(access_key(&headers), "");
        let value = "AWS4-HMAC-SHA256 Credential=AKIAX/20260921/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        assert_eq!(access_key(&headers), "AKIAX");
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic QVdTOng="));
        assert_eq!(access_key(&headers), "");
    }
}
