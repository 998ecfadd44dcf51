//! Whole stories of the registry over HTTP, as a client that pushes tells them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::store::digest_of;
use crate::ecr::LaterChunks;
use crate::ecr::manifest::{DOCKER_IMAGE, OCI_IMAGE};
use crate::ecr::stories::{ask, state};
use crate::state::Shared;

mod referrers;

struct Pusher {
    client: Client<HttpConnector, Body>,
    address: String,
    token: String,
    shared: Arc<Shared>,
    _folder: TempDir,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: impl axum::http::header::AsHeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

impl Pusher {
    async fn start(mutability: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        state.address = listener.local_addr().unwrap().to_string();
        let address = state.address.clone();
        ask(&mut state, "CreateRepository", json!({"repositoryName": "team/web", "imageTagMutability": mutability})).unwrap();
        let reply = ask(&mut state, "GetAuthorizationToken", json!({})).unwrap();
        let data = &reply["authorizationData"][0];
        assert_eq!(data["proxyEndpoint"], format!("http://{address}"));
        let token = data["authorizationToken"].as_str().unwrap().to_owned();
        let shared = Arc::new(Shared::new(state));
        let router = super::router(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, address, token, shared, _folder: folder }
    }

    async fn send(&self, method: Method, place: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let uri = if place.starts_with("http") { place.to_owned() } else { format!("http://{}/v2/{place}", self.address) };
        let mut request = Request::builder().method(method).uri(uri);
        if !headers.iter().any(|(name, _)| *name == AUTHORIZATION.as_str()) {
            request = request.header(AUTHORIZATION, format!("Basic {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = self.client.request(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    async fn begin(&self) -> String {
        let reply = self.send(Method::POST, "team/web/blobs/uploads/", &[], "").await;
        assert_eq!(reply.status, StatusCode::ACCEPTED);
        reply.header(LOCATION).to_owned()
    }

    async fn push_blob(&self, bytes: &'static [u8]) -> String {
        let location = self.begin().await;
        let digest = digest_of(bytes);
        let sent = self.send(Method::PATCH, &location, &[], bytes).await;
        assert_eq!(sent.status, StatusCode::CREATED, "ECR's answer to PATCH");
        let done =
            self.send(Method::PUT, &format!("{}?digest={}", sent.header(LOCATION), digest.replace(':', "%3A")), &[], "").await;
        assert_eq!(done.status, StatusCode::CREATED);
        assert_eq!(done.header("docker-content-digest"), digest);
        digest
    }

    async fn push_manifest(&self, reference: &str, manifest: &str) -> Reply {
        let headers = [(CONTENT_TYPE.as_str(), DOCKER_IMAGE)];
        self.send(Method::PUT, &format!("team/web/manifests/{reference}"), &headers, manifest.to_owned()).await
    }
}

fn manifest(config: &str, layer: &str) -> String {
    json!({"schemaVersion": 2, "mediaType": DOCKER_IMAGE,
           "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": config, "size": 2},
           "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": layer, "size": 5}]})
    .to_string()
}

#[tokio::test]
async fn only_who_has_a_good_token_comes_in() {
    let pusher = Pusher::start("MUTABLE").await;
    assert_eq!(pusher.send(Method::GET, "", &[], "").await.status, StatusCode::OK);
    let unknown = STANDARD.encode("AWS:guess");
    for header in ["Basic !", "Bearer x", &format!("Basic {unknown}")] {
        let reply = pusher.send(Method::GET, "", &[(AUTHORIZATION.as_str(), header)], "").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{header}");
        let challenge = format!("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"", pusher.address);
        assert_eq!(reply.header(WWW_AUTHENTICATE), challenge);
    }
    pusher.shared.lock().clock.virtual0 += 12 * 3600 * 1000;
    let late = pusher.send(Method::GET, "", &[], "").await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
    let text = String::from_utf8(late.body).unwrap();
    assert!(text.contains("Your authorization token has expired. Reauthenticate and try again."), "{text}");
}

#[tokio::test]
async fn a_push_is_seen_by_the_api_and_can_be_pulled() {
    let pusher = Pusher::start("IMMUTABLE").await;
    let (config, layer) = (pusher.push_blob(b"{}").await, pusher.push_blob(b"layer").await);
    let first = manifest(&config, &layer);
    let done = pusher.push_manifest("v1", &first).await;
    assert_eq!(done.status, StatusCode::CREATED);
    let digest = digest_of(first.as_bytes());
    assert_eq!(done.header("docker-content-digest"), digest);
    assert_eq!(pusher.push_manifest("v1", &first).await.status, StatusCode::CREATED, "the same again is no violation");

    let images = ask(&mut pusher.shared.lock(), "DescribeImages", json!({"repositoryName": "team/web"})).unwrap();
    assert_eq!(images["imageDetails"][0]["imageDigest"], digest);
    assert_eq!(images["imageDetails"][0]["imageSizeInBytes"], 7);
    assert_eq!(images["imageDetails"][0]["imageTags"], json!(["v1"]));

    for reference in ["v1", &digest] {
        let got =
            pusher.send(Method::GET, &format!("team/web/manifests/{reference}"), &[(ACCEPT.as_str(), DOCKER_IMAGE)], "").await;
        assert_eq!((got.body.as_slice(), got.header(CONTENT_TYPE)), (first.as_bytes(), DOCKER_IMAGE));
    }
    let head = pusher.send(Method::HEAD, "team/web/manifests/v1", &[(ACCEPT.as_str(), "*/*")], "").await;
    assert_eq!((head.header("docker-content-digest"), head.header("content-length")), (&*digest, &*first.len().to_string()));
    let other = pusher.send(Method::GET, "team/web/manifests/v1", &[(ACCEPT.as_str(), OCI_IMAGE)], "").await;
    assert_eq!(other.header(CONTENT_TYPE), OCI_IMAGE);
    assert_ne!(other.header("docker-content-digest"), digest);

    let blob = pusher.send(Method::GET, &format!("team/web/blobs/{layer}"), &[], "").await;
    assert_eq!(blob.body, b"layer");
    let head = pusher.send(Method::HEAD, &format!("team/web/blobs/{layer}"), &[], "").await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, "5"));

