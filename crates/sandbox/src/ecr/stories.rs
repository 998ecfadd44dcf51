//! Whole stories of the ECR operations, through the dispatcher as clients call them, on a clock that the tests move.

use std::path::Path;

use serde_json::{Value, json};
use shipit_scheduler::Span;
use tempfile::TempDir;

use super::LaterChunks;
use super::manifest::{DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX};
use crate::clock::Clock;
use crate::dispatch::{Service, call};
use crate::error::AwsError;
use crate::faults::Fault;
use crate::registry::store::digest_of;
use crate::scanner::Advisories;
use crate::scanner::layers::tests::layer;
use crate::state::State;

const ACCOUNT: &str = "123456789012";
const DAY: Span = Span::seconds(24 * 3600);

/// A state whose clock stands still unless it is moved.
pub(crate) fn state(folder: &Path) -> State {
    let mut state = State::new(ACCOUNT.into(), "eu-central-1".into(), Clock::start(0.0), folder.to_owned());
    state.address = "127.0.0.1:5000".into();
    state
}

fn pass(state: &mut State, span: Span) {
    state.clock.virtual0 += span.0;
}

pub(crate) fn ask(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
    call(state, Service::Ecr, operation, body)
}

fn ok(state: &mut State, operation: &str, body: Value) -> Value {
    ask(state, operation, body).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn code(state: &mut State, operation: &str, body: Value) -> String {
    ask(state, operation, body).unwrap_err().code
}

fn create(state: &mut State, name: &str, mutability: &str) {
    ok(
        state,
        "CreateRepository",
        json!({"repositoryName": name, "imageTagMutability": mutability, "imageScanningConfiguration": {"scanOnPush": true}}),
    );
}

fn blob(state: &mut State, name: &str, bytes: &[u8]) -> String {
    let digest = digest_of(bytes);
    state.store().write_blob(&digest, bytes).unwrap();
    let contents = &mut state.repository_mut(None, name).unwrap().contents;
    contents.blobs.insert(digest.clone(), bytes.len() as u64);
    state.keep_contents(name).unwrap();
    digest
}

/// The manifest of an image whose one layer has these files.
fn image(state: &mut State, name: &str, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let layer = std::fs::read(layer(folder.path(), "layer", files).path).unwrap();
    let size = layer.len();
    let (config, layer) = (blob(state, name, b"{}"), blob(state, name, &layer));
    json!({
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": layer, "size": size}],
    })
    .to_string()
}

fn put(state: &mut State, name: &str, manifest: &str, tag: &str) -> Result<Value, AwsError> {
    ask(state, "PutImage", json!({"repositoryName": name, "imageManifest": manifest, "imageTag": tag}))
}

fn look(state: &mut State) -> usize {
    let due = state.due_looks();
    for look in &due {
        let outcome = look.outcome(&state.folder);
        state.looked(look, &outcome);
    }
    due.len()
}

const DEBIAN: &[(&str, &str)] = &[
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    ("var/lib/dpkg/status", "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\n"),
];

const ADVISORY: &str = r#"{"id": "CVE-2026-1", "modified": "2026-01-01T00:00:00Z", "summary": "bad",
  "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.12-1"}]}],
                "database_specific": {"severity": "CRITICAL"}}]}"#;

fn world() -> (TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path());
    (folder, state)
}

