//! Deployment groups: which service, which pair of target groups, behind which listeners.

use serde_json::{Value, json};

use super::deployment::Deployment;
use super::{application, config, request, settings};
use crate::dispatch::Table;
use crate::ecs::controller::{self, Controller};
use crate::ecs::request::{list, object, text};
use crate::ecs::{Key, ids};
use crate::elb::groups;
use crate::error::AwsError;
use crate::state::State;

/// Operations on deployment groups.
pub(super) const TABLE: Table = &[
    ("CreateDeploymentGroup", create),
    ("UpdateDeploymentGroup", update),
    ("GetDeploymentGroup", get),
    ("BatchGetDeploymentGroups", batch_get),
    ("ListDeploymentGroups", list_groups),
];

/// A deployment group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    id: String,
    /// What it was sent last, member by member, over the defaults.
    pub sent: Value,
    /// The service it deploys to.
    pub service: Key,
}

/// The members that make a group; the others are its name and tags.
const MEMBERS: &[&str] = &[
    "deploymentConfigName",
    "serviceRoleArn",
    "triggerConfigurations",
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "outdatedInstancesStrategy",
    "deploymentStyle",
    "blueGreenDeploymentConfiguration",
    "loadBalancerInfo",
    "ecsServices",
];

/// A pair of target groups with the listeners before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Both target groups' ARNs.
    pub groups: [String; 2],
    /// The production listener's ARN.
    pub production: String,
    /// The test listener's ARN.
    pub test: Option<String>,
}

/// The group of an application.
///
/// # Errors
/// `ApplicationDoesNotExistException`, `DeploymentGroupDoesNotExistException`.
pub(super) fn find<'a>(state: &'a State, application: &str, name: &str) -> Result<&'a Group, AwsError> {
    let missing = || AwsError::new("DeploymentGroupDoesNotExistException", format!("No Deployment Group found for name: {name}"));
    application::find(state, application)?.groups.get(name).ok_or_else(missing)
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = request::application(&body)?.to_owned();
    let name = request::group(&body, "deploymentGroupName")?.to_owned();
    if application::find(state, &application)?.groups.contains_key(&name) {
        let text = format!("Deployment group already exists with name: {name}");
        return Err(AwsError::new("DeploymentGroupAlreadyExistsException", text));
    }
    if text(&body, "serviceRoleArn").is_none() {
        return Err(AwsError::new("RoleRequiredException", "The role was not specified."));
    }
    let mut sent = json!({ "deploymentConfigName": config::ALL_AT_ONCE, "outdatedInstancesStrategy": "UPDATE" });
    lay_over(&mut sent, &body);
    let service = checked(state, &mut sent, None)?;
    let id = ids::uuid(state);
    let group = Group { id: id.clone(), sent, service };
    application::find_mut(state, &application)?.groups.insert(name, group);
    Ok(json!({ "deploymentGroupId": id }))
}

fn update(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = request::application(&body)?.to_owned();
    let name = request::group(&body, "currentDeploymentGroupName")?.to_owned();
    let mut group = find(state, &application, &name)?.clone();
    let new_name = text(&body, "newDeploymentGroupName").unwrap_or(&name).to_owned();
    if new_name != name && find(state, &application, &new_name).is_ok() {
        let text = format!("Deployment group already exists with name: {new_name}");
        return Err(AwsError::new("DeploymentGroupAlreadyExistsException", text));
    }
    lay_over(&mut group.sent, &body);
    group.service = checked(state, &mut group.sent, Some(&group.id))?;
    for deployment in &mut state.codedeploy.deployments {
        if deployment.is_of(&application, &name) {
            deployment.group.clone_from(&new_name);
        }
    }
    let groups = &mut application::find_mut(state, &application)?.groups;
    groups.remove(&name);
    groups.insert(new_name, group);
    Ok(json!({ "hooksNotCleanedUp": [] }))
}

