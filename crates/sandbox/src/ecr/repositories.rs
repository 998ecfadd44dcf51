//! CreateRepository, DescribeRepositories, DeleteRepository.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::mutability::Wanted;
use super::page::page;
use super::repository::{Repository, disk, is_name};
use super::request::{OfRepository, Paging, invalid, length, read};
use super::tags::Tag;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations on repositories.
pub const TABLE: Table = &[
    ("CreateRepository", create_repository),
    ("DescribeRepositories", describe_repositories),
    ("DeleteRepository", delete_repository),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    #[serde(flatten)]
    of: OfRepository,
    #[serde(flatten)]
    mutability: Wanted,
    tags: Option<Vec<Tag>>,
    image_scanning_configuration: Option<Scanning>,
    encryption_configuration: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scanning {
    #[serde(default)]
    pub(super) scan_on_push: bool,
}

/// Finds the contents again that a repository of this name had in an earlier run of the sandbox: there, what was pushed
/// outlives the process, while settings come from whoever creates the repository.
fn create_repository(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Create = read(body)?;
    let name = request.of.repository_name;
    if !is_name(&name) {
        return Err(invalid(
            "repositoryName",
            "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
        ));
    }
    let mutability = request.mutability.check()?;
    let tags = request.tags.unwrap_or_default();
    if tags.len() > super::tags::MOST {
        return Err(super::tags::too_many());
    }
    if state.ecr.repositories.contains_key(&name) {
        return Err(AwsError::new(
            "RepositoryAlreadyExistsException",
            format!("The repository with name '{name}' already exists in the registry with id '{}'", state.account),
        ));
    }
    let now = state.clock.now();
    let mut contents = state.store().load_contents(&name).map_err(|error| disk(&error))?;
    for image in contents.images.values_mut() {
        image.not_after(now);
    }
    let repository = Repository {
        created_at: now,
        mutability,
        scan_on_push: request.image_scanning_configuration.is_some_and(|wanted| wanted.scan_on_push),
        encryption: request.encryption_configuration.unwrap_or_else(|| json!({"encryptionType": "AES256"})),
        tags: tags.into_iter().map(Tag::pair).collect::<BTreeMap<_, _>>(),
        contents,
    };
    let reply = json!({"repository": state.repository_json(&name, &repository)});
    state.ecr.repositories.insert(name, repository);
    Ok(reply)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    registry_id: Option<String>,
    repository_names: Option<Vec<String>>,
    #[serde(flatten)]
    paging: Paging,
}

fn describe_repositories(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Describe = read(body)?;
    let mut repositories = Vec::new();
    match &request.repository_names {
        Some(names) => {
            length("repositoryNames", names, 100)?;
            for name in names {
                let repository = state.repository(request.registry_id.as_deref(), name)?;
                repositories.push(state.repository_json(name, repository));
            }
        }
        None => {
            let all = state.ecr.repositories.iter();
            repositories.extend(all.map(|(name, repository)| state.repository_json(name, repository)));
        }
    }
    let page = page(repositories, &request.paging)?;
    Ok(json!({"repositories": page.items, "nextToken": page.next}))
}

#[derive(Deserialize)]
struct Delete {
    #[serde(flatten)]
    of: OfRepository,
    #[serde(default)]
    force: bool,
}

/// Blobs stay in the store: another repository may have the same.
fn delete_repository(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Delete = read(body)?;
    let name = request.of.repository_name;
    let repository = state.repository(request.of.registry_id.as_deref(), &name)?;
    if !repository.contents.images.is_empty() && !request.force {
        return Err(AwsError::new(
            "RepositoryNotEmptyException",
            format!(
                "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images",
                state.account
            ),
        ));
    }
    let reply = json!({"repository": state.repository_json(&name, repository)});
    state.store().remove_contents(&name).map_err(|error| disk(&error))?;
    state.ecr.repositories.remove(&name);
    Ok(reply)
}