#[test]
fn repositories_are_made_listed_and_removed() {
    let (_folder, mut state) = world();
    for name in ["a/web", "b/web", "c/web"] {
        create(&mut state, name, "MUTABLE");
    }
    assert_eq!(code(&mut state, "CreateRepository", json!({"repositoryName": "a/web"})), "RepositoryAlreadyExistsException");
    assert_eq!(code(&mut state, "CreateRepository", json!({"repositoryName": "A"})), "InvalidParameterException");
    assert_eq!(code(&mut state, "CreateRepository", json!({})), "InvalidParameterException");

    let first = ok(&mut state, "DescribeRepositories", json!({"maxResults": 2}));
    assert_eq!(first["repositories"].as_array().unwrap().len(), 2);
    let rest = ok(&mut state, "DescribeRepositories", json!({"maxResults": 2, "nextToken": first["nextToken"]}));
    assert_eq!(rest["repositories"][0]["repositoryUri"], "127.0.0.1:5000/c/web");
    assert_eq!(rest["nextToken"], Value::Null);

    let error = ask(&mut state, "DescribeRepositories", json!({"repositoryNames": ["nope"]})).unwrap_err();
    assert_eq!(error.message, format!("The repository with name 'nope' does not exist in the registry with id '{ACCOUNT}'"));
    assert_eq!(
        code(&mut state, "DescribeImages", json!({"repositoryName": "a/web", "registryId": "210987654321"})),
        "RepositoryNotFoundException"
    );

    let manifest = image(&mut state, "a/web", DEBIAN);
    put(&mut state, "a/web", &manifest, "1").unwrap();
    assert_eq!(code(&mut state, "DeleteRepository", json!({"repositoryName": "a/web"})), "RepositoryNotEmptyException");
    ok(&mut state, "DeleteRepository", json!({"repositoryName": "a/web", "force": true}));
    create(&mut state, "a/web", "MUTABLE");
    let images = ok(&mut state, "DescribeImages", json!({"repositoryName": "a/web"}));
    assert_eq!(images["imageDetails"], json!([]), "a deleted repository has forgotten its images");
}

#[test]
fn tags_of_an_immutable_repository_do_not_move() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "IMMUTABLE");
    let one = image(&mut state, "web", DEBIAN);
    let other = image(&mut state, "web", &[("a", "b")]);
    put(&mut state, "web", &one, "v1").unwrap();

    let again = put(&mut state, "web", &one, "v1").unwrap_err();
    assert_eq!(again.code, "ImageAlreadyExistsException");
    assert_eq!(
        again.message,
        format!(
            "Image with digest '{}' and tag 'v1' already exists in the repository with name 'web' in registry with id '{ACCOUNT}'",
            digest_of(one.as_bytes())
        )
    );
    let moved = put(&mut state, "web", &other, "v1").unwrap_err();
    assert_eq!(moved.code, "ImageTagAlreadyExistsException");
    assert_eq!(
        moved.message,
        "The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable."
    );
    put(&mut state, "web", &one, "v2").expect("a second tag for the same image is no move");

    let filters = json!([{"filterType": "WILDCARD", "filter": "v*"}]);
    ok(
        &mut state,
        "PutImageTagMutability",
        json!({"repositoryName": "web", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": filters}),
    );
    put(&mut state, "web", &other, "v1").unwrap();
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}]}));
    assert_eq!(details["imageDetails"][0]["imageDigest"], digest_of(other.as_bytes()));
}

