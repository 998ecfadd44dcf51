//! CreateDeployment, and the deployment that takes another one back.

use serde_json::{Value, json};

use super::application::Revision;
use super::deployment::{Creator, Deployment, Half, Settings};
use super::group::Pair;
use super::machine::Machine;
use super::machine::course::Course;
use super::{application, appspec, config, group, request, settings};
use crate::dispatch::Table;
use crate::ecs::request::text;
use crate::ecs::{ids, task_sets};
use crate::error::AwsError;
use crate::state::State;

/// Making deployments.
pub(super) const TABLE: Table = &[("CreateDeployment", create)];

/// The longest `description` that AWS's own GitHub action writes.
const DESCRIPTION: usize = 512;

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = request::application(&body)?.to_owned();
    application::find(state, &application)?;
    let name = request::group(&body, "deploymentGroupName")?.to_owned();
    let group = group::find(state, &application, &name)?.clone();
    let sent = appspec::revision(&body)?;
    let description = text(&body, "description").map(str::to_owned);
    if description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION) {
        let text = format!("The description is longer than {DESCRIPTION} characters.");
        return Err(AwsError::new("DescriptionTooLongException", text));
    }
    let pair = group::pair(state, &group.sent)?;
    let own = text(&group.sent, "deploymentConfigName").unwrap_or(config::ALL_AT_ONCE);
    let config = text(&body, "deploymentConfigName").unwrap_or(own).to_owned();
    let routing = settings::routing(state, &config, &pair)?;
    let mut shown = group.sent.clone();
    let (ready, termination) = settings::blue_green(&mut shown)?;
    let of_group = |member: &str| group.sent.get(member).cloned().unwrap_or_default();
    let over = |member: &str| body.get(member).filter(|value| !value.is_null()).cloned();
    let rollback = over("autoRollbackConfiguration").unwrap_or_else(|| of_group("autoRollbackConfiguration"));
    let alarms = over("overrideAlarmConfiguration").unwrap_or_else(|| of_group("alarmConfiguration"));
    shown["autoRollbackConfiguration"] = rollback.clone();
    shown["overrideAlarmConfiguration"] = over("overrideAlarmConfiguration").unwrap_or_default();
    let settings = Settings { rollback_on: settings::auto_rollback(&rollback)?, alarms: settings::alarms(&alarms)?, shown };
    if let Some(active) = state.codedeploy.deployments.iter().find(|one| one.is_of(&application, &name) && !one.is_over()) {
        let text = format!("The Deployment Group '{name}' already has an active Deployment '{}'", active.id);
        return Err(AwsError::new("DeploymentLimitExceededException", text));
    }
    let original = original(state, &group.service, &pair)?;

    let course = Course { routing, hooks: sent.appspec.hooks.keys().copied().collect(), ready, termination, takes_back: false };
    register(state, &application, &name, &sent)?;
    let last = state.codedeploy.deployments.iter().rev().find(|one| one.is_of(&application, &name) && one.has_succeeded());
    let previous = last.map(|last| last.sha256.clone());
    let id = new_id(state);
    let deployment = Deployment {
        id: id.clone(),
        application,
        group: name,
        config,
        previous,
        sha256: sent.sha256,
        appspec: sent.appspec,
        description,
        creator: Creator::User,
        taken_back_by: None,
        created_at: state.now_seconds(),
        updated_at: state.now_seconds(),
        settings,
        service: group.service,
        pair,
        original,
        replacement: None,
        executions: Default::default(),
        machine: Machine::new(course, state.clock.now()),
        settled: false,
        rollback_asked: None,
    };
    state.codedeploy.deployments.push(deployment);
    Ok(json!({ "deploymentId": id }))
}

/// The task set that has the traffic now.
fn original(state: &State, service: &crate::ecs::Key, pair: &Pair) -> Result<Half, AwsError> {
    let primary = task_sets::primary(state, service);
    let Some(primary) = primary else {
        let text = format!("The ECS service {} in the cluster {} is not active.", service.service, service.cluster);
        return Err(AwsError::new("InvalidECSServiceException", text));
    };
    match pair.groups.contains(&primary.group) {
        true => Ok(Half { id: primary.id, name: primary.name, group: primary.group }),
        false => {
            let text = "The target group of the service's primary task set is not in the deployment group's target group pair.";
            Err(AwsError::new("InvalidLoadBalancerInfoException", text))
        }
    }
}

/// Writes down the revision as one of the application's.
fn register(state: &mut State, application: &str, group: &str, sent: &appspec::Sent) -> Result<(), AwsError> {
    let now = state.now_seconds();
    let revisions = &mut application::find_mut(state, application)?.revisions;
    let revision = revisions.entry(sent.sha256.clone()).or_insert_with(|| Revision {
        content: sent.content.clone(),
        groups: Vec::new(),
        first_used: now,
        last_used: now,
    });
    revision.last_used = now;
    if !revision.groups.iter().any(|known| known == group) {
        revision.groups.push(group.to_owned());
    }
    Ok(())
}

fn new_id(state: &mut State) -> String {
    let letters = ids::letters21(state);
    format!("d-{}", &letters[..9].to_ascii_uppercase())
}

/// A new deployment that takes an ended one back, and the word of it on the ended one.
pub(super) fn take_back(state: &mut State, ended: usize) {
    let id = new_id(state);
    let now = state.now_seconds();
    let failed = &mut state.codedeploy.deployments[ended];
    failed.taken_back_by = Some(id.clone());
    let deployment = Deployment {
        id,
        config: config::ALL_AT_ONCE.to_owned(),
        previous: Some(failed.sha256.clone()),
        sha256: failed.previous.clone().unwrap_or_else(|| failed.sha256.clone()),
        description: None,
        creator: Creator::Rollback(failed.id.clone()),
        taken_back_by: None,
        created_at: now,
        updated_at: now,
        executions: Default::default(),
        machine: Machine::taking_back(&failed.machine, state.clock.now()),
        settled: false,
        rollback_asked: None,
        ..failed.clone()
    };
    state.codedeploy.deployments.push(deployment);
}
