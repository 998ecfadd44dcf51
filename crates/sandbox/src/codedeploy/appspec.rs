//! The AppSpec of a deployment to ECS, in JSON or YAML: which task definition, behind which port, with which hooks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::machine::lifecycle::Event;
use crate::ecs::request::text;
use crate::error::AwsError;

/// What an AppSpec says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AppSpec {
    /// `TaskDefinition`.
    pub definition: String,
    /// `LoadBalancerInfo.ContainerName`.
    pub container: String,
    /// `LoadBalancerInfo.ContainerPort`.
    pub port: u16,
    /// The other members that make a service revision, as ECS calls them.
    pub members: Value,
    /// The function of each hook.
    pub hooks: BTreeMap<Event, String>,
}

/// A deployment's `revision`: the AppSpec's text, its SHA-256, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    /// The text.
    pub content: String,
    /// Over exactly that text.
    pub sha256: String,
    /// What it says.
    pub appspec: AppSpec,
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRevisionException", message)
}

/// Reads `revision` of CreateDeployment.
///
/// # Errors
/// `RevisionRequiredException`, `InvalidRevisionException`.
pub(super) fn revision(body: &Value) -> Result<Sent, AwsError> {
    let Some(revision) = body.get("revision").filter(|revision| !revision.is_null()) else {
        return Err(AwsError::new("RevisionRequiredException", "The revision was not specified."));
    };
    match text(revision, "revisionType") {
        Some("AppSpecContent") => {}
        Some("S3") => {
            return Err(invalid("The sandbox has no S3: send the AppSpec itself, with the revision type AppSpecContent."));
        }
        Some(other) => return Err(invalid(format!("A revision of the type {other} cannot be deployed to ECS."))),
        None => return Err(invalid("The revision has no type.")),
    }
    let content = revision.pointer("/appSpecContent/content").and_then(Value::as_str).unwrap_or_default();
    if content.is_empty() {
        return Err(invalid("The content of the AppSpec was not specified."));
    }
    let sha256: String = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let sent = revision.pointer("/appSpecContent/sha256").and_then(Value::as_str);
    if sent.is_some_and(|sent| !sent.eq_ignore_ascii_case(&sha256)) {
        return Err(invalid("The SHA256 hash value of the AppSpec content does not match the value that was specified."));
    }
    Ok(Sent { content: content.to_owned(), sha256, appspec: read(content)? })
}

/// Reads an AppSpec.
///
/// # Errors
/// `InvalidRevisionException`.
pub(super) fn read(content: &str) -> Result<AppSpec, AwsError> {
    let tree: Value = match serde_json::from_str(content) {
        Ok(tree) => tree,
        Err(_) => serde_saphyr::from_str(content)
            .map_err(|error| invalid(format!("The AppSpec is neither JSON nor YAML: {}", first_line(&error.to_string()))))?,
    };
    let resources = member(&tree, "Resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [resource] = resources else {
        return Err(invalid("The AppSpec must have exactly one resource."));
    };
    let target = resource.as_object().filter(|resource| resource.len() == 1).and_then(|resource| resource.values().next());
    let target = target.filter(|target| member(target, "Type").and_then(Value::as_str) == Some("AWS::ECS::Service"));
    let Some(properties) = target.and_then(|target| member(target, "Properties")) else {
        return Err(invalid("The resource of the AppSpec must be of the type AWS::ECS::Service and have properties."));
    };
    let required = |value: Option<&Value>, name: &str| match value.and_then(Value::as_str) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(invalid(format!("The property {name} of the AppSpec was not specified."))),
    };
    let balancer = member(properties, "LoadBalancerInfo").unwrap_or(&Value::Null);
    let port = member(balancer, "ContainerPort").and_then(whole).and_then(|port| u16::try_from(port).ok());
    Ok(AppSpec {
        definition: required(member(properties, "TaskDefinition"), "TaskDefinition")?,
        container: required(member(balancer, "ContainerName"), "LoadBalancerInfo.ContainerName")?,
        port: port.ok_or_else(|| invalid("The property LoadBalancerInfo.ContainerPort of the AppSpec was not specified."))?,
        members: members(properties),
        hooks: hooks(member(&tree, "Hooks"))?,
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A number, written as one or as text.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A member by its name, whatever its capitals: both the documentation's and the AWS CLI's spelling are read.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null()).map(|(_, value)| value)
}

/// `PlatformVersion`, `NetworkConfiguration` and `CapacityProviderStrategy` in ECS's own spelling.
fn members(properties: &Value) -> Value {
    let mut members = Map::new();
    if let Some(version) = member(properties, "PlatformVersion") {
        members.insert("platformVersion".into(), version.clone());
    }
    if let Some(network) = member(properties, "NetworkConfiguration").and_then(|it| member(it, "AwsvpcConfiguration")) {
        let network = spelled(network, &["subnets", "securityGroups", "assignPublicIp"]);
        members.insert("networkConfiguration".into(), json!({ "awsvpcConfiguration": network }));
    }
    if let Some(Value::Array(items)) = member(properties, "CapacityProviderStrategy") {
        let items = items.iter().map(|item| spelled(item, &["capacityProvider", "weight", "base"]));
        members.insert("capacityProviderStrategy".into(), items.collect());
    }
    members.into()
}

