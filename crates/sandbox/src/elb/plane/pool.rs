//! Connections to targets that are kept for the next request.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What goes to a target: the client's body, or none.
pub type Outgoing = Either<Incoming, Empty<Bytes>>;

/// Shorter than the keep-alive of the usual servers (Node: 5 s, gunicorn: 2 s), so that they seldom close under a request.
const KEPT: Duration = Duration::from_millis(1500);

/// As ALB.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection for one request at a time.
pub struct Connection {
    /// Sends the request.
    pub sender: SendRequest<Outgoing>,
    /// Whether it has carried a request before: then the target may close it at any moment.
    pub age: Age,
    endpoint: SocketAddr,
}

/// Whether a connection has carried a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It has not.
    Fresh,
    /// It has.
    Used,
}

struct Idle {
    sender: SendRequest<Outgoing>,
    since: Instant,
}

/// Idle connections by target.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<HashMap<SocketAddr, Vec<Idle>>>,
}

impl Pool {
    /// An idle connection, the youngest first; none when there is none that seems open.
    pub fn take(&self, endpoint: SocketAddr) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&endpoint)?;
        while let Some(Idle { sender, since }) = connections.pop() {
            if sender.is_ready() && since.elapsed() < KEPT {
                return Some(Connection { sender, age: Age::Used, endpoint });
            }
        }
        None
    }

    /// Keeps a connection as soon as its answer has been read to the end; drops it when it closes before.
    pub fn give_back(self: &Arc<Self>, mut connection: Connection) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if connection.sender.ready().await.is_ok() {
                pool.put(connection);
            }
        });
    }

    fn put(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, connections| {
            connections.retain(|it| it.sender.is_ready() && it.since.elapsed() < KEPT);
            !connections.is_empty()
        });
        let connections = idle.entry(connection.endpoint).or_default();
        connections.push(Idle { sender: connection.sender, since: Instant::now() });
    }
}

/// A new connection.
///
/// # Errors
/// The target's refusal, or `TimedOut` after ten seconds.
pub async fn connect(endpoint: SocketAddr) -> io::Result<Connection> {
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(endpoint)).await??;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(Connection { sender, age: Age::Fresh, endpoint })
}
