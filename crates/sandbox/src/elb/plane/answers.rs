//! Answers that the load balancer makes itself, as ALB words them.

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use crate::elb::action::Fixed;

/// A body that streams from a target, or is ours.
pub type Body = Either<Incoming, Full<Bytes>>;

/// An error page: 502, 503, 504.
pub fn error(status: StatusCode) -> Response<Body> {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    ours(status, Some("text/html"), page)
}

/// A redirect.
pub fn redirect(status: u16, location: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    let mut response = error(status);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A fixed response.
pub fn fixed(fixed: Fixed) -> Response<Body> {
    let status = StatusCode::from_u16(fixed.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let kind = fixed.content_type.as_deref().or((!fixed.body.is_empty()).then_some("text/plain"));
    ours(status, kind, fixed.body)
}

fn ours(status: StatusCode, kind: Option<&str>, body: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("awselb/2.0"));
    if let Some(kind) = kind.and_then(|kind| HeaderValue::from_str(kind).ok()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    response
}
