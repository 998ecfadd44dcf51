//! The AppSpec: written for a service as it is, read of earlier deployments. Pure.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit_core::release::Revision;

use crate::adapter::aws::ecs::reading::{items, text};
use crate::adapter::content::hex;

/// An AppSpec as it is sent: its text, and the hash over exactly that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSpec {
    /// JSON.
    pub content: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// The AppSpec that brings `revision` to a service as it stands: container, port, network, capacity and platform of the
/// service and its PRIMARY task set, and the hooks of the AppSpec before.
pub fn written(revision: &Revision, service: &Value, primary: &Value, hooks: &Value) -> AppSpec {
    let of = |key: &str| [&primary[key], &service[key]].into_iter().find(|value| is_said(value)).unwrap_or(&Value::Null);
    let mut properties = json!({"TaskDefinition": revision.as_str()});
    let balancer = &of("loadBalancers")[0];
    if let (Some(container), Some(port)) = (text(&balancer["containerName"]), balancer["containerPort"].as_u64()) {
        properties["LoadBalancerInfo"] = json!({"ContainerName": container, "ContainerPort": port});
    }
    // The service has it as it was asked for (`LATEST`), a task set as it came out (`1.4.0`).
    let platform = [&service["platformVersion"], &primary["platformVersion"]].into_iter().find_map(text);
    if let Some(platform) = platform {
        properties["PlatformVersion"] = json!(platform);
    }
    let network = &of("networkConfiguration")["awsvpcConfiguration"];
    if network.is_object() {
        properties["NetworkConfiguration"] = json!({"AwsvpcConfiguration": capitalised(network)});
    }
    let capacity: Vec<Value> = items(of("capacityProviderStrategy")).map(capitalised).collect();
    if !capacity.is_empty() {
        properties["CapacityProviderStrategy"] = Value::Array(capacity);
    }
    let mut appspec = json!({
        "version": 0.0,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    });
    if is_said(hooks) {
        appspec["Hooks"] = hooks.clone();
    }
    let content = appspec.to_string();
    let sha256 = hex(&Sha256::digest(&content));
    AppSpec { content, sha256 }
}

