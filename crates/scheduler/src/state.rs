//! A service as the scheduler sees it: what is wanted, which deployments there are, which tasks, and how they are.

use crate::{Breaker, Hold, Note, Percents, Shifting, Span, Time};

/// A deployment's number, given by the owner of the state; it stands for `ecs-svc/<digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentId(pub u64);

/// A task's number, unique within the service; the scheduler takes it from [`Service::next_task`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Everything the scheduler needs to know of one service. Owned by the sandbox, the fake world or a prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `desiredCount`.
    pub desired: u32,
    /// `minimumHealthyPercent` and `maximumPercent`.
    pub percents: Percents,
    /// `deploymentCircuitBreaker`.
    pub breaker: Breaker,
    /// `healthCheckGracePeriodSeconds`: unhealthy answers of a younger task are ignored.
    pub grace: Span,
    /// Which health checks say whether a task is healthy.
    pub health: HealthSource,
    /// An alarm of `deploymentConfiguration.alarms` is in ALARM and counts for the deployment in progress.
    pub alarmed: bool,
    /// With `alarms.rollback` (or the breaker's, for its own failures) a failed deployment is rolled back.
    pub alarm_rollback: bool,
    /// How long a steady deployment is watched for alarms before it is COMPLETED; zero without alarms.
    pub alarm_bake: Span,
    /// Deployments, newest first: one PRIMARY, then those that drain.
    pub deployments: Vec<Deployment>,
    /// Tasks that are not yet stopped.
    pub tasks: Vec<Task>,
    /// The number the next task gets.
    pub next_task: u64,
    /// The number a deployment made by a rollback gets.
    pub next_deployment: u64,
    /// The steady state has been announced and nothing has changed since.
    pub steady: bool,
    /// It has been announced that the deployment configuration leaves nothing to do, and nothing has changed since.
    pub stuck: bool,
    /// The deployment that shifts traffic, while there is one; none while rolling.
    pub shifting: Option<Shifting>,
    /// What the next step says first: it happened between two steps.
    pub unsaid: Vec<Note>,
}

/// Which checks exist. None of both: a task is healthy after 40 s of RUNNING.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthSource {
    /// An essential container has a `healthCheck`.
    pub container: bool,
    /// The service has a load balancer target group.
    pub target: bool,
}

/// One deployment of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Its number.
    pub id: DeploymentId,
    /// What it runs; the owner gives the meaning (an index of task definition revisions).
    pub revision: u64,
    /// PRIMARY or ACTIVE.
    pub role: Role,
    /// `rolloutState`.
    pub rollout: Rollout,
    /// `failedTasks`: failures counted by the breaker.
    pub failed_tasks: u32,
    /// A task of it has reached RUNNING (stage 2 of the breaker).
    pub reached_running: bool,
    /// When it was made.
    pub created_at: Time,
    /// Set on the deployment that a rollback made: the deployment that failed.
    pub rolls_back: Option<DeploymentId>,
    /// An alarm was in ALARM already when it was made: alarms do not count for it.
    pub ignores_alarms: bool,
    /// Since when it has been as wanted and only [`Service::alarm_bake`] is waited for.
    pub steady_since: Option<Time>,
    /// Who says how many tasks it has.
    pub hold: Hold,
}

/// `status` of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one the service moves to.
    Primary,
    /// An earlier one that still has tasks, or had at the last look.
    Active,
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Not settled yet.
    InProgress,
    /// Reached its steady state once.
    Completed,
    /// Given up by the breaker or an alarm.
    Failed,
}

/// One task of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The deployment it was started by.
    pub deployment: DeploymentId,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it was asked for.
    pub created_at: Time,
    /// The verdict of the container health check, if there is one.
    pub container: Health,
    /// The verdict of the load balancer's health check, if there is one.
    pub target: Health,
}

/// Where a task is in its life. A stopped task leaves [`Service::tasks`] through [`Service::stopped`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// PROVISIONING, PENDING or ACTIVATING.
    Pending,
    /// RUNNING since.
    Running(Time),
    /// Asked to stop: draining, SIGTERM sent, not gone.
    Stopping,
}

/// A health check's verdict so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// No verdict yet.
    #[default]
    Unknown,
    /// It passes.
    Healthy,
    /// It failed as often as it takes.
    Unhealthy,
}

/// Why a task has stopped, as far as the scheduler cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// It never became RUNNING (image, secret, start failure, exit while starting).
    FailedToStart,
    /// It ran and ended by itself (essential container exited).
    Exited,
    /// The scheduler asked for it ([`crate::Action::Stop`]).
    Asked,
}
