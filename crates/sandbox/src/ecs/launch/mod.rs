//! One task's life, from PROVISIONING to STOPPED: what is done on the Engine and what is written down of it.

mod begin;
mod end;
mod plan;
mod ports;
mod prepare;
mod secrets;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use shipit_scheduler::Span;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::plan::{Plan, Progress};
use super::container::{Engine, Exit};
use super::facts;
use super::task::{ContainerStatus, Status, StopCode, Task};
use crate::state::{Shared, State};

/// Between the start of its containers and RUNNING a task must last for so long; one that ends earlier failed to start.
const SETTLES: Span = Span::seconds(5);
/// That wait on the wall, whatever the clock.
const SETTLES_WALL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(2);

/// A task that is being carried out.
struct Life {
    shared: Arc<Shared>,
    engine: Engine,
    id: String,
    plan: Plan,
    /// The Engine's ids of its containers, as far as they are made.
    made: Vec<Option<String>>,
    /// The container that holds the network for the others, if there is one apart.
    holder: Option<String>,
    progress: Vec<Progress>,
    exits: mpsc::UnboundedReceiver<(usize, Exit)>,
    tell_exit: mpsc::UnboundedSender<(usize, Exit)>,
    /// Wait for the ends of the containers; gone with the task.
    watchers: JoinSet<()>,
    /// Read the containers' output.
    followers: JoinSet<()>,
    /// The exit code that an injected crash is to show.
    crash: Option<i64>,
}

/// Why a task does not go on with its start.
#[derive(Debug, PartialEq)]
enum Halt {
    /// It was asked to stop.
    Asked,
    /// It failed, and why.
    Failed {
        /// `stopCode`.
        code: StopCode,
        /// `stoppedReason`.
        reason: String,
        /// The container whose `reason` it is too: a place in the plan.
        container: Option<usize>,
    },
}

impl Halt {
    fn failed(container: Option<usize>, reason: impl Into<String>) -> Self {
        Halt::Failed { code: StopCode::TaskFailedToStart, reason: reason.into(), container }
    }
}

/// Carries a task out until it is STOPPED.
pub(super) async fn carry_out(shared: Arc<Shared>, engine: Engine, id: String) {
    let plan = prepare::plan(&shared.lock(), &id);
    let Some(plan) = plan else {
        // Its definition is gone: nothing can be started.
        let mut state = shared.lock();
        let now = state.now_seconds();
        if let Some(task) = state.ecs.tasks.get_mut(&id) {
            task.ask_to_stop(StopCode::TaskFailedToStart, "InternalError: the task definition is gone", now);
        }
        facts::stopped(&mut state, &id);
        drop(state);
        shared.ring();
        return;
    };
    let (tell_exit, exits) = mpsc::unbounded_channel();
    let count = plan.containers.len();
    let mut life = Life {
        shared,
        engine,
        id,
        plan,
        made: vec![None; count],
        holder: None,
        progress: vec![Progress::Waiting; count],
        exits,
        tell_exit,
        watchers: JoinSet::new(),
        followers: JoinSet::new(),
        crash: None,
    };
    if let Err(Halt::Failed { code, reason, container }) = life.run().await {
        life.fail(code, reason, container);
    }
    life.end().await;
}

impl Life {
    async fn run(&mut self) -> Result<(), Halt> {
        self.prepare().await?;
        self.begin().await?;
        self.settle().await?;
        self.tell(facts::running);
        self.stay().await;
        Ok(())
    }

    /// Changes the state under its lock, and says so.
    fn change<T>(&self, change: impl FnOnce(&mut State, &str) -> T) -> T {
        let answer = change(&mut self.shared.lock(), &self.id);
        self.shared.ring();
        answer
    }

    fn tell(&self, fact: fn(&mut State, &str)) {
        self.change(fact);
    }

    /// Changes the task's record.
    fn task(&self, change: impl FnOnce(&mut Task, f64)) {
        self.change(|state, id| {
            let now = state.now_seconds();
            if let Some(task) = state.ecs.tasks.get_mut(id) {
                change(task, now);
            }
        });
    }

    fn enter(&self, status: Status) {
        self.task(|task, _| task.enter(status));
    }

    fn fail(&self, code: StopCode, reason: String, container: Option<usize>) {
        let name = container.map(|place| self.plan.containers[place].name.clone());
        self.task(|task, now| {
            if let Some(container) = name.and_then(|name| task.container_mut(&name)) {
                container.reason = Some(reason.clone());
            }
            task.ask_to_stop(code, reason, now);
        });
    }

    fn wall(&self, span: Span) -> Duration {
        self.shared.lock().clock.wall(span)
    }

