//! One decision: what would ECS do next with this service, what does it announce, and when does it look again?
//!
//! A step goes on until nothing is left to do, so a second one on the same state has no actions. Tasks that are being
//! stopped do not count towards the upper bound: the API reference counts RUNNING and PENDING only.

use crate::shift::{Hooks, Reason, Stage, Weights};
use crate::tally::Tally;
use crate::{DeploymentId, Service, TaskId, Time, hold, rolling, rollout, shift};

/// What a step did to the state, for the owner to carry out and to announce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To carry out, in this order.
    pub actions: Vec<Action>,
    /// What ECS would announce, oldest first.
    pub notes: Vec<Note>,
    /// When to step again though nothing is reported: a task matures, a grace or bake period ends.
    pub wake: Option<Time>,
}

/// Something for the owner of tasks and listeners to do. The state has it already: the task is Pending or Stopping, the
/// weights are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a task of this deployment's revision.
    Start {
        /// The new task.
        task: TaskId,
        /// Its deployment.
        deployment: DeploymentId,
    },
    /// Drain and stop a task.
    Stop {
        /// The task.
        task: TaskId,
        /// Why.
        cause: Cause,
    },
    /// Move traffic: so much goes to this deployment, the rest to the other one that has some.
    Route {
        /// The deployment that shifts in, or was shifting in when it was superseded.
        candidate: DeploymentId,
        /// What it gets from now on.
        weights: Weights,
    },
}

/// Why the scheduler stops a task (`ServiceSchedulerInitiated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A newer deployment replaces it: `Scaling activity initiated by (deployment ecs-svc/N)`.
    Replaced,
    /// More tasks than desired: the same text, the deployment is its own.
    ScaleIn,
    /// `Task failed ELB health checks in (target-group …)`.
    FailedTargetHealth,
    /// `Task failed container health checks`.
    FailedContainerHealth,
}

/// Why a deployment has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The circuit breaker: `tasks failed to start`.
    TasksFailedToStart,
    /// A CloudWatch alarm: `alarm detected`.
    Alarm,
}

/// What ECS writes as service events and rollout states, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// `has started N tasks`.
    StartedTasks {
        /// Which.
        tasks: Vec<TaskId>,
    },
    /// `has stopped N running tasks`.
    StoppedTasks {
        /// Which.
        tasks: Vec<TaskId>,
    },
    /// A task failed its health check and is stopped: `is unhealthy in (target-group …)` or `failed container health checks`.
    Unhealthy {
        /// Which.
        task: TaskId,
        /// [`Cause::FailedTargetHealth`] or [`Cause::FailedContainerHealth`].
        cause: Cause,
    },
    /// `has reached a steady state`.
    SteadyState,
    /// `deployment completed`.
    DeploymentCompleted {
        /// Which.
        deployment: DeploymentId,
    },
    /// `deployment failed: tasks failed to start`, or alarm detected.
    DeploymentFailed {
        /// Which.
        deployment: DeploymentId,
        /// Why.
        failure: Failure,
    },
    /// `rolling back to deployment ecs-svc/M`.
    RollingBack {
        /// The deployment that failed.
        failed: DeploymentId,
        /// The COMPLETED deployment whose revision is taken.
        to: DeploymentId,
        /// The new PRIMARY that was made for it.
        primary: DeploymentId,
    },
    /// `was unable to stop or start tasks during a deployment because of the service deployment configuration`.
    StuckByConfiguration {
        /// The deployment that cannot go on.
        deployment: DeploymentId,
    },
    /// `is unable to consistently start tasks successfully`; repeated with each start, ECS suppresses duplicates.
    UnableToStartConsistently {
        /// The deployment whose tasks stop before they run.
        deployment: DeploymentId,
    },
    /// A shift has come to a stage, on its way forward or back.
    StageEntered {
        /// The candidate.
        deployment: DeploymentId,
        /// `lifecycleStage`.
        stage: Stage,
        /// Which step of the production shift it belongs to, from 0.
        round: u32,
        /// Whether its hooks are asked now, and hold it up until [`Service::answer`].
        hooks: Hooks,
    },
    /// A shift goes back from here on.
    TurningBack {
        /// The candidate.
        deployment: DeploymentId,
        /// The source: the PRIMARY again.
        to: DeploymentId,
        /// Why.
        reason: Reason,
    },
    /// All traffic is back on the source, and no task of the candidate is left.
    TurnedBack {
        /// The candidate.
        deployment: DeploymentId,
        /// The source.
        to: DeploymentId,
    },
    /// A shift has stopped where it stands: there is nothing to go back to, the source does not come up, or nobody wants it
    /// to go back.
    Halted {
        /// The candidate.
        deployment: DeploymentId,
        /// Why.
        reason: Reason,
    },
}

/// Decides and updates the state. The actions are for the owner to carry out; what came of them it tells with
/// [`Service::running`], [`Service::stopped`], [`Service::container_health`] and [`Service::target_health`].
pub fn step(service: &mut Service, now: Time) -> Step {
    let mut step = Step::default();
    let tally = loop {
        step.notes.append(&mut service.unsaid);
        let acted = rollout::fails(service, now, &mut step)
            || hold::moves(service, now, &mut step)
            || shift::advances(service, now, &mut step);
        if acted {
            continue;
        }
        let tally = Tally::of(service, now);
        if !rolling::moves(service, &tally, now, &mut step) {
            break tally;
        }
    };
    rollout::settles(service, &tally, now, &mut step);
    let changes = service.tasks.iter().filter_map(|task| service.changes_at(task, now));
    step.wake = changes.chain(step.wake).chain(shift::wake(service)).min();
    step
}
