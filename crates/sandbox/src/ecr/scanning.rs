//! What the registry scans and when: the scanning configuration of the registry and of repositories.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::repositories::Scanning;
use super::request::{OfRepository, length, read};
use super::scan::{Cause, Scan};
use super::wildcard;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations on scanning configurations.
pub const TABLE: Table = &[
    ("PutImageScanningConfiguration", put_image_scanning_configuration),
    ("GetRegistryScanningConfiguration", get_registry_scanning_configuration),
    ("PutRegistryScanningConfiguration", put_registry_scanning_configuration),
    ("BatchGetRepositoryScanningConfiguration", batch_get_repository_scanning_configuration),
];

/// The registry's configuration: `BASIC` without rules at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryScanning {
    #[serde(default)]
    scan_type: ScanType,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ScanType {
    #[default]
    Basic,
    Enhanced,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    scan_frequency: Frequency,
    repository_filters: Vec<RepositoryFilter>,
}

/// When a repository's images are scanned; the stronger is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// When asked.
    Manual,
    /// When pushed.
    ScanOnPush,
    /// When pushed, and again with every new advisory.
    ContinuousScan,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryFilter {
    filter: String,
    filter_type: FilterType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum FilterType {
    Wildcard,
}

/// How images of a repository are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Basic, when asked.
    Manual,
    /// Basic, when pushed or asked.
    OnPush,
    /// Enhanced, by itself.
    Enhanced(Frequency),
    /// The registry scans enhanced, and no rule names the repository.
    Off,
}

impl RepositoryFilter {
    /// A filter without a star matches every name that contains it.
    fn takes(&self, name: &str) -> bool {
        if self.filter.contains('*') { wildcard::matches(&self.filter, name) } else { name.contains(&self.filter) }
    }
}

impl RegistryScanning {
    /// Enhanced scanning is on.
    pub fn is_enhanced(&self) -> bool {
        self.scan_type == ScanType::Enhanced
    }

    /// How a repository is scanned, given its own `scanOnPush`.
    pub fn mode(&self, repository: &str, own_scan_on_push: bool) -> Mode {
        let strongest = self.matching(repository).map(|(frequency, _)| frequency).max();
        match (self.scan_type, strongest) {
            (ScanType::Enhanced, Some(frequency)) => Mode::Enhanced(frequency),
            (ScanType::Enhanced, None) => Mode::Off,
            (ScanType::Basic, Some(Frequency::ScanOnPush | Frequency::ContinuousScan)) => Mode::OnPush,
            (ScanType::Basic, _) if own_scan_on_push => Mode::OnPush,
            (ScanType::Basic, _) => Mode::Manual,
        }
    }

    fn matching(&self, repository: &str) -> impl Iterator<Item = (Frequency, &RepositoryFilter)> {
        let rules = self.rules.iter();
        rules.flat_map(move |rule| {
            let filters = rule.repository_filters.iter().filter(move |filter| filter.takes(repository));
            filters.map(|filter| (rule.scan_frequency, filter))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutImage {
    #[serde(flatten)]
    of: OfRepository,
    image_scanning_configuration: Scanning,
}

fn put_image_scanning_configuration(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: PutImage = read(body)?;
    let name = request.of.repository_name;
    let scan_on_push = request.image_scanning_configuration.scan_on_push;
    let repository = state.repository_mut(request.of.registry_id.as_deref(), &name)?;
    repository.scan_on_push = scan_on_push;
    Ok(json!({
        "registryId": state.account,
        "repositoryName": name,
        "imageScanningConfiguration": {"scanOnPush": scan_on_push},
    }))
}

fn get_registry_scanning_configuration(state: &mut State, _body: Value) -> Result<Value, AwsError> {
    Ok(json!({"registryId": state.account, "scanningConfiguration": state.ecr.scanning}))
}

/// Enhanced scanning begins at once for what is already there.
fn put_registry_scanning_configuration(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let scanning: RegistryScanning = read(body)?;
    let basic_only = |rule: &Rule| match scanning.scan_type {
        ScanType::Basic => rule.scan_frequency != Frequency::ContinuousScan,
        ScanType::Enhanced => rule.scan_frequency != Frequency::Manual,
    };
    if scanning.rules.len() > 2 || !scanning.rules.iter().all(basic_only) {
        return Err(AwsError::new(
            "InvalidParameterException",
            "Invalid parameter at 'rules' failed to satisfy constraint: 'at most 2 rules; BASIC takes SCAN_ON_PUSH and MANUAL, ENHANCED takes SCAN_ON_PUSH and CONTINUOUS_SCAN'",
        ));
    }
    let now = state.clock.now();
    state.ecr.scanning = scanning.clone();
    for (name, repository) in &mut state.ecr.repositories {
        if let Mode::Enhanced(_) = scanning.mode(name, repository.scan_on_push) {
            for image in repository.contents.images.values_mut().filter(|image| image.subject.is_none()) {
                image.enhanced.get_or_insert_with(|| Scan::new(Cause::Request, now));
            }
        }
    }
    Ok(json!({"registryScanningConfiguration": scanning}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchGet {
    repository_names: Vec<String>,
}

fn batch_get_repository_scanning_configuration(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: BatchGet = read(body)?;
    length("repositoryNames", &request.repository_names, 25)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in &request.repository_names {
        let Some(repository) = state.ecr.repositories.get(name) else {
            failures.push(json!({
                "repositoryName": name,
                "failureCode": "REPOSITORY_NOT_FOUND",
                "failureReason": format!("The repository with name '{name}' does not exist in the registry with id '{}'", state.account),
            }));
            continue;
        };
        let frequency = match state.ecr.scanning.mode(name, repository.scan_on_push) {
            Mode::Manual | Mode::Off => Frequency::Manual,
            Mode::OnPush => Frequency::ScanOnPush,
            Mode::Enhanced(frequency) => frequency,
        };
        let applied = state.ecr.scanning.matching(name).map(|(_, filter)| filter);
        found.push(json!({
            "repositoryArn": state.arn("ecr", &format!("repository/{name}")),
            "repositoryName": name,
            "scanOnPush": frequency != Frequency::Manual,
            "scanFrequency": frequency,
            "appliedScanFilters": applied.collect::<Vec<_>>(),
        }));
    }
    Ok(json!({"scanningConfigurations": found, "failures": failures}))
}