#[test]
fn what_a_manifest_refers_to_must_be_there() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    create(&mut state, "other", "MUTABLE");
    let manifest = image(&mut state, "other", DEBIAN);
    let error = put(&mut state, "web", &manifest, "v1").unwrap_err();
    assert_eq!(error.code, "LayersNotFoundException", "a layer of another repository does not count: {error:?}");

    let digest = digest_of(manifest.as_bytes());
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"mediaType": DOCKER_IMAGE, "digest": digest, "size": 1}]});
    let index = index.to_string();
    assert_eq!(put(&mut state, "other", &index, "i").unwrap_err().code, "ReferencedImagesNotFoundException");
    put(&mut state, "other", &manifest, "v1").unwrap();
    put(&mut state, "other", &index, "i").unwrap();
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "other"}));
    let sizes: Vec<_> = details["imageDetails"].as_array().unwrap().iter().map(|image| &image["imageSizeInBytes"]).collect();
    assert_eq!(sizes[0], sizes[1], "an index is as large as its largest child");

    let scan = json!({"repositoryName": "other", "imageId": {"imageTag": "i"}});
    assert_eq!(code(&mut state, "StartImageScan", scan), "UnsupportedImageTypeException");
    let deleted = ok(&mut state, "BatchDeleteImage", json!({"repositoryName": "other", "imageIds": [{"imageDigest": digest}]}));
    assert_eq!(deleted["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    assert_eq!(put(&mut state, "web", "{", "x").unwrap_err().code, "InvalidParameterException");
    let wrong = json!({"repositoryName": "other", "imageManifest": manifest, "imageTag": "x", "imageDigest": digest_of(b"")});
    assert_eq!(code(&mut state, "PutImage", wrong), "ImageDigestDoesNotMatchException");
}

#[test]
fn images_are_read_retagged_and_removed() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    let manifest = image(&mut state, "web", DEBIAN);
    let digest = digest_of(manifest.as_bytes());
    put(&mut state, "web", &manifest, "v1").unwrap();

    let got = ok(
        &mut state,
        "BatchGetImage",
        json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}, {"imageTag": "nope"}, {}, {"imageDigest": "x"},
               {"imageDigest": digest_of(b""), "imageTag": "v1"}]}),
    );
    assert_eq!(got["images"][0]["imageManifest"], manifest);
    let codes: Vec<_> =
        got["failures"].as_array().unwrap().iter().map(|failure| failure["failureCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ImageNotFound", "MissingDigestAndTag", "InvalidImageDigest", "ImageTagDoesNotMatchDigest"]);

    let converted = |id: Value| json!({"repositoryName": "web", "imageIds": [id], "acceptedMediaTypes": [OCI_IMAGE]});
    let by_tag = ok(&mut state, "BatchGetImage", converted(json!({"imageTag": "v1"})));
    assert_eq!(by_tag["images"][0]["imageManifestMediaType"], OCI_IMAGE);
    assert_ne!(by_tag["images"][0]["imageId"]["imageDigest"], digest);
    let by_digest = ok(&mut state, "BatchGetImage", converted(json!({"imageDigest": digest})));
    assert_eq!(by_digest["images"][0]["imageManifestMediaType"], DOCKER_IMAGE);

    let text = got["images"][0]["imageManifest"].as_str().unwrap().to_owned();
    put(&mut state, "web", &text, "v2").unwrap();
    let list = ok(&mut state, "ListImages", json!({"repositoryName": "web", "filter": {"tagStatus": "TAGGED"}}));
    assert_eq!(list["imageIds"], json!([{"imageDigest": digest, "imageTag": "v1"}, {"imageDigest": digest, "imageTag": "v2"}]));
    let missing =
        ask(&mut state, "DescribeImages", json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}, {"imageTag": "v3"}]}));
    assert_eq!(
        missing.unwrap_err().message,
        format!(
            "The image with imageId {{imageDigest:'null', imageTag:'v3'}} does not exist within the repository with name 'web' in the registry with id '{ACCOUNT}'"
        )
    );

    let delete = |tag: &str| json!({"repositoryName": "web", "imageIds": [{"imageTag": tag}]});
    ok(&mut state, "BatchDeleteImage", delete("v1"));
    let left = ok(&mut state, "DescribeImages", json!({"repositoryName": "web"}));
    assert_eq!(left["imageDetails"][0]["imageTags"], json!(["v2"]));
    ok(&mut state, "BatchDeleteImage", delete("v2"));
    assert_eq!(ok(&mut state, "ListImages", json!({"repositoryName": "web"}))["imageIds"], json!([]));
    assert_eq!(ok(&mut state, "BatchDeleteImage", delete("v2"))["failures"][0]["failureCode"], "ImageNotFound");
}

fn status(state: &mut State, tag: &str) -> Result<String, String> {
    let body = json!({"repositoryName": "web", "imageId": {"imageTag": tag}});
    let reply = ask(state, "DescribeImageScanFindings", body).map_err(|error| error.code)?;
    Ok(reply["imageScanStatus"]["status"].as_str().unwrap().to_owned())
}

