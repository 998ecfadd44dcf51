//! A model world around one service: it obeys, late or never, and every step taken in it is kept to be judged.

use shipit_scheduler::{
    Action, Answer, Breaker, Cause, Health, HealthSource, Hooks, Note, Phase, Rollout, Service, Span, Step, StopCause, Task,
    TaskId, Time, step,
};

/// Long after the epoch, so that settled tasks have run for 40 s.
pub const START: Time = Time(1_000_000_000);

/// What a revision is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    Good,
    NeverStarts,
    NeverHealthy,
}

/// One step: the service before it, what it said, the service after it.
pub struct Look {
    pub now: Time,
    pub before: Service,
    pub step: Step,
    pub after: Service,
}

pub struct World {
    pub service: Service,
    pub now: Time,
    pub qualities: Vec<Quality>,
    pub looks: Vec<Look>,
}

impl World {
    pub fn new(service: Service, qualities: Vec<Quality>) -> Self {
        Self { service, now: START, qualities, looks: Vec::new() }
    }

    /// A world in which every revision is good.
    pub fn good(service: Service) -> Self {
        Self::new(service, Vec::new())
    }

    pub fn step(&mut self) -> &Step {
        let before = self.service.clone();
        let step = step(&mut self.service, self.now);
        self.looks.push(Look { now: self.now, before, step, after: self.service.clone() });
        &self.looks.last().expect("one was just pushed").step
    }

    pub fn quality(&self, task: &Task) -> Quality {
        let revision = self.service.deployment(task.deployment).map_or(0, |deployment| deployment.revision);
        self.qualities.get(revision as usize).copied().unwrap_or(Quality::Good)
    }

    /// A task comes as far as its revision lets it: RUNNING, or stopped before.
    pub fn run(&mut self, id: TaskId) {
        let Some(task) = self.service.task(id) else { return };
        if task.phase != Phase::Pending {
            return;
        }
        match self.quality(task) {
            Quality::NeverStarts => self.service.stopped(id, StopCause::FailedToStart, self.now),
            Quality::Good | Quality::NeverHealthy => self.service.running(id, self.now),
        }
    }

    /// The checks that exist give the verdict that the revision deserves.
    pub fn check(&mut self, id: TaskId) {
        let Some(task) = self.service.task(id) else { return };
        let verdict = match self.quality(task) {
            Quality::NeverHealthy => Health::Unhealthy,
            Quality::Good | Quality::NeverStarts => Health::Healthy,
        };
        self.verdict(id, verdict);
    }

    pub fn verdict(&mut self, id: TaskId, verdict: Health) {
        if self.service.health.container {
            self.service.container_health(id, verdict, self.now);
        }
        if self.service.health.target {
            self.service.target_health(id, verdict, self.now);
        }
    }

    pub fn gone(&mut self, id: TaskId) {
        if self.service.task(id).is_some_and(|task| task.phase == Phase::Stopping) {
            self.service.stopped(id, StopCause::Asked, self.now);
        }
    }

    /// Obeys, and answers every hook that is asked, until nothing happens any more.
    pub fn obey_and_answer(&mut self, answer: Answer) {
        while self.obey(400) {
            if !self.service.shifting.as_ref().is_some_and(|shifting| shifting.hooks == Hooks::Asked) {
                return;
            }
            self.service.answer(answer, self.now);
        }
        panic!("no end: {:?}", self.service);
    }

    /// Steps, and does all that was asked for, until nothing happens any more. Says whether it came to rest.
    pub fn obey(&mut self, rounds: usize) -> bool {
        for _ in 0..rounds {
            let step = self.step();
            let (acted, wake) = (!step.actions.is_empty(), step.wake);
            let told = self.tell_all();
            if !acted && !told {
                match wake {
                    Some(wake) => self.now = wake,
                    None => return true,
                }
            }
            self.now = self.now + Span::seconds(1);
        }
        false
    }

    /// Tells all there is to tell; says whether there was anything.
    fn tell_all(&mut self) -> bool {
        let before = self.service.clone();
        for task in &before.tasks {
            match task.phase {
                Phase::Pending => self.run(task.id),
                Phase::Running(_) => self.check(task.id),
                Phase::Stopping => self.gone(task.id),
            }
        }
        self.service != before
    }
}

/// Whether a task is healthy, written apart from the scheduler.
pub fn is_healthy(service: &Service, task: &Task, now: Time) -> bool {
    let Phase::Running(since) = task.phase else { return false };
    match (service.health.container, service.health.target) {
        (false, false) => now.0 >= since.0 + 40_000,
        (true, false) => task.container == Health::Healthy,
        (false, true) => task.target == Health::Healthy,
        (true, true) => task.container == Health::Healthy && task.target == Health::Healthy,
    }
}

pub fn healthy(service: &Service, now: Time) -> u64 {
    service.tasks.iter().filter(|task| is_healthy(service, task, now)).count() as u64
}

/// RUNNING and PENDING tasks.
pub fn alive(service: &Service) -> u64 {
    service.tasks.iter().filter(|task| task.phase != Phase::Stopping).count() as u64
}

/// The bounds in wide numbers, written apart: the lower up, the upper down.
pub fn bounds(service: &Service) -> (u64, u64) {
    let share = |percent: u32| u64::from(service.desired) * u64::from(percent);
    let lower = share(service.percents.minimum_healthy);
    (lower / 100 + u64::from(lower % 100 > 0), share(service.percents.maximum) / 100)
}

pub fn starts(step: &Step) -> usize {
    step.actions.iter().filter(|action| matches!(action, Action::Start { .. })).count()
}

pub fn stops(step: &Step) -> usize {
    step.actions.iter().filter(|action| matches!(action, Action::Stop { .. })).count()
}

/// The PRIMARY is COMPLETED, the only one, announced as steady, with exactly the desired tasks, all healthy.
pub fn is_settled(service: &Service, now: Time) -> bool {
    service.primary().rollout == Rollout::Completed
        && service.deployments.len() == 1
        && service.steady
        && service.tasks.len() as u64 == healthy(service, now)
        && service.tasks.len() == service.desired as usize
        && service.tasks.iter().all(|task| task.deployment == service.primary().id)
}

pub const CONTAINER: HealthSource = HealthSource { container: true, target: false };
pub const TARGET: HealthSource = HealthSource { container: false, target: true };

/// `desired` tasks of revision 0 settled, an update to revision 1 of `quality`.
pub fn updated(desired: u32, breaker: Breaker, health: HealthSource, quality: Quality) -> World {
    let mut service = Service::settled(desired, 0, START);
    service.breaker = breaker;
    service.health = health;
    service.update(1, START);
    World::new(service, vec![Quality::Good, quality])
}

/// All that was announced.
pub fn notes(world: &World) -> Vec<Note> {
    world.looks.iter().flat_map(|look| look.step.notes.clone()).collect()
}

/// Why tasks are stopped, in order.
pub fn causes(step: &Step) -> Vec<Cause> {
    let cause = |action: &Action| match action {
        Action::Stop { cause, .. } => Some(*cause),
        Action::Start { .. } | Action::Route { .. } => None,
    };
    step.actions.iter().filter_map(cause).collect()
}

/// The tasks that are started, in order.
pub fn started(step: &Step) -> Vec<TaskId> {
    let task = |action: &Action| match action {
        Action::Start { task, .. } => Some(*task),
        Action::Stop { .. } | Action::Route { .. } => None,
    };
    step.actions.iter().filter_map(task).collect()
}
