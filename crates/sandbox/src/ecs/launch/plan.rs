//! What a task needs, read from its definition and overrides: pure, so that everything the Engine is told can be tested.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;
use shipit_scheduler::Span;

use super::super::container::{HealthCheck, Spec};
use super::super::request::{list, seconds, text, texts, yes};
use super::super::task::network::Mode;
use super::super::{Definition, definition};
use super::ports::Mapping;
use crate::clock::Clock;

/// No real wait that a process must live with is shorter.
const FLOOR: Duration = Duration::from_secs(2);
/// `stopTimeout` when it is not set.
const STOP_TIMEOUT: Span = Span::seconds(30);
/// A probe costs a process; they do not follow faster, whatever the clock.
const FASTEST_PROBE: Duration = Duration::from_millis(250);
/// A probe's program is no faster on a fast clock: there it gets at least what ECS gives where no timeout is set.
const PROBED: Duration = Duration::from_secs(5);

/// A task to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// Its containers, in the definition's order.
    pub containers: Vec<Container>,
    /// How they are reached.
    pub network: Mode,
    /// Names by which other tasks reach it.
    pub aliases: Vec<String>,
}

/// One container of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Container {
    /// Its name.
    pub name: String,
    /// What the Engine is told; `spec.image` is what is pulled.
    pub spec: Spec,
    /// The image comes from the sandbox's own registry.
    pub ours: bool,
    /// Its end ends the task.
    pub essential: bool,
    /// Its ports.
    pub ports: Vec<Mapping>,
    /// What its environment takes from elsewhere.
    pub secrets: Vec<Secret>,
    /// What it waits for: a container's name and a condition.
    pub depends: Vec<(String, Condition)>,
    /// Where its output goes.
    pub log: Option<Log>,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
}

/// An environment variable whose value is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// The variable's name.
    pub name: String,
    /// `valueFrom`.
    pub from: String,
}

/// `dependsOn[].condition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// It has started.
    Start,
    /// Its health check passes.
    Healthy,
    /// It has ended.
    Complete,
    /// It has ended with 0.
    Success,
}

/// An `awslogs` destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// `awslogs-group`.
    pub group: String,
    /// `prefix/container/taskid`.
    pub stream: String,
    /// `awslogs-create-group`.
    pub create_group: bool,
}

/// What a plan depends on besides the definition.
pub(super) struct Surroundings<'a> {
    /// The task's id.
    pub task: &'a str,
    /// `overrides`.
    pub overrides: &'a Value,
    /// The service's name, which becomes an alias; none for RunTask.
    pub service: Option<&'a str>,
    /// The account's registry: `<account>.dkr.ecr.<region>.amazonaws.com`.
    pub registry: String,
    /// Where that registry really is.
    pub address: &'a str,
    /// Digests that the service revision's tags stand for, by container.
    pub digests: &'a BTreeMap<String, String>,
    /// The sandbox's clock.
    pub clock: Clock,
}

/// Reads a plan.
pub(super) fn plan(definition: &Definition, around: &Surroundings) -> Plan {
    let containers = definition.containers();
    let containers: Vec<Container> = containers.iter().map(|container| one(definition, container, around)).collect();
    let aliases = match around.service {
        None => Vec::new(),
        Some(service) => {
            let mut aliases: Vec<String> = containers.iter().map(|container| container.name.clone()).collect();
            if !aliases.iter().any(|alias| alias == service) {
                aliases.push(service.to_owned());
            }
            aliases
        }
    };
    Plan { containers, network: Mode::of(&definition.value), aliases }
}

impl Plan {
    /// The name is that of one of its containers.
    pub(super) fn is_container(&self, name: &str) -> bool {
        self.containers.iter().any(|container| container.name == name)
    }

    /// The container ports of all of them, once each.
    pub(super) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.containers.iter().flat_map(Container::ports).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

impl Container {
    /// Its container ports.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.ports.iter().map(|mapping| mapping.container)
    }
}

fn one(definition: &Definition, container: &Value, around: &Surroundings) -> Container {
    let name = text(container, "name").unwrap_or_default();
    let over = list(around.overrides, "containerOverrides").iter().find(|over| text(over, "name") == Some(name));
    let none = Value::Null;
    let over = over.unwrap_or(&none);
    let (image, ours) = image(container, name, around);
    let command = match texts(over, "command") {
        command if command.is_empty() => texts(container, "command"),
        command => command,
    };
    let bytes = |value: &Value, member: &str| {
        let mebibytes = value.get(member).and_then(Value::as_i64)?;
        mebibytes.checked_mul(1 << 20)
    };
    let of_task = || {
        let memory = text(around.overrides, "memory").or_else(|| text(&definition.value, "memory"))?;
        memory.parse::<i64>().ok()?.checked_mul(1 << 20)
    };
    let depends = list(container, "dependsOn").iter().filter_map(|dependency| {
        let condition = match text(dependency, "condition")? {
            "HEALTHY" => Condition::Healthy,
            "COMPLETE" => Condition::Complete,
            "SUCCESS" => Condition::Success,
            _ => Condition::Start,
        };
        Some((text(dependency, "containerName")?.to_owned(), condition))
    });
    Container {
        name: name.to_owned(),
        ours,
        essential: definition::is_essential(container),
        ports: list(container, "portMappings")
            .iter()
            .filter_map(|sent| Mapping::read(sent, Mode::of(&definition.value)))
            .collect(),
        secrets: list(container, "secrets").iter().filter_map(secret).collect(),
        depends: depends.collect(),
        log: log(container, name, around.task),
        stop_timeout: around.clock.wall(seconds(container, "stopTimeout").unwrap_or(STOP_TIMEOUT)).max(FLOOR),
        spec: Spec {
            image,
            env: environment(container, over),
            command,
            entry_point: texts(container, "entryPoint"),
            user: text(container, "user").map(str::to_owned),
            working_directory: text(container, "workingDirectory").map(str::to_owned),
            memory: bytes(over, "memory").or_else(|| bytes(container, "memory")).or_else(of_task),
            memory_reservation: bytes(over, "memoryReservation").or_else(|| bytes(container, "memoryReservation")),
            read_only: yes(container, "readonlyRootFilesystem"),
            init: container.pointer("/linuxParameters/initProcessEnabled") == Some(&Value::Bool(true)),
            health: container.get("healthCheck").map(|check| health(check, around.clock)),
            labels: labels(container, name, around),
        },
    }
}

