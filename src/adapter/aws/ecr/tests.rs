//! The registry against recorded replies.

use serde_json::{Value, json};

use super::*;
use crate::adapter::aws::canned::{Asked, Canned, Reply, recorded};
use crate::adapter::aws::http::Trust;

fn digest(text: &str) -> Digest {
    Digest(text.to_owned())
}

fn image_reply(asked: &Asked, manifest: &Value) -> Reply {
    let id = &asked.json()["imageIds"][0];
    let digest = id["imageDigest"].as_str().unwrap_or("sha256:aaaa");
    let image = json!({"imageId": {"imageDigest": digest, "imageTag": id["imageTag"]}, "imageManifest": manifest.to_string(),
                       "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json"});
    Reply::ok(json!({"images": [image], "failures": []}))
}

fn index() -> Value {
    json!({"manifests": [
        {"digest": "sha256:at", "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": "sha256:c1", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:c2", "platform": {"os": "linux", "architecture": "arm64"}},
    ]})
}

const CONFIG: &str = r#"{"config":{"Labels":{"shipit.inputs":"sha256:in"}}}"#;
const CONFIG_DIGEST: &str = "sha256:59b88708c455f3c239f997b67c6d7d6e0773d032e14c3cbf3ea726a23814ac84";

fn image() -> Value {
    json!({"config": {"digest": CONFIG_DIGEST}})
}

/// A registry on this server, whose blobs lie behind a redirect.
fn registry(asked: &Asked) -> Reply {
    let host = asked.header("host");
    match asked.operation() {
        "DescribeRepositories" => Reply::ok(json!({"repositories": [{"repositoryUri": format!("{host}/shop/web")}]})),
        "DescribeImages" => Reply::ok(recorded("ecr-describe-images")),
        "GetAuthorizationToken" => Reply::ok(recorded("ecr-get-authorization-token")),
        "BatchGetImage" if asked.json()["imageIds"][0]["imageDigest"] == "sha256:c1" => image_reply(asked, &image()),
        "BatchGetImage" => image_reply(asked, &index()),
        _ if asked.path == format!("/v2/shop/web/blobs/{CONFIG_DIGEST}") => {
            Reply::status(307, "").with("location", "/elsewhere?signed=1")
        }
        _ if asked.path == "/elsewhere?signed=1" => Reply::ok(CONFIG),
        other => panic!("`{other}` was not expected: {} {}", asked.path, asked.body),
    }
}

fn repositories(server: &Canned, second: i64) -> Repositories {
    let clock = Clock::starting(Timestamp::from_second(second).unwrap(), 1.0);
    Repositories::new(&server.sdk(1), Web::new(Trust::System), clock)
}

#[tokio::test]
async fn an_image_is_seen_with_its_labels_and_the_login_stays_with_the_registry() {
    let server = Canned::start(registry).await;
    let seen = repositories(&server, 1_790_000_000).look("shop/web", &Tag("1a2b3c4".to_owned()), None).await.unwrap();
    let RepositorySeen::Present { uri, held: Stored::OfCommit(stored) } = seen else { panic!("it is there") };
    assert_eq!(uri, format!("{}/shop/web", server.url.trim_start_matches("http://")));
    assert_eq!(stored.digest, digest("sha256:aaaa"), "the index's own digest, not its child's");
    assert_eq!(stored.labels.get("shipit.inputs").map(String::as_str), Some("sha256:in"));
    assert_eq!(stored.pushed_at, Some(Timestamp::from_second(1_790_000_000).unwrap()));
    let asked = server.asked();
    let header = |path: &str| asked.iter().find(|asked| asked.path == path).unwrap().header("authorization").to_owned();
    assert_eq!(header(&format!("/v2/shop/web/blobs/{CONFIG_DIGEST}")), "Basic QVdTOnB3");
    assert_eq!(header("/elsewhere?signed=1"), "");
    let by_tag = asked.iter().find(|asked| asked.operation() == "BatchGetImage").unwrap().json();
    assert_eq!(by_tag["acceptedMediaTypes"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_repository_may_be_missing_and_a_tag_free() {
    let server = Canned::start(|_| Reply::error("RepositoryNotFoundException", "no")).await;
    let seen = repositories(&server, 0).look("shop/web", &Tag("t".to_owned()), None).await.unwrap();
    assert_eq!(seen, RepositorySeen::Missing);
    let server = Canned::start(|asked| match asked.operation() {
        "BatchGetImage" => Reply::ok(json!({"images": [], "failures": [{"failureCode": "ImageNotFound"}]})),
        _ => registry(asked),
    })
    .await;
    let seen = repositories(&server, 0).look("shop/web", &Tag("t".to_owned()), None).await.unwrap();
    assert!(matches!(seen, RepositorySeen::Present { held: Stored::Nothing, .. }));
}

#[tokio::test]
async fn a_login_is_kept_until_shortly_before_it_ends() {
    // The recorded token ends at 1790043200.
    for (second, asked) in [(1_790_000_000, 1), (1_790_043_000, 2)] {
        let server = Canned::start(registry).await;
        let repositories = repositories(&server, second);
        for _ in 0..2 {
            let login = repositories.login().await.unwrap();
            assert_eq!(login.server, "123456789012.dkr.ecr.us-east-1.amazonaws.com");
            assert_eq!((login.username.as_str(), login.password.reveal().as_str()), ("AWS", "pw"));
        }
        assert_eq!(server.asked().len(), asked, "at {second}");
    }
}