#[test]
fn a_scan_is_unknown_then_runs_then_is_complete() {
    let (_folder, mut state) = world();
    state.add_advisories(ADVISORY).unwrap();
    create(&mut state, "web", "IMMUTABLE");
    let manifest = image(&mut state, "web", DEBIAN);
    put(&mut state, "web", &manifest, "v1").unwrap();
    assert_eq!(status(&mut state, "v1"), Err("ScanNotFoundException".into()));
    pass(&mut state, Span::seconds(2));
    assert_eq!(status(&mut state, "v1"), Ok("IN_PROGRESS".into()));
    pass(&mut state, Span::seconds(10));
    assert_eq!(status(&mut state, "v1"), Ok("IN_PROGRESS".into()), "not over before somebody has looked");
    assert_eq!((look(&mut state), look(&mut state)), (1, 0));
    assert_eq!(status(&mut state, "v1"), Ok("COMPLETE".into()));

    let id = json!({"imageTag": "v1"});
    let reply = ok(&mut state, "DescribeImageScanFindings", json!({"repositoryName": "web", "imageId": id}));
    let findings = &reply["imageScanFindings"];
    assert_eq!(findings["findingSeverityCounts"], json!({"CRITICAL": 1}), "severities without findings are absent");
    assert_eq!(findings["findings"][0]["name"], "CVE-2026-1");
    assert_eq!(
        findings["findings"][0]["attributes"],
        json!([{"key": "package_version", "value": "3.0.11-1"}, {"key": "package_name", "value": "openssl"}])
    );
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "web"}));
    assert_eq!(details["imageDetails"][0].get("imageScanStatus"), None, "basic scanning does not tell it there");

    let start = json!({"repositoryName": "web", "imageId": id});
    let limit = ask(&mut state, "StartImageScan", start.clone()).unwrap_err();
    assert_eq!(limit.message, "The scan quota per image has been exceeded. Wait and try again.");
    assert_eq!(limit.code, "LimitExceededException");
    pass(&mut state, DAY);
    assert_eq!(ok(&mut state, "StartImageScan", start)["imageScanStatus"]["status"], "IN_PROGRESS");
    assert_eq!(status(&mut state, "v1"), Ok("IN_PROGRESS".into()));
    look(&mut state);
    pass(&mut state, Span::seconds(5));
    assert_eq!(status(&mut state, "v1"), Ok("COMPLETE".into()));
}

