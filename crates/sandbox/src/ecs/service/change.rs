//! UpdateService and DeleteService.

use serde_json::{Map, Value, json};

use super::super::placement::Rules;
use super::super::request::{invalid, list, object, required, text, yes};
use super::super::seat::{self, Way};
use super::super::shift::{self, configuration::Strategy};
use super::super::{Definition, definition};
use super::{Service, Status, check, configuration, controller, create, key_of, not_found, revision_of, view};
use crate::error::AwsError;
use crate::state::State;

/// UpdateService: a deployment iff a member that makes one differs, or it is forced.
pub(super) fn update(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let key = key_of(state, &body, required(&body, "service")?)?;
    let mut service = state.ecs.services.get(&key).ok_or_else(not_found)?.clone();
    if !service.is_active() {
        return Err(AwsError::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    controller::allows(&service, &body)?;
    let desired = check::desired(&body)?;
    lay_over(&mut service.sent, &check::lasting(&body));
    let strategy = check::kind(&service.sent, &body)?;
    controller::fits(&service.sent, &service.current().members)?;
    check::daemon(&service.sent, &body, &Way::Ec2)?;
    if let Some(definition) = definition::find(state, &service.current().definition) {
        Rules::read(&service.sent, &definition.value)?;
    }
    let change = change(state, &service, &body, strategy)?;

    create::configure(state, &mut service);
    if let Some(desired) = desired {
        service.plan.scale(desired);
    }
    if let Some(Change { definition, members }) = change {
        let source = revision_of(service.plan.primary());
        let place = create::add_revision(state, &mut service, &definition, members);
        let now = state.clock.now();
        let deployment = match create::shift_of(&service) {
            Some(shift) => service.plan.shift(place as u64, shift, now),
            None => service.plan.update(place as u64, now),
        };
        service.failures_in_a_row = 0;
        create::open(state, &mut service, deployment, Some(source));
    }
    let reply = view::service(state, &service, &[]);
    state.ecs.services.insert(key, service);
    Ok(json!({ "service": reply }))
}

/// `deploymentConfiguration` is laid over member by member, everything else is replaced.
fn lay_over(sent: &mut Value, new: &Value) {
    let mut new = new.clone();
    let merged = match (sent.get("deploymentConfiguration"), new.get("deploymentConfiguration")) {
        (Some(old), Some(over)) => {
            let mut merged = old.clone();
            configuration::overlay(&mut merged, over);
            shift::configuration::forget_others(&mut merged, over);
            Some(merged)
        }
        _ => None,
    };
    if let (Some(merged), Some(members)) = (merged, new.as_object_mut()) {
        members.insert("deploymentConfiguration".into(), merged);
    }
    configuration::overlay(sent, &new);
}

/// What a new deployment shall run.
struct Change {
    definition: Definition,
    members: Value,
}

fn change(state: &State, service: &Service, body: &Value, strategy: Strategy) -> Result<Option<Change>, AwsError> {
    let current = service.current();
    let reference = text(body, "taskDefinition");
    let forced = yes(body, "forceNewDeployment");
    let mut members = current.members.clone();
    configuration::overlay(&mut members, &check::relevant(body));
    if !list(body, "capacityProviderStrategy").is_empty() {
        object(&mut members).remove("launchType");
    }
    shift::check::balancers(state, strategy, &members)?;
    let way = seat::way(state, &service.cluster, &members)?;
    let definition = match reference {
        Some(reference) => Some(definition::runnable(state, reference)?.clone()),
        None => None,
    };
    let other = definition.as_ref().is_some_and(|definition| definition.arn != current.definition);
    if !forced && !other && canonical(&members) == canonical(&current.members) {
        return Ok(None);
    }
    let definition = match definition {
        Some(definition) => definition,
        None => definition::runnable(state, &current.definition)?.clone(),
    };
    check::fits(state, &definition, &way, &members)?;
    Rules::read(&service.sent, &definition.value)?;
    Ok(Some(Change { definition, members }))
}

/// Absent, empty and default are the same.
fn canonical(members: &Value) -> Map<String, Value> {
    let empty = |value: &Value| value.is_null() || value == &json!([]) || value == &json!({}) || value == "LATEST";
    let members = members.as_object().into_iter().flatten();
    let mut kept: Vec<_> = members.filter(|(_, value)| !empty(value)).collect();
    kept.sort_by_key(|(name, _)| name.as_str());
    kept.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// DeleteService: no more tasks are wanted; INACTIVE when the last is gone.
pub(super) fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let key = key_of(state, &body, required(&body, "service")?)?;
    let now = state.now_seconds();
    let service = state.ecs.services.get_mut(&key).ok_or_else(not_found)?;
    if service.status == Status::Inactive {
        return Err(AwsError::new("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    if service.plan.desired > 0 && !service.is_daemon() && !yes(&body, "force") {
        return Err(invalid("The service cannot be stopped while it is scaled above 0."));
    }
    service.status = Status::Draining;
    service.plan.scale(0);
    if let Some(open) = service.open_rollout() {
        open.take(super::rollout::Fact::Superseded, now);
    }
    let service = &state.ecs.services[&key];
    Ok(json!({ "service": view::service(state, service, &[]) }))
}
