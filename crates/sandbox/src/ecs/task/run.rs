//! RunTask and StopTask, and how a task comes to be, whoever wants it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use shipit_scheduler::{Health, Time};

use super::super::placement::Rules;
use super::super::request::{invalid, list, object, required, text};
use super::super::seat::{self, Asked, Seat};
use super::super::service::view::LATEST;
use super::super::{Definition, cluster, definition, ids};
use super::network::Mode;
use super::{Container, ContainerStatus, Owner, Status, StopCode, TargetOf, Task, read};
use crate::error::AwsError;
use crate::state::State;

/// Everything about a task that does not come from its definition.
pub(in crate::ecs) struct Wanted {
    /// The cluster's name.
    pub cluster: String,
    /// Who wants it.
    pub owner: Owner,
    /// `startedBy`.
    pub started_by: Option<String>,
    /// `group`.
    pub group: String,
    /// The request or the service's members, from which platform version and overrides are taken.
    pub from: Value,
    /// Where it runs.
    pub seat: Seat,
    /// Its tags.
    pub tags: Vec<Value>,
    /// Target groups it serves.
    pub targets: Vec<TargetOf>,
    /// It is not started earlier.
    pub not_before: Time,
}

/// Makes a task, PROVISIONING, and answers its id. It is carried out by the keeper.
pub(in crate::ecs) fn make(state: &mut State, definition: &Definition, wanted: Wanted) -> String {
    let id = ids::hex32(state);
    let attachment = ids::uuid(state);
    let arn = state.arn("ecs", &format!("task/{}/{id}", wanted.cluster));
    state.ecs.addresses += 1;
    let task = Task {
        id: id.clone(),
        arn,
        cluster: wanted.cluster,
        definition: definition.arn.clone(),
        owner: wanted.owner,
        started_by: wanted.started_by,
        group: wanted.group,
        fixed: fixed(definition, &wanted.from, &wanted.seat, &state.region),
        network: Mode::of(&definition.value),
        place: match wanted.seat {
            Seat::Instance { place, .. } => Some(place),
            Seat::Fargate { .. } => None,
        },
        tags: wanted.tags,
        status: Status::Provisioning,
        stop: None,
        times: BTreeMap::from([("createdAt", state.now_seconds())]),
        containers: definition.containers().iter().map(container).collect(),
        address: ids::address(state.ecs.addresses),
        attachment,
        targets: wanted.targets,
        version: 1,
        not_before: wanted.not_before,
        launched: false,
    };
    state.ecs.tasks.insert(id.clone(), task);
    id
}

fn container(value: &Value) -> Container {
    let sizes = ["cpu", "memory", "memoryReservation"].into_iter();
    let sizes = sizes.filter_map(|name| Some((name, value.get(name)?.as_u64()?.to_string()))).collect();
    Container {
        name: text(value, "name").unwrap_or_default().to_owned(),
        image: text(value, "image").unwrap_or_default().to_owned(),
        digest: None,
        runtime: None,
        status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
        health: value.get("healthCheck").map(|_| Health::Unknown),
        bindings: Vec::new(),
        essential: definition::is_essential(value),
        sizes,
    }
}

