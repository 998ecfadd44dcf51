//! The OCI distribution API behind ECR, as ECR answers it: `/v2/<repository>/{blobs,manifests,referrers,tags}/…`.
//!
//! What differs from AWS, on purpose: blobs are served, not redirected to S3; the registry is plain HTTP on the loopback.

pub mod auth;
pub mod blobs;
pub mod manifests;
pub mod mount;
pub mod path;
pub mod referrers;
pub mod refusal;
pub mod store;
pub mod taglist;
pub mod uploads;

#[cfg(test)]
mod docker;
#[cfg(test)]
mod stories;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use serde_json::json;

use crate::dispatch::Service;
use crate::faults::Kind;
use crate::state::Shared;
use path::Place;
use refusal::Refusal;
use uploads::Uploads;

/// What the handlers of the registry share.
#[derive(Debug)]
pub struct Registry {
    /// The sandbox's state: what repositories hold is there.
    pub shared: Arc<Shared>,
    /// Unfinished uploads; they do not outlive the process.
    pub uploads: Uploads,
}

/// What a handler answers.
pub type Answer = Result<Response, Refusal>;

/// Everything under `/v2/`.
pub fn router(shared: Arc<Shared>) -> Router {
    let registry = Arc::new(Registry { shared, uploads: Uploads::default() });
    Router::new().route("/v2/", any(answer)).route("/v2/{*rest}", any(answer)).with_state(registry)
}

async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Answer {
    registry.admit(request.headers())?;
    let path = request.uri().path().to_owned();
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    let method = request.method().clone();
    let is_read = method == Method::GET || method == Method::HEAD;
    let place = Place::read(rest);
    let mut request = request;
    if let Some((repository, action)) = needed(&place, &method) {
        match registry.fault(repository, action)? {
            Course::Usual => {}
            Course::Dropped => return Ok(dropped()),
            Course::Cut { after } => drop(request.extensions_mut().insert(Cut { after })),
        }
    }
    match (place, method) {
        (Place::Root, _) if is_read => Ok(empty(StatusCode::OK)),
        (Place::Blob { repository, digest }, _) if is_read => registry.blob(repository, digest, request).await,
        (Place::NewUpload { repository }, Method::POST) => match registry.mount(repository, &request)? {
            Some(mounted) => Ok(mounted),
            None => registry.new_upload(repository, request).await,
        },
        (Place::Upload { repository, id }, Method::GET) => registry.upload_status(repository, id),
        (Place::Upload { repository, id }, Method::PATCH) => registry.patch(repository, id, request).await,
        (Place::Upload { repository, id }, Method::PUT) => registry.finish(repository, id, request).await,
        (Place::Upload { repository, id }, Method::DELETE) => registry.cancel(repository, id),
        (Place::Manifest { repository, reference }, Method::PUT) => registry.put_manifest(repository, reference, request).await,
        (Place::Manifest { repository, reference }, Method::DELETE) => registry.delete_manifest(repository, reference),
        (Place::Manifest { repository, reference }, _) if is_read => registry.manifest(repository, reference, request).await,
        (Place::Referrers { repository, digest }, Method::GET) => registry.referrers(repository, digest, &request),
        (Place::Tags { repository }, Method::GET) => registry.tags(repository, &request),
        (Place::Unknown, _) => Err(Refusal::not_found()),
        _ => Err(Refusal::unsupported()),
    }
}

/// The repository and the IAM action of ECR that a request needs.
fn needed<'a>(place: &Place<'a>, method: &Method) -> Option<(&'a str, &'static str)> {
    match (place, method) {
        (Place::Blob { repository, .. }, &Method::GET) => Some((repository, "GetDownloadUrlForLayer")),
        (Place::Blob { repository, .. }, &Method::HEAD) => Some((repository, "BatchCheckLayerAvailability")),
        (Place::NewUpload { repository }, &Method::POST) => Some((repository, "InitiateLayerUpload")),
        (Place::Upload { repository, .. }, &Method::PATCH) => Some((repository, "UploadLayerPart")),
        (Place::Upload { repository, .. }, &Method::PUT) => Some((repository, "CompleteLayerUpload")),
        (Place::Manifest { repository, .. }, &Method::PUT) => Some((repository, "PutImage")),
        (Place::Manifest { repository, .. }, &Method::DELETE) => Some((repository, "BatchDeleteImage")),
        (Place::Manifest { repository, .. }, &(Method::GET | Method::HEAD)) => Some((repository, "BatchGetImage")),
        (Place::Referrers { repository, .. }, &Method::GET) => Some((repository, "BatchGetImage")),
        _ => None,
    }
}

impl Registry {
    /// Lets a fault happen to a request that needs this action.
    fn fault(&self, repository: &str, action: &str) -> Result<Course, Refusal> {
        let mut state = self.shared.lock();
        let kind = match state.faults.on_registry(action) {
            None => return Ok(Course::Usual),
            Some(Kind::Drop {}) => return Ok(Course::Dropped),
            Some(Kind::Cut { after }) => return Ok(Course::Cut { after }),
            Some(kind) => kind,
        };
        let error = kind.error(&state, Service::Ecr, action, &json!({"repositoryName": repository}));
        let message = error.map(|error| error.message).unwrap_or_default();
        Err(match kind {
            Kind::Throttle {} => Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", message),
            Kind::ServerError { status } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Refusal::new(status, "UNKNOWN", message)
            }
            Kind::Expire {} => Refusal::expired(),
            _ => Refusal::new(StatusCode::FORBIDDEN, "DENIED", message),
        })
    }
}

/// What a fault makes of a request.
enum Course {
    Usual,
    /// The connection is closed without an answer.
    Dropped,
    /// It is closed once so many bytes have come.
    Cut {
        after: u64,
    },
}

/// The connection is to be closed once so many bytes of a request's body have come.
#[derive(Clone, Copy, Debug)]
struct Cut {
    after: u64,
}

/// In an answer: nothing of it is sent, the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HangUp;

fn dropped() -> Response {
    let mut response = empty(StatusCode::INTERNAL_SERVER_ERROR);
    response.extensions_mut().insert(HangUp);
    response
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// One value of a query string, decoded.
fn query(request: &Request, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(request.uri().query()?.as_bytes());
    pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).next()
}