#[test]
fn what_cannot_be_scanned_says_so() {
    let (folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    let scratch = image(&mut state, "web", &[("app", "x")]);
    put(&mut state, "web", &scratch, "scratch").unwrap();
    let broken = image(&mut state, "web", DEBIAN);
    put(&mut state, "web", &broken, "broken").unwrap();
    let layer = serde_json::from_str::<Value>(&broken).unwrap()["layers"][0]["digest"].as_str().unwrap().to_owned();
    state.store().write_blob(&layer, &[0x1f, 0x8b, 0]).unwrap();
    pass(&mut state, Span::seconds(10));
    look(&mut state);
    assert_eq!(status(&mut state, "scratch"), Ok("UNSUPPORTED_IMAGE".into()));
    assert_eq!(status(&mut state, "broken"), Ok("FAILED".into()));

    std::fs::create_dir_all(folder.path().join("advisories")).unwrap();
    std::fs::write(folder.path().join("advisories/x.json"), "{").unwrap();
    let debian = image(&mut state, "web", &[DEBIAN, &[("b", "c")]].concat());
    put(&mut state, "web", &debian, "debian").unwrap();
    pass(&mut state, Span::seconds(10));
    look(&mut state);
    assert_eq!(status(&mut state, "debian"), Ok("FAILED".into()), "a damaged advisory is no clean bill");
}

#[test]
fn enhanced_scanning_covers_new_advisories_and_is_asked_of_nobody() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    create(&mut state, "off", "MUTABLE");
    let rules = json!([{"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "we*", "filterType": "WILDCARD"}]}]);
    ok(&mut state, "PutRegistryScanningConfiguration", json!({"scanType": "ENHANCED", "rules": rules}));
    let manifest = image(&mut state, "web", DEBIAN);
    put(&mut state, "web", &manifest, "v1").unwrap();
    let unscanned = image(&mut state, "off", DEBIAN);
    put(&mut state, "off", &unscanned, "v1").unwrap();
    pass(&mut state, Span::seconds(2));
    assert_eq!(status(&mut state, "v1"), Ok("PENDING".into()));
    look(&mut state);
    pass(&mut state, Span::seconds(5));
    assert_eq!(status(&mut state, "v1"), Ok("ACTIVE".into()));
    let off = json!({"repositoryName": "off", "imageId": {"imageTag": "v1"}});
    assert_eq!(code(&mut state, "DescribeImageScanFindings", off), "ScanNotFoundException");
    let start = json!({"repositoryName": "web", "imageId": {"imageTag": "v1"}});
    assert_eq!(code(&mut state, "StartImageScan", start.clone()), "ValidationException");

    let findings = |state: &mut State| ok(state, "DescribeImageScanFindings", start.clone())["imageScanFindings"].clone();
    assert_eq!(findings(&mut state)["enhancedFindings"], json!([]));
    state.add_advisories(ADVISORY).unwrap();
    assert_eq!(look(&mut state), 1);
    let found = findings(&mut state);
    assert_eq!(found["enhancedFindings"][0]["packageVulnerabilityDetails"]["vulnerablePackages"][0]["version"], "3.0.11");
    assert_eq!(found["enhancedFindings"][0]["fixAvailable"], "YES");
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "web"}));
    assert_eq!(details["imageDetails"][0]["imageScanStatus"]["status"], "ACTIVE");
    let names = json!({"repositoryNames": ["web", "off", "nope"]});
    let configurations = ok(&mut state, "BatchGetRepositoryScanningConfiguration", names);
    assert_eq!(configurations["scanningConfigurations"][0]["scanFrequency"], "CONTINUOUS_SCAN");
    assert_eq!(configurations["scanningConfigurations"][1]["scanOnPush"], false);
    assert_eq!(configurations["failures"][0]["failureCode"], "REPOSITORY_NOT_FOUND");
}

#[test]
fn findings_come_in_pages_while_the_counts_are_of_all() {
    let (_folder, mut state) = world();
    let advisory = |number: u32| {
        let severity = if number < 5 { "HIGH" } else { "LOW" };
        json!({"id": format!("CVE-2026-{number:03}"), "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
               "versions": ["3.0.11-1"], "database_specific": {"severity": severity}}]})
    };
    let list: Vec<Value> = (0..23).map(advisory).collect();
    state.add_advisories(&Value::from(list).to_string()).unwrap();
    create(&mut state, "web", "MUTABLE");
    let manifest = image(&mut state, "web", DEBIAN);
    put(&mut state, "web", &manifest, "v1").unwrap();
    look(&mut state);
    pass(&mut state, DAY);
    let mut names = Vec::new();
    let mut body = json!({"repositoryName": "web", "imageId": {"imageTag": "v1"}, "maxResults": 10});
    let mut pages = 0;
    loop {
        let reply = ok(&mut state, "DescribeImageScanFindings", body.clone());
        assert_eq!(reply["imageScanFindings"]["findingSeverityCounts"], json!({"HIGH": 5, "LOW": 18}));
        let page = reply["imageScanFindings"]["findings"].as_array().unwrap();
        names.extend(page.iter().map(|finding| finding["name"].as_str().unwrap().to_owned()));
        pages += 1;
        if reply["nextToken"].is_null() {
            break;
        }
        body["nextToken"] = reply["nextToken"].clone();
    }
    assert_eq!((pages, names.len()), (3, 23));
    names.dedup();
    assert_eq!((names.len(), names[0].as_str()), (23, "CVE-2026-000"), "no finding twice, the worst first");
}

