//! How an image's scan stands, of an index that of each of its images; an image that nothing scans by itself is asked to be
//! scanned, once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ecr::types::ImageIdentifier;
use shipit_core::gate::{Detail, ImageScan, Scan, Status};
use shipit_core::release::Digest;
use shipit_core::snapshot::Child;

use super::findings::{Page, Shape, page};
use super::manifest::Manifest;
use super::scanning::{Scanning, Trigger};
use super::{Found, image};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::{Ask, PortError, PortResult, ScanWish, Scans};

#[cfg(test)]
mod tests;

/// Scan results of the account's registry.
pub struct Scanner {
    ecr: aws_sdk_ecr::Client,
    scanning: Scanning,
    asked: Mutex<HashSet<Digest>>,
    parts: Mutex<HashMap<Digest, Vec<Child>>>,
}

impl Scanner {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        let ecr = aws_sdk_ecr::Client::new(sdk);
        Self { scanning: Scanning::new(ecr.clone()), ecr, asked: Mutex::default(), parts: Mutex::default() }
    }

    /// The images of an index; none where it is not one. What a digest names never changes.
    async fn parts(&self, repository: &str, digest: &Digest) -> PortResult<Option<Vec<Child>>> {
        if let Some(known) = self.parts.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(known.clone()));
        }
        let children = match image(&self.ecr, repository, id(digest)).await {
            Ok(Some(Found { manifest: Manifest::Index { children }, .. })) => children,
            Ok(Some(Found { manifest: Manifest::Image { .. }, .. })) => Vec::new(),
            Ok(None) | Err(PortError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone(), children.clone());
        Ok(Some(children))
    }

    /// One image's scan, as far as its findings are wanted.
    async fn read(&self, repository: &str, digest: &Digest, detail: Detail) -> PortResult<Scan> {
        let mut all: Option<Page> = None;
        loop {
            let request = self.ecr.describe_image_scan_findings().repository_name(repository).max_results(1000);
            let token = all.as_ref().and_then(|page| page.next.clone());
            let reply = request.image_id(id(digest)).set_next_token(token).send().await;
            let reply = match reply.map_err(|error| AwsError::of(operation::DESCRIBE_IMAGE_SCAN_FINDINGS, &error)) {
                Ok(reply) => reply,
                Err(error) if error.code() == Some("ScanNotFoundException") => return Ok(Scan::of(Status::NotFound, "")),
                Err(error) => return Err(named(error, || format!("image `{repository}@{}`", digest.short()))),
            };
            let seen = joined(all, page(reply));
            // Counts are of all pages. Inspector's hold what is suppressed, which only its findings tell.
            let enough = detail == Detail::Counts && seen.shape == Shape::Basic && !seen.counted.is_empty();
            if seen.next.is_none() || enough {
                return Ok(whole(seen));
            }
            all = Some(seen);
        }
    }

    /// Right after a push with scan on push, no scan is known for some seconds; elsewhere someone has to ask for it.
    async fn one(&self, repository: &str, digest: &Digest, wish: ScanWish) -> PortResult<Scan> {
        let scan = self.read(repository, digest, wish.detail).await?;
        let unknown = scan.status == Status::NotFound;
        match wish.ask {
            Ask::Anew => self.ask(repository, digest, wish.detail, Trigger::Asking).await,
            Ask::IfUnknown if unknown && !self.was_asked(digest) => match self.scanning.trigger(repository).await? {
                Trigger::Itself => Ok(scan),
                Trigger::Nothing => Ok(Scan::of(Status::NotScanned, "enhanced scanning is on, and no rule names the repository")),
                trigger @ (Trigger::Asking | Trigger::Unknown) => self.ask(repository, digest, wish.detail, trigger).await,
            },
            Ask::IfUnknown | Ask::Never => Ok(scan),
        }
    }

    async fn ask(&self, repository: &str, digest: &Digest, detail: Detail, trigger: Trigger) -> PortResult<Scan> {
        // One attempt: LimitExceededException means that the image was scanned within the last day, which the SDK would
        // take for throttling.
        let once = aws_sdk_ecr::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.ecr.start_image_scan().repository_name(repository).image_id(id(digest));
        let reply = request.customize().config_override(once).send().await;
        let error = match reply {
            Ok(_) => {
                self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone());
                return Ok(Scan::of(Status::InProgress, ""));
            }
            Err(error) => AwsError::of(operation::START_IMAGE_SCAN, &error),
        };
        let status = match error.code() {
            // Nobody could say whether a scan was under way anyhow.
            Some(code) if trigger == Trigger::Unknown && code != "ThrottlingException" => {
                self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone());
                return Ok(Scan::of(Status::NotFound, ""));
            }
            Some("LimitExceededException") => Status::LimitExceeded,
            Some("UnsupportedImageTypeException") => Status::UnsupportedImage,
            Some("ImageArchivedException") => Status::ImageArchived,
            // Enhanced scanning has no manual scans.
            Some("ValidationException") => Status::NotScanned,
            _ => return Err(named(error, || format!("image `{repository}@{}`", digest.short()))),
        };
        // It was scanned within the last day, or is scanned by itself: what is there holds.
        if matches!(status, Status::LimitExceeded | Status::NotScanned) {
            let there = self.read(repository, digest, detail).await?;
            if there.status != Status::NotFound {
                return Ok(there);
            }
        }
        let description = match PortError::from(error) {
            PortError::Refused { message, .. } => message,
            other => other.to_string(),
        };
        Ok(Scan::of(status, description))
    }

    fn was_asked(&self, digest: &Digest) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }
}