fn lay_over(sent: &mut Value, body: &Value) {
    for member in MEMBERS {
        if let Some(value) = body.get(*member).filter(|value| !value.is_null()) {
            object(sent).insert((*member).to_owned(), value.clone());
        }
    }
}

/// Fills in what has defaults, and answers the service; `own` is the id of a group that is updated.
fn checked(state: &State, sent: &mut Value, own: Option<&str>) -> Result<Key, AwsError> {
    let style = sent.get("deploymentStyle").unwrap_or(&Value::Null);
    let style = (text(style, "deploymentType"), text(style, "deploymentOption"));
    if style != (Some("BLUE_GREEN"), Some("WITH_TRAFFIC_CONTROL")) {
        let text =
            "For ECS deployment, the deployment type must be BLUE_GREEN, and deployment option must be WITH_TRAFFIC_CONTROL.";
        return Err(AwsError::new("InvalidDeploymentStyleException", text));
    }
    settings::blue_green(sent)?;
    settings::auto_rollback(sent.get("autoRollbackConfiguration").unwrap_or(&Value::Null))?;
    settings::alarms(sent.get("alarmConfiguration").unwrap_or(&Value::Null))?;
    let pair = pair(state, sent)?;
    settings::routing(state, text(sent, "deploymentConfigName").unwrap_or(config::ALL_AT_ONCE), &pair)?;
    let invalid = |text: &str| AwsError::new("InvalidECSServiceException", text);
    let [service] = list(sent, "ecsServices") else {
        return Err(invalid("For ECS deployment group, exactly one ECS service must be specified."));
    };
    let last = |member: &str| text(service, member).map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    let (Some(cluster), Some(name)) = (last("clusterName"), last("serviceName")) else {
        return Err(invalid("The ECS service must have a service name and a cluster name."));
    };
    let key = Key { cluster, service: name };
    match controller::of(state, &key) {
        Some(Controller::CodeDeploy) => {}
        Some(Controller::Ecs) => {
            return Err(invalid("Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller."));
        }
        None => {
            let text = format!("Could not load ECS service information for cluster: {}, service: {}.", key.cluster, key.service);
            return Err(invalid(&text));
        }
    }
    let mut groups = state.codedeploy.applications.values().flat_map(|application| application.groups.values());
    if groups.any(|group| group.service == key && Some(group.id.as_str()) != own) {
        let text = "The Amazon ECS service is associated with another deployment group.";
        return Err(AwsError::new("ECSServiceMappingLimitExceededException", text));
    }
    Ok(key)
}

/// The pair that `loadBalancerInfo` names.
///
/// # Errors
/// `InvalidLoadBalancerInfoException`, `InvalidTargetGroupPairException`.
pub(super) fn pair(state: &State, sent: &Value) -> Result<Pair, AwsError> {
    let wrong_info = |text: &str| AwsError::new("InvalidLoadBalancerInfoException", text);
    let wrong_pair = |text: String| AwsError::new("InvalidTargetGroupPairException", text);
    let Some(info) = sent.get("loadBalancerInfo") else {
        return Err(wrong_info("For ECS deployment group, loadBalancerInfo must be specified"));
    };
    for (member, spoken) in [("elbInfoList", "elbInfo"), ("targetGroupInfoList", "targetGroupInfo")] {
        if !list(info, member).is_empty() {
            return Err(wrong_info(&format!("For ECS deployment group, loadBalancerInfo must not contain {spoken} list")));
        }
    }
    let [pair] = list(info, "targetGroupPairInfoList") else {
        return Err(wrong_pair("Exactly one target group pair must be specified.".to_owned()));
    };
    let arn = |name: &str| state.elb.groups.values().find(|group| group.nature.name == name).map(|group| group.arn.clone());
    let named = list(pair, "targetGroups").iter().filter_map(|group| text(group, "name"));
    let mut groups = Vec::new();
    for name in named {
        groups.push(arn(name).ok_or_else(|| wrong_pair(format!("The target group {name} does not exist.")))?);
    }
    let groups: [String; 2] =
        groups.try_into().map_err(|_| wrong_pair("A target group pair must have exactly two target groups.".to_owned()))?;
    if groups[0] == groups[1] {
        return Err(wrong_pair("The two target groups of a pair must be different.".to_owned()));
    }
    let listener = |route: &str| -> Result<Option<String>, AwsError> {
        let arns = pair.get(route).map(|route| list(route, "listenerArns")).unwrap_or_default();
        let arn = match arns {
            [] => return Ok(None),
            [arn] => arn.as_str().unwrap_or_default(),
            _ => return Err(wrong_pair(format!("Only one listener may be specified for {route}."))),
        };
        match state.forwards(arn) {
            Some(_) => Ok(Some(arn.to_owned())),
            None => Err(wrong_pair(format!("The listener {arn} of {route} does not exist."))),
        }
    };
    let production = listener("prodTrafficRoute")?;
    let production = production.ok_or_else(|| wrong_pair("A production traffic route must be specified.".to_owned()))?;
    let test = listener("testTrafficRoute")?;
    match test.as_ref() == Some(&production) {
        true => Err(wrong_pair("The production and the test traffic route must be different listeners.".to_owned())),
        false => Ok(Pair { groups, production, test }),
    }
}

