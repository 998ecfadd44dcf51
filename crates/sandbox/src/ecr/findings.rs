//! Findings in ECR's shapes: basic, and enhanced as Inspector writes them.

use serde_json::{Map, Value, json};
use shipit_scheduler::{Span, Time};

use super::image::Image;
use super::scan::{COMPLETE, CONTINUOUS, Outcome, Scan, Verdict, View};
use crate::clock::Clock;
use crate::faults;
use crate::registry::store::digest_of;
use crate::scanner::{Finding, Severity, System};
use crate::state::State;

/// The findings of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// When the scan was over.
    pub completed_at: Time,
    /// The findings, each in the wire's shape.
    pub list: List,
}

/// The two shapes.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// `findings`.
    Basic(Vec<Value>),
    /// `enhancedFindings`.
    Enhanced(Vec<Value>),
}

impl List {
    /// All of them.
    pub fn all(&self) -> &[Value] {
        match self {
            List::Basic(list) | List::Enhanced(list) => list,
        }
    }

    /// The member's name.
    pub fn member(&self) -> &'static str {
        match self {
            List::Basic(_) => "findings",
            List::Enhanced(_) => "enhancedFindings",
        }
    }
}

impl Findings {
    /// When, and how many of which severity; severities without findings are absent.
    pub fn summary_json(&self) -> Value {
        let mut counts = Map::new();
        for finding in self.list.all() {
            let severity = finding["severity"].as_str().unwrap_or("UNDEFINED");
            let count = counts.get(severity).and_then(Value::as_u64).unwrap_or_default();
            counts.insert(severity.to_owned(), Value::from(count + 1));
        }
        json!({
            "imageScanCompletedAt": Clock::seconds(self.completed_at),
            // "The time when the vulnerability data was last scanned": the advisories are read anew for each scan.
            "vulnerabilitySourceUpdatedAt": Clock::seconds(self.completed_at),
            "findingSeverityCounts": counts,
        })
    }
}

impl State {
    /// The findings of a scan that is over.
    pub(super) fn findings(&self, repository: &str, digest: &str, image: &Image, scan: &Scan, outcome: &Outcome) -> Findings {
        let completed_at = scan.ends();
        let none = Vec::new();
        let (system, layer, findings) = match &outcome.verdict {
            Verdict::Scanned { system, layer, findings } => (Some(system), layer.as_str(), findings),
            Verdict::Unsupported | Verdict::Failed(_) => (None, "", &none),
        };
        let about = About { repository, digest, image, layer, system, at: completed_at };
        Findings {
            completed_at,
            list: if self.ecr.scanning.is_enhanced() {
                List::Enhanced(findings.iter().map(|finding| self.enhanced(finding, &about)).collect())
            } else {
                List::Basic(findings.iter().map(basic).collect())
            },
        }
    }

    /// What a fault says a scan has found: in ECR's basic shape, which enhanced scanning translates, or in the enhanced one.
    pub(super) fn fault_view(&self, fault: faults::Scan, repository: &str, digest: &str, image: &Image) -> View {
        let enhanced = fault.status == "ACTIVE" || self.ecr.scanning.is_enhanced();
        let description = fault.description.or_else(|| match fault.status.as_str() {
            "COMPLETE" => Some(COMPLETE.to_owned()),
            "ACTIVE" => Some(CONTINUOUS.to_owned()),
            _ => None,
        });
        match fault.status.as_str() {
            "SCAN_NOT_FOUND" => View::NotFound,
            "COMPLETE" | "ACTIVE" | "SCAN_ELIGIBILITY_EXPIRED" => {
                let age = Span((fault.age_seconds.max(0.0) * 1000.0) as u64);
                let at = Time(self.clock.now().0.saturating_sub(age.0));
                let about = About { repository, digest, image, layer: "", system: None, at };
                let translated = |finding: &Value| {
                    if finding.get("name").is_some() { self.enhanced(&from_basic(finding), &about) } else { finding.clone() }
                };
                let list = if enhanced {
                    List::Enhanced(fault.findings.iter().map(translated).collect())
                } else {
                    List::Basic(fault.findings)
                };
                let findings = Findings { completed_at: at, list };
                View::Findings { status: fault.status, description, findings }
            }
            _ => View::Status { status: fault.status, description },
        }
    }

