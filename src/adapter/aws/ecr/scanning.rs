//! What starts a scan in a repository, by the settings of the repository and of the registry.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_ecr::types::{RegistryScanningConfiguration, RepositoryScanningConfiguration, ScanFrequency, ScanType};

use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult};

/// What starts a scan in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The push, or time.
    Itself,
    /// Only StartImageScan.
    Asking,
    /// Nothing: the registry scans enhanced, and no rule names the repository.
    Nothing,
    /// It may not be read: asking does no harm where the push has started one.
    Unknown,
}

/// The settings of the account's registry, each read once.
pub struct Scanning {
    ecr: aws_sdk_ecr::Client,
    known: Mutex<HashMap<String, Trigger>>,
}

/// An answer that may be withheld, or come from something that does not know the question.
enum Answer<T> {
    Given(T),
    Denied,
    NoSuchOperation,
}

impl Scanning {
    /// Of the registry that this client asks.
    pub fn new(ecr: aws_sdk_ecr::Client) -> Self {
        Self { ecr, known: Mutex::default() }
    }

    /// What starts a scan in a repository.
    ///
    /// # Errors
    /// The registry cannot be asked.
    pub async fn trigger(&self, repository: &str) -> PortResult<Trigger> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(repository) {
            return Ok(*known);
        }
        let trigger = match self.of_repository(repository).await? {
            Answer::Given(Some(found)) if scans_itself(&found) => Trigger::Itself,
            Answer::Given(Some(_)) => match self.of_registry().await? {
                Answer::Given(registry) if is_enhanced(&registry) => Trigger::Nothing,
                _ => Trigger::Asking,
            },
            // Where it does not exist the scan is waited for as if the push had started it.
            Answer::Given(None) | Answer::NoSuchOperation => Trigger::Itself,
            Answer::Denied => match self.of_registry().await? {
                Answer::Given(registry) if is_enhanced(&registry) => Trigger::Itself,
                _ => Trigger::Unknown,
            },
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.to_owned(), trigger);
        Ok(trigger)
    }

    async fn of_repository(&self, repository: &str) -> PortResult<Answer<Option<RepositoryScanningConfiguration>>> {
        let reply = self.ecr.batch_get_repository_scanning_configuration().repository_names(repository).send().await;
        let reply = reply.map_err(|error| AwsError::of(operation::BATCH_GET_REPOSITORY_SCANNING_CONFIGURATION, &error));
        answer(reply.map(|reply| reply.scanning_configurations.unwrap_or_default().into_iter().next()))
    }

    async fn of_registry(&self) -> PortResult<Answer<Option<RegistryScanningConfiguration>>> {
        let reply = self.ecr.get_registry_scanning_configuration().send().await;
        let reply = reply.map_err(|error| AwsError::of(operation::GET_REGISTRY_SCANNING_CONFIGURATION, &error));
        answer(reply.map(|reply| reply.scanning_configuration))
    }
}

fn answer<T>(reply: Result<T, AwsError>) -> PortResult<Answer<T>> {
    let error = match reply {
        Ok(given) => return Ok(Answer::Given(given)),
        Err(error) => error,
    };
    let unknown = error.is_unknown_operation();
    match PortError::from(error) {
        PortError::Denied { .. } => Ok(Answer::Denied),
        _ if unknown => Ok(Answer::NoSuchOperation),
        error => Err(error),
    }
}

fn scans_itself(found: &RepositoryScanningConfiguration) -> bool {
    let manual = found.scan_frequency.as_ref().is_none_or(|frequency| *frequency == ScanFrequency::Manual);
    !manual || found.scan_on_push
}

fn is_enhanced(registry: &Option<RegistryScanningConfiguration>) -> bool {
    registry.as_ref().is_some_and(|registry| registry.scan_type == Some(ScanType::Enhanced))
}
