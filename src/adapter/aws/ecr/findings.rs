//! ECR's scan replies in core's words: basic and enhanced findings told apart by their shape.

use aws_sdk_ecr::operation::describe_image_scan_findings::DescribeImageScanFindingsOutput;
use aws_sdk_ecr::types::{EnhancedImageScanFinding, ImageScanFinding};
use shipit_core::gate::{Finding, Severity};

/// What one page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The scan has not ended.
    Running,
    /// These findings; more under the token.
    Findings {
        /// They.
        findings: Vec<Finding>,
        /// The next page's token.
        next: Option<String>,
    },
    /// There is no result.
    Unavailable {
        /// ECR's status.
        status: String,
        /// ECR's description, or nothing.
        description: String,
    },
}

/// Reads one page.
pub fn page(reply: DescribeImageScanFindingsOutput) -> Page {
    let (status, description) = match reply.image_scan_status {
        Some(scan) => (scan.status.map(|status| status.as_str().to_owned()), scan.description.unwrap_or_default()),
        None => (None, String::new()),
    };
    match status.as_deref() {
        Some("PENDING" | "IN_PROGRESS") => Page::Running,
        Some("COMPLETE" | "ACTIVE") => {
            let found = reply.image_scan_findings;
            let (basic, enhanced) = found.map(|found| (found.findings, found.enhanced_findings)).unwrap_or_default();
            let basic = basic.unwrap_or_default().into_iter().map(from_basic);
            let enhanced = enhanced.unwrap_or_default().into_iter().flat_map(from_enhanced);
            Page::Findings { findings: basic.chain(enhanced).collect(), next: reply.next_token }
        }
        _ => Page::Unavailable { status: status.unwrap_or_else(|| "UNKNOWN".to_owned()), description },
    }
}

fn from_basic(finding: ImageScanFinding) -> Finding {
    let attributes = finding.attributes.unwrap_or_default();
    let attribute = |key: &str| {
        let found = attributes.iter().find(|attribute| attribute.key == key);
        found.and_then(|attribute| attribute.value.clone())
    };
    Finding {
        package: attribute("package_name"),
        version: attribute("package_version"),
        fixed_in: None,
        severity: severity(finding.severity.as_ref().map(|severity| severity.as_str())),
        id: finding.name.unwrap_or_else(|| "unnamed".to_owned()),
    }
}

/// One finding a vulnerable package, for a waiver may name the package. SUPPRESSED and CLOSED ones do not count.
fn from_enhanced(finding: EnhancedImageScanFinding) -> Vec<Finding> {
    if finding.status.as_deref().is_some_and(|status| status != "ACTIVE") {
        return Vec::new();
    }
    let severity = severity(finding.severity.as_deref());
    let details = finding.package_vulnerability_details;
    let (id, packages) = details.map(|details| (details.vulnerability_id, details.vulnerable_packages)).unwrap_or_default();
    let id = id.or(finding.title).or(finding.finding_arn).unwrap_or_else(|| "unnamed".to_owned());
    let packages = packages.unwrap_or_default();
    if packages.is_empty() {
        return vec![Finding { id, severity, package: None, version: None, fixed_in: None }];
    }
    let one = |package: aws_sdk_ecr::types::VulnerablePackage| Finding {
        id: id.clone(),
        severity,
        package: package.name,
        version: package.version,
        fixed_in: package.fixed_in_version.filter(|version| version != "NotAvailable"),
    };
    packages.into_iter().map(one).collect()
}

fn severity(word: Option<&str>) -> Severity {
    match word {
        Some("CRITICAL") => Severity::Critical,
        Some("HIGH") => Severity::High,
        Some("MEDIUM") => Severity::Medium,
        Some("LOW") => Severity::Low,
        Some("INFORMATIONAL") => Severity::Informational,
        // UNDEFINED, UNTRIAGED, and whatever comes.
        _ => Severity::Unknown,
    }
}
