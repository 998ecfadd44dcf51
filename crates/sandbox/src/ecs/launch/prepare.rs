//! Before a task's containers exist: its turn, its secrets, its log groups, its images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde_json::{Value, json};

use super::super::definition;
use super::super::task::{Owner, Status};
use super::plan::{self, Log, Plan, Surroundings};
use super::{Halt, Life, fraction, secrets};
use crate::dispatch::{self, Service as Aws};
use crate::state::State;

/// The plan of a task; none when its definition is gone.
pub(super) fn plan(state: &State, id: &str) -> Option<Plan> {
    let task = state.ecs.tasks.get(id)?;
    let definition = definition::find(state, &task.definition)?;
    let none = Default::default();
    let digests = match &task.owner {
        Owner::Caller => None,
        Owner::Service { key, deployment, .. } => state.ecs.services.get(key).and_then(|service| {
            let record = service.deployments.get(deployment)?;
            Some(&service.revisions.get(record.revision)?.digests)
        }),
    };
    let around = Surroundings {
        task: &task.id,
        overrides: task.fixed.get("overrides").unwrap_or(&Value::Null),
        service: task.service().map(|key| key.service.as_str()),
        registry: format!("{}.dkr.ecr.{}.amazonaws.com", state.account, state.region),
        address: &state.address,
        digests: digests.unwrap_or(&none),
        clock: state.clock,
    };
    Some(plan::plan(definition, &around))
}

/// The name by which faults of the world match a task: its service's, or its definition's family.
pub(super) fn fault_name(state: &State, id: &str) -> Option<String> {
    let task = state.ecs.tasks.get(id)?;
    match task.service() {
        Some(key) => Some(key.service.clone()),
        None => definition::find(state, &task.definition).map(|definition| definition.family.clone()),
    }
}

impl Life {
    /// PROVISIONING and the first half of PENDING.
    pub(super) async fn prepare(&mut self) -> Result<(), Halt> {
        let wait = self.change(|state, id| {
            let slow = fault_name(state, id).and_then(|name| state.faults.slow_start(&name));
            let turn = state.ecs.tasks.get(id).map(|task| task.not_before).unwrap_or_default();
            state.clock.wall(turn - state.clock.now()) + state.clock.wall(fraction(slow.unwrap_or(0.0)))
        });
        self.unless_stopped(tokio::time::sleep(wait)).await?;
        self.enter(Status::Pending);
        let mut containers = std::mem::take(&mut self.plan.containers);
        let pulled = self.change(|state, id| secrets::pull(state, id, &mut containers));
        self.plan.containers = containers;
        pulled.map_err(|reason| Halt::failed(None, reason))?;
        for place in 0..self.plan.containers.len() {
            if let Some(log) = self.plan.containers[place].log.clone() {
                self.change(|state, _| log_group(state, &log)).map_err(|reason| Halt::failed(None, reason))?;
            }
        }
        self.task(|task, now| {
            task.times.insert("pullStartedAt", now);
        });
        let failure = self.change(|state, id| {
            let name = fault_name(state, id)?;
            state.faults.pull_failure(&name)
        });
        if let Some(text) = failure {
            return Err(Halt::failed(Some(0), format!("CannotPullContainerError: {text}")));
        }
        for place in 0..self.plan.containers.len() {
            self.pull(place).await?;
        }
        self.task(|task, now| {
            task.times.insert("pullStoppedAt", now);
        });
        Ok(())
    }

    async fn pull(&self, place: usize) -> Result<(), Halt> {
        let container = &self.plan.containers[place];
        let image = &container.spec.image;
        let have = if container.ours { None } else { self.engine.digest(image).await };
        let digest = match have {
            Some(digest) => digest,
            None => {
                let credentials = if container.ours { self.change(|state, _| credentials(state)) } else { None };
                let pulled = self.unless_stopped(self.engine.pull(image, credentials)).await?;
                pulled.map_err(|text| Halt::failed(Some(place), cannot_pull(image, &text)))?;
                self.engine.digest(image).await.unwrap_or_default()
            }
        };
        if !digest.is_empty() {
            let name = container.name.clone();
            self.change(|state, id| pin(state, id, &name, &digest));
        }
        Ok(())
    }
}

/// Writes down the digest that a container's image turned out to be; later tasks of the revision start from it.
fn pin(state: &mut State, id: &str, name: &str, digest: &str) {
    let Some(task) = state.ecs.tasks.get_mut(id) else {
        return;
    };
    if let Some(container) = task.container_mut(name) {
        container.digest = Some(digest.to_owned());
    }
    if let Owner::Service { key, deployment, .. } = task.owner.clone()
        && let Some(service) = state.ecs.services.get_mut(&key)
        && let Some(place) = service.deployments.get(&deployment).map(|record| record.revision)
    {
        service.revisions[place].digests.entry(name.to_owned()).or_insert_with(|| digest.to_owned());
    }
}

/// Credentials for the sandbox's own registry, as anyone gets them.
fn credentials(state: &mut State) -> Option<DockerCredentials> {
    let reply = dispatch::call(state, Aws::Ecr, "GetAuthorizationToken", json!({})).ok()?;
    let token = reply.pointer("/authorizationData/0/authorizationToken")?.as_str()?;
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(state.address.clone()),
        ..DockerCredentials::default()
    })
}

/// The group of an `awslogs` destination is there, or is made if that is wanted.
fn log_group(state: &mut State, log: &Log) -> Result<(), String> {
    if state.has_log_group(&log.group) {
        return Ok(());
    }
    if log.create_group {
        let made = dispatch::call(state, Aws::Logs, "CreateLogGroup", json!({ "logGroupName": log.group }));
        return made.map(|_| ()).map_err(|error| {
            format!("ResourceInitializationError: failed to validate logger args: {}: {}", error.code, error.message)
        });
    }
    Err("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1".to_owned())
}

/// The registry's answer in the words of ECS.
fn cannot_pull(image: &str, text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.contains("no matching manifest") {
        return format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform '{}'",
            platform(text)
        );
    }
    let why = if lower.contains("manifest unknown") || lower.contains("not found") {
        format!("{image}: not found")
    } else if lower.contains("no basic auth credentials") || lower.contains("unauthorized") {
        "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials".to_owned()
    } else {
        text.to_owned()
    };
    format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {why}")
}

fn platform(text: &str) -> &str {
    text.split_whitespace().find(|word| word.starts_with("linux/")).unwrap_or("linux/amd64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_failures_read_as_in_ecs() {
        let cases = [
            ("manifest for r/a:1 not found: manifest unknown", "failed to resolve ref r/a:1: r/a:1: not found"),
            ("no matching manifest for linux/amd64 in the manifest list entries", "matching platform 'linux/amd64'"),
            ("unauthorized: authentication required", "no basic auth credentials"),
            ("dial tcp: connection refused", "failed to resolve ref r/a:1: dial tcp: connection refused"),
        ];
        for (text, expected) in cases {
            let reason = cannot_pull("r/a:1", text);
            assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
