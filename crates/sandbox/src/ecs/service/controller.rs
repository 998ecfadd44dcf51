//! Who deploys a service: ECS or CodeDeploy, and what a service cannot have or change when it is CodeDeploy.

use serde_json::{Value, json};

use super::super::Key;
use super::super::request::{invalid, list, text, yes};
use super::{Service, check};
use crate::error::AwsError;
use crate::state::State;

/// Who deploys a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controller {
    /// ECS.
    Ecs,
    /// CODE_DEPLOY.
    CodeDeploy,
}

impl Service {
    /// Its controller is CODE_DEPLOY.
    pub(super) fn is_code_deploy(&self) -> bool {
        controller_of(&self.sent) == Controller::CodeDeploy
    }
}

/// Who deploys the service that was sent so.
fn controller_of(sent: &Value) -> Controller {
    match sent.pointer("/deploymentController/type").and_then(Value::as_str) {
        Some("CODE_DEPLOY") => Controller::CodeDeploy,
        _ => Controller::Ecs,
    }
}

/// What a service with the controller CODE_DEPLOY cannot have.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn fits(sent: &Value, members: &Value) -> Result<(), AwsError> {
    if controller_of(sent) != Controller::CodeDeploy {
        return Ok(());
    }
    let none = json!({});
    let configuration = sent.get("deploymentConfiguration").unwrap_or(&none);
    for (member, spoken) in [("deploymentCircuitBreaker", "circuit breaker"), ("alarms", "alarms")] {
        if configuration.get(member).is_some_and(|member| yes(member, "enable")) {
            let text = format!("The deployment {spoken} cannot be used with a CODE_DEPLOY deployment controller.");
            return Err(invalid(text));
        }
    }
    if text(configuration, "strategy").is_some_and(|strategy| strategy != "ROLLING") {
        return Err(invalid("Deployment strategies cannot be used with a CODE_DEPLOY deployment controller."));
    }
    if text(sent, "schedulingStrategy") == Some("DAEMON") {
        return Err(invalid("The DAEMON scheduling strategy is not supported with a CODE_DEPLOY deployment controller."));
    }
    match list(members, "loadBalancers").len() {
        1 => Ok(()),
        _ => Err(invalid("A service with a CODE_DEPLOY deployment controller must have exactly one load balancer.")),
    }
}

/// What UpdateService cannot change: who deploys, and with CODE_DEPLOY all that only CodeDeploy deploys.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn allows(service: &Service, body: &Value) -> Result<(), AwsError> {
    if body.get("deploymentController").is_some_and(|it| it.is_object()) && controller_of(body) != controller_of(&service.sent) {
        return Err(invalid("The sandbox cannot change a service's deployment controller: delete and create the service."));
    }
    if !service.is_code_deploy() {
        return Ok(());
    }
    let refused = |what: &str| {
        let text = format!(
            "{what} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."
        );
        Err(invalid(text))
    };
    if text(body, "taskDefinition").is_some() {
        return refused("Unable to update task definition");
    }
    if yes(body, "forceNewDeployment") {
        return refused("Cannot force a new deployment");
    }
    let members = check::relevant(body);
    let spoken = members.as_object().and_then(|members| members.keys().next()).map(|member| match member.as_str() {
        "networkConfiguration" => "Unable to update network parameters".to_owned(),
        "loadBalancers" => "Unable to update load balancers".to_owned(),
        "platformVersion" => "Unable to update platform version".to_owned(),
        other => format!("Unable to update {other}"),
    });
    spoken.map_or(Ok(()), |spoken| refused(&spoken))
}

/// Who deploys a service; none when it is not there.
pub(crate) fn of(state: &State, key: &Key) -> Option<Controller> {
    state.ecs.services.get(key).filter(|service| service.is_active()).map(|service| controller_of(&service.sent))
}
