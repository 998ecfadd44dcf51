//! A sandbox with nothing but its load balancer, servers to stand behind it, and a client.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::dispatch::{self, Service};
use crate::elb::targets::Target;
use crate::error::AwsError;
use crate::state::{Shared, State};
use crate::wire::query::strings;

pub struct World {
    pub shared: Arc<Shared>,
    pub stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    pub fn start() -> Self {
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::start(20.0);
        let mut state = State::new("123456789012".to_owned(), "eu-west-1".to_owned(), clock, PathBuf::new());
        state.address = format!("{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let shared = Arc::new(Shared::new(state));
        let stop = CancellationToken::new();
        tokio::spawn(super::super::run(Arc::clone(&shared), stop.clone()));
        Self { shared, stop }
    }

    pub fn try_call(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        let reply = dispatch::call(&mut self.shared.lock(), Service::Elb, operation, strings(body));
        self.shared.ring();
        reply
    }

    pub fn call(&self, operation: &str, body: Value) -> Value {
        self.try_call(operation, body).unwrap()
    }

    /// The first load balancer of a name that is its own.
    pub fn balancer(&self, name: &str, kind: &str) -> String {
        let reply = self.call("CreateLoadBalancer", json!({"Name": name, "Type": kind}));
        text(&reply["LoadBalancers"][0]["LoadBalancerArn"])
    }

    /// A target group whose targets drain for 20 virtual seconds, which is one on the wall.
    pub fn group(&self, name: &str, protocol: &str) -> String {
        let reply = self.call(
            "CreateTargetGroup",
            json!({"Name": name, "Protocol": protocol, "Port": 8080, "TargetType": "ip", "HealthCheckPath": "/health",
                   "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 4, "HealthyThresholdCount": 2}),
        );
        let group = text(&reply["TargetGroups"][0]["TargetGroupArn"]);
        let drain = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]);
        self.call("ModifyTargetGroupAttributes", json!({"TargetGroupArn": group, "Attributes": drain}));
        group
    }

    pub async fn listener(&self, balancer: &str, port: u16, actions: Value) -> (String, SocketAddr) {
        self.listener_of("HTTP", balancer, port, actions).await
    }

    pub async fn listener_of(&self, protocol: &str, balancer: &str, port: u16, actions: Value) -> (String, SocketAddr) {
        let body = json!({"LoadBalancerArn": balancer, "Protocol": protocol, "Port": port, "DefaultActions": actions});
        let reply = self.call("CreateListener", body);
        let listener = text(&reply["Listeners"][0]["ListenerArn"]);
        let address = self.until(|state| state.listener_address(&listener)).await;
        (listener, address)
    }

    pub fn register(&self, group: &str, backend: &Backend) {
        let target = Target { id: backend.id.clone(), port: 8080, endpoint: backend.endpoint };
        self.shared.lock().register_target(group, target);
        self.shared.ring();
    }

    pub fn deregister(&self, group: &str, backend: &Backend) {
        self.shared.lock().deregister_target(group, &backend.id, 8080);
        self.shared.ring();
    }

    /// `state`, or `state: description`.
    pub fn health(&self, group: &str, backend: &Backend) -> String {
        match self.shared.lock().target_health(group, &backend.id, 8080) {
            None => "gone".to_owned(),
            Some(health) => match health.description {
                None => health.state,
                Some(description) => format!("{}: {description}", health.state),
            },
        }
    }

    pub async fn until_health(&self, group: &str, backend: &Backend, expected: &str) {
        let mut seen = String::new();
        let arrives = async {
            let mut changes = self.shared.changes();
            loop {
                seen = self.health(group, backend);
                if seen.starts_with(expected) {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        let arrived = tokio::time::timeout(Duration::from_secs(20), arrives).await;
        assert!(arrived.is_ok(), "expected {expected}, last seen {seen}");
    }

    /// Waits until the state has what is looked for.
    pub async fn until<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.shared.changes();
        loop {
            let found = look(&self.shared.lock());
            if let Some(found) = found {
                return found;
            }
            let changed = tokio::time::timeout(Duration::from_secs(20), changes.changed()).await;
            changed.expect("the state should have changed within 20 s").unwrap();
        }
    }
}

pub fn forward(shares: &[(&str, u32)]) -> Value {
    let groups: Vec<Value> = shares.iter().map(|(group, weight)| json!({"TargetGroupArn": group, "Weight": weight})).collect();
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A server behind the load balancer. `/health` answers a settable status, `/echo` the body, `/headers` what it was sent,
/// `/wait` only after [`Backend::open`], and everything else the server's id.
pub struct Backend {
    pub id: String,
    pub endpoint: SocketAddr,
    pub status: Arc<AtomicU16>,
    pub hits: Arc<AtomicU64>,
    pub waiting: Arc<Notify>,
    gate: Arc<Notify>,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl Backend {
    pub async fn start(id: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(200));
        let (hits, waiting, gate) = (Arc::<AtomicU64>::default(), Arc::<Notify>::default(), Arc::<Notify>::default());
        let parts = (id.to_owned(), Arc::clone(&status), Arc::clone(&hits), Arc::clone(&waiting), Arc::clone(&gate));
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let parts = parts.clone();
                let service = service_fn(move |request| {
                    let (id, status, hits, waiting, gate) = parts.clone();
                    async move {
                        let answer = answer(&id, &status, &hits, &waiting, &gate, request).await;
                        Ok::<_, Infallible>(answer)
                    }
                });
                tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { id: id.to_owned(), endpoint, status, hits, waiting, gate, accepting: Some(accepting) }
    }

    /// Something else listens there, or nothing.
    pub fn at(id: &str, endpoint: SocketAddr) -> Self {
        Self {
            id: id.to_owned(),
            endpoint,
            status: Arc::default(),
            hits: Arc::default(),
            waiting: Arc::default(),
            gate: Arc::default(),
            accepting: None,
        }
    }

    /// Closes the port.
    pub async fn stop(&self) {
        let accepting = self.accepting.as_ref().unwrap();
        accepting.abort();
        while !accepting.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    pub fn answer_health(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Lets one waiting request go on.
    pub fn open(&self) {
        self.gate.notify_one();
    }
}

type Answer = Response<Either<Incoming, Full<Bytes>>>;

async fn answer(
    id: &str,
    status: &AtomicU16,
    hits: &AtomicU64,
    waiting: &Notify,
    gate: &Notify,
    request: Request<Incoming>,
) -> Answer {
    let whole = |text: String| Response::new(Either::Right(Full::from(text)));
    match request.uri().path() {
        "/health" => {
            let mut response = whole(String::new());
            *response.status_mut() = StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap();
            response
        }
        "/echo" => Response::new(Either::Left(request.into_body())),
        "/headers" => {
            let pair = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
                (name.to_string(), json!(value.to_str().unwrap()))
            };
            whole(Value::Object(request.headers().iter().map(pair).collect()).to_string())
        }
        "/wait" => {
            waiting.notify_one();
            gate.notified().await;
            whole(id.to_owned())
        }
        _ => {
            hits.fetch_add(1, Ordering::Relaxed);
            whole(id.to_owned())
        }
    }
}

/// What a client got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// Sends a request on a connection of its own.
pub async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Got {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    connection.abort();
    Got { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "shop.example");
    request.body(Full::new(body.into())).unwrap()
}

pub async fn get(address: SocketAddr, path: &str) -> Got {
    send(address, request("GET", path, "")).await
}