    let moved = pusher.push_manifest("v1", &manifest(&layer, &config)).await;
    assert_eq!((moved.status, moved.code()), (StatusCode::BAD_REQUEST, "TAG_INVALID".into()));
    let text = String::from_utf8(moved.body).unwrap();
    assert!(
        text.contains("The image tag 'v1' already exists in the 'team/web' repository and cannot be overwritten because the tag is immutable."),
        "{text}"
    );
    let tags = pusher.send(Method::GET, "team/web/tags/list", &[], "").await;
    assert_eq!(serde_json::from_slice::<Value>(&tags.body).unwrap(), json!({"name": "team/web", "tags": ["v1"]}));
}

#[tokio::test]
async fn refusals_have_the_codes_of_the_protocol() {
    let pusher = Pusher::start("MUTABLE").await;
    let config = pusher.push_blob(b"{}").await;
    let absent = digest_of(b"absent");
    let pusher = &pusher;
    let get = |place: String| async move { pusher.send(Method::GET, &place, &[], "").await };
    for (reply, status, code) in [
        (get("nope/manifests/v1".into()).await, 404, "NAME_UNKNOWN"),
        (get("team/web/manifests/v1".into()).await, 404, "MANIFEST_UNKNOWN"),
        (get(format!("team/web/blobs/{absent}")).await, 404, "BLOB_UNKNOWN"),
        (pusher.push_manifest("v1", &manifest(&config, &absent)).await, 404, "MANIFEST_BLOB_UNKNOWN"),
        (pusher.push_manifest("v1", "{").await, 405, "UNSUPPORTED"),
        (pusher.push_manifest(&absent, &manifest(&config, &config)).await, 400, "DIGEST_INVALID"),
        (pusher.push_manifest("-x", &manifest(&config, &config)).await, 400, "TAG_INVALID"),
        (pusher.send(Method::POST, "nope/blobs/uploads/", &[], "").await, 404, "NAME_UNKNOWN"),
        (pusher.send(Method::PATCH, "team/web/blobs/uploads/17", &[], "x").await, 404, "BLOB_UPLOAD_UNKNOWN"),
        (pusher.send(Method::DELETE, "team/web/manifests/v1", &[], "").await, 404, "MANIFEST_UNKNOWN"),
        (pusher.send(Method::PUT, "team/web/tags/list", &[], "").await, 405, "UNSUPPORTED"),
    ] {
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn uploads_are_checked_and_leave_nothing_behind() {
    let pusher = Pusher::start("MUTABLE").await;
    let digest = digest_of(b"layer");
    let wrong = pusher.send(Method::PUT, &format!("{}?digest={digest}", pusher.begin().await), &[], "other").await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::BAD_REQUEST, "DIGEST_INVALID".into()));
    let head = pusher.send(Method::HEAD, &format!("team/web/blobs/{digest}"), &[], "").await;
    assert_eq!(head.status, StatusCode::NOT_FOUND);

    let whole = pusher.send(Method::POST, &format!("team/web/blobs/uploads/?digest={digest}"), &[], "layer").await;
    assert_eq!(whole.status, StatusCode::CREATED);
    let mount = pusher.send(Method::POST, &format!("team/web/blobs/uploads/?mount={digest}&from=other"), &[], "").await;
    assert_eq!(mount.status, StatusCode::ACCEPTED, "mounting is off: upload it");
    let cancelled = pusher.send(Method::DELETE, mount.header(LOCATION), &[], "").await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    let uploads = pusher.shared.lock().store().uploads();
    assert_eq!(std::fs::read_dir(uploads).unwrap().count(), 0);
}

#[tokio::test]
async fn later_chunks_are_kept_or_dropped() {
    let pusher = Pusher::start("MUTABLE").await;
    let digest = digest_of(b"onetwo");
    let push = || async {
        let location = pusher.begin().await;
        pusher.send(Method::PATCH, &location, &[(CONTENT_RANGE.as_str(), "0-2")], "one").await;
        let second = pusher.send(Method::PATCH, &location, &[(CONTENT_RANGE.as_str(), "3-5")], "two").await;
        let range = second.header("range").to_owned();
        (range, pusher.send(Method::PUT, &format!("{location}?digest={digest}"), &[], "").await.status)
    };
    assert_eq!(push().await, ("0-5".to_owned(), StatusCode::CREATED));
    pusher.shared.lock().ecr.later_chunks = LaterChunks::Dropped;
    assert_eq!(push().await, ("0-2".to_owned(), StatusCode::BAD_REQUEST));
    pusher.shared.lock().ecr.later_chunks = LaterChunks::Kept;
    let location = pusher.begin().await;
    let early = pusher.send(Method::PATCH, &location, &[(CONTENT_RANGE.as_str(), "3-5")], "two").await;
    assert_eq!(early.status, StatusCode::RANGE_NOT_SATISFIABLE);
}