/// What to pull, and whether the sandbox's registry has it. A tag that the revision has resolved is its digest.
fn image(container: &Value, name: &str, around: &Surroundings) -> (String, bool) {
    let image = text(container, "image").unwrap_or_default();
    let here = |registry: &str| image.strip_prefix(registry).and_then(|rest| rest.strip_prefix('/'));
    let Some(rest) = here(&around.registry).or_else(|| here(around.address)) else {
        return (image.to_owned(), false);
    };
    let pulled = match (rest.contains('@'), around.digests.get(name)) {
        (false, Some(digest)) => {
            let repository = rest.split(':').next().unwrap_or(rest);
            format!("{}/{repository}@{digest}", around.address)
        }
        _ => format!("{}/{rest}", around.address),
    };
    (pulled, true)
}

fn secret(sent: &Value) -> Option<Secret> {
    Some(Secret { name: text(sent, "name")?.to_owned(), from: text(sent, "valueFrom")?.to_owned() })
}

/// `environment` with the overrides laid over it.
fn environment(container: &Value, over: &Value) -> Vec<String> {
    let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
    for variable in list(container, "environment").iter().chain(list(over, "environment")) {
        if let Some(name) = text(variable, "name") {
            variables.insert(name, variable.get("value").and_then(Value::as_str).unwrap_or_default());
        }
    }
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn health(check: &Value, clock: Clock) -> HealthCheck {
    let wall = |member: &str, default: u64| clock.wall(seconds(check, member).unwrap_or(Span::seconds(default)));
    let retries = check.get("retries").and_then(Value::as_u64).unwrap_or(3);
    let floor = if clock.wall(Span::seconds(1)) < Duration::from_secs(1) { PROBED } else { FLOOR };
    HealthCheck {
        command: texts(check, "command"),
        interval: wall("interval", 30).max(FASTEST_PROBE),
        timeout: wall("timeout", 5).max(floor),
        retries: u32::try_from(retries).unwrap_or(3),
        start_period: wall("startPeriod", 0),
    }
}

fn log(container: &Value, name: &str, task: &str) -> Option<Log> {
    let log = container.get("logConfiguration").filter(|log| text(log, "logDriver") == Some("awslogs"))?;
    let options = log.get("options")?;
    let stream = match text(options, "awslogs-stream-prefix") {
        Some(prefix) => format!("{prefix}/{name}/{task}"),
        None => format!("{name}/{task}"),
    };
    let create_group = text(options, "awslogs-create-group") == Some("true");
    Some(Log { group: text(options, "awslogs-group")?.to_owned(), stream, create_group })
}

fn labels(container: &Value, name: &str, around: &Surroundings) -> HashMap<String, String> {
    let own = container.get("dockerLabels").and_then(Value::as_object).into_iter().flatten();
    let mut labels: HashMap<String, String> =
        own.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    labels.insert("shipit.sandbox.task".into(), around.task.to_owned());
    labels.insert("shipit.sandbox.container".into(), name.to_owned());
    if let Some(service) = around.service {
        labels.insert("shipit.sandbox.service".into(), service.to_owned());
    }
    labels
}

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not started.
    Waiting,
    /// Running; its health check passes or not (yet).
    Running {
        /// Its health check passes.
        healthy: bool,
    },
    /// Ended with this code.
    Ended(i64),
}

/// What can be said of the containers that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// These can start now: places in the plan. Empty: something must happen first.
    Start(Vec<usize>),
    /// All have started.
    Done,
    /// One of them can never start: its name, and the container it waits for.
    Never(String, String),
}

/// Which containers can start.
pub(super) fn next(containers: &[Container], progress: &[Progress]) -> Next {
    let of = |name: &str| containers.iter().position(|one| one.name == name).map(|place| progress[place]);
    let mut ready = Vec::new();
    let mut waiting = false;
    for (place, container) in containers.iter().enumerate() {
        if progress[place] != Progress::Waiting {
            continue;
        }
        waiting = true;
        let mut now = true;
        for (name, condition) in &container.depends {
            match (condition, of(name)) {
                (Condition::Success, Some(Progress::Ended(code))) if code != 0 => {
                    return Next::Never(container.name.clone(), name.clone());
                }
                (Condition::Healthy, Some(Progress::Ended(_))) => {
                    return Next::Never(container.name.clone(), name.clone());
                }
                (Condition::Start, Some(Progress::Running { .. } | Progress::Ended(_)))
                | (Condition::Healthy, Some(Progress::Running { healthy: true }))
                | (Condition::Complete | Condition::Success, Some(Progress::Ended(_))) => {}
                _ => now = false,
            }
        }
        if now {
            ready.push(place);
        }
    }
    if waiting { Next::Start(ready) } else { Next::Done }
}
