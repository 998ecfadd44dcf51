//! How an image's scan stands; an image that nothing scans by itself is asked to be scanned, once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ecr::types::{ImageIdentifier, RepositoryScanningConfiguration, ScanFrequency};
use shipit_core::gate::{Finding, Scan};
use shipit_core::release::Digest;

use super::findings::{Page, page};
use super::manifest::Manifest;
use super::{Found, image};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult, Scans};

/// Scan results of the account's registry.
pub struct Scanner {
    ecr: aws_sdk_ecr::Client,
    triggers: Mutex<HashMap<String, Trigger>>,
    asked: Mutex<HashSet<Digest>>,
}

/// What starts a scan in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// The push, or time.
    Itself,
    /// Only StartImageScan.
    Asking,
    /// It may not be read: asking does no harm where the push has started one.
    Unknown,
}

/// What is known of one manifest's scan.
enum Sight {
    Known(Scan),
    NotFound,
}

impl Scanner {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { ecr: aws_sdk_ecr::Client::new(sdk), triggers: Mutex::default(), asked: Mutex::default() }
    }

    /// All pages of one manifest's findings.
    async fn read(&self, repository: &str, digest: &Digest) -> PortResult<Sight> {
        let mut all: Vec<Finding> = Vec::new();
        let mut token = None;
        loop {
            let request = self.ecr.describe_image_scan_findings().repository_name(repository).max_results(1000);
            let reply = request.image_id(id(digest)).set_next_token(token).send().await;
            let reply = match reply.map_err(|error| AwsError::of(operation::DESCRIBE_IMAGE_SCAN_FINDINGS, &error)) {
                Ok(reply) => reply,
                Err(error) if error.code() == Some("ScanNotFoundException") => return Ok(Sight::NotFound),
                Err(error) => return Err(named(error, || format!("image `{repository}@{}`", digest.short()))),
            };
            match page(reply) {
                Page::Running => return Ok(Sight::Known(Scan::Running)),
                Page::Unavailable { status, description } => {
                    return Ok(Sight::Known(Scan::Unavailable { status, description }));
                }
                Page::Findings { findings, next } => {
                    all.extend(findings);
                    if next.is_none() {
                        return Ok(Sight::Known(Scan::Finished { findings: all }));
                    }
                    token = next;
                }
            }
        }
    }

    /// A manifest that is known to be one image.
    async fn one(&self, repository: &str, digest: &Digest) -> PortResult<Scan> {
        match self.read(repository, digest).await? {
            Sight::Known(scan) => Ok(scan),
            Sight::NotFound => self.never_scanned(repository, digest).await,
        }
    }

    /// Right after a push with scan on push, no scan is known for some seconds; elsewhere someone has to ask for it.
    async fn never_scanned(&self, repository: &str, digest: &Digest) -> PortResult<Scan> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).contains(digest);
        let trigger = if asked { Trigger::Itself } else { self.trigger(repository).await? };
        if trigger == Trigger::Itself {
            return Ok(Scan::Running);
        }
        // One attempt: LimitExceededException means that the image was scanned within the last day, which the SDK would
        // take for throttling.
        let once = aws_sdk_ecr::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.ecr.start_image_scan().repository_name(repository).image_id(id(digest));
        let reply = request.customize().config_override(once).send().await;
        let error = match reply {
            Ok(_) => return Ok(self.was_asked(digest)),
            Err(error) => AwsError::of(operation::START_IMAGE_SCAN, &error),
        };
        if trigger == Trigger::Unknown && !matches!(error.code(), None | Some("ThrottlingException")) {
            return Ok(self.was_asked(digest));
        }
        let status = match error.code() {
            Some("LimitExceededException") => "LIMIT_EXCEEDED",
            Some("UnsupportedImageTypeException") => "UNSUPPORTED_IMAGE",
            Some("ImageArchivedException") => "IMAGE_ARCHIVED",
            // Enhanced scanning has no manual scans, and no rule of it covers this repository.
            Some("ValidationException") => "NOT_SCANNED",
            _ => return Err(named(error, || format!("image `{repository}@{}`", digest.short()))),
        };
        if status == "LIMIT_EXCEEDED"
            && let Sight::Known(scan) = self.read(repository, digest).await?
        {
            return Ok(scan);
        }
        let description = match PortError::from(error) {
            PortError::Refused { message, .. } => message,
            other => other.to_string(),
        };
        Ok(Scan::Unavailable { status: status.to_owned(), description })
    }

    fn was_asked(&self, digest: &Digest) -> Scan {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone());
        Scan::Running
    }

    async fn trigger(&self, repository: &str) -> PortResult<Trigger> {
        if let Some(known) = self.triggers.lock().unwrap_or_else(PoisonError::into_inner).get(repository) {
            return Ok(*known);
        }
        let reply = self.ecr.batch_get_repository_scanning_configuration().repository_names(repository).send().await;
        let error = match reply {
            Ok(reply) => {
                let found = reply.scanning_configurations.unwrap_or_default();
                let trigger = found.first().map_or(Trigger::Itself, trigger_of);
                self.triggers.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.to_owned(), trigger);
                return Ok(trigger);
            }
            Err(error) => AwsError::of(operation::BATCH_GET_REPOSITORY_SCANNING_CONFIGURATION, &error),
        };
        let unknown = error.is_unknown_operation();
        match PortError::from(error) {
            PortError::Denied { .. } => Ok(Trigger::Unknown),
            // Where it does not exist the scan is waited for as if the push had started it.
            _ if unknown => Ok(Trigger::Itself),
            error => Err(error),
        }
    }
}

#[async_trait]
impl Scans for Scanner {
    async fn look(&self, repository: &str, digest: &Digest) -> PortResult<Scan> {
        let sight = self.read(repository, digest).await?;
        if let Sight::Known(scan @ (Scan::Running | Scan::Finished { .. })) = sight {
            return Ok(scan);
        }
        // An index is never scanned itself: its images are.
        let children = match image(&self.ecr, repository, id(digest)).await? {
            Some(Found { manifest: Manifest::Index { children }, .. }) if !children.is_empty() => children,
            Some(_) | None => {
                return match sight {
                    Sight::Known(scan) => Ok(scan),
                    Sight::NotFound => self.never_scanned(repository, digest).await,
                };
            }
        };
        let mut scans = Vec::with_capacity(children.len());
        for child in &children {
            scans.push(self.one(repository, child).await?);
        }
        Ok(together(scans))
    }
}

/// One answer for all images of an index: no result of one is no result, and what is not finished is waited for.
fn together(scans: Vec<Scan>) -> Scan {
    let mut all: Vec<Finding> = Vec::new();
    let mut running = false;
    for scan in scans {
        match scan {
            Scan::Unavailable { .. } => return scan,
            Scan::Running => running = true,
            Scan::Finished { findings } => {
                for finding in findings {
                    if !all.contains(&finding) {
                        all.push(finding);
                    }
                }
            }
        }
    }
    if running { Scan::Running } else { Scan::Finished { findings: all } }
}

fn trigger_of(configuration: &RepositoryScanningConfiguration) -> Trigger {
    let manual = configuration.scan_frequency.as_ref().is_none_or(|frequency| *frequency == ScanFrequency::Manual);
    if manual && !configuration.scan_on_push { Trigger::Asking } else { Trigger::Itself }
}

fn id(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest.as_str()).build()
}
