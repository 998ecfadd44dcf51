//! `secrets` of a task's containers, read once when it starts, and the reasons for which a task then fails: Fargate and the
//! agent on an instance say the same differently.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::{Container, Secret};
use crate::dispatch::Service as Aws;
use crate::ecs::definition;
use crate::ecs::request::text;
use crate::error::AwsError;
use crate::secretsmanager::Which;
use crate::state::State;

/// Who reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reader {
    platform: Platform,
    region: String,
    /// The session of the execution role.
    session: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    Fargate,
    Instance,
}

/// Puts the values of their secrets into the environments of a task's containers.
///
/// # Errors
/// `stoppedReason`.
pub(super) fn pull(state: &State, task: &str, containers: &mut [Container]) -> Result<(), String> {
    if containers.iter().all(|container| container.secrets.is_empty()) {
        return Ok(());
    }
    let reader = Reader::of(state, task);
    for container in containers {
        let mut values = BTreeMap::new();
        for secret in &container.secrets {
            values.insert(secret.name.as_str(), reader.value(state, &secret.from)?);
        }
        let plain = |name: &str| container.spec.env.iter().any(|variable| variable.split('=').next() == Some(name));
        let mut new: Vec<String> = Vec::new();
        for Secret { name, .. } in &container.secrets {
            if let Some(value) = values.remove(name.as_str()).filter(|_| !plain(name)) {
                new.push(format!("{name}={value}"));
            }
        }
        container.spec.env.extend(new);
    }
    Ok(())
}

impl Reader {
    fn of(state: &State, id: &str) -> Self {
        let task = state.ecs.tasks.get(id);
        let definition = task.and_then(|task| definition::find(state, &task.definition));
        let role = definition.and_then(|definition| text(&definition.value, "executionRoleArn")).unwrap_or_default();
        let role = role.rsplit('/').next().unwrap_or_default();
        Self {
            platform: match task.and_then(|task| task.place.as_ref()) {
                Some(_) => Platform::Instance,
                None => Platform::Fargate,
            },
            region: state.region.clone(),
            session: format!("arn:aws:sts::{}:assumed-role/{role}/{id}", state.account),
        }
    }

    fn value<'a>(&self, state: &'a State, from: &str) -> Result<std::borrow::Cow<'a, str>, String> {
        match Reference::read(from) {
            Reference::Secret { arn, key, which } => {
                if state.faults.denies(Aws::Secrets, "GetSecretValue") {
                    return Err(self.secret_failed(arn, &self.denied("secretsmanager:GetSecretValue", arn)));
                }
                let value = state.secret_string(arn, which).map_err(|error| self.secret_failed(arn, &error))?;
                match key {
                    None => Ok(value.open().into()),
                    Some(key) => keyed(value.open(), key).map(Into::into).map_err(|why| self.secret_unread(&why)),
                }
            }
            Reference::Parameter(name) => {
                if state.faults.denies(Aws::Ssm, "GetParameters") {
                    let arn = state.arn(
                        "ssm",
                        &format!("parameter/{}", name.rsplit(":parameter/").next().unwrap_or(name).trim_start_matches('/')),
                    );
                    let AwsError { code, message, .. } = self.denied("ssm:GetParameters", &arn);
                    return Err(self.parameter_failed(&format!("{code}: {message}")));
                }
                match state.parameter(name) {
                    Some(value) => Ok(value.open().into()),
                    None => {
                        let name = name.rsplit_once(":parameter").map_or(name, |(_, name)| name);
                        let word =
                            if self.platform == Platform::Fargate { "invalid ssm parameters" } else { "invalid parameters" };
                        Err(self.parameter_failed(&format!("{word}: {name}")))
                    }
                }
            }
        }
    }

    fn denied(&self, action: &str, resource: &str) -> AwsError {
        let text = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action",
            self.session
        );
        AwsError::new("AccessDeniedException", text)
    }

    /// The secret cannot be had.
    fn secret_failed(&self, arn: &str, error: &AwsError) -> String {
        let AwsError { code, message, .. } = error;
        match self.platform {
            Platform::Fargate => fargate_secret(&format!("failed to fetch secret {arn} from secrets manager: {code}: {message}")),
            Platform::Instance => format!(
                "Fetching secret data from AWS Secrets Manager in region {}: secret {arn}: {code}: {message}",
                self.region
            ),
        }
    }

    /// The secret has been had and does not hold what is wanted.
    fn secret_unread(&self, why: &str) -> String {
        match self.platform {
            Platform::Fargate => fargate_secret(why),
            Platform::Instance => format!("Fetching secret data from AWS Secrets Manager in region {}: {why}", self.region),
        }
    }

    fn parameter_failed(&self, why: &str) -> String {
        match self.platform {
            Platform::Fargate => format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): {why}"
            ),
            Platform::Instance => format!("Fetching secret data from SSM Parameter Store in {}: {why}", self.region),
        }
    }
}

