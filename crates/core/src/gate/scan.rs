//! What the registry says of an image's scan, as it says it: what that means is for the judgement.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::finding::{Finding, Severity};

/// How a scan stands (Amazon ECR API Reference, `ImageScanStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// ScanNotFoundException: no scan is known, as in the first seconds after a push.
    NotFound,
    /// Nothing scans the repository, and it cannot be asked for: enhanced scanning is on, and no rule names the repository.
    NotScanned,
    /// Queued.
    Pending,
    /// It runs.
    InProgress,
    /// Basic scanning is done.
    Complete,
    /// Enhanced scanning is done, and goes on.
    Active,
    /// It failed.
    Failed,
    /// The scanner does not know the image's system.
    UnsupportedImage,
    /// Enhanced scanning does not look at the image any more and closes what it had found.
    ScanEligibilityExpired,
    /// There is a scan whose findings cannot be read now.
    FindingsUnavailable,
    /// A limit of the account is reached, and no earlier result is there.
    LimitExceeded,
    /// The image is archived.
    ImageArchived,
    /// The image is larger than the scanner takes.
    ImageSizeExceeded,
    /// A word that shipit does not know.
    Other(String),
}

impl Status {
    /// ECR's word.
    pub fn read(word: &str) -> Self {
        match word {
            "PENDING" => Status::Pending,
            "IN_PROGRESS" => Status::InProgress,
            "COMPLETE" => Status::Complete,
            "ACTIVE" => Status::Active,
            "FAILED" => Status::Failed,
            "UNSUPPORTED_IMAGE" => Status::UnsupportedImage,
            "SCAN_ELIGIBILITY_EXPIRED" => Status::ScanEligibilityExpired,
            "FINDINGS_UNAVAILABLE" => Status::FindingsUnavailable,
            "LIMIT_EXCEEDED" => Status::LimitExceeded,
            "IMAGE_ARCHIVED" => Status::ImageArchived,
            "IMAGE_SIZE_EXCEEDED" => Status::ImageSizeExceeded,
            other => Status::Other(other.to_owned()),
        }
    }
}

/// ECR's word; `SCAN_NOT_FOUND` and `NOT_SCANNED` where ECR has none.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::NotFound => "SCAN_NOT_FOUND",
            Status::NotScanned => "NOT_SCANNED",
            Status::Pending => "PENDING",
            Status::InProgress => "IN_PROGRESS",
            Status::Complete => "COMPLETE",
            Status::Active => "ACTIVE",
            Status::Failed => "FAILED",
            Status::UnsupportedImage => "UNSUPPORTED_IMAGE",
            Status::ScanEligibilityExpired => "SCAN_ELIGIBILITY_EXPIRED",
            Status::FindingsUnavailable => "FINDINGS_UNAVAILABLE",
            Status::LimitExceeded => "LIMIT_EXCEEDED",
            Status::ImageArchived => "IMAGE_ARCHIVED",
            Status::ImageSizeExceeded => "IMAGE_SIZE_EXCEEDED",
            Status::Other(word) => word,
        })
    }
}

/// One image's scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// How it stands.
    pub status: Status,
    /// The registry's description, or nothing.
    pub description: String,
    /// What is listed.
    pub findings: Vec<Finding>,
    /// How many more there are of each severity that the registry counts: their pages were not read.
    pub unlisted: BTreeMap<Severity, usize>,
    /// `imageScanCompletedAt`.
    pub completed_at: Option<Timestamp>,
    /// `vulnerabilitySourceUpdatedAt`.
    pub source_updated_at: Option<Timestamp>,
}

impl Scan {
    /// A status without findings.
    pub fn of(status: Status, description: impl Into<String>) -> Self {
        let (findings, unlisted) = Default::default();
        Self { status, description: description.into(), findings, unlisted, completed_at: None, source_updated_at: None }
    }
}

/// The scan of an image; of an index there is one for each of its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageScan {
    /// The image's platform, where it is one of an index.
    pub platform: Option<String>,
    /// Its scan.
    pub scan: Scan,
}

/// How much of the findings is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// How many of each severity; those that come along are listed.
    Counts,
    /// Every one, page by page.
    Findings,
}
