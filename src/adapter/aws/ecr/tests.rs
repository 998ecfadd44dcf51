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

#[tokio::test]
async fn a_login_that_was_refused_is_renewed_once_for_all_who_had_it() {
    use base64::Engine as _;
    let given = std::sync::atomic::AtomicU32::new(0);
    let server = Canned::start(move |_| {
        let number = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let mut reply = recorded("ecr-get-authorization-token");
        let token = base64::engine::general_purpose::STANDARD.encode(format!("AWS:pw{number}"));
        reply["authorizationData"][0]["authorizationToken"] = token.into();
        Reply::ok(reply)
    })
    .await;
    let repositories = repositories(&server, 1_790_000_000);
    let refused = repositories.login().await.unwrap();
    let (one, other) = futures_util::join!(repositories.login_anew(&refused), repositories.login_anew(&refused));
    for login in [one.unwrap(), other.unwrap(), repositories.login_anew(&refused).await.unwrap()] {
        assert_eq!(login.password.reveal(), "pw1");
    }
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_tag_is_added_to_the_same_manifest_or_is_another_s() {
    const AS_IT_CAME: &str = "{ \"config\":  {\"digest\": \"sha256:cc\"} }";
    let tag = || Tag("4f2a91c".to_owned());
    let (ours, theirs) = (digest("sha256:aaaa"), digest("sha256:bbbb"));
    const EXISTS: Option<&str> = Some("ImageTagAlreadyExistsException");
    let taken = || Tagged::Taken { by: theirs.clone() };
    // Who has the tag at the first look, how PutImage refuses, and who has it then.
    for (before, refused, after, wanted) in [
        (None, None, None, Tagged::Yes),
        (Some("sha256:aaaa"), None, None, Tagged::Yes),
        (Some("sha256:bbbb"), None, None, taken()),
        (None, EXISTS, Some("sha256:bbbb"), taken()),
        (None, EXISTS, Some("sha256:aaaa"), Tagged::Yes),
    ] {
        let image = |digest: &str, tag: Option<&str>| {
            json!({"imageId": {"imageDigest": digest, "imageTag": tag}, "imageManifest": AS_IT_CAME,
                   "imageManifestMediaType": "application/x"})
        };
        let server = Canned::start(move |asked| match (asked.operation(), asked.json()["imageIds"].as_array().map(Vec::len)) {
            ("BatchGetImage", Some(2)) => {
                let under = before.map(|digest| image(digest, Some("4f2a91c")));
                let images: Vec<Value> = [image("sha256:aaaa", None)].into_iter().chain(under).collect();
                Reply::ok(json!({"images": images, "failures": []}))
            }
            ("BatchGetImage", _) => {
                let under: Vec<Value> = after.iter().map(|digest| image(digest, Some("4f2a91c"))).collect();
                Reply::ok(json!({"images": under, "failures": []}))
            }
            ("PutImage", _) => match refused {
                Some(code) => Reply::error(code, "no"),
                None => Reply::ok(json!({"image": {}})),
            },
            other => panic!("{other:?}"),
        })
        .await;
        let tagged = repositories(&server, 0).tag("shop/web", &ours, &tag()).await.unwrap();
        assert_eq!(tagged, wanted, "{before:?} {refused:?}");
        for put in server.asked().iter().filter(|asked| asked.operation() == "PutImage") {
            let put = put.json();
            assert_eq!((&put["imageManifest"], &put["imageManifestMediaType"]), (&json!(AS_IT_CAME), &json!("application/x")));
            assert_eq!((&put["imageTag"], &put["imageDigest"]), (&json!("4f2a91c"), &json!("sha256:aaaa")));
            assert_eq!(before, None, "what has the tag is not put again");
        }
    }
}
