//! A repository: its settings, and its contents, which outlive the sandbox.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shipit_scheduler::Time;

use super::Ecr;
use super::image::Image;
use super::mutability::Mutability;
use crate::clock::Clock;
use crate::error::AwsError;
use crate::registry::store::Store;
use crate::state::State;

/// A repository.
#[derive(Debug)]
pub struct Repository {
    /// When it was created.
    pub created_at: Time,
    /// Which of its tags may move.
    pub mutability: Mutability,
    /// Its own `scanOnPush`; the registry's rules come on top.
    pub scan_on_push: bool,
    /// `encryptionConfiguration` as it was given.
    pub encryption: Value,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
    /// Images, tags and blobs.
    pub contents: Contents,
}

/// What was pushed to a repository; kept in the sandbox's folder and found again by the next CreateRepository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Images and indexes by digest.
    pub images: BTreeMap<String, Image>,
    /// Digests by tag.
    pub tags: BTreeMap<String, String>,
    /// Sizes of layers and configs by digest.
    pub blobs: BTreeMap<String, u64>,
}

impl Contents {
    /// The tags of a digest.
    pub fn tags_of(&self, digest: &str) -> Vec<&str> {
        let tags = self.tags.iter().filter(|(_, at)| *at == digest);
        tags.map(|(tag, _)| tag.as_str()).collect()
    }
}

impl State {
    /// A repository of this registry.
    ///
    /// # Errors
    /// RepositoryNotFoundException, also for another account's registry.
    pub fn repository(&self, registry: Option<&str>, name: &str) -> Result<&Repository, AwsError> {
        let found = self.ecr.repositories.get(name);
        let ours = registry.is_none_or(|registry| registry == self.account);
        found.filter(|_| ours).ok_or_else(|| not_found(name, registry.unwrap_or(&self.account)))
    }

    /// A repository of this registry, to be changed.
    ///
    /// # Errors
    /// RepositoryNotFoundException.
    pub fn repository_mut(&mut self, registry: Option<&str>, name: &str) -> Result<&mut Repository, AwsError> {
        self.repository(registry, name)?;
        let Ecr { repositories, .. } = &mut self.ecr;
        repositories.get_mut(name).ok_or_else(|| not_found(name, &self.account))
    }

    /// Where the registry's blobs lie.
    pub fn store(&self) -> Store {
        Store::new(&self.folder)
    }

    /// Changes a repository's contents, on disk first: where that does not take it, nothing has changed.
    ///
    /// # Errors
    /// RepositoryNotFoundException; ServerException when the disk does not take it.
    pub fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Contents) -> T) -> Result<T, AwsError> {
        let mut contents = self.repository(None, name)?.contents.clone();
        let done = change(&mut contents);
        self.store().save_contents(name, &contents).map_err(|error| disk(&error))?;
        self.repository_mut(None, name)?.contents = contents;
        Ok(done)
    }

    /// `repository` as replies have it.
    pub fn repository_json(&self, name: &str, repository: &Repository) -> Value {
        json!({
            "repositoryArn": self.arn("ecr", &format!("repository/{name}")),
            "registryId": self.account,
            "repositoryName": name,
            "repositoryUri": format!("{}/{name}", self.address),
            "createdAt": Clock::seconds(repository.created_at),
            "imageTagMutability": repository.mutability.name(),
            "imageTagMutabilityExclusionFilters": repository.mutability.filters_json(),
            "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
            "encryptionConfiguration": repository.encryption,
        })
    }
}

/// The sandbox's own disk does not take what it must keep.
pub fn disk(error: &std::io::Error) -> AwsError {
    AwsError::new("ServerException", format!("the sandbox cannot write: {error}")).with_status(disk_status(error))
}

/// HTTP's status for it: a disk that is full has one of its own, which clients show even where they show no text.
pub fn disk_status(error: &std::io::Error) -> u16 {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => 507,
        _ => 500,
    }
}

fn not_found(name: &str, registry: &str) -> AwsError {
    AwsError::new(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{registry}'"),
    )
}

/// The name is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/…)*`, 2 to 256 characters.
pub fn is_name(name: &str) -> bool {
    (2..=256).contains(&name.len()) && name.split('/').all(is_component)
}

fn is_component(component: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends_plain = bytes.first().copied().is_some_and(is_plain) && bytes.last().copied().is_some_and(is_plain);
    let separators = component.split(|character: char| is_plain(u8::try_from(character).unwrap_or(0)));
    ends_plain
        && separators
            .filter(|separator| !separator.is_empty())
            .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_as_the_model_has_them() {
        for good in ["web", "a/b", "team/web-api", "a--b", "a__b", "a.b_c", "00"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "Web", "a/", "/a", "a//b", "a..b", "a___b", "-a", "a-", "a._b", "../a", "é1", "a b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
