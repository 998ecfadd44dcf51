//! Secrets and parameters that are not there: told by Fargate when it prepares a task, by an instance's agent when it fetches.

use super::super::cause::{Cause, Kind};
use super::Who;
use super::texts::{after, word};

/// The agent of a container instance says where it fetched, and has no name of an error before it.
pub(super) fn fetched_on_an_instance(text: &str) -> bool {
    text.trim_start().starts_with("Fetching secret data from")
}

/// A text about a secret, a parameter or a JSON key that does not exist.
pub(super) fn is_missing(text: &str) -> bool {
    const MISSING: &[&str] = &[
        "ResourceNotFoundException",
        "can't find the specified secret",
        "nvalid ssm parameters",
        "InvalidParameters",
        "ParameterNotFound",
        "did not contain json key",
        "invalid parameters",
    ];
    let about = ["secret", "ssm", "parameter"].iter().any(|word| text.contains(word));
    about && MISSING.iter().any(|word| text.contains(word))
}

/// The cause of a text that [`is_missing`].
pub(super) fn cause(who: &Who<'_>, text: &str) -> Cause {
    let arn = word(text, "arn:");
    let named = arn.or_else(|| ["parameters: ", "asm: ", "ssm: "].iter().find_map(|marker| after(text, marker)));
    let secrets = || who.dossier.definition.iter().flat_map(|definition| &definition.containers);
    let variable = secrets().find_map(|container| {
        let (name, from) = container.secrets.iter().find(|(_, from)| named.is_some_and(|named| is_of(from, named)))?;
        Some((container.name.as_str(), name.as_str(), from.as_str()))
    });
    let only = || {
        secrets().find_map(|container| {
            container.secrets.iter().next().map(|(name, from)| (container.name.as_str(), name.as_str(), from.as_str()))
        })
    };
    let variable = variable.or_else(|| if named.is_none() { only() } else { None });
    let shown = variable.map(|(_, _, from)| from).or(named).unwrap_or("a secret or parameter that the task definition names");
    let of = variable.map_or_else(String::new, |(container, name, _)| format!(" (for `{name}` of container `{container}`)"));
    let about = |cause: Cause| match variable {
        Some((container, ..)) => cause.of(container),
        None => cause,
    };
    if text.contains("did not contain json key") {
        let because = format!("{who} could not start: secret `{shown}`{of} has not the JSON key that `valueFrom` names");
        let next = "correct the key at the end of `valueFrom`, or add it to the secret's JSON";
        return about(Cause::new(Kind::SecretMissing, because, next));
    }
    let because = format!("{who} could not start: `{shown}`{of} does not exist");
    let parameter =
        text.contains("ssm") || text.contains("SSM Parameter Store") || shown.contains(":ssm:") || shown.contains(":parameter/");
    let next = if parameter {
        let path = shown.split_once(":parameter").map_or(shown, |(_, path)| path);
        format!(
            "`aws ssm put-parameter --type SecureString --name {path} --value …`, or correct `valueFrom` in the task definition"
        )
    } else {
        let name = shown.split_once(":secret:").map_or(shown, |(_, rest)| without_suffix(rest.split(':').next().unwrap_or(rest)));
        format!(
            "`aws secretsmanager create-secret --name {name} --secret-string …`, or correct `valueFrom` in the task definition"
        )
    };
    about(Cause::new(Kind::SecretMissing, because, next))
}

/// A secret's name as it was given: ARNs add a hyphen and six characters.
fn without_suffix(name: &str) -> &str {
    let is_suffix = |end: &str| end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric());
    name.rsplit_once('-').filter(|(_, end)| is_suffix(end)).map_or(name, |(given, _)| given)
}

/// A `valueFrom` names that secret or parameter: an ARN with or without a JSON key behind it, or a parameter's bare name.
fn is_of(from: &str, named: &str) -> bool {
    let bare = named.trim_start_matches('/');
    from == named || from.starts_with(&format!("{named}:")) || named.starts_with(from) || from.ends_with(&format!("/{bare}"))
}
