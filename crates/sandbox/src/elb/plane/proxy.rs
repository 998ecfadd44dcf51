//! One request: routed, sent to a target, its answer streamed back.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::{Either, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version, header};

use super::answers::{self, Body};
use super::headers::{self, Arrival};
use super::pool::{self, Age, Connection, Outgoing, Pool};
use super::route::{self, Forward, Route};
use crate::elb::metrics::Ending;
use crate::state::Shared;

/// What the connections of a listener share.
pub struct Front {
    /// The state, where the rules are.
    pub shared: Arc<Shared>,
    /// Connections to targets.
    pub pool: Arc<Pool>,
    /// The listener's ARN.
    pub listener: String,
}

/// Answers one request; errors are answers too.
pub async fn answer(front: &Front, client: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (route, trace) = {
        let mut state = front.shared.lock();
        let route = route::decide(&mut state, &front.listener, &parts);
        let number = state.next();
        (route, format!("Root=1-{:08x}-{number:024x}", state.clock.now().0 / 1000))
    };
    match route {
        Route::Redirect(status, location) => answers::redirect(status, &location),
        Route::Respond(fixed) => answers::fixed(fixed),
        Route::NoTarget | Route::Gone => answers::error(StatusCode::SERVICE_UNAVAILABLE),
        Route::Forward(mut forward) => {
            let protocol = forward.protocol.clone();
            let arrival = Arrival { client, protocol: &protocol, port: forward.port, trace };
            let outgoing = Exchange::new(parts, body, &arrival, &forward);
            let started = Instant::now();
            let result = outgoing.carry_out(front, &mut forward).await;
            let ending = match &result {
                Ok(response) => Ending::Answered(response.status().as_u16(), started.elapsed()),
                Err(unanswered) => unanswered.ending,
            };
            forward.ended(&mut front.shared.lock(), ending);
            result.map_or_else(|unanswered| answers::error(unanswered.status), from_target)
        }
    }
}

/// The target did not answer: the status to tell the client, and what is counted.
struct Unanswered {
    status: StatusCode,
    ending: Ending,
}

impl Unanswered {
    fn unconnected(error: &io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self { status, ending: Ending::Unconnected }
    }

    fn broken(status: StatusCode) -> Self {
        Self { status, ending: Ending::Broken }
    }
}

/// A request on its way to a target.
enum Exchange {
    /// Without a body and safe to send twice: it may use a kept connection, and is sent again when that had been closed.
    Repeatable(Parts),
    /// It is sent once only, so always on a fresh connection, which no idle timeout can close.
    Once(Request<Outgoing>),
}

impl Exchange {
    fn new(mut parts: Parts, body: Incoming, arrival: &Arrival<'_>, forward: &Forward) -> Self {
        headers::strip_hop_by_hop(&mut parts.headers);
        headers::add_forwarded(&mut parts.headers, arrival);
        if let (None, Ok(host)) = (parts.headers.get(header::HOST), forward.endpoint.to_string().parse()) {
            parts.headers.insert(header::HOST, host);
        }
        let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        parts.uri = path.parse().unwrap_or_default();
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        if parts.method.is_idempotent() && body.is_end_stream() {
            Self::Repeatable(parts)
        } else {
            Self::Once(Request::from_parts(parts, Either::Left(body)))
        }
    }

    async fn carry_out(self, front: &Front, forward: &mut Forward) -> Result<Response<Incoming>, Unanswered> {
        match self {
            Self::Once(request) => {
                let connection = connect(front, forward).await?;
                send(front, forward, connection, request).await.map_err(|failed| failed.status)
            }
            Self::Repeatable(parts) => {
                if let Some(connection) = front.pool.take(forward.endpoint) {
                    match send(front, forward, connection, without_body(parts.clone())).await {
                        Ok(response) => return Ok(response),
                        Err(Failed { cause: Cause::Closed, age: Age::Used, .. }) => {}
                        Err(failed) => return Err(failed.status),
                    }
                }
                let connection = connect(front, forward).await?;
                send(front, forward, connection, without_body(parts)).await.map_err(|failed| failed.status)
            }
        }
    }
}

fn without_body(parts: Parts) -> Request<Outgoing> {
    Request::from_parts(parts, Either::Right(Empty::new()))
}

/// A fresh connection to the target, or to another one of the group when it refuses: nothing has been sent yet.
async fn connect(front: &Front, forward: &mut Forward) -> Result<Connection, Unanswered> {
    let error = match pool::connect(forward.endpoint).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let another = forward.elsewhere(&mut front.shared.lock());
    if another.is_none() || error.kind() == io::ErrorKind::TimedOut {
        return Err(Unanswered::unconnected(&error));
    }
    pool::connect(forward.endpoint).await.map_err(|error| Unanswered::unconnected(&error))
}

struct Failed {
    status: Unanswered,
    cause: Cause,
    age: Age,
}

/// Why a request got no answer.
enum Cause {
    /// The connection was closed before the first byte of an answer.
    Closed,
    /// Too late, or not HTTP.
    Other,
}

async fn send(
    front: &Front,
    forward: &Forward,
    mut connection: Connection,
    request: Request<Outgoing>,
) -> Result<Response<Incoming>, Failed> {
    let age = connection.age;
    let answer = connection.sender.send_request(request);
    match tokio::time::timeout(forward.patience, answer).await {
        Ok(Ok(response)) => {
            front.pool.give_back(connection);
            Ok(response)
        }
        Ok(Err(error)) => {
            let closed = !error.is_parse() && !error.is_user() && !error.is_timeout();
            let cause = if closed { Cause::Closed } else { Cause::Other };
            Err(Failed { status: Unanswered::broken(StatusCode::BAD_GATEWAY), cause, age })
        }
        Err(_) => Err(Failed { status: Unanswered::broken(StatusCode::GATEWAY_TIMEOUT), cause: Cause::Other, age }),
    }
}

/// The target's answer as the client gets it; the body streams.
fn from_target(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    headers::strip_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Response::from_parts(parts, Either::Left(body))
}
