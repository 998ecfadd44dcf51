//! Deployment configurations: the predefined ones for ECS, and custom time-based ones.

use serde_json::{Value, json};
use shipit_scheduler::Span;

use super::machine::course::Routing;
use super::request;
use crate::dispatch::Table;
use crate::ecs::ids;
use crate::ecs::request::text;
use crate::error::AwsError;
use crate::state::State;

/// Operations on deployment configurations.
pub(super) const TABLE: Table =
    &[("CreateDeploymentConfig", create), ("GetDeploymentConfig", get), ("ListDeploymentConfigs", list)];

/// What a deployment group has that names none, and every rollback.
pub(super) const ALL_AT_ONCE: &str = "CodeDeployDefault.ECSAllAtOnce";
/// The longest shift: two days.
const LONGEST: u64 = 2880;

/// The predefined ones for ECS, with percent and minutes.
const PREDEFINED: &[(&str, Kind, u64, u64)] = &[
    (ALL_AT_ONCE, Kind::AllAtOnce, 100, 0),
    ("CodeDeployDefault.ECSCanary10Percent15Minutes", Kind::Canary, 10, 15),
    ("CodeDeployDefault.ECSCanary10Percent5Minutes", Kind::Canary, 10, 5),
    ("CodeDeployDefault.ECSLinear10PercentEvery1Minutes", Kind::Linear, 10, 1),
    ("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", Kind::Linear, 10, 3),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AllAtOnce,
    Canary,
    Linear,
}

/// A custom deployment configuration.
#[derive(Clone, Debug)]
pub(super) struct Config {
    id: String,
    created_at: f64,
    routing: Routing,
}

fn routing(kind: Kind, percent: u64, minutes: u64) -> Routing {
    let percent = u8::try_from(percent).unwrap_or(100);
    let interval = Span::seconds(minutes * 60);
    match kind {
        Kind::AllAtOnce => Routing::AllAtOnce,
        Kind::Canary => Routing::Canary { percent, interval },
        Kind::Linear => Routing::Linear { percent, interval },
    }
}

/// How a configuration moves traffic.
///
/// # Errors
/// `DeploymentConfigDoesNotExistException`.
pub(super) fn find(state: &State, name: &str) -> Result<Routing, AwsError> {
    let predefined = PREDEFINED.iter().find(|(known, ..)| *known == name);
    let predefined = predefined.map(|(_, kind, percent, minutes)| routing(*kind, *percent, *minutes));
    let custom = || state.codedeploy.configs.get(name).map(|config| config.routing);
    let missing = || {
        let text = format!("No Deployment Configuration found for name: {name}");
        AwsError::new("DeploymentConfigDoesNotExistException", text)
    };
    predefined.or_else(custom).ok_or_else(missing)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidTrafficRoutingConfigurationException", message)
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = name(&body)?.to_owned();
    if text(&body, "computePlatform") != Some("ECS") {
        let text = "The sandbox has deployment configurations for the compute platform ECS only.";
        return Err(AwsError::new("InvalidComputePlatformException", text));
    }
    if name.starts_with("CodeDeployDefault.") {
        let text = "Deployment configuration names cannot begin with CodeDeployDefault.";
        return Err(AwsError::new("InvalidDeploymentConfigNameException", text));
    }
    if state.codedeploy.configs.contains_key(&name) {
        let text = format!("Deployment configuration {name} already exists.");
        return Err(AwsError::new("DeploymentConfigAlreadyExistsException", text));
    }
    let routing = read(body.get("trafficRoutingConfig").unwrap_or(&Value::Null))?;
    let id = ids::uuid(state);
    let config = Config { id: id.clone(), created_at: state.now_seconds(), routing };
    state.codedeploy.configs.insert(name, config);
    Ok(json!({ "deploymentConfigId": id }))
}

fn name(body: &Value) -> Result<&str, AwsError> {
    request::name(body, "deploymentConfigName", "DeploymentConfig", "deployment configuration")
}

/// `trafficRoutingConfig`; none is all at once.
fn read(sent: &Value) -> Result<Routing, AwsError> {
    let (kind, percent, minutes) = match text(sent, "type") {
        None | Some("AllAtOnce") => return Ok(Routing::AllAtOnce),
        Some("TimeBasedCanary") => (Kind::Canary, "/timeBasedCanary/canaryPercentage", "/timeBasedCanary/canaryInterval"),
        Some("TimeBasedLinear") => (Kind::Linear, "/timeBasedLinear/linearPercentage", "/timeBasedLinear/linearInterval"),
        Some(other) => return Err(invalid(format!("Invalid traffic routing type: {other}"))),
    };
    let number = |path: &str| sent.pointer(path).and_then(Value::as_u64);
    let (Some(percent), Some(minutes)) = (number(percent), number(minutes)) else {
        return Err(invalid("A time-based configuration has a percentage and an interval."));
    };
    if !(1..=99).contains(&percent) {
        return Err(invalid("The percentage must be between 1 and 99."));
    }
    let steps = if kind == Kind::Canary { 1 } else { 100_u64.div_ceil(percent) - 1 };
    if minutes == 0 || steps.saturating_mul(minutes) > LONGEST {
        return Err(invalid(format!("The intervals must be at least one minute and {LONGEST} minutes in all at most.")));
    }
    Ok(routing(kind, percent, minutes))
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = name(&body)?;
    let routing = find(state, name)?;
    let minutes = routing.interval().0 / 60_000;
    let shown = match routing {
        Routing::AllAtOnce => json!({ "type": "AllAtOnce" }),
        Routing::Canary { percent, .. } => json!({
            "type": "TimeBasedCanary",
            "timeBasedCanary": { "canaryPercentage": percent, "canaryInterval": minutes },
        }),
        Routing::Linear { percent, .. } => json!({
            "type": "TimeBasedLinear",
            "timeBasedLinear": { "linearPercentage": percent, "linearInterval": minutes },
        }),
    };
    let mut info = json!({ "deploymentConfigName": name, "computePlatform": "ECS", "trafficRoutingConfig": shown });
    if let Some(config) = state.codedeploy.configs.get(name) {
        info["deploymentConfigId"] = config.id.as_str().into();
        info["createTime"] = config.created_at.into();
    }
    Ok(json!({ "deploymentConfigInfo": info }))
}

fn list(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let mut names: Vec<String> = PREDEFINED.iter().map(|(name, ..)| (*name).to_owned()).collect();
    names.extend(state.codedeploy.configs.keys().cloned());
    request::whole(&body, "deploymentConfigsList", names)
}