#[test]
fn what_was_pushed_outlives_the_sandbox() {
    let (folder, mut first) = world();
    create(&mut first, "team/web", "IMMUTABLE");
    let manifest = image(&mut first, "team/web", DEBIAN);
    put(&mut first, "team/web", &manifest, "v1").unwrap();
    look(&mut first);
    let pushed = first.clock.now();

    let mut second = state(folder.path());
    second.clock.virtual0 = pushed.0 - 5000;
    assert_eq!(code(&mut second, "DescribeImages", json!({"repositoryName": "team/web"})), "RepositoryNotFoundException");
    create(&mut second, "team/web", "IMMUTABLE");
    let got = ok(&mut second, "BatchGetImage", json!({"repositoryName": "team/web", "imageIds": [{"imageTag": "v1"}]}));
    assert_eq!(got["images"][0]["imageManifest"], manifest);
    let details = ok(&mut second, "DescribeImages", json!({"repositoryName": "team/web"}));
    assert_eq!(details["imageDetails"][0]["imagePushedAt"], second.now_seconds(), "no time lies in the future");
    assert_eq!(put(&mut second, "team/web", &manifest, "v1").unwrap_err().code, "ImageAlreadyExistsException");
    assert_eq!(look(&mut second), 1, "the scan looks again, with the advisories of now");
    assert_eq!(second.ecr.later_chunks, LaterChunks::Kept);
}

#[test]
fn a_fault_says_what_a_scan_found() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    let manifest = image(&mut state, "web", DEBIAN);
    put(&mut state, "web", &manifest, "v1").unwrap();
    let finding = json!({"name": "CVE-2026-7", "severity": "UNDEFINED",
                         "attributes": [{"key": "package_name", "value": "zlib"}, {"key": "package_version", "value": "1:1.2-3"}]});
    let fault = |state: &mut State, resource: &str, more: Value| {
        let mut fault = json!({"match": {"resource": resource}, "kind": "scan"});
        fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        state.faults.add(Fault::read(fault).unwrap());
    };
    fault(&mut state, "web", json!({"status": "COMPLETE", "findings": [finding]}));
    let ask_for = json!({"repositoryName": "web", "imageId": {"imageTag": "v1"}});
    let reply = ok(&mut state, "DescribeImageScanFindings", ask_for.clone());
    assert_eq!(reply["imageScanStatus"]["status"], "COMPLETE", "at once, without a push being scanned");
    assert_eq!(reply["imageScanFindings"]["findings"], json!([finding]));
    assert_eq!(reply["imageScanFindings"]["findingSeverityCounts"], json!({"UNDEFINED": 1}));

    fault(&mut state, &digest_of(manifest.as_bytes()), json!({"status": "ACTIVE", "findings": [finding]}));
    let reply = ok(&mut state, "DescribeImageScanFindings", ask_for.clone());
    let enhanced = &reply["imageScanFindings"]["enhancedFindings"][0];
    assert_eq!((&enhanced["severity"], &enhanced["title"]), (&json!("UNTRIAGED"), &json!("CVE-2026-7 - zlib")));
    let package = &enhanced["packageVulnerabilityDetails"]["vulnerablePackages"][0];
    assert_eq!((&package["epoch"], &package["version"], &package["release"]), (&json!(1), &json!("1.2"), &json!("3")));

    for word in ["PENDING", "FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED", "SCAN_ELIGIBILITY_EXPIRED", "IMAGE_ARCHIVED"] {
        fault(&mut state, "web", json!({"status": word, "description": "so"}));
        let reply = ok(&mut state, "DescribeImageScanFindings", ask_for.clone());
        assert_eq!(reply["imageScanStatus"], json!({"status": word, "description": "so"}));
    }
    fault(&mut state, "web", json!({"status": "SCAN_NOT_FOUND"}));
    assert_eq!(code(&mut state, "DescribeImageScanFindings", ask_for), "ScanNotFoundException");
}

#[test]
fn the_committed_advisories_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/advisories");
    let advisories = Advisories::read(&folder).unwrap();
    assert!(!advisories.list.is_empty());
    assert!(advisories.modified().is_some());
}
