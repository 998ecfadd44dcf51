//! The sandbox's Secrets Manager: secrets with versions, as tasks read them when they start.

mod operations;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dispatch::Table;
use crate::error::AwsError;
use crate::sealed::Sealed;
use crate::state::State;

/// Its operations.
pub const TABLES: &[Table] = &[operations::TABLE];

/// The stage of the version that is read unless told.
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Secrets by name.
#[derive(Debug, Default)]
pub struct Secrets {
    by_name: BTreeMap<String, Secret>,
}

#[derive(Debug)]
struct Secret {
    arn: String,
    name: String,
    description: Option<String>,
    tags: Vec<Value>,
    created_at: f64,
    changed_at: f64,
    /// Oldest first.
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    id: String,
    stages: Vec<String>,
    /// `SecretString` or `SecretBinary`, by member name.
    value: Option<(&'static str, Sealed)>,
    created_at: f64,
}

/// Which version of a secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// `VersionStage`.
    pub stage: Option<&'a str>,
    /// `VersionId`.
    pub version: Option<&'a str>,
}

impl State {
    /// `SecretString` of a secret by name or ARN, with or without the ARN's six letters.
    ///
    /// # Errors
    /// What GetSecretValue answers.
    pub(crate) fn secret_string(&self, id: &str, which: Which) -> Result<&Sealed, AwsError> {
        let (_, version) = self.secret_version(id, which)?;
        match &version.value {
            Some(("SecretString", value)) => Ok(value),
            _ => Err(absent(which)),
        }
    }

    fn secret_version(&self, id: &str, which: Which) -> Result<(&Secret, &Version), AwsError> {
        let secret = self.secrets.find(id)?;
        let is = |version: &&Version| {
            let stage = match which {
                Which { stage: None, version: None } => Some(CURRENT),
                Which { stage, .. } => stage,
            };
            which.version.is_none_or(|id| version.id == id)
                && stage.is_none_or(|stage| version.stages.iter().any(|one| one == stage))
        };
        let version = secret.versions.iter().find(|version| is(version) && version.value.is_some());
        Ok((secret, version.ok_or_else(|| absent(which))?))
    }
}

impl Secrets {
    fn find(&self, id: &str) -> Result<&Secret, AwsError> {
        let missing = || not_found("Secrets Manager can't find the specified secret.");
        self.name_of(id).and_then(|name| self.by_name.get(name)).ok_or_else(missing)
    }

    fn find_mut(&mut self, id: &str) -> Result<&mut Secret, AwsError> {
        let missing = || not_found("Secrets Manager can't find the specified secret.");
        let name = self.name_of(id).map(str::to_owned).ok_or_else(missing)?;
        self.by_name.get_mut(&name).ok_or_else(missing)
    }

    fn name_of<'a>(&'a self, id: &'a str) -> Option<&'a str> {
        if self.by_name.contains_key(id) {
            return Some(id);
        }
        let whole = |secret: &&Secret| secret.arn == id || secret.arn.rsplit_once('-').is_some_and(|(short, _)| short == id);
        self.by_name.values().find(whole).map(|secret| secret.name.as_str())
    }
}

fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::new("ResourceNotFoundException", message)
}

fn absent(which: Which) -> AwsError {
    match which {
        Which { version: Some(id), .. } => {
            not_found(format!("Secrets Manager can't find the specified secret value for VersionId: {id}"))
        }
        Which { stage, .. } => {
            let stage = stage.unwrap_or(CURRENT);
            not_found(format!("Secrets Manager can't find the specified secret value for staging label: {stage}"))
        }
    }
}

/// The six letters at the end of a secret's ARN; the same for the same name, so that a definition can name it beforehand.
fn letters(account: &str, name: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digest = Sha256::digest(format!("{account}/{name}"));
    digest[..6].iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests;
