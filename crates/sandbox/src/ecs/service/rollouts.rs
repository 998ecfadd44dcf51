//! ListServiceDeployments, DescribeServiceDeployments, DescribeServiceRevisions.

use serde_json::{Map, Value, json};
use shipit_scheduler::{DeploymentId, Share, Weights};

use super::super::definition;
use super::super::request::{invalid, list, object, page, required, texts, yes};
use super::super::shift::{self, progress::weights};
use super::rollout::{Rollout, Status};
use super::view::{counts, platform, resolved};
use super::{Revision, Service, configuration, key_of, not_found};
use crate::error::AwsError;
use crate::state::State;

/// A service's deployments in brief, newest first.
pub(super) fn list_rollouts(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let key = key_of(state, &body, required(&body, "service")?)?;
    let service = state.ecs.services.get(&key).ok_or_else(not_found)?;
    let statuses = texts(&body, "status");
    let bound = |name: &str| body.pointer(&format!("/createdAt/{name}")).and_then(Value::as_f64);
    let (before, after) = (bound("before"), bound("after"));
    let cluster = state.ecs.clusters.get(&service.cluster).map(|cluster| cluster.arn.as_str());
    let wanted = service.rollouts.iter().rev().filter(|rollout| {
        (statuses.is_empty() || statuses.iter().any(|status| status == rollout.status.word()))
            && before.is_none_or(|before| rollout.created_at < before)
            && after.is_none_or(|after| rollout.created_at > after)
    });
    let briefs: Vec<Value> = wanted.map(|rollout| Value::Object(brief(service, rollout, cluster))).collect();
    page(briefs, &body, "serviceDeployments", 100)
}

/// At most 20 service deployments.
pub(super) fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arns = arns(&body, "serviceDeploymentArns")?;
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match find(state, &arn) {
            Some((service, rollout)) => shown.push(whole(state, service, rollout)),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Ok(json!({ "serviceDeployments": shown, "failures": failures }))
}

/// At most 20 service revisions.
pub(super) fn describe_revisions(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arns = arns(&body, "serviceRevisionArns")?;
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        let found = state
            .ecs
            .services
            .values()
            .find_map(|service| Some((service, service.revisions.iter().find(|revision| revision.arn == arn)?)));
        match found {
            Some((service, one)) => shown.push(revision(state, service, one)),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Ok(json!({ "serviceRevisions": shown, "failures": failures }))
}

/// The service deployment of that ARN.
pub(in crate::ecs) fn find<'a>(state: &'a State, arn: &str) -> Option<(&'a Service, &'a Rollout)> {
    let services = state.ecs.services.values();
    services.into_iter().find_map(|service| Some((service, service.rollouts.iter().find(|rollout| rollout.arn == arn)?)))
}

fn arns(body: &Value, member: &str) -> Result<Vec<String>, AwsError> {
    let arns = texts(body, member);
    match arns.len() {
        0 => Err(invalid(format!("{member} cannot be empty."))),
        1..=20 => Ok(arns),
        _ => Err(invalid(format!("{member} cannot have more than 20 elements."))),
    }
}

fn brief(service: &Service, rollout: &Rollout, cluster: Option<&str>) -> Map<String, Value> {
    let mut value = json!({
        "serviceDeploymentArn": rollout.arn,
        "serviceArn": service.arn,
        "clusterArn": cluster,
        "createdAt": rollout.created_at,
        "targetServiceRevisionArn": service.revisions[rollout.target].arn,
        "status": rollout.status.word(),
    });
    let members = object(&mut value);
    for (name, time) in [("startedAt", rollout.started_at), ("finishedAt", rollout.finished_at)] {
        if let Some(time) = time {
            members.insert(name.into(), time.into());
        }
    }
    if let Some(reason) = &rollout.reason {
        members.insert("statusReason".into(), reason.clone().into());
    }
    members.clone()
}

