//! One request through the proxy: streaming, headers, and targets that behave badly.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::{Backend, World, forward, get, request, send};

/// A listener with one group.
async fn listening(world: &World) -> (String, SocketAddr, String) {
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    let (_, address) = world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    (group, address, balancer)
}

#[tokio::test]
async fn the_target_sees_who_asks_and_the_client_sees_no_hop_by_hop_header() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);
    let mut asked = request("GET", "/headers", "");
    asked.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    asked.headers_mut().insert("keep-alive", "timeout=5".parse().unwrap());
    let got = send(address, asked).await;
    let headers: Value = serde_json::from_str(&got.body).unwrap();
    let client = headers["x-forwarded-for"].as_str().unwrap();
    assert!(client.starts_with("203.0.113.9, 127."), "{client}");
    assert_eq!(headers["host"], "shop.example");
    assert_eq!((&headers["x-forwarded-proto"], &headers["x-forwarded-port"]), (&json!("http"), &json!("80")));
    assert!(headers["x-amzn-trace-id"].as_str().unwrap().starts_with("Root=1-"));
    assert_eq!(headers.get("keep-alive"), None);
}

#[tokio::test]
async fn a_large_body_goes_through_both_ways() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);
    let large = "0123456789abcdef".repeat(300_000);
    let got = send(address, request("POST", "/echo", large.clone())).await;
    assert_eq!(got.status, 200);
    assert!(got.body == large, "{} of {} bytes", got.body.len(), large.len());
}

/// A server of raw bytes: each connection is handed to `talk`.
async fn raw<F>(talk: impl Fn(TcpStream) -> F + Send + 'static) -> Backend
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(stream));
        }
    });
    Backend::at("raw", endpoint)
}

/// Reads one request's head; false at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn an_answer_streams_before_it_is_complete() {
    let world = World::start();
    let (more, wait) = tokio::sync::watch::channel(false);
    let backend = raw(move |mut stream| {
        let mut wait = wait.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await.unwrap();
            wait.wait_for(|more| *more).await.unwrap();
            stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);

    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut body = sender.send_request(request("GET", "/", "")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    more.send(true).unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second");
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_without_a_length_works() {
    let world = World::start();
    let backend = raw(|mut stream| async move {
        if read_head(&mut stream).await {
            stream.write_all(b"HTTP/1.0 200 OK\r\nContent-type: text/plain\r\n\r\nold but good").await.unwrap();
        }
    })
    .await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);
    for _ in 0..20 {
        let got = get(address, "/").await;
        assert_eq!((got.status, got.body.as_str()), (200, "old but good"));
    }
    world.until_health(&group, &backend, "healthy").await;
}

/// The worst case of the race: the target closes a kept connection at the very moment the next request arrives on it.
#[tokio::test]
async fn a_kept_connection_that_the_target_closes_is_nobodys_error() {
    let world = World::start();
    let closed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&closed);
    let backend = raw(move |mut stream| {
        let closed = Arc::clone(&counter);
        async move {
            if read_head(&mut stream).await {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
            if read_head(&mut stream).await {
                closed.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);
    for round in 0..40 {
        let method = if round % 4 == 3 { "POST" } else { "GET" };
        let got = send(address, request(method, "/", if method == "POST" { "body" } else { "" })).await;
        assert_eq!((got.status, got.body.as_str()), (200, "ok"), "{method} {round}");
    }
    assert!(closed.load(Ordering::Relaxed) > 5, "connections were not kept, so nothing was tried");
    let totals = world.shared.lock().target_group_totals(&group).unwrap().clone();
    assert_eq!((totals.requests, totals.failed), (40, 0));
}

#[tokio::test]
async fn a_refusing_target_is_passed_over_once_and_is_502_when_alone() {
    let world = World::start();
    let (dead, live) = (Backend::start("dead").await, Backend::start("live").await);
    for backend in [&dead, &live] {
        backend.answer_health(500);
    }
    dead.stop().await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &dead);
    assert_eq!(get(address, "/").await.status, 502);
    world.register(&group, &live);
    for method in ["GET", "POST", "GET", "POST"] {
        let got = send(address, request(method, "/echo", "body")).await;
        assert_eq!(got.status, 200, "{got:?}");
    }
    let totals = world.shared.lock().target_group_totals(&group).unwrap().clone();
    assert_eq!((totals.failed, totals.unconnected), (1, 1));
}

#[tokio::test]
async fn a_silent_target_is_504_after_the_idle_timeout() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let (group, address, balancer) = listening(&world).await;
    let idle = json!([{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]);
    world.call("ModifyLoadBalancerAttributes", json!({"LoadBalancerArn": balancer, "Attributes": idle}));
    world.register(&group, &backend);
    let began = Instant::now();
    let got = get(address, "/wait").await;
    assert_eq!(got.status, 504);
    assert!((Duration::from_secs(1)..Duration::from_secs(30)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(get(address, "/").await.status, 200);
}

#[tokio::test]
async fn a_client_keeps_its_connection() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let (group, address, _) = listening(&world).await;
    world.register(&group, &backend);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("one"), "{answer}");
    }
}
