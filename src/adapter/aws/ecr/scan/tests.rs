//! Scans against recorded replies.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shipit_core::gate::{Finding, Fix, Severity};

use super::*;
use crate::adapter::aws::canned::{Asked, Canned, Reply, recorded};

const ALL: ScanWish = ScanWish { detail: Detail::Findings, ask: Ask::IfUnknown };
const COUNTS: ScanWish = ScanWish { detail: Detail::Counts, ask: Ask::IfUnknown };

fn digest(text: &str) -> Digest {
    Digest(text.to_owned())
}

fn image_reply(asked: &Asked, manifest: &Value) -> Reply {
    let digest = asked.json()["imageIds"][0]["imageDigest"].clone();
    let image = json!({"imageId": {"imageDigest": digest}, "imageManifest": manifest.to_string()});
    Reply::ok(json!({"images": [image], "failures": []}))
}

fn one_image(asked: &Asked) -> Reply {
    image_reply(asked, &json!({"config": {"digest": "sha256:c0"}}))
}

/// Looks once; the manifest of one image is not worth a word.
async fn looked(
    wish: ScanWish,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (PortResult<Vec<ImageScan>>, Vec<String>) {
    let server =
        Canned::start(move |asked| if asked.operation() == "BatchGetImage" { one_image(asked) } else { answer(asked) }).await;
    let scans = Scanner::new(&server.sdk(3)).look("web", &digest("sha256:aaaa"), wish).await;
    let asked = server.operations().into_iter().filter(|operation| operation != "BatchGetImage").collect();
    (scans, asked)
}

async fn scan(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Scan, Vec<String>) {
    let (scans, operations) = looked(ALL, answer).await;
    (scans.unwrap().remove(0).scan, operations)
}

fn status(status: &str) -> Reply {
    Reply::ok(json!({"imageScanStatus": {"status": status, "description": "why"}}))
}

/// The first page has one finding and names the second.
fn two_pages() -> impl Fn(&Asked) -> Reply + Send + Sync {
    let page = AtomicU32::new(0);
    move |asked| {
        let mut reply = recorded("ecr-scan-findings-basic");
        if page.fetch_add(1, Ordering::SeqCst) == 1 {
            assert_eq!(asked.json()["nextToken"], "opaque");
            reply["nextToken"] = Value::Null;
            reply["imageScanFindings"]["findings"] = json!([{"name": "CVE-2", "severity": "UNDEFINED", "attributes": []}]);
        }
        reply["imageScanFindings"]["findingSeverityCounts"] = json!({"CRITICAL": 1, "UNDEFINED": 1});
        Reply::ok(reply)
    }
}

#[tokio::test]
async fn basic_findings_of_every_page() {
    let (scan, operations) = scan(two_pages()).await;
    assert_eq!(scan.status, Status::Complete);
    let found: Vec<_> = scan.findings.iter().map(|found| (found.id.as_str(), found.severity, found.package.as_deref())).collect();
    assert_eq!(found, [("CVE-2026-0001", Severity::Critical, Some("openssl")), ("CVE-2", Severity::Unknown, None)]);
    assert_eq!((&scan.findings[0].fix, scan.findings[0].version.as_deref()), (&Fix::Untold, Some("1.2.3")));
    assert!(scan.completed_at.is_some() && scan.source_updated_at.is_some() && scan.unlisted.is_empty());
    assert_eq!(operations.len(), 2);
}

#[tokio::test]
async fn counts_alone_are_read_from_one_page() {
    let (scans, operations) = looked(COUNTS, two_pages()).await;
    let scan = scans.unwrap().remove(0).scan;
    assert_eq!((scan.findings.len(), operations.len()), (1, 1));
    assert_eq!(scan.unlisted, BTreeMap::from([(Severity::Unknown, 1)]), "it is counted, and on no page that was read");
}

#[tokio::test]
async fn a_list_that_is_shorter_than_its_count_is_not_there_yet() {
    let counted = || json!({"HIGH": 2});
    for found in [json!({"findings": [], "findingSeverityCounts": counted()}), Value::Null] {
        let shown = found.clone();
        let reply = move |_: &Asked| Reply::ok(json!({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": found}));
        let (scan, _) = scan(reply).await;
        assert_eq!(scan.status, Status::FindingsUnavailable, "{shown}");
    }
}

#[tokio::test]
async fn enhanced_findings_that_are_active() {
    let reply = |_: &Asked| {
        let mut reply = recorded("ecr-scan-findings-enhanced");
        let findings = reply["imageScanFindings"]["enhancedFindings"].as_array_mut().unwrap();
        let mut suppressed = findings[0].clone();
        suppressed["status"] = json!("SUPPRESSED");
        let mut unfixed = findings[0].clone();
        unfixed["packageVulnerabilityDetails"]["vulnerablePackages"][0]["fixedInVersion"] = json!("NotAvailable");
        unfixed["packageVulnerabilityDetails"]["vulnerabilityId"] = json!("CVE-2");
        findings.extend([suppressed, unfixed]);
        Reply::ok(reply)
    };
    let found = |scan: &Scan| {
        let words = scan.findings.iter().map(|found| (found.id.clone(), found.package.clone().unwrap(), found.fix.clone()));
        words.collect::<Vec<(String, String, Fix)>>()
    };
    let lodash = ("CVE-2026-0002".to_owned(), "lodash".to_owned(), Fix::In("4.17.21".to_owned()));
    let other = ("CVE-2".to_owned(), "lodash".to_owned(), Fix::None);
    assert_eq!(found(&scan(reply).await.0), [lodash, other]);
}

#[tokio::test]
async fn a_status_is_told_as_it_is() {
    for word in [
        "PENDING",
        "IN_PROGRESS",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_ARCHIVED",
        "IMAGE_SIZE_EXCEEDED",
        "FROM_THE_FUTURE",
    ] {
        let (scan, operations) = scan(move |_| status(word)).await;
        assert_eq!((scan.status.to_string().as_str(), scan.description.as_str()), (word, "why"));
        assert_eq!(operations.len(), 1);
    }
}

/// An image that was never scanned, in a repository whose scans start so.
fn never_scanned(asked: &Asked, frequency: &str, start: Reply) -> Reply {
    match asked.operation() {
        "DescribeImageScanFindings" => Reply::error("ScanNotFoundException", "no"),
        "BatchGetRepositoryScanningConfiguration" => Reply::ok(
            json!({"scanningConfigurations": [{"repositoryName": "web", "scanOnPush": false, "scanFrequency": frequency}]}),
        ),
        "GetRegistryScanningConfiguration" => Reply::ok(json!({"scanningConfiguration": {"scanType": "BASIC", "rules": []}})),
        "StartImageScan" => start,
        other => panic!("`{other}` was not expected"),
    }
}

#[tokio::test]
async fn a_scan_on_push_is_waited_for() {
    let (scan, operations) = scan(|asked| never_scanned(asked, "SCAN_ON_PUSH", Reply::ok("{}"))).await;
    assert_eq!(scan.status, Status::NotFound);
    assert!(!operations.contains(&"StartImageScan".to_owned()));
}

async fn starts(ask: Ask, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Vec<Status>, usize) {
    let server =
        Canned::start(move |asked| if asked.operation() == "BatchGetImage" { one_image(asked) } else { answer(asked) }).await;
    let scanner = Scanner::new(&server.sdk(1));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let scans = scanner.look("web", &digest("sha256:aaaa"), ScanWish { ask, ..ALL }).await;
        seen.push(scans.unwrap().remove(0).scan.status);
    }
    (seen, server.operations().iter().filter(|operation| *operation == "StartImageScan").count())
}

#[tokio::test]
async fn a_manual_scan_is_asked_for_once() {
    let (seen, asked) = starts(Ask::IfUnknown, |asked| never_scanned(asked, "MANUAL", Reply::ok("{}"))).await;
    assert_eq!((seen, asked), (vec![Status::InProgress, Status::NotFound, Status::NotFound], 1));
    let (seen, asked) = starts(Ask::Never, |asked| never_scanned(asked, "MANUAL", Reply::ok("{}"))).await;
    assert_eq!((seen[2].clone(), asked), (Status::NotFound, 0), "somebody else's image is only looked at");
}

#[tokio::test]
async fn whoever_may_not_read_what_starts_a_scan_asks_for_one_once_and_waits() {
    for refusal in ["AccessDeniedException", "LimitExceededException", "ValidationException"] {
        let (seen, asked) = starts(Ask::IfUnknown, move |asked| match asked.operation() {
            "BatchGetRepositoryScanningConfiguration" | "GetRegistryScanningConfiguration" => {
                Reply::error("AccessDeniedException", "no")
            }
            _ => never_scanned(asked, "MANUAL", Reply::error(refusal, "no")),
        })
        .await;
        assert_eq!((seen, asked), (vec![Status::NotFound; 3], 1), "{refusal}");
    }
}

#[tokio::test]
async fn the_registry_says_what_the_repository_does_not() {
    let enhanced = || Reply::ok(json!({"scanningConfiguration": {"scanType": "ENHANCED", "rules": []}}));
    for (repository, expected) in [("denied", Status::NotFound), ("manual", Status::NotScanned)] {
        let (seen, asked) = starts(Ask::IfUnknown, move |asked| match asked.operation() {
            "GetRegistryScanningConfiguration" => enhanced(),
            "BatchGetRepositoryScanningConfiguration" if repository == "denied" => Reply::error("AccessDeniedException", "no"),
            _ => never_scanned(asked, "MANUAL", Reply::error("ValidationException", "This feature is disabled")),
        })
        .await;
        assert_eq!((seen, asked), (vec![expected; 3], 0), "{repository}: enhanced scanning cannot be asked for");
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
    assert_eq!((scan.status, scan.findings), (Status::Complete, Vec::<Finding>::new()));
    assert_eq!(operations.iter().filter(|operation| *operation == "StartImageScan").count(), 1, "three attempts were allowed");
}

#[tokio::test]
async fn a_scan_that_cannot_be_started_says_why() {
    for (code, expected) in [
        ("LimitExceededException", Status::LimitExceeded),
        ("UnsupportedImageTypeException", Status::UnsupportedImage),
        ("ImageArchivedException", Status::ImageArchived),
        ("ValidationException", Status::NotScanned),
    ] {
        let (scan, _) = scan(move |asked| never_scanned(asked, "MANUAL", Reply::error(code, "as it says"))).await;
        assert_eq!((scan.status, scan.description.as_str()), (expected, "as it says"));
    }
}

/// An index with an attestation, whose second image answers so.
fn of_index(asked: &Asked, second: Reply) -> Reply {
    let index = json!({"manifests": [
        {"digest": "sha256:at", "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": "sha256:c1", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:c2", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
    ]});
    let finished = json!({"imageScanStatus": {"status": "COMPLETE"},
                          "imageScanFindings": {"findings": [{"name": "CVE-1", "severity": "HIGH"}]}});
    match (asked.operation(), asked.json()["imageId"]["imageDigest"].as_str()) {
        ("BatchGetImage", _) => image_reply(asked, &index),
        ("DescribeImageScanFindings", Some("sha256:c1")) => Reply::ok(finished),
        ("DescribeImageScanFindings", Some("sha256:c2")) => second,
        other => panic!("{other:?} was not expected: neither the index nor attestations are scanned"),
    }
}

#[tokio::test]
async fn every_image_of_an_index_has_a_scan_of_its_own() {
    let server = Canned::start(|asked| of_index(asked, status("FAILED"))).await;
    let scanner = Scanner::new(&server.sdk(1));
    for _ in 0..2 {
        let scans = scanner.look("web", &digest("sha256:aaaa"), ALL).await.unwrap();
        let told: Vec<_> = scans.iter().map(|image| (image.platform.as_deref().unwrap(), &image.scan.status)).collect();
        assert_eq!(told, [("linux/amd64", &Status::Complete), ("linux/arm64/v8", &Status::Failed)]);
    }
    let manifests = server.operations().iter().filter(|operation| *operation == "BatchGetImage").count();
    assert_eq!(manifests, 1, "what a digest names never changes");
}
