//! ListTasks and DescribeTasks.

use serde_json::{Value, json};

use super::super::request::{includes, invalid, object, page, text, texts};
use super::super::{Key, cluster};
use super::Task;
use crate::error::AwsError;
use crate::state::State;

/// ARNs by the filters given, newest first; `desiredStatus` is RUNNING unless told.
pub(super) fn list_tasks(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let desired = text(&body, "desiredStatus").unwrap_or("RUNNING");
    if !["RUNNING", "PENDING", "STOPPED"].contains(&desired) {
        return Err(invalid(format!("Invalid desiredStatus: {desired}.")));
    }
    let service = text(&body, "serviceName")
        .map(|name| Key { cluster: cluster.clone(), service: name.rsplit('/').next().unwrap_or(name).to_owned() });
    if service.as_ref().is_some_and(|key| !state.ecs.services.contains_key(key)) {
        return Err(AwsError::new("ServiceNotFoundException", "Service not found."));
    }
    let family = text(&body, "family");
    let started_by = text(&body, "startedBy");
    if started_by.is_some() && (family.is_some() || service.is_some()) {
        return Err(invalid("cannot filter by startedBy and another filter at the same time."));
    }
    let launch_type = text(&body, "launchType");
    let instance = text(&body, "containerInstance").map(|reference| reference.rsplit('/').next().unwrap_or(reference));
    let of_family = |task: &Task, family: &str| {
        let name = task.definition.rsplit_once('/').map_or("", |(_, name)| name);
        name.split(':').next() == Some(family)
    };
    let wanted = |task: &&Task| {
        let shown = if task.stop.is_some() { "STOPPED" } else { "RUNNING" };
        task.cluster == cluster
            && shown == desired
            && family.is_none_or(|family| of_family(task, family))
            && started_by.is_none_or(|started_by| task.started_by.as_deref() == Some(started_by))
            && service.as_ref().is_none_or(|key| task.service() == Some(key))
            && instance.is_none_or(|instance| task.is_on(instance))
            && launch_type.is_none_or(|launch_type| text(&task.fixed, "launchType") == Some(launch_type))
    };
    let mut tasks: Vec<&Task> = state.ecs.tasks.values().filter(wanted).collect();
    let created = |task: &Task| task.times.get("createdAt").copied().unwrap_or_default();
    tasks.sort_by(|a, b| created(b).total_cmp(&created(a)));
    page(tasks.into_iter().map(|task| task.arn.clone()).collect(), &body, "taskArns", 100)
}

/// At most 100 tasks by id or ARN; what is not there is a failure.
pub(super) fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let wanted = texts(&body, "tasks");
    if wanted.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if wanted.len() > 100 {
        return Err(invalid("Tasks cannot have more than 100 elements."));
    }
    let with_tags = includes(&body, "TAGS");
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        match find(state, &cluster, &reference) {
            Some(task) if with_tags => tasks.push(shown(state, task, &task.tags)),
            Some(task) => tasks.push(shown(state, task, &[])),
            None => {
                let id = reference.rsplit('/').next().unwrap_or(&reference);
                let arn = state.arn("ecs", &format!("task/{cluster}/{id}"));
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// The task of this cluster that an id or an ARN names.
pub(super) fn find<'a>(state: &'a State, cluster: &str, reference: &str) -> Option<&'a Task> {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    state.ecs.tasks.get(id).filter(|task| task.cluster == cluster)
}

/// The task as it is answered, with these tags.
pub(super) fn shown(state: &State, task: &Task, tags: &[Value]) -> Value {
    let cluster = state.ecs.clusters.get(&task.cluster);
    let mut value = task.view(cluster.map(|cluster| cluster.arn.as_str()).unwrap_or_default());
    object(&mut value).insert("tags".into(), tags.into());
    value
}
