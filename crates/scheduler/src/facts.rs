//! What the world tells a service: tasks that run, stop, pass or fail their checks; and what people ask of it.

use crate::condition::Condition;
use crate::{
    Breaker, Deployment, DeploymentId, Health, HealthSource, Hold, Percents, Phase, Reset, Role, Rollout, Service, Shift, Span,
    StopCause, Task, TaskId, Time,
};

impl Service {
    /// CreateService: REPLICA defaults (100/200, breaker off, no grace, no checks), a first PRIMARY deployment of `revision`
    /// in progress, no tasks yet. The rest is set on the fields.
    pub fn new(desired: u32, revision: u64, now: Time) -> Self {
        let mut service = Self {
            desired,
            percents: Percents::default(),
            breaker: Breaker::Off,
            grace: Span(0),
            health: HealthSource::default(),
            alarmed: false,
            alarm_rollback: false,
            alarm_bake: Span(0),
            deployments: Vec::new(),
            tasks: Vec::new(),
            next_task: 1,
            next_deployment: 1,
            steady: false,
            stuck: false,
            shifting: None,
            unsaid: Vec::new(),
        };
        service.deploy(revision, now, None);
        service
    }

    /// A service that settled long ago: one COMPLETED deployment of `revision` and `desired` healthy tasks. For `now` at
    /// least 40 s after the epoch; before that, tasks without checks have not run long enough.
    pub fn settled(desired: u32, revision: u64, now: Time) -> Self {
        let mut service = Self::new(desired, revision, now);
        service.steady = true;
        let since = Time(now.0.saturating_sub(Span::seconds(40).0));
        for deployment in &mut service.deployments {
            deployment.rollout = Rollout::Completed;
            deployment.reached_running = true;
            deployment.created_at = since;
        }
        let deployment = service.primary().id;
        for _ in 0..desired {
            let id = service.take_task_id();
            service.tasks.push(Task {
                id,
                deployment,
                phase: Phase::Running(since),
                created_at: since,
                container: Health::Healthy,
                target: Health::Healthy,
            });
        }
        service
    }

    /// The PRIMARY deployment.
    pub fn primary(&self) -> &Deployment {
        self.deployments
            .iter()
            .find(|deployment| deployment.role == Role::Primary)
            .expect("a service is made with a PRIMARY, and a new one takes the place of the old")
    }

    /// Makes a deployment that is still listed the PRIMARY again; the one so far becomes ACTIVE.
    pub fn promote(&mut self, id: DeploymentId) {
        let Some(index) = self.deployments.iter().position(|deployment| deployment.id == id) else {
            return;
        };
        for deployment in &mut self.deployments {
            deployment.role = Role::Active;
        }
        self.deployments[..=index].rotate_right(1);
        self.deployments[0].role = Role::Primary;
        self.steady = false;
        self.stuck = false;
    }

    pub(crate) fn primary_mut(&mut self) -> &mut Deployment {
        self.deployments
            .iter_mut()
            .find(|deployment| deployment.role == Role::Primary)
            .expect("a service is made with a PRIMARY, and a new one takes the place of the old")
    }

    /// The deployment of that number, if it is still listed.
    pub fn deployment(&self, id: DeploymentId) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The task of that number, if it has not stopped.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// UpdateService that makes a deployment (a new task definition, or forced): the PRIMARY so far becomes ACTIVE and
    /// drains, in the middle of its rollout too. Whether there is anything to deploy is the caller's question.
    ///
    /// In the middle of a shift two deployments may have traffic, each by its own target group, and a rolling deployment has
    /// only one: so it goes all at once, as [`Service::shift`] does, and never leaves traffic on tasks that drain.
    pub fn update(&mut self, revision: u64, now: Time) -> DeploymentId {
        if self.shifting.is_some() {
            return self.shift(revision, Shift::at_once(), now);
        }
        self.deploy(revision, now, None)
    }

    /// UpdateService with `desiredCount` only: no new deployment.
    pub fn scale(&mut self, desired: u32) {
        if desired != self.desired {
            self.desired = desired;
            self.steady = false;
            self.stuck = false;
        }
    }

