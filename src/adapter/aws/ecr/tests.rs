//! The registry and its scans against recorded replies.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shipit_core::gate::{Finding, Scan, Severity};

use super::*;
use crate::adapter::aws::canned::{Asked, Canned, Reply, recorded};
use crate::adapter::aws::http::Trust;
use crate::port::Scans as _;

fn digest(text: &str) -> Digest {
    Digest(text.to_owned())
}

fn image_reply(asked: &Asked, manifest: &Value) -> Reply {
    let id = &asked.json()["imageIds"][0];
    let digest = id["imageDigest"].as_str().unwrap_or("sha256:aaaa");
    let image = json!({"imageId": {"imageDigest": digest}, "imageManifest": manifest.to_string()});
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
    let seen = repositories(&server, 1_790_000_000).look("shop/web", &Tag("1a2b3c4".to_owned())).await.unwrap();
    let RepositorySeen::Present { uri, stored: Some(stored) } = seen else { panic!("it is there") };
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
    let seen = repositories(&server, 0).look("shop/web", &Tag("t".to_owned())).await.unwrap();
    assert_eq!(seen, RepositorySeen::Missing);
    let server = Canned::start(|asked| match asked.operation() {
        "BatchGetImage" => Reply::ok(json!({"images": [], "failures": [{"failureCode": "ImageNotFound"}]})),
        _ => registry(asked),
    })
    .await;
    let seen = repositories(&server, 0).look("shop/web", &Tag("t".to_owned())).await.unwrap();
    assert!(matches!(seen, RepositorySeen::Present { stored: None, .. }));
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

async fn scan(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (PortResult<Scan>, Vec<String>) {
    let server = Canned::start(answer).await;
    let scan = Scanner::new(&server.sdk(3)).look("web", &digest("sha256:aaaa")).await;
    (scan, server.operations())
}

fn status(status: &str) -> Reply {
    Reply::ok(json!({"imageScanStatus": {"status": status, "description": "why"}}))
}

#[tokio::test]
async fn basic_findings_of_every_page() {
    let page = AtomicU32::new(0);
    let (scan, operations) = scan(move |asked| {
        let mut reply = recorded("ecr-scan-findings-basic");
        if page.fetch_add(1, Ordering::SeqCst) == 1 {
            assert_eq!(asked.json()["nextToken"], "opaque");
            reply["nextToken"] = Value::Null;
            reply["imageScanFindings"]["findings"] = json!([{"name": "CVE-2", "severity": "UNDEFINED", "attributes": []}]);
        }
        Reply::ok(reply)
    })
    .await;
    let openssl = Finding {
        id: "CVE-2026-0001".to_owned(),
        severity: Severity::Critical,
        package: Some("openssl".to_owned()),
        version: Some("1.2.3".to_owned()),
        fixed_in: None,
    };
    let other = Finding { id: "CVE-2".to_owned(), severity: Severity::Unknown, package: None, version: None, fixed_in: None };
    assert_eq!(scan.unwrap(), Scan::Finished { findings: vec![openssl, other] });
    assert_eq!(operations.len(), 2);
}

#[tokio::test]
async fn enhanced_findings_that_are_active() {
    let (scan, _) = scan(|_| {
        let mut reply = recorded("ecr-scan-findings-enhanced");
        let findings = reply["imageScanFindings"]["enhancedFindings"].as_array_mut().unwrap();
        let mut suppressed = findings[0].clone();
        suppressed["status"] = json!("SUPPRESSED");
        findings.push(suppressed);
        Reply::ok(reply)
    })
    .await;
    let lodash = Finding {
        id: "CVE-2026-0002".to_owned(),
        severity: Severity::High,
        package: Some("lodash".to_owned()),
        version: Some("4.17.20".to_owned()),
        fixed_in: Some("4.17.21".to_owned()),
    };
    assert_eq!(scan.unwrap(), Scan::Finished { findings: vec![lodash] });
}

#[tokio::test]
async fn statuses_decide_whether_to_wait() {
    for word in ["PENDING", "IN_PROGRESS"] {
        assert_eq!(scan(move |_| status(word)).await.0.unwrap(), Scan::Running);
    }
    for word in ["FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE", "FROM_THE_FUTURE"] {
        let (scan, _) = scan(move |asked| match asked.operation() {
            "BatchGetImage" => image_reply(asked, &image()),
            _ => status(word),
        })
        .await;
        assert_eq!(scan.unwrap(), Scan::Unavailable { status: word.to_owned(), description: "why".to_owned() });
    }
}

/// An image that was never scanned, in a repository whose scans start so.
fn never_scanned(asked: &Asked, frequency: &str, start: Reply) -> Reply {
    match asked.operation() {
        "DescribeImageScanFindings" => Reply::error("ScanNotFoundException", "no"),
        "BatchGetImage" => image_reply(asked, &image()),
        "BatchGetRepositoryScanningConfiguration" => Reply::ok(
            json!({"scanningConfigurations": [{"repositoryName": "web", "scanOnPush": false, "scanFrequency": frequency}]}),
        ),
        "StartImageScan" => start,
        other => panic!("`{other}` was not expected"),
    }
}

#[tokio::test]
async fn a_scan_on_push_is_waited_for() {
    let (scan, operations) = scan(|asked| never_scanned(asked, "SCAN_ON_PUSH", Reply::ok("{}"))).await;
    assert_eq!(scan.unwrap(), Scan::Running);
    assert!(!operations.contains(&"StartImageScan".to_owned()));
}

#[tokio::test]
async fn a_manual_scan_is_asked_for_once() {
    let server = Canned::start(|asked| never_scanned(asked, "MANUAL", Reply::ok("{}"))).await;
    let scanner = Scanner::new(&server.sdk(1));
    for _ in 0..3 {
        assert_eq!(scanner.look("web", &digest("sha256:aaaa")).await.unwrap(), Scan::Running);
    }
    assert_eq!(server.operations().iter().filter(|operation| *operation == "StartImageScan").count(), 1);
}

#[tokio::test]
async fn whoever_may_not_read_what_starts_a_scan_asks_for_one_once_and_waits() {
    for refusal in ["AccessDeniedException", "LimitExceededException", "ValidationException"] {
        let server = Canned::start(move |asked| match asked.operation() {
            "BatchGetRepositoryScanningConfiguration" => Reply::error("AccessDeniedException", "no"),
            _ => never_scanned(asked, "MANUAL", Reply::error(refusal, "no")),
        })
        .await;
        let scanner = Scanner::new(&server.sdk(1));
        for _ in 0..3 {
            assert_eq!(scanner.look("web", &digest("sha256:aaaa")).await.unwrap(), Scan::Running, "{refusal}");
        }
        assert_eq!(server.operations().iter().filter(|operation| *operation == "StartImageScan").count(), 1, "{refusal}");
    }
}

#[tokio::test]
async fn the_daily_limit_is_not_retried_and_the_existing_scan_is_read() {
    let started = AtomicU32::new(0);
    let (scan, operations) = scan(move |asked| match asked.operation() {
        "StartImageScan" => {
            started.fetch_add(1, Ordering::SeqCst);
            Reply::error("LimitExceededException", "The scan quota per image has been exceeded.")
        }
        "DescribeImageScanFindings" if started.load(Ordering::SeqCst) > 0 => {
            Reply::ok(json!({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": []}}))
        }
        _ => never_scanned(asked, "MANUAL", Reply::ok("{}")),
    })
    .await;
    assert_eq!(scan.unwrap(), Scan::Finished { findings: Vec::new() });
    assert_eq!(operations.iter().filter(|operation| *operation == "StartImageScan").count(), 1, "three attempts were allowed");
}

#[tokio::test]
async fn a_repository_that_nothing_scans_has_no_result() {
    let refusal = || Reply::error("ValidationException", "This feature is disabled");
    let (scan, _) = scan(move |asked| never_scanned(asked, "MANUAL", refusal())).await;
    let description = "This feature is disabled".to_owned();
    assert_eq!(scan.unwrap(), Scan::Unavailable { status: "NOT_SCANNED".to_owned(), description });
}

/// An index whose second image answers so.
fn of_index(asked: &Asked, second: Reply) -> Reply {
    let finished = |id: &str| {
        let findings = json!([{"name": "CVE-1", "severity": "LOW"}, {"name": id, "severity": "HIGH"}]);
        Reply::ok(json!({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": findings}}))
    };
    match (asked.operation(), asked.json()["imageId"]["imageDigest"].as_str()) {
        ("BatchGetImage", _) => image_reply(asked, &index()),
        ("DescribeImageScanFindings", Some("sha256:aaaa")) => Reply::error("ScanNotFoundException", "an index"),
        ("DescribeImageScanFindings", Some("sha256:c1")) => finished("CVE-2"),
        ("DescribeImageScanFindings", Some("sha256:c2")) => second,
        other => panic!("{other:?} was not expected: attestations are not scanned"),
    }
}

#[tokio::test]
async fn every_image_of_an_index_counts() {
    let same = || json!({"imageScanStatus": {"status": "ACTIVE"}, "imageScanFindings": {"findings": [{"name": "CVE-1", "severity": "LOW"}]}});
    let (both, _) = scan(move |asked| of_index(asked, Reply::ok(same()))).await;
    let Scan::Finished { findings } = both.unwrap() else { panic!("both have finished") };
    assert_eq!(findings.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["CVE-1", "CVE-2"]);
    let (waiting, _) = scan(|asked| of_index(asked, status("PENDING"))).await;
    assert_eq!(waiting.unwrap(), Scan::Running);
    let (failed, _) = scan(|asked| of_index(asked, status("FAILED"))).await;
    assert!(matches!(failed.unwrap(), Scan::Unavailable { status, .. } if status == "FAILED"));
}
