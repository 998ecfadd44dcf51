use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shipit_core::release::Digest;

use super::retry::pause;
use super::{Mount, Repository, Trouble, scheme};
use crate::adapter::aws::canned::{Asked, Canned, Reply};
use crate::adapter::aws::http::{Content, Trust, Web};
use crate::adapter::content::digest_of;
use crate::port::{Login, Secret};

async fn repository(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Canned, Repository) {
    let server = Canned::start(answer).await;
    let registry = server.url.trim_start_matches("http://").to_owned();
    let password = Secret::new("pw".to_owned());
    let login = Login { server: registry.clone(), username: "AWS".to_owned(), password };
    let repository = Repository::new(Web::new(Trust::System), &format!("{registry}/shop/web"), &login);
    (server, repository)
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::status(status, serde_json::json!({"errors": [{"code": code, "message": message}]}))
}

fn paths(server: &Canned) -> Vec<String> {
    server.asked().iter().map(|asked| asked.path.clone()).collect()
}

#[test]
fn only_this_machine_is_spoken_to_in_plain_http() {
    assert_eq!(scheme("127.0.0.1:5000"), "http");
    assert_eq!(scheme("localhost:5000"), "http");
    assert_eq!(scheme("123456789012.dkr.ecr.us-east-1.amazonaws.com"), "https");
    assert_eq!(scheme("127.evil.example"), "https");
}

#[test]
fn pauses_grow_and_a_registry_may_ask_for_longer_ones() {
    let millis = |attempt, asked: Option<u64>| pause(attempt, asked.map(Duration::from_secs)).map(|pause| pause.as_millis());
    assert_eq!(millis(1, None), Some(250));
    assert_eq!(millis(3, None), Some(1000));
    assert_eq!(millis(1, Some(7)), Some(7000));
    assert_eq!(millis(1, Some(60)), None, "the step above has more patience");
    assert_eq!(millis(6, None), None, "six attempts in all");
}

#[tokio::test]
async fn a_small_blob_is_sent_where_the_registry_says_and_looked_for_afterwards() {
    let sent = AtomicU32::new(0);
    let (server, repository) = repository(move |asked| match asked.path.as_str() {
        "/v2/shop/web/blobs/uploads/" => Reply::status(202, "").with("location", "/elsewhere?state=1"),
        path if path.starts_with("/elsewhere?state=1&digest=sha256:") => {
            sent.fetch_add(1, Ordering::SeqCst);
            Reply::status(201, "")
        }
        _ if sent.load(Ordering::SeqCst) == 0 => Reply::status(404, ""),
        _ => Reply::status(200, ""),
    })
    .await;
    let digest = repository.put_blob(b"{}").await.unwrap();
    assert_eq!(digest, digest_of(b"{}"));
    assert_eq!(server.asked()[2].body, "{}");
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == "Basic QVdTOnB3"));
    repository.put_blob(b"{}").await.unwrap();
    assert_eq!(paths(&server).len(), 5, "what is there is not sent again");
}

#[tokio::test]
async fn what_a_registry_took_and_does_not_have_is_not_there() {
    for held in [|| Reply::status(404, ""), || Reply::ok("{")] {
        let (server, repository) = repository(move |asked| match asked.path.as_str() {
            "/v2/shop/web/blobs/uploads/" => Reply::status(202, "").with("location", "/up"),
            path if path.starts_with("/up?digest=") => Reply::status(201, ""),
            _ => held(),
        })
        .await;
        let upload = repository.begin().await.unwrap();
        let ended = repository.end(&upload, &digest_of(b"{}"), 2, Content::Whole(b"{}".to_vec())).await;
        assert!(matches!(ended, Err(Trouble::Unreachable { .. })), "{ended:?}");
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for answer in [|| Reply::status(429, "").with("retry-after", 0), || Reply::status(503, "")] {
        let tries = AtomicU32::new(0);
        let (server, repository) = repository(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => answer(),
            _ => Reply::status(404, ""),
        })
        .await;
        assert_eq!(repository.size(&Digest("sha256:aa".to_owned())).await, Ok(None));
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn what_does_not_pass_is_told_at_once() {
    for (status, code, message, wanted) in [
        (403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.", "Expired"),
        (401, "UNAUTHORIZED", "Not Authorized", "Stranger"),
        (403, "DENIED", "User: u is not authorized to perform: ecr:InitiateLayerUpload", "Denied"),
        (404, "NAME_UNKNOWN", "The repository with name 'shop/web' does not exist", "Refused"),
        (507, "UNKNOWN", "quota of the volume", "Full"),
        (500, "UNKNOWN", "write /var/lib/registry/x: no space left on device", "Full"),
    ] {
        let (server, repository) = repository(move |_| refusal(status, code, message)).await;
        let Err(trouble) = repository.begin().await else { panic!("{message}: it was refused") };
        assert!(format!("{trouble:?}").starts_with(wanted), "{trouble:?}");
        assert_eq!(trouble.to_string(), message);
        assert_eq!(server.asked().len(), 1, "{message}");
    }
}

#[tokio::test]
async fn a_mount_is_one_request_or_an_upload() {
    let there = "/v2/shop/web/blobs/uploads/?mount=sha256:aa&from=shop/base";
    let digest = Digest("sha256:aa".to_owned());
    let (server, repository) = repository(|_| Reply::status(201, "")).await;
    assert!(matches!(repository.mount(&digest, "shop/base").await, Ok(Mount::Mounted)));
    assert_eq!(paths(&server), [there]);
    let (_server, repository) = self::repository(|_| Reply::status(202, "").with("location", "/up")).await;
    assert!(matches!(repository.mount(&digest, "shop/base").await, Ok(Mount::Begun(_))));
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says() {
    let digest = digest_of(b"{}").0;
    let told = digest.clone();
    let (_server, repository) =
        repository(move |_| Reply::ok("{}").with("docker-content-digest", &told).with("content-type", "x")).await;
    let found = repository.manifest("v1").await.unwrap().unwrap();
    assert_eq!((found.digest.as_str(), found.media_type.as_str(), found.bytes.as_slice()), (digest.as_str(), "x", &b"{}"[..]));
    assert_eq!(repository.digest("v1").await.unwrap().unwrap().0, digest);
    assert_eq!(repository.put_manifest("v1", "x", b"{}").await.unwrap().0, digest);
    assert!(matches!(repository.put_manifest("v1", "x", b"[]").await, Err(Trouble::Refused { .. })), "another digest is told");
    assert!(repository.manifest("sha256:aa").await.is_err(), "other bytes than those asked for");
}

#[tokio::test]
async fn referrers_are_an_index_or_not_known() {
    let (server, repository) = repository(|_| Reply::ok(r#"{"manifests": []}"#)).await;
    let digest = Digest("sha256:aa".to_owned());
    assert_eq!(repository.referrers(&digest).await.unwrap().unwrap()["manifests"], serde_json::json!([]));
    assert_eq!(paths(&server), ["/v2/shop/web/referrers/sha256:aa"]);
    let (_server, repository) = self::repository(|_| refusal(404, "UNSUPPORTED", "Not Found")).await;
    assert_eq!(repository.referrers(&digest).await.unwrap(), None);
}