fn fargate_secret(why: &str) -> String {
    format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): {why}"
    )
}

/// The member of a secret that is a JSON object; a text as it is, anything else as JSON.
fn keyed(secret: &str, key: &str) -> Result<String, String> {
    let object: Value =
        serde_json::from_str(secret).map_err(|_| "an error occurred when parsing the secret value as JSON".to_owned())?;
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!("retrieved secret from Secrets Manager did not contain json key {key}")),
    }
}

/// What `valueFrom` names.
#[derive(Debug)]
enum Reference<'a> {
    /// `arn:…:secret:name-XXXXXX[:json-key:version-stage:version-id]`
    Secret { arn: &'a str, key: Option<&'a str>, which: Which<'a> },
    /// A parameter's name or ARN.
    Parameter(&'a str),
}

impl<'a> Reference<'a> {
    fn read(from: &'a str) -> Self {
        let is_secret = from.split(':').nth(2) == Some("secretsmanager");
        if !is_secret {
            return Reference::Parameter(from);
        }
        // Six colons up to the name; what follows are the three optional parts.
        let end = from.match_indices(':').nth(6).map_or(from.len(), |(place, _)| place);
        let (arn, rest) = from.split_at(end);
        let mut parts = rest.split(':').skip(1).map(|part| Some(part).filter(|part| !part.is_empty()));
        let mut part = || parts.next().flatten();
        let key = part();
        let which = Which { stage: part(), version: part() };
        Reference::Secret { arn, key, which }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_secret_with_its_parts_or_a_parameter() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:shop/db-AbCdEf";
        for (from, parts) in [
            (arn.to_owned(), (None, None, None)),
            (format!("{arn}:password::"), (Some("password"), None, None)),
            (format!("{arn}:password:AWSPREVIOUS:"), (Some("password"), Some("AWSPREVIOUS"), None)),
            (format!("{arn}:::v1"), (None, None, Some("v1"))),
        ] {
            let Reference::Secret { arn: read, key, which } = Reference::read(&from) else { panic!("{from}") };
            assert_eq!((read, (key, which.stage, which.version)), (arn, parts), "{from}");
        }
        for from in ["/shop/db", "db", "arn:aws:ssm:eu-west-1:1:parameter/shop/db"] {
            assert!(matches!(Reference::read(from), Reference::Parameter(name) if name == from), "{from}");
        }
    }

    #[test]
    fn a_member_of_a_secret_is_a_text_or_its_json() {
        let secret = r#"{"user": "shop", "port": 5432}"#;
        assert_eq!(keyed(secret, "user").as_deref(), Ok("shop"));
        assert_eq!(keyed(secret, "port").as_deref(), Ok("5432"));
        assert_eq!(keyed(secret, "none").unwrap_err(), "retrieved secret from Secrets Manager did not contain json key none");
        assert!(keyed("plain", "user").is_err());
    }
}
