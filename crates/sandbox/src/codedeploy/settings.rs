//! What the settings of a deployment group and of a deployment mean.

use serde_json::{Value, json};
use shipit_scheduler::Span;

use super::config;
use super::group::Pair;
use super::machine::course::{Ready, Routing, Termination};
use super::machine::over::RollbackOn;
use super::request::minutes;
use crate::ecs::request::{list, object, text, yes};
use crate::error::AwsError;
use crate::state::State;

/// A termination wait is two days at most.
const LONGEST_TERMINATION: u64 = 2880;

/// Checks `blueGreenDeploymentConfiguration` of a group, fills in its defaults and says what it means.
///
/// # Errors
/// `InvalidBlueGreenDeploymentConfigurationException`.
pub(super) fn blue_green(sent: &mut Value) -> Result<(Ready, Termination), AwsError> {
    let invalid = |text: &str| AwsError::new("InvalidBlueGreenDeploymentConfigurationException", text);
    let Some(own) = sent.get_mut("blueGreenDeploymentConfiguration").filter(|own| own.is_object()) else {
        return Err(invalid("For ECS deployment group, blueGreenDeploymentConfiguration must be specified"));
    };
    let members = object(own);
    let defaults = [
        ("deploymentReadyOption", json!({ "actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0 })),
        ("terminateBlueInstancesOnDeploymentSuccess", json!({ "action": "TERMINATE", "terminationWaitTimeInMinutes": 0 })),
    ];
    for (name, default) in defaults {
        let member = members.entry(name).or_insert(Value::Null);
        let mut filled = default;
        for (name, value) in member.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            filled[name] = value.clone();
        }
        *member = filled;
    }
    if members.contains_key("greenFleetProvisioningOption") {
        return Err(invalid("For ECS deployment group, greenFleetProvisioningOption must not be specified"));
    }
    let option = &own["deploymentReadyOption"];
    let wait = minutes(option, "waitTimeInMinutes").unwrap_or(0);
    let ready = match text(option, "actionOnTimeout") {
        Some("CONTINUE_DEPLOYMENT") => Ready::GoesOn,
        Some("STOP_DEPLOYMENT") => Ready::Waits(Span::seconds(wait * 60)),
        _ => return Err(invalid("Invalid actionOnTimeout. Valid values are: CONTINUE_DEPLOYMENT, STOP_DEPLOYMENT")),
    };
    let option = &own["terminateBlueInstancesOnDeploymentSuccess"];
    let wait = minutes(option, "terminationWaitTimeInMinutes").unwrap_or(0);
    if wait > LONGEST_TERMINATION {
        return Err(invalid("The termination wait time must be 2880 minutes at most."));
    }
    let termination = match text(option, "action") {
        Some("TERMINATE") => Termination::After(Span::seconds(wait * 60)),
        Some("KEEP_ALIVE") => Termination::Never,
        _ => return Err(invalid("Invalid action. Valid values are: TERMINATE, KEEP_ALIVE")),
    };
    Ok((ready, termination))
}

/// What `autoRollbackConfiguration` rolls back on; nothing while it is not enabled.
///
/// # Errors
/// `InvalidAutoRollbackConfigException`.
pub(super) fn auto_rollback(sent: &Value) -> Result<Vec<RollbackOn>, AwsError> {
    let known = [RollbackOn::Failure, RollbackOn::Alarm, RollbackOn::Request];
    let mut events = Vec::new();
    for word in list(sent, "events").iter().filter_map(Value::as_str) {
        match known.into_iter().find(|event| event.word() == word) {
            Some(event) => events.push(event),
            None => {
                let text = format!("Invalid auto rollback event: {word}");
                return Err(AwsError::new("InvalidAutoRollbackConfigException", text));
            }
        }
    }
    match (yes(sent, "enabled"), events.is_empty()) {
        (true, true) => {
            let text = "Automatic rollback is enabled, but no event was specified.";
            Err(AwsError::new("InvalidAutoRollbackConfigException", text))
        }
        (true, false) => Ok(events),
        (false, _) => Ok(Vec::new()),
    }
}

/// The alarms that `alarmConfiguration` watches; none while it is not enabled.
///
/// # Errors
/// `InvalidAlarmConfigException`, `AlarmsLimitExceededException`.
pub(super) fn alarms(sent: &Value) -> Result<Vec<String>, AwsError> {
    let names: Vec<String> = list(sent, "alarms").iter().filter_map(|alarm| text(alarm, "name")).map(str::to_owned).collect();
    if names.len() > 10 {
        let text = "The maximum number of alarms of a deployment group is 10.";
        return Err(AwsError::new("AlarmsLimitExceededException", text));
    }
    match (yes(sent, "enabled"), names.is_empty()) {
        (true, true) => {
            let text = "Alarms are enabled, but no alarm was specified.";
            Err(AwsError::new("InvalidAlarmConfigException", text))
        }
        (true, false) => Ok(names),
        (false, _) => Ok(Vec::new()),
    }
}

/// How a configuration moves the traffic of this pair: a network load balancer knows no shares.
///
/// # Errors
/// `DeploymentConfigDoesNotExistException`, `InvalidTrafficRoutingConfigurationException`.
pub(super) fn routing(state: &State, name: &str, pair: &Pair) -> Result<Routing, AwsError> {
    let routing = config::find(state, name)?;
    let network = state.is_of_network_balancer(&pair.production) == Some(true);
    match network && routing != Routing::AllAtOnce {
        true => {
            let text = "Deployments with a Network Load Balancer support the configuration CodeDeployDefault.ECSAllAtOnce only.";
            Err(AwsError::new("InvalidTrafficRoutingConfigurationException", text))
        }
        false => Ok(routing),
    }
}
