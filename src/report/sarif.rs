//! SARIF 2.1.0, as GitHub's code scanning takes it (GitHub Docs, "SARIF support for code scanning"): one run, one rule a
//! vulnerability, one result a finding of an image; what is waived is suppressed, with its reason.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit_core::gate::{Finding, Judged, Severity, Standing, Verdict};

use super::scanned::Scanned;

/// The log of all images.
pub fn sarif(images: &[Scanned]) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for judged in images.iter().flat_map(|image| &image.judgement.findings) {
        let worst = rules.entry(&judged.finding.id).or_insert(&judged.finding);
        if judged.finding.severity > worst.severity {
            *worst = &judged.finding;
        }
    }
    let index = |id: &str| rules.keys().position(|known| *known == id);
    let results = images.iter().enumerate().flat_map(|(artifact, image)| {
        let findings = image.judgement.findings.iter();
        findings.map(move |judged| result(image, artifact, judged, index(&judged.finding.id)))
    });
    let notes: Vec<Value> = images.iter().filter_map(notification).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "shipit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
            }},
            "artifacts": images.iter().map(artifact).collect::<Vec<_>>(),
            "results": results.collect::<Vec<_>>(),
            "invocations": [{"executionSuccessful": notes.is_empty(), "toolExecutionNotifications": notes}],
            "columnKind": "utf16CodeUnits",
        }],
    })
}

fn artifact(image: &Scanned) -> Value {
    let hash = image.digest.as_str().trim_start_matches("sha256:");
    json!({
        "location": {"uri": image.repository},
        "description": {"text": format!("the image {} of the repository {}", image.digest, image.repository)},
        "hashes": {"sha-256": hash},
    })
}

fn rule(finding: &Finding) -> Value {
    let package = finding.package.as_ref().map_or_else(String::new, |package| format!(" in {package}"));
    let mut rule = json!({
        "id": finding.id,
        "shortDescription": {"text": format!("{}{package}", finding.id)},
        "defaultConfiguration": {"level": level(finding.severity)},
        "properties": {"tags": ["security", "vulnerability"], "security-severity": score(finding.severity)},
    });
    if let Some(url) = &finding.url {
        rule["helpUri"] = json!(url);
    }
    rule
}

fn result(image: &Scanned, artifact: usize, judged: &Judged, rule: Option<usize>) -> Value {
    let finding = &judged.finding;
    let package = finding.package.as_deref().unwrap_or("the image");
    let name = [Some(package), finding.version.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("@");
    let fingerprint = [&image.repository, &finding.id, package].join("\n");
    let fingerprint: String = Sha256::digest(fingerprint).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": {"text": message(image, judged)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": image.repository, "index": artifact},
                "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
            },
            "logicalLocations": [{
                "name": package,
                "fullyQualifiedName": format!("{}@{}#{name}", image.repository, image.digest),
                "kind": "module",
            }],
        }],
        "partialFingerprints": {"primaryLocationLineHash": format!("{fingerprint}:1")},
        "suppressions": suppressions(judged),
        "properties": {"standing": standing(judged), "platforms": judged.platforms},
    })
}

fn message(image: &Scanned, judged: &Judged) -> String {
    let of = if judged.platforms.is_empty() { String::new() } else { format!(" ({})", judged.platforms.join(", ")) };
    format!("{}: {}@{}{of}", judged.finding, image.repository, image.digest.short())
}

fn suppressions(judged: &Judged) -> Vec<Value> {
    match &judged.standing {
        Standing::Waived { by } => {
            let justification = format!("{} (until {}, {})", by.reason, by.until, by.place);
            vec![json!({"kind": "external", "status": "accepted", "justification": justification})]
        }
        _ => Vec::new(),
    }
}

fn standing(judged: &Judged) -> &'static str {
    match judged.standing {
        Standing::Blocks => "blocks",
        Standing::Waived { .. } => "waived",
        Standing::Known => "known",
        Standing::Unfixed => "unfixed",
        Standing::Tolerated => "tolerated",
    }
}

/// An image without a result is no image without findings.
fn notification(image: &Scanned) -> Option<Value> {
    let text = match &image.judgement.verdict {
        Verdict::Unknown { without, .. } => format!("{}: {} {}", image.name, without.status, without.description),
        Verdict::Wait { status } => format!("{}: {status}", image.name),
        Verdict::Pass(_) | Verdict::Block { .. } => return None,
    };
    Some(json!({"level": "error", "message": {"text": text.trim_end()}}))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High | Severity::Unknown => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

/// The middle of GitHub's range for the severity: over 9.0 is critical, from 7.0 high, from 4.0 medium, below it low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown | Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Informational => "0.0",
    }
}

#[cfg(test)]
mod tests {
    use super::super::scanned::tests::images;
    use super::*;

    #[test]
    fn a_log_as_code_scanning_takes_it() {
        let log = sarif(&images());
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3", "CVE-2026-4"]);
        let results = run["results"].as_array().unwrap();
        for result in results {
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(result["ruleId"], rules[rule]["id"]);
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(
                (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
                (&json!("storefront/backend"), &json!(1))
            );
            assert_eq!(result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().len(), 66);
        }
        let levels: Vec<&str> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["error", "error", "error", "note"]);
        let suppressed: Vec<usize> = results.iter().map(|result| result["suppressions"].as_array().unwrap().len()).collect();
        assert_eq!(suppressed, [0, 1, 0, 0], "waived, and nothing else");
        assert_eq!(
            results[1]["suppressions"][0],
            json!({"kind": "external", "status": "accepted",
                   "justification": "not reachable (SEC-77) (until 2027-01-31, shipit.yaml:14:7)"})
        );
        let text = "critical CVE-2026-1 in openssl 2.9.10, fixed in 3.0.12: storefront/backend@sha256:9c1eaaaaaaaa (linux/amd64, linux/arm64)";
        assert_eq!(results[0]["message"]["text"], text);
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false, "an image without a result is not an image without findings");
        let note = &invocation["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(note, "frontend: UNSUPPORTED_IMAGE the operating system is not supported");
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_when_the_image_is_built_anew() {
        let mut images = images();
        let fingerprints = |images: &[Scanned]| {
            let log = sarif(images);
            let results = log["runs"][0]["results"].as_array().unwrap().clone();
            results.iter().map(|result| result["partialFingerprints"].clone()).collect::<Vec<_>>()
        };
        let before = fingerprints(&images);
        images[0].digest = shipit_core::release::Digest("sha256:77ab".into());
        for judged in &mut images[0].judgement.findings {
            judged.finding.version = Some("2.9.11".into());
        }
        assert_eq!(fingerprints(&images), before);
    }
}
