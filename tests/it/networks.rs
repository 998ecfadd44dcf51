//! Networks as they are: proxies, private certificates, IPv6, gateways that forget connections, names that do not resolve.
//! Real sockets on the loopback, and the client that ships.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError, SharedDnsResolver};
use jiff::Timestamp;
use serde_json::Value;
use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::aws::{self, Credentials, Target};
use shipit::engine::wait::patiently;
use shipit::port::{Clock, PortError, Secret, Service};
use shipit_core::failure::Exit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::front::{Authority, Front};
use crate::support::sandbox::REGION;
use crate::support::shop::{COMMIT, Shop, said};

/// Nothing resolves this name (RFC 6761): whoever asks for it directly finds nobody.
const NAME: &str = "aws.test";

fn to(shop: &Shop) -> SocketAddr {
    shop.sandbox.registry().parse().unwrap()
}

const STATUS: &[&str] = &["status", "--output", "json"];

/// `shipit status` was answered by the sandbox.
#[track_caller]
fn answered((exit, out, err): &(i32, String, String)) {
    assert_eq!(*exit, 0, "{err}");
    let out: Value = serde_json::from_str(out).unwrap();
    assert_eq!(out["backend"]["exists"], true, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_asked_for_the_name_and_a_private_authority_is_believed() {
    let shop = Shop::open("proxy").await;
    let authority = Authority::new();
    std::fs::write(shop.folder().join("ca.pem"), authority.pem()).unwrap();
    let front = Front::tls(&authority, NAME, to(&shop)).await;
    let proxy = Front::proxy(front.address).await;
    let endpoint = format!("https://{NAME}");
    for (bundle, file) in [("AWS_CA_BUNDLE", "ca.pem"), ("SSL_CERT_FILE", "ca.pem")] {
        let (tunnels, handshakes) = (proxy.seen().len(), front.seen().len());
        let mut status = shop.program_at(&endpoint, STATUS);
        status.env("HTTPS_PROXY", proxy.url()).env(bundle, file);
        answered(&said(status).await);
        assert!(proxy.seen().len() > tunnels && front.seen().len() > handshakes, "{bundle}");
    }
    assert!(proxy.seen().iter().all(|seen| seen == &format!("CONNECT {NAME}:443")), "{:?}", proxy.seen());
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_nobody_is_refused_with_the_variable_that_names_an_authority() {
    let shop = Shop::open("stranger").await;
    let authority = Authority::new();
    std::fs::write(shop.folder().join("other.pem"), Authority::new().pem()).unwrap();
    let front = Front::tls(&authority, "localhost", to(&shop)).await;
    let endpoint = format!("https://localhost:{}", front.address.port());
    for (variable, value) in [("AWS_CA_BUNDLE", "other.pem"), ("SSL_CERT_FILE", "none.pem")] {
        let mut status = shop.program_at(&endpoint, STATUS);
        status.env(variable, value);
        let (exit, _, told) = said(status).await;
        assert_eq!(exit, i32::from(Exit::Failed.code()), "{variable}: {told}");
        if variable == "AWS_CA_BUNDLE" {
            insta::assert_snapshot!("untrusted_certificate", told);
        } else {
            assert!(told.contains("SHIP509"), "{told}");
        }
    }
    assert_eq!(front.seen(), [""; 0], "no handshake came to its end");
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_than_the_certificate_s_is_refused() {
    let shop = Shop::open("name").await;
    let authority = Authority::new();
    std::fs::write(shop.folder().join("ca.pem"), authority.pem()).unwrap();
    let front = Front::tls(&authority, NAME, to(&shop)).await;
    let mut status = shop.program_at(&format!("https://localhost:{}", front.address.port()), STATUS);
    status.env("AWS_CA_BUNDLE", "ca.pem");
    let (exit, _, told) = said(status).await;
    assert_eq!(exit, i32::from(Exit::Failed.code()), "{told}");
    assert!(told.contains("SHIP509") && told.contains("not valid for name"), "{told}");
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_and_this_machine_are_reached_directly() {
    let shop = Shop::open("no-proxy").await;
    let proxy = Front::proxy(to(&shop)).await;
    // In plain HTTP the proxy is asked for the whole address.
    let mut status = shop.program_at(&format!("http://{NAME}"), STATUS);
    status.env("HTTP_PROXY", proxy.url());
    answered(&said(status).await);
    assert!(proxy.seen().iter().all(|seen| seen == &format!("POST http://{NAME}/")), "{:?}", proxy.seen());
    let asked = proxy.seen().len();
    assert!(asked > 0);
    // Directly there is nobody: nothing resolves the name.
    let mut status = shop.program_at(&format!("http://{NAME}"), STATUS);
    status.env("HTTP_PROXY", proxy.url()).env("NO_PROXY", ".test");
    let (exit, _, told) = said(status).await;
    assert_eq!(exit, i32::from(Exit::Failed.code()), "{told}");
    assert!(told.contains("SHIP504"), "{told}");
    // This machine never is someone else's to answer for.
    let mut status = shop.program_at(&shop.sandbox.endpoint(), STATUS);
    status.env("HTTP_PROXY", proxy.url()).env("HTTPS_PROXY", proxy.url()).env("ALL_PROXY", proxy.url());
    answered(&said(status).await);
    assert_eq!(proxy.seen().len(), asked);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_answer_is_named() {
    let shop = Shop::open("dead-proxy").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut status = shop.program_at(&format!("https://{NAME}"), STATUS);
    status.env("HTTPS_PROXY", format!("http://{free}"));
    let (exit, _, told) = said(status).await;
    assert_eq!(exit, i32::from(Exit::Failed.code()), "{told}");
    insta::assert_snapshot!("dead_proxy", told.replace(&free.to_string(), "PROXY"));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smoke_request_goes_by_the_proxy_too_and_the_engine_s_socket_never() {
    let shop = Shop::open("smoke").await;
    shop.stock().await;
    shop.change("    strategy:", "    smoke: { url: \"http://shop.test/health\", expect: 204, within: 1m }\n    strategy:");
    let shop_front = Front::serve("127.0.0.1:0", |mut stream, _| async move {
        let mut buffer = [0; 4096];
        let _read = stream.read(&mut buffer).await?;
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await
    })
    .await;
    let proxy = Front::proxy(shop_front.address).await;
    let mut deploy = shop.program_at(&shop.sandbox.endpoint(), &["deploy", "--commit", COMMIT]);
    deploy.env("HTTP_PROXY", proxy.url()).env("HTTPS_PROXY", proxy.url());
    let (exit, _, told) = said(deploy).await;
    assert_eq!(exit, 0, "{told}");
    assert_eq!(proxy.seen(), ["GET http://shop.test/health"]);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_on_ipv6_is_reached() {
    let shop = Shop::open("ipv6").await;
    let front = Front::passing("[::1]:0", to(&shop)).await;
    assert!(front.address.is_ipv6());
    answered(&said(shop.program_at(&front.url(), STATUS)).await);
    assert!(!front.seen().is_empty());
    shop.sandbox.finish().await;
}

/// The AWS adapter by this client.
async fn cluster(web: Web, endpoint: String, clock: Clock) -> aws::Aws {
    let target = Target {
        region: Some(REGION.to_owned()),
        endpoint: Some(endpoint),
        credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
        clock,
        ..Target::default()
    };
    aws::connect_through(web, &target, "storefront").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_forgotten_on_the_way_is_made_anew() {
    let shop = Shop::open("idle").await;
    let front = Front::forgetful(to(&shop), Duration::from_millis(200)).await;
    let clock = Clock::starting(Timestamp::now(), 1.0);
    let aws = cluster(Web::new(Trust::System), front.url(), clock).await;
    for _ in 0..3 {
        assert!(aws.service.look("backend").await.unwrap().present().is_some());
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert!(front.seen().len() >= 3, "each time all connections were forgotten: {}", front.seen().len());
    shop.sandbox.finish().await;
}

/// A name service that does not answer until so much of AWS's time has passed.
#[derive(Clone, Debug)]
struct Down {
    until: Timestamp,
    clock: Clock,
    asked: Arc<AtomicU32>,
}

impl ResolveDns for Down {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        assert_eq!(name, NAME);
        self.asked.fetch_add(1, Ordering::SeqCst);
        DnsFuture::ready(if self.clock.now() < self.until {
            Err(ResolveDnsError::new("Temporary failure in name resolution"))
        } else {
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_service_that_fails_for_a_minute_is_waited_out() {
    let shop = Shop::open("dns").await;
    // Longer than the SDK tries by itself, which is in real time.
    let clock = Clock::starting(Timestamp::now(), 6.0);
    let down = Down { until: clock.now() + jiff::SignedDuration::from_mins(1), clock, asked: Arc::default() };
    let asked = down.asked.clone();
    let web = Web::resolving(Trust::System, SharedDnsResolver::new(down));
    let endpoint = format!("http://{NAME}:{}", to(&shop).port());
    let aws = cluster(web, endpoint, clock).await;
    let began = clock.now();
    let look = async || aws.service.look("backend").await;
    let first = look().await.unwrap_err();
    assert!(first.is_passing() && first.to_string().contains("name resolution"), "{first}");
    let seen = patiently(clock, "backend", PortError::is_passing, look).await.unwrap();
    assert!(seen.present().is_some());
    assert!(clock.now().duration_since(began).as_secs() >= 60);
    assert!(asked.load(Ordering::SeqCst) > 3, "it has tried again");
    shop.sandbox.finish().await;
}