fn whole(state: &State, service: &Service, rollout: &Rollout) -> Value {
    let cluster = state.ecs.clusters.get(&service.cluster).map(|cluster| cluster.arn.as_str());
    let mut members = brief(service, rollout, cluster);
    members.remove("targetServiceRevisionArn");
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("updatedAt", rollout.updated_at.into());
    if let Some(time) = rollout.stopped_at {
        put("stoppedAt", time.into());
    }
    let mut sources: Vec<Value> = rollout.source.iter().map(|place| summary(state, service, *place)).collect();
    let mut target = summary(state, service, rollout.target);
    if let Some(progress) = &rollout.shift {
        let tested = shift::wiring::wires(&service.revisions[rollout.target].members).iter().any(|wire| wire.test.is_some());
        let rest = progress.weights.rest();
        let rest = if tested { rest } else { Weights { test: Share::NONE, ..rest } };
        object(&mut target).extend(weights(progress.weights));
        sources.iter_mut().for_each(|source| object(source).extend(weights(rest)));
        if let Some(stage) = progress.stage_word().filter(|_| !rollout.status.is_final()) {
            put("lifecycleStage", stage.into());
        }
        put("lifecycleHookDetails", progress.hook_details());
    }
    put("sourceServiceRevisions", sources.into());
    put("targetServiceRevision", target);
    put("deploymentConfiguration", rollout.configuration.clone());
    if let Some(rollback) = &rollout.rollback {
        let arn = &service.revisions[rollback.revision].arn;
        put("rollback", json!({ "reason": rollback.reason, "startedAt": rollback.started_at, "serviceRevisionArn": arn }));
    }
    put("deploymentCircuitBreaker", breaker(service, rollout));
    put("alarms", alarms(rollout));
    Value::Object(members)
}

/// `TRIGGERED`, `MONITORING`, `MONITORING_COMPLETE` or `DISABLED`.
fn monitor(rollout: &Rollout, enabled: bool, triggered: bool) -> &'static str {
    match (enabled, triggered, rollout.status) {
        (false, _, _) => "DISABLED",
        (true, true, _) => "TRIGGERED",
        (true, false, Status::Pending | Status::InProgress) => "MONITORING",
        (true, false, _) => "MONITORING_COMPLETE",
    }
}

fn breaker(service: &Service, rollout: &Rollout) -> Value {
    let configured = configuration::breaker(&rollout.configuration);
    let enabled = configured != shipit_scheduler::Breaker::Off;
    let mut value = json!({
        "status": monitor(rollout, enabled, rollout.tripped.is_some()),
        "failureCount": match (rollout.tripped, service.plan.deployment(rollout.deployment)) {
            (Some(count), _) => count,
            (None, Some(deployment)) => deployment.failed_tasks,
            (None, None) => 0,
        },
    });
    if let Some(threshold) = configured.threshold(service.plan.desired) {
        object(&mut value).insert("threshold".into(), threshold.into());
    }
    value
}

fn alarms(rollout: &Rollout) -> Value {
    let enabled = rollout.configuration.get("alarms").is_some_and(|alarms| yes(alarms, "enable"));
    json!({
        "status": monitor(rollout, enabled, !rollout.triggered.is_empty()),
        "alarmNames": configuration::alarms(&rollout.configuration),
        "triggeredAlarmNames": rollout.triggered,
    })
}

/// The tasks of every deployment that runs this revision.
fn summary(state: &State, service: &Service, place: usize) -> Value {
    let of = |id: &DeploymentId| service.deployments.get(id).is_some_and(|record| record.revision == place);
    let all = service.deployments.keys().filter(|id| of(id)).map(|id| counts(state, service, Some(*id)));
    let (mut running, mut pending, mut requested) = (0, 0, 0);
    for counts in all {
        running += counts.running;
        pending += counts.pending;
        requested += counts.wanted;
    }
    let primary = service.plan.primary();
    if of(&primary.id) && primary.rollout != shipit_scheduler::Rollout::Failed {
        requested = service.plan.desired as usize;
    }
    json!({
        "arn": service.revisions[place].arn,
        "requestedTaskCount": requested,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    })
}

fn revision(state: &State, service: &Service, one: &Revision) -> Value {
    let mut value = json!({
        "serviceRevisionArn": one.arn,
        "serviceArn": service.arn,
        "clusterArn": state.ecs.clusters.get(&service.cluster).map(|cluster| cluster.arn.as_str()),
        "taskDefinition": one.definition,
        "loadBalancers": list(&one.members, "loadBalancers"),
        "serviceRegistries": list(&one.members, "serviceRegistries"),
        "containerImages": images(state, one),
        "guardDutyEnabled": false,
        "createdAt": one.created_at,
    });
    let members = object(&mut value);
    members.extend(resolved(platform(one)));
    let kept = ["networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];
    for name in kept {
        if let Some(member) = one.members.get(name) {
            members.insert(name.into(), member.clone());
        }
    }
    if let Some(resolved) = shift::wiring::resolved(one) {
        members.insert("resolvedConfiguration".into(), resolved);
    }
    value
}

/// Containers with their image and, once a task has started, the digest.
fn images(state: &State, one: &Revision) -> Value {
    let containers = definition::find(state, &one.definition).map(|definition| definition.containers()).unwrap_or_default();
    let image = |container: &Value| {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut value = json!({ "containerName": name, "image": container.get("image") });
        if let Some(digest) = one.digests.get(name) {
            object(&mut value).insert("imageDigest".into(), digest.clone().into());
        }
        value
    };
    containers.iter().map(image).collect()
}
