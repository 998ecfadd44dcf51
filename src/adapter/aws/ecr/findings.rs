//! ECR's scan replies in core's words: basic and enhanced findings told apart by their shape, whatever the status says.

use std::collections::BTreeMap;

use aws_sdk_ecr::operation::describe_image_scan_findings::DescribeImageScanFindingsOutput;
use aws_sdk_ecr::primitives::DateTime;
use aws_sdk_ecr::types::{EnhancedImageScanFinding, ImageScanFinding, VulnerablePackage};
use jiff::Timestamp;
use shipit_core::gate::{Finding, Fix, Scan, Severity, Status};

/// One page of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The scan as this page shows it.
    pub scan: Scan,
    /// How many findings of each severity the registry has listed here, those that do not count among them.
    pub listed: BTreeMap<Severity, usize>,
    /// How many it says there are on all pages.
    pub counted: BTreeMap<Severity, usize>,
    /// Which shape they have.
    pub shape: Shape,
    /// The next page's token.
    pub next: Option<String>,
}

/// Whose findings they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Basic scanning's.
    Basic,
    /// Inspector's.
    Enhanced,
    /// The status has findings and the reply has not: it does not say yet.
    Missing,
}

/// Reads one page.
pub fn page(reply: DescribeImageScanFindingsOutput) -> Page {
    let (status, description) = match reply.image_scan_status {
        Some(scan) => (scan.status.map(|status| status.as_str().to_owned()), scan.description.unwrap_or_default()),
        None => (None, String::new()),
    };
    let mut scan = Scan::of(Status::read(status.as_deref().unwrap_or("UNKNOWN")), description);
    let mut page =
        Page { scan: scan.clone(), listed: BTreeMap::new(), counted: BTreeMap::new(), shape: Shape::Missing, next: None };
    let Some(found) = reply.image_scan_findings else { return page };
    let basic = found.findings.unwrap_or_default();
    page.shape = if found.enhanced_findings.is_some() { Shape::Enhanced } else { Shape::Basic };
    let enhanced = found.enhanced_findings.unwrap_or_default();
    let words = basic.iter().map(|finding| finding.severity.as_ref().map(|severity| severity.as_str()));
    for word in words.chain(enhanced.iter().map(|finding| finding.severity.as_deref())) {
        *page.listed.entry(severity(word)).or_default() += 1;
    }
    for (word, count) in found.finding_severity_counts.unwrap_or_default() {
        *page.counted.entry(severity(Some(word.as_str()))).or_default() += usize::try_from(count).unwrap_or(0);
    }
    let listed = basic.into_iter().map(from_basic);
    scan.findings = listed.chain(enhanced.into_iter().flat_map(from_enhanced)).collect();
    scan.completed_at = found.image_scan_completed_at.and_then(timestamp);
    scan.source_updated_at = found.vulnerability_source_updated_at.and_then(timestamp);
    Page { scan, next: reply.next_token, ..page }
}

fn timestamp(at: DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)).ok()
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
        fix: Fix::Untold,
        severity: severity(finding.severity.as_ref().map(|severity| severity.as_str())),
        id: finding.name.unwrap_or_else(|| "unnamed".to_owned()),
        url: finding.uri,
    }
}

/// One finding a vulnerable package, for a waiver may name the package. SUPPRESSED and CLOSED ones do not count.
fn from_enhanced(finding: EnhancedImageScanFinding) -> Vec<Finding> {
    if finding.status.as_deref().is_some_and(|status| status != "ACTIVE") {
        return Vec::new();
    }
    let severity = severity(finding.severity.as_deref());
    let available = finding.fix_available;
    let (id, packages, url) = finding
        .package_vulnerability_details
        .map(|details| (details.vulnerability_id, details.vulnerable_packages, details.source_url))
        .unwrap_or_default();
    let id = id.or(finding.title).or(finding.finding_arn).unwrap_or_else(|| "unnamed".to_owned());
    let packages = packages.unwrap_or_default();
    if packages.is_empty() {
        let fix = fix(None, available.as_deref());
        return vec![Finding { id, severity, package: None, version: None, fix, url }];
    }
    let one = |package: VulnerablePackage| Finding {
        id: id.clone(),
        severity,
        package: package.name,
        version: package.version,
        fix: fix(package.fixed_in_version, available.as_deref()),
        url: url.clone(),
    };
    packages.into_iter().map(one).collect()
}

/// `fixedInVersion` of the package, and `fixAvailable` of the finding: `PARTIAL` where only some of its packages have one.
fn fix(version: Option<String>, available: Option<&str>) -> Fix {
    match (version.as_deref(), available) {
        (Some("NotAvailable"), _) | (None, Some("NO")) => Fix::None,
        (Some(version), _) => Fix::In(version.to_owned()),
        (None, Some("YES")) => Fix::Some,
        (None, _) => Fix::Untold,
    }
}

fn severity(word: Option<&str>) -> Severity {
    Severity::read(word.unwrap_or_default())
}