fn fixed(definition: &Definition, from: &Value, seat: &Seat, region: &str) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    let provider = match seat {
        Seat::Fargate { provider } => {
            let version = text(from, "platformVersion").filter(|version| *version != "LATEST").unwrap_or(LATEST);
            put("launchType", "FARGATE".into());
            put("platformVersion", version.into());
            put("platformFamily", "Linux".into());
            put("availabilityZone", format!("{region}a").into());
            provider
        }
        Seat::Instance { provider, place } => {
            put("launchType", "EC2".into());
            put("availabilityZone", place.zone.clone().into());
            provider
        }
    };
    if let Some(provider) = provider {
        put("capacityProviderName", provider.clone().into());
    }
    for name in ["cpu", "memory", "ephemeralStorage"] {
        let size = from.pointer(&format!("/overrides/{name}")).or_else(|| definition.value.get(name));
        if let Some(size) = size {
            put(name, size.clone());
        }
    }
    let mut overrides = from.get("overrides").cloned().unwrap_or_else(|| json!({}));
    let members_of = object(&mut overrides);
    members_of
        .entry("containerOverrides")
        .or_insert_with(|| definition.containers().iter().map(|container| json!({ "name": container.get("name") })).collect());
    members_of.entry("inferenceAcceleratorOverrides").or_insert_with(|| json!([]));
    put("overrides", overrides);
    put("enableExecuteCommand", from.get("enableExecuteCommand").cloned().unwrap_or(json!(false)));
    Value::Object(members)
}

/// RunTask: up to ten tasks that no service looks after.
pub(super) fn run(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let definition = definition::runnable(state, required(&body, "taskDefinition")?)?.clone();
    let count = body.get("count").and_then(Value::as_u64).unwrap_or(1);
    if !(1..=10).contains(&count) {
        return Err(invalid("Count must be between 1 and 10."));
    }
    for entry in list(&body.get("overrides").cloned().unwrap_or_default(), "containerOverrides") {
        let name = text(entry, "name").unwrap_or_default();
        if definition.container(name).is_none() {
            return Err(invalid(format!("Override for container named {name} is not a container in the TaskDefinition.")));
        }
    }
    if text(&definition.value, "networkMode") == Some("awsvpc") && body.get("networkConfiguration").is_none() {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    if text(&definition.value, "networkMode") != Some("awsvpc") && body.get("networkConfiguration").is_some() {
        return Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."));
    }
    let family = format!("family:{}", definition.family);
    let group = text(&body, "group").unwrap_or(&family).to_owned();
    let way = seat::way(state, &cluster, &body)?;
    if way.is_fargate() && !definition.runs_on_fargate() {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let rules = Rules::read(&body, &definition.value)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    let mut running = BTreeMap::new();
    for _ in 0..count {
        if let Some(reason) = state.faults.no_capacity(&definition.family) {
            failures.push(json!({ "reason": reason }));
            continue;
        }
        let asked = Asked {
            cluster: &cluster,
            group: &group,
            definition: &definition,
            overrides: body.get("overrides").unwrap_or(&Value::Null),
            rules: &rules,
            way: &way,
            running: &running,
        };
        let seat = match seat::find(state, &asked) {
            Ok(seat) => seat,
            Err(why) => {
                failures.extend(why.failures()?);
                continue;
            }
        };
        if let Seat::Fargate { provider: Some(name) } | Seat::Instance { provider: Some(name), .. } = &seat {
            *running.entry(name.clone()).or_default() += 1;
        }
        let wanted = Wanted {
            cluster: cluster.clone(),
            owner: Owner::Caller,
            started_by: text(&body, "startedBy").map(str::to_owned),
            group: group.clone(),
            from: body.clone(),
            seat,
            tags: list(&body, "tags").to_vec(),
            targets: Vec::new(),
            not_before: Time::default(),
        };
        let id = make(state, &definition, wanted);
        let task = &state.ecs.tasks[&id];
        tasks.push(read::shown(state, task, &task.tags));
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// StopTask: asks a task to stop, whoever wants it.
pub(super) fn stop(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let reference = required(&body, "task")?;
    let missing = || invalid("The referenced task was not found.");
    let id = read::find(state, &cluster, reference).ok_or_else(missing)?.id.clone();
    let reason = text(&body, "reason").unwrap_or("Task stopped by user");
    let now = state.now_seconds();
    let task = state.ecs.tasks.get_mut(&id).ok_or_else(missing)?;
    task.ask_to_stop(StopCode::UserInitiated, reason, now);
    let task = &state.ecs.tasks[&id];
    Ok(json!({ "task": read::shown(state, task, &task.tags) }))
}
