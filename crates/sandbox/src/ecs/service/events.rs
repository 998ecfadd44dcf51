//! Service events in AWS's words.

use shipit_scheduler::{Cause, DeploymentId, Failure, Note, Reason, TaskId};

use super::Service;

const MOST: usize = 100;
/// A complaint is not repeated for so long, in virtual seconds.
const SUPPRESSED: f64 = 6.0 * 3600.0;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `id`.
    pub id: String,
    /// `createdAt`, virtual epoch seconds.
    pub created_at: f64,
    /// `message`.
    pub message: String,
}

/// How an event is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Each time.
    Always,
    /// Not again within six hours.
    Once,
    /// Not again within six hours, unless a task has been placed since.
    WhileUnplaced,
}

impl Service {
    /// Adds an event.
    pub fn say(&mut self, id: String, message: String, manner: Manner, now: f64) {
        let since = match manner {
            Manner::Always => f64::INFINITY,
            Manner::Once => now - SUPPRESSED,
            Manner::WhileUnplaced => self.placed_at.max(now - SUPPRESSED),
        };
        let said = |event: &Event| event.message == message && event.created_at >= since;
        if self.events.iter().any(said) {
            return;
        }
        self.events.push_front(Event { id, created_at: now, message });
        self.events.truncate(MOST);
    }

    /// The events that a note of the scheduler becomes, oldest first; `unhealthy` is what the load balancer says of a task.
    pub fn messages(&self, note: &Note, unhealthy: &dyn Fn(TaskId) -> Vec<String>) -> Vec<(String, Manner)> {
        let service = format!("(service {})", self.name);
        let deployment = |id: &DeploymentId| format!("{service} (deployment {})", self.deployment_name(*id));
        let always = |text: String| vec![(text, Manner::Always)];
        match note {
            Note::StartedTasks { tasks } => match self.named(tasks) {
                (0, _) => Vec::new(),
                (count, names) => always(format!("{service} has started {count} tasks: {names}.")),
            },
            Note::StoppedTasks { tasks } => match self.named(tasks) {
                (0, _) => Vec::new(),
                (count, names) => always(format!("{service} has stopped {count} running tasks: {names}.")),
            },
            Note::Unhealthy { task, cause: Cause::FailedContainerHealth } => {
                always(format!("{service} {} failed container health checks.", self.task_name(*task)))
            }
            Note::Unhealthy { task, .. } => {
                let name = self.task_name(*task);
                let texts = unhealthy(*task).into_iter();
                texts.map(|text| (format!("{service} {name} {text}"), Manner::Always)).collect()
            }
            Note::SteadyState => always(format!("{service} has reached a steady state.")),
            Note::DeploymentCompleted { deployment: id } => always(format!("{} deployment completed.", deployment(id))),
            Note::DeploymentFailed { deployment: id, failure: Failure::TasksFailedToStart } => {
                always(format!("{} deployment failed: tasks failed to start.", deployment(id)))
            }
            Note::DeploymentFailed { deployment: id, failure: Failure::Alarm } => {
                always(format!("{} deployment failed: alarm detected.", deployment(id)))
            }
            Note::RollingBack { to, .. } => {
                always(format!("{service} rolling back to deployment {}.", self.deployment_name(*to)))
            }
            Note::StuckByConfiguration { .. } => vec![(
                format!(
                    "{service} was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
                ),
                Manner::Once,
            )],
            Note::UnableToStartConsistently { .. } => {
                vec![(format!("{service} is unable to consistently start tasks successfully."), Manner::Once)]
            }
            Note::TurningBack { deployment: id, to, reason } => {
                let mut said = self.failed(*id, *reason);
                let text = format!("{service} rolling back to deployment {}.", self.deployment_name(*to));
                said.push((text, Manner::Always));
                said
            }
            Note::Halted { deployment: id, reason } => self.failed(*id, *reason),
            Note::StageEntered { .. } | Note::TurnedBack { .. } => Vec::new(),
        }
    }

    /// A shift has failed; where the breaker or an alarm has said so, it has been said.
    fn failed(&self, id: DeploymentId, reason: Reason) -> Vec<(String, Manner)> {
        let Some(record) = self.deployments.get(&id).filter(|_| !matches!(reason, Reason::Failed(_))) else {
            return Vec::new();
        };
        let text = format!("(service {}) (deployment {}) deployment failed: {}", self.name, record.name, record.reason);
        vec![(text, Manner::Always)]
    }

    /// `(task ID)` of a task of the scheduler.
    pub fn task_name(&self, task: TaskId) -> String {
        format!("(task {})", self.tasks.get(&task).map_or("", String::as_str))
    }

    /// How many of these tasks have been made, and their names.
    fn named(&self, tasks: &[TaskId]) -> (usize, String) {
        let names: Vec<String> =
            tasks.iter().filter(|task| self.tasks.contains_key(task)).map(|task| self.task_name(*task)).collect();
        (names.len(), names.join(" "))
    }
}

/// Why a task could not be placed, from an API failure's reason.
pub fn unplaced(service: &str, reason: &str) -> String {
    let lacks = match reason {
        "RESOURCE:MEMORY" => "has insufficient memory available.",
        "RESOURCE:CPU" => "has insufficient CPU units available.",
        "RESOURCE:PORTS" => "is already using a port required by your task.",
        "AGENT" => "doesn't have the agent connected.",
        other => return format!("(service {service}) was unable to place a task. Reason: {other}"),
    };
    format!(
        "(service {service}) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance {lacks} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
}
