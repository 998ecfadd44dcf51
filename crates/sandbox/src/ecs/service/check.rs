//! What AWS refuses in CreateService and UpdateService, and what the sandbox does not have.

use serde_json::{Map, Value, json};

use super::super::Definition;
use super::super::request::{invalid, list, text};
use super::super::seat::Way;
use super::super::shift::{self, configuration::Strategy};
use super::super::task::network::Mode;
use crate::error::AwsError;
use crate::state::State;

/// The members whose change makes a deployment, beside `taskDefinition` (the API's own documentation of UpdateService).
pub(super) const RELEVANT: &[&str] = &[
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// The members that say what the call is about, and nothing about the service.
pub(super) const OF_THE_CALL: &[&str] =
    &["cluster", "service", "serviceName", "clientToken", "forceNewDeployment", "tags", "desiredCount", "taskDefinition", "role"];

/// A request's members that make a deployment, without nulls.
pub(super) fn relevant(body: &Value) -> Value {
    let sent = |name: &&&str| body.get(**name).is_some_and(|member| !member.is_null());
    RELEVANT.iter().filter(sent).map(|name| ((*name).to_owned(), body[*name].clone())).collect::<Map<_, _>>().into()
}

/// A request's other members: what stays on the service and makes no deployment.
pub(super) fn lasting(body: &Value) -> Value {
    let members = body.as_object().into_iter().flatten();
    let lasts = |name: &&String| !RELEVANT.contains(&name.as_str()) && !OF_THE_CALL.contains(&name.as_str());
    members
        .filter(|(name, member)| lasts(name) && !member.is_null())
        .map(|(name, member)| (name.clone(), member.clone()))
        .collect::<Map<_, _>>()
        .into()
}

/// `desiredCount` as it was sent.
pub(super) fn desired(body: &Value) -> Result<Option<u32>, AwsError> {
    match body.get("desiredCount").filter(|count| !count.is_null()) {
        None => Ok(None),
        Some(count) => match count.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= 5000) {
            Some(count) => Ok(Some(count)),
            None => Err(invalid("Invalid desired count: it must be between 0 and 5000.")),
        },
    }
}

/// The whole `deploymentConfiguration`, of which `body` has sent a part, and what decides between the kinds of service.
pub(super) fn kind(sent: &Value, body: &Value) -> Result<Strategy, AwsError> {
    let controller = sent.pointer("/deploymentController/type").and_then(Value::as_str).unwrap_or("ECS");
    if !["ECS", "CODE_DEPLOY"].contains(&controller) {
        return Err(not_here(&format!("the deployment controller {controller}")));
    }
    let daemon = match text(sent, "schedulingStrategy").unwrap_or("REPLICA") {
        "REPLICA" => false,
        "DAEMON" => true,
        other => return Err(invalid(format!("Invalid schedulingStrategy: {other}."))),
    };
    let none = json!({});
    let configuration = sent.get("deploymentConfiguration").unwrap_or(&none);
    let strategy = shift::check::configuration(configuration, body.get("deploymentConfiguration").unwrap_or(&none))?;
    if daemon && strategy != Strategy::Rolling {
        return Err(invalid("The DAEMON scheduling strategy supports the ROLLING deployment strategy only."));
    }
    let percents = super::configuration::percents(sent);
    if daemon && percents.maximum != 100 {
        return Err(invalid("The maximumPercent value must be 100 for the DAEMON scheduling strategy."));
    }
    if daemon && !list(sent, "placementStrategy").is_empty() {
        return Err(invalid("Placement strategies are not supported with the DAEMON scheduling strategy."));
    }
    if percents.minimum_healthy == 100 && percents.maximum == 100 {
        return Err(invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."));
    }
    if percents.maximum < percents.minimum_healthy {
        return Err(invalid("maximumPercent must be greater than or equal to minimumHealthyPercent."));
    }
    Ok(strategy)
}

/// What a DAEMON service cannot have.
pub(super) fn daemon(sent: &Value, body: &Value, way: &Way) -> Result<(), AwsError> {
    if text(sent, "schedulingStrategy") != Some("DAEMON") {
        return Ok(());
    }
    if body.get("desiredCount").is_some_and(|count| !count.is_null()) {
        let text = "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.";
        return Err(invalid(text));
    }
    if way.is_fargate() {
        return Err(invalid("The DAEMON scheduling strategy is not supported with Fargate."));
    }
    Ok(())
}

fn not_here(what: &str) -> AwsError {
    invalid(format!("The sandbox does not have {what}: only services that ECS or CodeDeploy deploys."))
}

/// The members that make a deployment fit the task definition and the load balancer.
pub(super) fn fits(state: &State, definition: &Definition, way: &Way, members: &Value) -> Result<(), AwsError> {
    let network = Mode::of(&definition.value);
    match (network == Mode::Awsvpc, members.get("networkConfiguration").is_some()) {
        (true, false) => {
            return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
        }
        (false, true) => {
            return Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."));
        }
        _ => {}
    }
    if way.is_fargate() && !definition.runs_on_fargate() {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    for balancer in list(members, "loadBalancers") {
        fits_balancer(state, definition, network, balancer)?;
    }
    Ok(())
}

fn fits_balancer(state: &State, definition: &Definition, network: Mode, balancer: &Value) -> Result<(), AwsError> {
    let name = text(balancer, "containerName").unwrap_or_default();
    let port = balancer.get("containerPort").and_then(Value::as_u64).unwrap_or_default();
    let Some(container) = definition.container(name) else {
        return Err(invalid(format!("The container {name} does not exist in the task definition.")));
    };
    let has = |mapping: &Value| mapping.get("containerPort").and_then(Value::as_u64) == Some(port);
    if !list(container, "portMappings").iter().any(has) {
        return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
    }
    let Some(group) = text(balancer, "targetGroupArn") else {
        return Err(invalid("targetGroupArn must be specified for each load balancer."));
    };
    let wanted = if network == Mode::Awsvpc { "ip" } else { "instance" };
    if let Some(other) = state.target_type(group).filter(|kind| *kind != wanted) {
        return Err(invalid(format!(
            "The provided target group {group} has target type {other}, which is incompatible with the {} network mode specified in the task definition.",
            network.word()
        )));
    }
    if !state.target_group_in_use(group) {
        return Err(invalid(format!("The target group with targetGroupArn {group} does not have an associated load balancer.")));
    }
    Ok(())
}
