//! Listeners come and go with the state: bound where their load balancer's address says, served until they are deleted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::pool::Pool;
use super::proxy::{self, Front};
use super::tcp;
use crate::elb::check::Speech;
use crate::state::Shared;

/// A client may be silent so long between requests, in real time.
const SILENCE: Duration = Duration::from_secs(60);

/// The pause after a connection could not be accepted (no file descriptors).
const PAUSE: Duration = Duration::from_millis(50);

/// What makes a listener another one: when it changes, the socket is closed and bound anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    listener: String,
    address: Ipv4Addr,
    port: u16,
}

struct Served {
    bound: SocketAddr,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

/// The listeners that are served now.
pub struct Listeners {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    served: BTreeMap<Place, Served>,
}

impl Listeners {
    /// None yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, pool: Arc::default(), served: BTreeMap::new() }
    }

    /// Closes and binds what the state says; false when one could not be bound.
    pub async fn follow(&mut self) -> bool {
        let wanted = self.wanted();
        let gone: Vec<Place> = self.served.keys().filter(|place| !wanted.contains_key(place)).cloned().collect();
        for place in gone {
            if let Some(served) = self.served.remove(&place) {
                served.close().await;
            }
        }
        let mut all_bound = true;
        for (place, speech) in wanted {
            if !self.served.contains_key(&place) {
                match bind(place.address, place.port).await {
                    Ok((listener, bound)) => {
                        let served = self.serve(listener, bound, &place, speech);
                        self.served.insert(place.clone(), served);
                    }
                    Err(_) => all_bound = false,
                }
            }
            if let Some(served) = self.served.get(&place) {
                self.note(&place, served.bound);
            }
        }
        all_bound
    }

    /// Closes all; requests in flight are answered.
    pub async fn close(self) {
        for served in self.served.into_values() {
            served.close().await;
        }
    }

    fn wanted(&self) -> BTreeMap<Place, Speech> {
        let state = self.shared.lock();
        let place = |listener: &crate::elb::listeners::Listener| {
            let balancer = state.elb.balancers.get(&listener.balancer)?;
            let place = Place { listener: listener.arn.clone(), address: balancer.address, port: listener.port };
            Some((place, listener.speech()))
        };
        state.elb.listeners.values().filter_map(place).collect()
    }

    fn note(&self, place: &Place, bound: SocketAddr) {
        let mut state = self.shared.lock();
        if let Some(listener) = state.elb.listeners.get_mut(&place.listener)
            && listener.port == place.port
            && listener.bound != Some(bound)
        {
            listener.bound = Some(bound);
            drop(state);
            self.shared.ring();
        }
    }

    fn serve(&self, listener: TcpListener, bound: SocketAddr, place: &Place, speech: Speech) -> Served {
        let front = Front { shared: Arc::clone(&self.shared), pool: Arc::clone(&self.pool), listener: place.listener.clone() };
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, Arc::new(front), speech, stop.clone()));
        Served { bound, stop, accepting }
    }
}

impl Served {
    /// The port is free when this returns; connections end after the request they carry.
    async fn close(self) {
        self.stop.cancel();
        // A panic in the loop would have closed the socket too.
        let _ = self.accepting.await;
    }
}

/// The listener's own port on its load balancer's address; where that is not possible (privileged, taken, or no such loopback
/// address) the nearest thing to it.
async fn bind(address: Ipv4Addr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for place in [(address, port), (Ipv4Addr::LOCALHOST, port), (address, 0), (Ipv4Addr::LOCALHOST, 0)] {
        match TcpListener::bind(place).await {
            Ok(listener) => {
                let bound = listener.local_addr()?;
                return Ok((listener, bound));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn accept(listener: TcpListener, front: Arc<Front>, speech: Speech, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let (front, stop) = (Arc::clone(&front), stop.clone());
                tokio::spawn(async move {
                    match speech {
                        Speech::Http => serve_http(stream, client.ip(), front, stop).await,
                        Speech::Tcp => tcp::carry(&front, stream).await,
                    }
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve_http(stream: TcpStream, client: IpAddr, front: Arc<Front>, stop: CancellationToken) {
    // Without it answers are late, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(proxy::answer(&front, client, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