    /// Waits for something, unless the task is asked to stop first.
    async fn unless_stopped<T>(&self, what: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            answer = what => Ok(answer),
            () = self.asked() => Err(Halt::Asked),
        }
    }

    /// Returns when the task is asked to stop.
    async fn asked(&self) {
        let stops = |state: &mut State| match state.ecs.tasks.get(&self.id) {
            Some(task) if task.stop.is_none() => None,
            _ => Some(()),
        };
        until(&self.shared, stops).await;
    }

    /// The containers must last a while before the task counts as RUNNING.
    async fn settle(&mut self) -> Result<(), Halt> {
        let wait = self.wall(SETTLES).clamp(*SETTLES_WALL.start(), *SETTLES_WALL.end());
        let over = tokio::time::sleep(wait);
        let mut over = std::pin::pin!(over);
        let mut lasted = false;
        loop {
            if lasted && self.all_run().await {
                let stops = stopping(&self.shared.lock(), &self.id);
                return stops.map_or(Ok(()), |()| Err(Halt::Asked));
            }
            tokio::select! {
                () = &mut over, if !lasted => lasted = true,
                exit = self.exits.recv() => self.take_exit(exit),
                () = until(&self.shared, |state| stopping(state, &self.id)) => return Err(Halt::Asked),
            }
        }
    }

    /// No container has ended of which the news has not come yet.
    async fn all_run(&self) -> bool {
        for (made, progress) in self.made.iter().zip(&self.progress) {
            if let (Some(id), Progress::Running { .. }) = (made, progress)
                && !self.engine.is_running(id).await
            {
                return false;
            }
        }
        true
    }

    /// RUNNING, until something ends it.
    async fn stay(&mut self) {
        let crash = self.change(|state, id| {
            let name = prepare::fault_name(state, id);
            name.and_then(|name| state.faults.crash(&name))
        });
        let after = crash.map(|crash| fraction(crash.after_seconds));
        let wait = after.map(|after| self.wall(after)).unwrap_or(Duration::MAX);
        let crashes = tokio::time::sleep(wait);
        let mut crashes = std::pin::pin!(crashes);
        let mut crash = crash.map(|crash| crash.exit_code);
        loop {
            tokio::select! {
                exit = self.exits.recv() => self.take_exit(exit),
                () = until(&self.shared, |state| stopping(state, &self.id)) => return,
                () = &mut crashes, if crash.is_some() => {
                    self.crash = crash.take();
                    self.kill_essential().await;
                }
            }
        }
    }

    async fn kill_essential(&self) {
        let essential = self.plan.containers.iter().position(|container| container.essential);
        if let Some(container) = essential.and_then(|place| self.made[place].as_ref())
            && let Err(error) = self.engine.kill(container).await
        {
            self.task(|task, _| {
                if let Some(container) = task.containers.iter_mut().find(|container| container.essential) {
                    container.reason = Some(super::container::message(&error));
                }
            });
        }
    }

    /// Writes down how a container has ended. The end of an essential one ends the task.
    fn take_exit(&mut self, exit: Option<(usize, Exit)>) {
        let Some((place, exit)) = exit else {
            return;
        };
        let container = &self.plan.containers[place];
        let crash = if container.essential { self.crash.take() } else { None };
        let code = crash.unwrap_or(exit.code);
        let out_of_memory = exit.out_of_memory || crash == Some(137);
        self.progress[place] = Progress::Ended(code);
        let (name, essential) = (container.name.clone(), container.essential);
        self.task(|task, now| {
            if let Some(container) = task.container_mut(&name) {
                container.status = ContainerStatus::Stopped;
                container.exit_code = Some(code);
                if out_of_memory {
                    container.reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
                }
            }
            if essential {
                task.ask_to_stop(StopCode::EssentialContainerExited, "Essential container in task exited", now);
            }
        });
    }
}

/// Seconds with a fraction; a fault can ask for any number, but not for more than the API's integers hold.
fn fraction(seconds: f64) -> Span {
    Span((seconds.clamp(0.0, f64::from(i32::MAX)) * 1000.0) as u64)
}

fn stopping(state: &State, id: &str) -> Option<()> {
    state.ecs.tasks.get(id).is_none_or(|task| task.stop.is_some()).then_some(())
}

/// Looks at the state after every change until there is an answer.
async fn until<T>(shared: &Shared, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
    let mut changes = shared.changes();
    loop {
        if let Some(answer) = look(&mut shared.lock()) {
            return answer;
        }
        if changes.changed().await.is_err() {
            // The state lives as long as its sender: there is nobody left to change it.
            std::future::pending::<()>().await;
        }
    }
}