    fn enhanced(&self, finding: &Finding, about: &About<'_>) -> Value {
        let at = Clock::seconds(about.at);
        let name = format!("{} {} {}", about.digest, finding.id, finding.package);
        let hash = digest_of(name.as_bytes());
        let id = hash.trim_start_matches("sha256:").get(..32).unwrap_or_default();
        let contents = self.ecr.repositories.get(about.repository).map(|found| &found.contents);
        let tags = contents.map(|contents| contents.tags_of(about.digest)).unwrap_or_default();
        let (upstream, release) = finding.version.rsplit_once('-').unwrap_or((&finding.version, ""));
        let (epoch, upstream) = upstream.split_once(':').unwrap_or(("0", upstream));
        let manager = match about.system.map(|system| system.id.as_str()) {
            Some("alpine") => "APK",
            _ => "DPKG",
        };
        let rating = finding.cvss.as_ref().map(|cvss| {
            let version = cvss.vector.trim_start_matches("CVSS:").split('/').next();
            json!({"baseScore": cvss.score, "scoringVector": cvss.vector, "source": "NVD", "version": version})
        });
        json!({
            "awsAccountId": self.account,
            "description": finding.description,
            "findingArn": self.arn("inspector2", &format!("finding/{id}")),
            "firstObservedAt": at,
            "lastObservedAt": at,
            "updatedAt": at,
            "packageVulnerabilityDetails": {
                "vulnerabilityId": finding.id,
                "source": "OSV",
                "sourceUrl": finding.url,
                "vendorSeverity": finding.severity.enhanced(),
                "cvss": rating.into_iter().collect::<Vec<_>>(),
                "referenceUrls": [],
                "relatedVulnerabilities": [],
                "vulnerablePackages": [{
                    "name": finding.package,
                    "version": upstream,
                    "release": release,
                    "epoch": epoch.parse::<u32>().unwrap_or_default(),
                    "packageManager": manager,
                    "sourceLayerHash": about.layer,
                    "fixedInVersion": finding.fixed,
                }],
            },
            "remediation": {"recommendation": {"text": "None Provided"}},
            "resources": [{
                "id": self.arn("ecr", &format!("repository/{}/{}", about.repository, about.digest)),
                "type": "AWS_ECR_CONTAINER_IMAGE",
                "tags": {},
                "details": {"awsEcrContainerImage": {
                    "imageHash": about.digest,
                    "imageTags": tags,
                    "platform": about.system.map(System::platform),
                    "pushedAt": Clock::seconds(about.image.pushed_at),
                    "registry": self.account,
                    "repositoryName": about.repository,
                }},
            }],
            "score": finding.cvss.as_ref().map(|cvss| cvss.score),
            "severity": finding.severity.enhanced(),
            "status": "ACTIVE",
            "title": format!("{} - {}", finding.id, finding.package),
            "type": "PACKAGE_VULNERABILITY",
            "fixAvailable": if finding.fixed.is_some() { "YES" } else { "NO" },
            "exploitAvailable": "NO",
        })
    }
}

/// What all enhanced findings of an image have in common.
struct About<'a> {
    repository: &'a str,
    digest: &'a str,
    image: &'a Image,
    layer: &'a str,
    system: Option<&'a System>,
    at: Time,
}

fn basic(finding: &Finding) -> Value {
    let mut attributes = vec![
        json!({"key": "package_version", "value": finding.version}),
        json!({"key": "package_name", "value": finding.package}),
    ];
    if let Some(cvss) = &finding.cvss {
        attributes.push(json!({"key": "CVSS3_VECTOR", "value": cvss.vector}));
        attributes.push(json!({"key": "CVSS3_SCORE", "value": cvss.score.to_string()}));
    }
    let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    json!({
        "name": finding.id,
        "description": text(&finding.description),
        "uri": text(&finding.url),
        "severity": finding.severity.basic(),
        "attributes": attributes,
    })
}

fn from_basic(finding: &Value) -> Finding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attribute = |key: &str| {
        let attributes = finding["attributes"].as_array().into_iter().flatten();
        let mut values = attributes.filter(|attribute| attribute["key"] == key);
        values.next().map(|attribute| text(&attribute["value"])).unwrap_or_default()
    };
    Finding {
        id: text(&finding["name"]),
        severity: Severity::read(finding["severity"].as_str().unwrap_or_default()),
        package: attribute("package_name"),
        version: attribute("package_version"),
        fixed: None,
        description: text(&finding["description"]),
        url: text(&finding["uri"]),
        cvss: None,
    }
}
