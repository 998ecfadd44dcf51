//! A service as ECS describes it, in core's words. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_core::release::{DeploymentId, Digest, Revision};
use shipit_core::runtime::Runtime;
use shipit_core::snapshot::{RunningService, TargetGroupSeen};
use shipit_scheduler::{Breaker, HealthSource, Percents, Reset, Rollback, Threshold};

use super::reading::{count, items, seconds, text};
use crate::adapter::aws::operation::DESCRIBE_SERVICES;
use crate::port::{PortError, PortResult};

/// What the load balancers say of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancers {
    /// Its target groups.
    pub target_groups: Vec<TargetGroupSeen>,
    /// DNS name of the load balancer before them.
    pub dns: Option<String>,
}

/// The service of a reply that was asked for one; nothing when it is missing or INACTIVE.
pub fn service(mut reply: Value) -> PortResult<Option<Value>> {
    let failure = items(&reply["failures"]).find(|failure| failure["reason"] != "MISSING");
    if let Some(failure) = failure {
        return Err(PortError::Refused {
            action: DESCRIBE_SERVICES.action(),
            code: text(&failure["reason"]).unwrap_or_default(),
            message: text(&failure["detail"]).unwrap_or_default(),
        });
    }
    let found = reply["services"].get_mut(0).map(Value::take);
    Ok(found.filter(|service| service["status"] != "INACTIVE"))
}

/// A service with its definition, its tasks and its load balancers.
pub fn running(service: &Value, described: &Value, tasks: &Value, balancers: Balancers) -> RunningService {
    let revision = Revision(text(&service["taskDefinition"]).unwrap_or_default());
    let configuration = &service["deploymentConfiguration"];
    let primary = items(&service["deployments"]).find(|deployment| deployment["status"] == "PRIMARY");
    RunningService {
        arn: text(&service["serviceArn"]).unwrap_or_default(),
        status: text(&service["status"]).unwrap_or_default(),
        controller: text(&service["deploymentController"]["type"]).unwrap_or_else(|| "ECS".to_owned()),
        definition: described["taskDefinition"].clone(),
        tags: items(&described["tags"])
            .filter_map(|tag| Some((text(&tag["key"])?, tag["value"].as_str().unwrap_or_default().to_owned())))
            .collect(),
        runtime: Runtime::of(service),
        running_digests: digests(&revision, tasks),
        desired: count(&service["desiredCount"]),
        running: count(&service["runningCount"]),
        percents: percents(configuration, service["schedulingStrategy"] == "DAEMON"),
        breaker: breaker(&configuration["deploymentCircuitBreaker"]),
        configuration: configuration.clone(),
        load_balancers: service["loadBalancers"].clone(),
        grace: seconds(&service["healthCheckGracePeriodSeconds"]),
        health: HealthSource {
            container: items(&described["taskDefinition"]["containerDefinitions"])
                .any(|container| container["essential"] != false && container["healthCheck"].is_object()),
            target: items(&service["loadBalancers"]).next().is_some(),
        },
        in_progress: in_progress(service).and_then(identity),
        primary: primary.and_then(|primary| text(&primary["id"])).map(DeploymentId),
        target_groups: balancers.target_groups,
        load_balancer: balancers.dns,
        codedeploy: None,
        routing: None,
        revision,
    }
}

/// The PRIMARY deployment, if it is in progress. Behind a Classic Load Balancer there is no rolloutState: there, an old
/// deployment beside the PRIMARY says so.
pub fn in_progress(service: &Value) -> Option<&Value> {
    let deployments = || items(&service["deployments"]);
    let primary = deployments().find(|deployment| deployment["status"] == "PRIMARY")?;
    let goes_on = match primary["rolloutState"].as_str() {
        Some(state) => state == "IN_PROGRESS",
        None => deployments().count() > 1,
    };
    goes_on.then_some(primary)
}

fn identity(deployment: &Value) -> Option<(DeploymentId, Revision)> {
    Some((DeploymentId(text(&deployment["id"])?), Revision(text(&deployment["taskDefinition"])?)))
}

/// By container, the digest that tasks of this revision run.
fn digests(revision: &Revision, tasks: &Value) -> BTreeMap<String, Digest> {
    items(&tasks["tasks"])
        .filter(|task| task["taskDefinitionArn"] == revision.as_str())
        .flat_map(|task| items(&task["containers"]))
        .filter_map(|container| Some((text(&container["name"])?, Digest(text(&container["imageDigest"])?))))
        .collect()
}

fn percents(configuration: &Value, daemon: bool) -> Percents {
    let default = if daemon { Percents::new(0, 100) } else { Percents::default() };
    let percent = |key: &str, default| configuration[key].as_u64().map_or(default, |_| count(&configuration[key]));
    Percents {
        minimum_healthy: percent("minimumHealthyPercent", default.minimum_healthy),
        maximum: percent("maximumPercent", default.maximum),
    }
}

fn breaker(configuration: &Value) -> Breaker {
    if configuration["enable"] != true {
        return Breaker::Off;
    }
    let threshold = &configuration["thresholdConfiguration"];
    let value = count(&threshold["value"]);
    Breaker::On {
        rollback: if configuration["rollback"] == true { Rollback::ToLastCompleted } else { Rollback::Stay },
        reset: if configuration["resetOnHealthyTask"] == false { Reset::Never } else { Reset::OnHealthyTask },
        threshold: match threshold["type"].as_str() {
            Some("COUNT") if value > 0 => Threshold::Count(value),
            Some("UNBOUNDED_PERCENT") if value > 0 => Threshold::UnboundedPercent(value),
            _ if value > 0 => Threshold::BoundedPercent(value),
            _ => Threshold::default(),
        },
    }
}
