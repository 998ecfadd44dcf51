//! Which tags may move, and PutImageTagMutability.

use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{OfRepository, invalid, length, read};
use super::wildcard;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// Which tags of a repository may move to another digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mutability {
    /// All.
    #[default]
    Mutable,
    /// None.
    Immutable,
    /// Only those that match one of the filters.
    ImmutableExcept(Vec<String>),
    /// All but those that match one of the filters.
    MutableExcept(Vec<String>),
}

/// The two members of a request that say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<Exclusion>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exclusion {
    filter_type: String,
    filter: String,
}

const FILTERS: &str = "imageTagMutabilityExclusionFilters";

impl Wanted {
    /// What the request asks for.
    ///
    /// # Errors
    /// An unknown word, or filters that are missing, unwanted or malformed.
    pub fn check(self) -> Result<Mutability, AwsError> {
        let filters = self.image_tag_mutability_exclusion_filters;
        let checked = |filters: Option<Vec<Exclusion>>| {
            let filters = filters.unwrap_or_default();
            length(FILTERS, &filters, 5)?;
            filters.into_iter().map(Exclusion::check).collect::<Result<Vec<_>, _>>()
        };
        let word = self.image_tag_mutability.as_deref().unwrap_or("MUTABLE");
        match word {
            "IMMUTABLE_WITH_EXCLUSION" => Ok(Mutability::ImmutableExcept(checked(filters)?)),
            "MUTABLE_WITH_EXCLUSION" => Ok(Mutability::MutableExcept(checked(filters)?)),
            "MUTABLE" | "IMMUTABLE" if filters.is_some() => {
                Err(invalid(FILTERS, "Filters are only allowed with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION"))
            }
            "MUTABLE" => Ok(Mutability::Mutable),
            "IMMUTABLE" => Ok(Mutability::Immutable),
            _ => Err(invalid(
                "imageTagMutability",
                "Member must satisfy enum value set: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]",
            )),
        }
    }
}

impl Exclusion {
    fn check(self) -> Result<String, AwsError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._*-".contains(&byte);
        let fits = (1..=128).contains(&self.filter.len()) && self.filter.bytes().all(allowed);
        if self.filter_type != "WILDCARD" || !fits {
            return Err(invalid(FILTERS, "Member must satisfy regular expression pattern: ^[0-9a-zA-Z._*-]{1,128}$"));
        }
        Ok(self.filter)
    }
}

impl Mutability {
    /// The tag may not move to another digest.
    pub fn pins(&self, tag: &str) -> bool {
        let any = |filters: &[String]| filters.iter().any(|filter| wildcard::matches(filter, tag));
        match self {
            Mutability::Mutable => false,
            Mutability::Immutable => true,
            Mutability::ImmutableExcept(filters) => !any(filters),
            Mutability::MutableExcept(filters) => any(filters),
        }
    }

    /// `imageTagMutability`.
    pub fn name(&self) -> &'static str {
        match self {
            Mutability::Mutable => "MUTABLE",
            Mutability::Immutable => "IMMUTABLE",
            Mutability::ImmutableExcept(_) => "IMMUTABLE_WITH_EXCLUSION",
            Mutability::MutableExcept(_) => "MUTABLE_WITH_EXCLUSION",
        }
    }

    /// `imageTagMutabilityExclusionFilters`; null where there are none.
    pub fn filters_json(&self) -> Value {
        match self {
            Mutability::Mutable | Mutability::Immutable => Value::Null,
            Mutability::ImmutableExcept(filters) | Mutability::MutableExcept(filters) => {
                filters.iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter})).collect()
            }
        }
    }
}

/// PutImageTagMutability.
pub const TABLE: Table = &[("PutImageTagMutability", put_image_tag_mutability)];

#[derive(Deserialize)]
struct Put {
    #[serde(flatten)]
    of: OfRepository,
    #[serde(flatten)]
    wanted: Wanted,
}

fn put_image_tag_mutability(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Put = read(body)?;
    if request.wanted.image_tag_mutability.is_none() {
        return Err(invalid("imageTagMutability", "Member must not be null"));
    }
    let mutability = request.wanted.check()?;
    let name = request.of.repository_name;
    let repository = state.repository_mut(request.of.registry_id.as_deref(), &name)?;
    repository.mutability = mutability;
    let reply = json!({
        "imageTagMutability": repository.mutability.name(),
        "imageTagMutabilityExclusionFilters": repository.mutability.filters_json(),
        "repositoryName": name,
        "registryId": state.account,
    });
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_turn_the_rule_round() {
        let filters = vec!["latest*".to_owned()];
        let pins = |mutability: &Mutability| (mutability.pins("latest-1"), mutability.pins("1a2b"));
        assert_eq!(pins(&Mutability::Mutable), (false, false));
        assert_eq!(pins(&Mutability::Immutable), (true, true));
        assert_eq!(pins(&Mutability::ImmutableExcept(filters.clone())), (false, true));
        assert_eq!(pins(&Mutability::MutableExcept(filters)), (true, false));
    }

    #[test]
    fn filters_belong_to_exclusions() {
        let wanted = |value: Value| serde_json::from_value::<Wanted>(value).unwrap().check();
        let filter = json!([{"filterType": "WILDCARD", "filter": "dev*"}]);
        assert_eq!(wanted(json!({})), Ok(Mutability::Mutable));
        assert!(
            wanted(json!({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": filter}))
                .is_ok()
        );
        for bad in [
            json!({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}),
            json!({"imageTagMutability": "IMMUTABLE", "imageTagMutabilityExclusionFilters": filter}),
            json!({"imageTagMutability": "NEVER"}),
            json!({"imageTagMutability": "MUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "a b"}]}),
        ] {
            assert_eq!(wanted(bad.clone()).unwrap_err().code, "InvalidParameterException", "{bad}");
        }
    }
}