/// A target group's name.
pub(super) fn name_of(state: &State, arn: &str) -> String {
    groups::find(&state.elb, arn).map(|group| group.nature.name.clone()).unwrap_or_default()
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = request::application(&body)?;
    let name = request::group(&body, "deploymentGroupName")?;
    let group = find(state, application, name)?;
    Ok(json!({ "deploymentGroupInfo": view(state, application, name, group) }))
}

/// Those that there are; the others are named in one message.
fn batch_get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = request::application(&body)?;
    let names = request::batch(&body, "deploymentGroupNames")?;
    application::find(state, application)?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match find(state, application, name) {
            Ok(group) => found.push(view(state, application, name, group)),
            Err(_) => missing.push(name),
        }
    }
    let mut reply = json!({ "deploymentGroupsInfo": found });
    if !missing.is_empty() {
        reply["errorMessage"] = format!("No Deployment Group found for name: {}", missing.join(", ")).into();
    }
    Ok(reply)
}

fn list_groups(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = request::application(&body)?;
    let groups = application::find(state, name)?.groups.keys().cloned().collect();
    let mut reply = request::whole(&body, "deploymentGroups", groups)?;
    reply["applicationName"] = name.into();
    Ok(reply)
}

fn view(state: &State, application: &str, name: &str, group: &Group) -> Value {
    let mut value = json!({
        "applicationName": application,
        "deploymentGroupId": group.id,
        "deploymentGroupName": name,
        "ec2TagFilters": [],
        "onPremisesInstanceTagFilters": [],
        "autoScalingGroups": [],
        "triggerConfigurations": [],
        "computePlatform": "ECS",
        "terminationHookEnabled": false,
    });
    let members = object(&mut value);
    members.extend(group.sent.as_object().cloned().unwrap_or_default());
    let mut own = state.codedeploy.deployments.iter().rev().filter(|one| one.is_of(application, name)).peekable();
    if let Some(last) = own.peek() {
        members.insert("targetRevision".into(), application::location(&last.sha256));
        members.insert("lastAttemptedDeployment".into(), summary(last));
    }
    if let Some(last) = own.find(|one| one.has_succeeded()) {
        members.insert("lastSuccessfulDeployment".into(), summary(last));
    }
    value
}

fn summary(deployment: &Deployment) -> Value {
    let mut value = json!({
        "deploymentId": deployment.id,
        "status": deployment.status(),
        "createTime": deployment.created_at,
    });
    if let Some(ended) = deployment.ended_at() {
        value["endTime"] = ended.into();
    }
    value
}