fn spelled(value: &Value, names: &[&str]) -> Value {
    let known = names.iter().filter_map(|name| Some(((*name).to_owned(), member(value, name)?.clone())));
    Value::Object(known.collect())
}

/// A list of single names, each with its function.
fn hooks(sent: Option<&Value>) -> Result<BTreeMap<Event, String>, AwsError> {
    let mut hooks = BTreeMap::new();
    for hook in sent.and_then(Value::as_array).into_iter().flatten() {
        for (name, function) in hook.as_object().into_iter().flatten() {
            let event = Event::ALL.into_iter().find(|event| event.word().eq_ignore_ascii_case(name));
            let Some(event) = event.filter(|event| event.takes_hook()) else {
                return Err(invalid(format!("The AppSpec has a hook for {name}, which is no lifecycle event for hooks of ECS.")));
            };
            match function.as_str().filter(|function| !function.is_empty()) {
                Some(function) => hooks.insert(event, function.to_owned()),
                None => return Err(invalid(format!("The AppSpec's hook {name} names no function."))),
            };
        }
    }
    Ok(hooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7"
        LoadBalancerInfo:
          ContainerName: "web"
          ContainerPort: 8080
        PlatformVersion: "LATEST"
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: ["subnet-1", "subnet-2"]
            SecurityGroups: ["sg-1"]
            AssignPublicIp: "DISABLED"
        CapacityProviderStrategy:
          - Base: 0
            CapacityProvider: "FARGATE"
            Weight: 1
Hooks:
  - BeforeInstall: "check-before"
  - AfterAllowTraffic: "check-after"
"#;

    #[test]
    fn yaml_as_the_documentation_has_it_is_read() {
        let appspec = read(YAML).unwrap();
        assert_eq!(appspec.definition, "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7");
        assert_eq!((appspec.container.as_str(), appspec.port), ("web", 8080));
        let expected = json!({
            "platformVersion": "LATEST",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED",
            }},
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
        });
        assert_eq!(appspec.members, expected);
        let hooks: Vec<_> = appspec.hooks.iter().map(|(event, function)| (event.word(), function.as_str())).collect();
        assert_eq!(hooks, [("BeforeInstall", "check-before"), ("AfterAllowTraffic", "check-after")]);
    }

    #[test]
    fn json_as_the_aws_cli_writes_it_is_read() {
        let content = json!({"version": 1, "resources": [{"web": {"type": "AWS::ECS::Service", "properties": {
            "taskDefinition": "web:1", "loadBalancerInfo": {"containerName": "web", "containerPort": "80"},
        }}}]});
        let appspec = read(&content.to_string()).unwrap();
        assert_eq!((appspec.definition.as_str(), appspec.port, &appspec.members), ("web:1", 80, &json!({})));
    }

    #[test]
    fn what_is_missing_or_foreign_is_named() {
        let service = |properties: Value| json!({"Resources": [{"A": {"Type": "AWS::ECS::Service", "Properties": properties}}]});
        let whole = json!({"TaskDefinition": "web", "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 80}});
        let mut hooked = service(whole.clone());
        hooked["Hooks"] = json!([{"Install": "f"}]);
        let mut two = service(whole);
        two["Resources"].as_array_mut().unwrap().push(json!({}));
        for (content, word) in [
            ("{".to_owned(), "neither JSON nor YAML"),
            ("a: [".to_owned(), "neither JSON nor YAML"),
            ("just a text".to_owned(), "exactly one resource"),
            (two.to_string(), "exactly one resource"),
            (json!({"Resources": [{"A": {"Type": "AWS::Lambda::Function", "Properties": {}}}]}).to_string(), "AWS::ECS::Service"),
            (service(json!({})).to_string(), "TaskDefinition"),
            (service(json!({"TaskDefinition": "web"})).to_string(), "ContainerName"),
            (service(json!({"TaskDefinition": "web", "LoadBalancerInfo": {"ContainerName": "w"}})).to_string(), "ContainerPort"),
            (hooked.to_string(), "a hook for Install"),
        ] {
            let error = read(&content).unwrap_err();
            assert_eq!(error.code, "InvalidRevisionException");
            assert!(error.message.contains(word), "{word}: {}", error.message);
        }
    }

    #[test]
    fn the_hash_is_over_the_exact_text() {
        let sha256 =
            |text: &str| -> String { Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect() };
        let body = |sha256: &str| json!({"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": YAML, "sha256": sha256}}});
        assert_eq!(revision(&body(&sha256(YAML))).unwrap().sha256, sha256(YAML));
        let error = revision(&body(&sha256(YAML.trim()))).unwrap_err();
        assert_eq!(error.code, "InvalidRevisionException");
        let s3 = json!({"revision": {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}}});
        assert!(revision(&s3).unwrap_err().message.contains("no S3"));
        assert_eq!(revision(&json!({})).unwrap_err().code, "RevisionRequiredException");
    }
}