    /// The task has become RUNNING. Unknown tasks and tasks already asked to stop are passed over.
    pub fn running(&mut self, task: TaskId, now: Time) {
        self.running_all(&[task], now);
    }

    /// The task is gone. A task that ends before it was RUNNING is a failure for the breaker as long as no task of its
    /// deployment has been RUNNING; one that ends by itself later is none.
    pub fn stopped(&mut self, task: TaskId, cause: StopCause, _now: Time) {
        self.stopped_all(&[task], cause);
    }

    /// The container health check's verdict on a task.
    pub fn container_health(&mut self, task: TaskId, verdict: Health, now: Time) {
        self.verdict(&[task], now, |task| task.container = verdict);
    }

    /// The load balancer's verdict on a task.
    pub fn target_health(&mut self, task: TaskId, verdict: Health, now: Time) {
        self.verdict(&[task], now, |task| task.target = verdict);
    }

    /// Several tasks have become RUNNING; `tasks` is in rising order.
    pub(crate) fn running_all(&mut self, tasks: &[TaskId], now: Time) {
        let primary = self.primary().id;
        let mut of_primary = false;
        for task in &mut self.tasks {
            if task.phase == Phase::Pending && tasks.binary_search(&task.id).is_ok() {
                task.phase = Phase::Running(now);
                of_primary |= task.deployment == primary;
            }
        }
        if of_primary {
            self.primary_mut().reached_running = true;
        }
    }

    /// Several tasks are gone; `tasks` is in rising order.
    pub(crate) fn stopped_all(&mut self, tasks: &[TaskId], cause: StopCause) {
        let primary = self.primary().id;
        let mut early = 0_u32;
        self.tasks.retain(|task| {
            let gone = tasks.binary_search(&task.id).is_ok();
            let failed_to_start = task.phase == Phase::Pending && cause != StopCause::Asked;
            early += u32::from(gone && failed_to_start && task.deployment == primary);
            !gone
        });
        let primary = self.primary_mut();
        if primary.rollout == Rollout::InProgress && !primary.reached_running {
            primary.failed_tasks = primary.failed_tasks.saturating_add(early);
        }
    }

    /// A verdict on several tasks, in rising order. One that makes a task healthy clears the count of failures, unless the
    /// breaker counts them all.
    pub(crate) fn verdict(&mut self, tasks: &[TaskId], now: Time, set: impl Fn(&mut Task)) {
        let primary = self.primary().id;
        let mut became_healthy = false;
        for index in 0..self.tasks.len() {
            if tasks.binary_search(&self.tasks[index].id).is_err() {
                continue;
            }
            let before = self.condition(&self.tasks[index], now);
            set(&mut self.tasks[index]);
            let task = &self.tasks[index];
            let healthy = before != Condition::Healthy && self.condition(task, now) == Condition::Healthy;
            became_healthy |= healthy && task.deployment == primary;
        }
        let reset = self.breaker.reset() == Reset::OnHealthyTask;
        let primary = self.primary_mut();
        if became_healthy && reset && primary.rollout == Rollout::InProgress {
            primary.failed_tasks = 0;
        }
    }

    pub(crate) fn take_task_id(&mut self) -> TaskId {
        let id = TaskId(self.next_task);
        self.next_task += 1;
        id
    }

    /// Makes a new PRIMARY; the old one becomes ACTIVE.
    pub(crate) fn deploy(&mut self, revision: u64, now: Time, rolls_back: Option<DeploymentId>) -> DeploymentId {
        let id = DeploymentId(self.next_deployment);
        self.next_deployment += 1;
        for deployment in &mut self.deployments {
            deployment.role = Role::Active;
        }
        let deployment = Deployment {
            id,
            revision,
            role: Role::Primary,
            rollout: Rollout::InProgress,
            failed_tasks: 0,
            reached_running: false,
            created_at: now,
            rolls_back,
            ignores_alarms: self.alarmed,
            steady_since: None,
            hold: Hold::Free,
        };
        self.deployments.insert(0, deployment);
        self.steady = false;
        self.stuck = false;
        id
    }
}