#[async_trait]
impl Scans for Scanner {
    async fn look(&self, repository: &str, digest: &Digest, wish: ScanWish) -> PortResult<Vec<ImageScan>> {
        let Some(children) = self.parts(repository, digest).await? else {
            let missing = || PortError::NotFound { what: format!("image `{repository}@{}`", digest.short()) };
            return if wish.ask == Ask::Never { Ok(Vec::new()) } else { Err(missing()) };
        };
        // An index is never scanned itself: its images are. Attestations beside them are not.
        if children.is_empty() {
            return Ok(vec![ImageScan { platform: None, scan: self.one(repository, digest, wish).await? }]);
        }
        // What the images have in common counts once, which counts do not tell.
        let detail = if children.len() > 1 { Detail::Findings } else { wish.detail };
        let mut scans = Vec::with_capacity(children.len());
        for child in &children {
            let scan = self.one(repository, &child.digest, ScanWish { detail, ..wish }).await?;
            scans.push(ImageScan { platform: Some(child.platform.clone()), scan });
        }
        Ok(scans)
    }
}

/// A page after those before it; the newest says how the scan stands.
fn joined(before: Option<Page>, mut page: Page) -> Page {
    let Some(before) = before else { return page };
    let mut findings = before.scan.findings;
    findings.append(&mut page.scan.findings);
    page.scan.findings = findings;
    for (severity, count) in before.listed {
        *page.listed.entry(severity).or_default() += count;
    }
    if page.shape == Shape::Missing {
        page.shape = before.shape;
    }
    if page.counted.is_empty() {
        page.counted = before.counted;
    }
    page.scan.completed_at = page.scan.completed_at.or(before.scan.completed_at);
    page.scan.source_updated_at = page.scan.source_updated_at.or(before.scan.source_updated_at);
    page
}

/// The scan that the pages come to. What is counted and not listed counts; on the last page it is not there yet.
fn whole(page: Page) -> Scan {
    let mut scan = page.scan;
    if !matches!(scan.status, Status::Complete | Status::Active) {
        return scan;
    }
    if page.shape == Shape::Missing {
        return Scan::of(Status::FindingsUnavailable, format!("the scan is {}, and there are no findings with it", scan.status));
    }
    let (counted, listed): (usize, usize) = (page.counted.values().sum(), page.listed.values().sum());
    if page.next.is_none() && counted > listed {
        let description = format!("the registry counts {counted} findings and lists {listed}");
        return Scan::of(Status::FindingsUnavailable, description);
    }
    if page.next.is_some() {
        let left = page
            .counted
            .into_iter()
            .map(|(severity, count)| (severity, count.saturating_sub(page.listed.get(&severity).copied().unwrap_or(0))));
        scan.unlisted = left.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>();
    }
    scan
}

fn id(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest.as_str()).build()
}
