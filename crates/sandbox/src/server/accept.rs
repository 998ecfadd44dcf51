//! Connections: HTTP/1.1 on the loopback, until the sandbox ends; a connection can be closed without an answer.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Desk, calls};
use crate::registry::HangUp;
use crate::s3;

/// Wall time before accepting again when the process has no file descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// The connection is to be closed without an answer: a fault.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

/// Serves connections until the desk stops, then lets open requests end.
pub(super) async fn connections(listener: TcpListener, desk: Arc<Desk>) {
    let mut open = JoinSet::new();
    let stop = desk.loops.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(stream, Arc::clone(&desk)));
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    // Small answers at once; an error here only costs time.
    let _ = stream.set_nodelay(true);
    let stop = desk.loops.stop.clone();
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { answer(&desk, request).await }
    });
    let mut served = pin!(http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service));
    // What a client breaks off is its own affair.
    tokio::select! {
        _ = served.as_mut() => {}
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(super::GRACE / 2, served).await;
        }
    }
}

async fn answer(desk: &Desk, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    desk.loops.shared.touch();
    let path = request.uri().path();
    let router = if path == "/v2" || path.starts_with("/v2/") {
        &desk.registry
    } else if path.starts_with("/_sandbox/") {
        &desk.admin
    } else {
        if s3::is_meant(request.headers()) {
            return s3::answer(&desk.loops.shared, request).await.ok_or(Dropped);
        }
        return calls::answer(desk, request).await;
    };
    let response: Result<_, Infallible> = TowerToHyperService::new(router.clone()).call(request).await;
    desk.loops.shared.touch();
    match response {
        Ok(response) if response.extensions().get::<HangUp>().is_some() => Err(Dropped),
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}
