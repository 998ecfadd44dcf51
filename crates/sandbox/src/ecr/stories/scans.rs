//! Scans and what they find.

use super::*;
use crate::faults::Fault;
use crate::scanner::Advisories;

const DAY: Span = Span::seconds(24 * 3600);

const ADVISORY: &str = r#"{"id": "CVE-2026-1", "modified": "2026-01-01T00:00:00Z", "summary": "bad",
  "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.12-1"}]}],
                "database_specific": {"severity": "CRITICAL"}}]}"#;

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
}