fn is_said(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

/// `subnets` as `Subnets`: the API's words as the AppSpec has them.
fn capitalised(object: &Value) -> Value {
    let upper = |key: &String| key.chars().take(1).flat_map(char::to_uppercase).chain(key.chars().skip(1)).collect();
    let members = object.as_object().into_iter().flatten().filter(|(_, value)| is_said(value));
    Value::Object(members.map(|(key, value)| (upper(key), value.clone())).collect())
}

/// An AppSpec's text, JSON or YAML, as a value; nothing where it is neither.
pub fn read(content: &str) -> Option<Value> {
    let value: Option<Value> = serde_json::from_str(content).ok().or_else(|| serde_saphyr::from_str(content).ok());
    value.filter(Value::is_object)
}

/// `Hooks`, untouched; null where there are none.
pub fn hooks(appspec: &Value) -> Value {
    member(appspec, "hooks").cloned().unwrap_or_default()
}

/// Lifecycle event and function of each hook, in order.
pub fn named_hooks(hooks: &Value) -> Vec<(String, String)> {
    let of_one = |hook: &Value| -> Vec<(String, String)> {
        let pairs = hook.as_object().into_iter().flatten();
        pairs.filter_map(|(event, function)| Some((event.clone(), text(function)?))).collect()
    };
    match hooks {
        Value::Array(list) => list.iter().flat_map(of_one).collect(),
        one => of_one(one),
    }
}

/// The task definition that an AppSpec deploys, as it stands there.
pub fn task_definition(appspec: &Value) -> Option<String> {
    let resources = member(appspec, "resources")?;
    let alone = resources.as_object().map(|_| resources);
    let service = items(resources).chain(alone).find_map(|one| one.as_object()?.values().next())?;
    text(member(member(service, "properties")?, "taskdefinition")?)
}

/// Its keys are taken whatever their case, as AWS's own tools do.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7";

    fn service() -> Value {
        json!({"platformVersion": "LATEST", "capacityProviderStrategy": [], "loadBalancers": [
            {"targetGroupArn": "blue", "containerName": "old", "containerPort": 80}]})
    }

    fn primary() -> Value {
        json!({"platformVersion": "1.4.0",
            "loadBalancers": [{"targetGroupArn": "green", "containerName": "web", "containerPort": 8080}],
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}},
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]})
    }

    #[test]
    fn the_text_is_of_the_service_as_it_is_and_the_hash_is_over_exactly_that_text() {
        let hooks = json!([{"BeforeAllowTraffic": "check"}]);
        let written = written(&Revision(REVISION.to_owned()), &service(), &primary(), &hooks);
        assert_eq!(
            written.content,
            format!(
                "{{\"version\":0.0,\"Resources\":[{{\"TargetService\":{{\"Type\":\"AWS::ECS::Service\",\"Properties\":{{\
                 \"TaskDefinition\":\"{REVISION}\",\"LoadBalancerInfo\":{{\"ContainerName\":\"web\",\"ContainerPort\":8080}},\
                 \"PlatformVersion\":\"LATEST\",\"NetworkConfiguration\":{{\"AwsvpcConfiguration\":{{\"Subnets\":[\"subnet-1\"],\
                 \"SecurityGroups\":[\"sg-1\"],\"AssignPublicIp\":\"DISABLED\"}}}},\"CapacityProviderStrategy\":[{{\
                 \"CapacityProvider\":\"FARGATE\",\"Weight\":1,\"Base\":0}}]}}}}}}],\"Hooks\":[{{\"BeforeAllowTraffic\":\"check\"}}]}}"
            )
        );
        // As `sha256sum` says of that text.
        assert_eq!(written.sha256, "465d013c8b66e323c5eb827237ac1d1a3a95b254f5f8d4bce61b4d572f433268");
    }

    #[test]
    fn what_the_service_does_not_say_is_left_out() {
        let strange = json!({"networkConfiguration": "none", "loadBalancers": {"0": 1}, "capacityProviderStrategy": [5]});
        for service in [json!([]), strange] {
            assert!(read(&written(&Revision(REVISION.to_owned()), &service, &Value::Null, &Value::Null).content).is_some());
        }
        let written = written(&Revision(REVISION.to_owned()), &json!({}), &Value::Null, &Value::Null);
        let appspec = read(&written.content).unwrap();
        assert_eq!(appspec["Resources"][0]["TargetService"]["Properties"], json!({"TaskDefinition": REVISION}));
        assert_eq!((hooks(&appspec), appspec.get("Hooks")), (Value::Null, None));
    }

    #[test]
    fn what_others_wrote_is_read_json_or_yaml_whatever_the_case() {
        let yaml = "version: 0.0\nresources:\n  - TargetService:\n      type: AWS::ECS::Service\n      properties:\n        \
                    taskDefinition: web:6\nhooks:\n  - beforeInstall: first\n  - AfterAllowTraffic: 'arn:aws:lambda:eu:1:function:last'\n";
        let read_yaml = read(yaml).unwrap();
        assert_eq!(task_definition(&read_yaml).as_deref(), Some("web:6"));
        let named = [("beforeInstall", "first"), ("AfterAllowTraffic", "arn:aws:lambda:eu:1:function:last")];
        let named: Vec<(String, String)> = named.map(|(event, function)| (event.to_owned(), function.to_owned())).into();
        assert_eq!(named_hooks(&hooks(&read_yaml)), named);
        let written = written(&Revision(REVISION.to_owned()), &service(), &primary(), &hooks(&read_yaml));
        assert_eq!(hooks(&read(&written.content).unwrap()), hooks(&read_yaml), "they are kept as they are");
        assert_eq!(task_definition(&read(&written.content).unwrap()).as_deref(), Some(REVISION));
        assert_eq!(read("not: [an appspec"), None);
        assert_eq!(task_definition(&json!({"Resources": []})), None);
    }
}
