//! The loop that keeps services as they should be: it looks after every change and when the scheduler wants to look
//! again, and has new tasks carried out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::{JoinHandle, JoinSet};

use super::container::Engine;
use super::task::Status;
use super::{facts, launch, schedule, shift};
use crate::loops::Loops;
use crate::state::{Shared, State};

/// Between two tries to follow the Engine's events.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts what keeps services at their desired count; each task ends by itself when `loops.stop` is cancelled.
pub fn start(loops: &Loops) -> Vec<JoinHandle<()>> {
    let loops = loops.clone();
    let engine = loops.docker.map(|docker| Engine::new(docker, loops.owner));
    let keeper = tokio::spawn(async move {
        tokio::select! {
            () = loops.stop.cancelled() => {}
            () = keep(loops.shared, engine.clone()) => {}
        }
        if let Some(engine) = engine {
            engine.at_rest().await;
        }
    });
    vec![keeper]
}

async fn keep(shared: Arc<Shared>, engine: Option<Engine>) {
    let mut tasks = JoinSet::new();
    if let Some(engine) = &engine {
        tasks.spawn(follow_health(Arc::clone(&shared), engine.clone()));
    }
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        let calls;
        let (looked, wait, new) = {
            let mut state = shared.lock();
            let looked = schedule::look(&mut state);
            let wait = looked.wake.map(|wake| state.clock.wall(wake - state.clock.now()));
            calls = shift::due(&mut state);
            let new = match engine {
                Some(_) => to_launch(&mut state),
                None => without_engine(&mut state),
            };
            (looked, wait, new)
        };
        if let Some(engine) = &engine {
            for id in new {
                tasks.spawn(launch::carry_out(Arc::clone(&shared), engine.clone(), id));
            }
        }
        for call in calls {
            tasks.spawn(shift::carry_out(Arc::clone(&shared), call));
        }
        if looked.acted {
            shared.ring();
        }
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.changed() => {}
            () = due => {}
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// Tasks that nobody carries out yet.
fn to_launch(state: &mut State) -> Vec<String> {
    let new = state.ecs.tasks.values_mut().filter(|task| !task.launched);
    let launch = |task: &mut super::Task| {
        task.launched = true;
        task.id.clone()
    };
    new.map(launch).collect()
}

/// Without an Engine tasks stay PENDING, and are STOPPED as soon as they are asked to.
fn without_engine(state: &mut State) -> Vec<String> {
    let mut asked = Vec::new();
    for task in state.ecs.tasks.values_mut().filter(|task| !task.is_stopped()) {
        task.enter(Status::Pending);
        if task.stop.is_some() {
            asked.push(task.id.clone());
        }
    }
    for id in asked {
        facts::stopped(state, &id);
    }
    Vec::new()
}

/// Writes down the verdicts of container health checks, as the Engine tells them.
async fn follow_health(shared: Arc<Shared>, engine: Engine) {
    loop {
        let mut changes = std::pin::pin!(engine.health_changes());
        // What happened before the events are followed is asked for once.
        let containers = checked(&shared.lock());
        for id in containers {
            if let Some(health) = engine.health(&id).await {
                set_health(&shared, &id, health);
            }
        }
        while let Some((id, health)) = changes.next().await {
            set_health(&shared, &id, health);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn checked(state: &State) -> Vec<String> {
    let containers = state.ecs.tasks.values().flat_map(|task| &task.containers);
    containers.filter(|container| container.health.is_some()).filter_map(|container| container.runtime.clone()).collect()
}

fn set_health(shared: &Shared, id: &str, health: shipit_scheduler::Health) {
    let mut state = shared.lock();
    let mut containers = state.ecs.tasks.values_mut().flat_map(|task| &mut task.containers);
    let Some(container) = containers.find(|container| container.runtime.as_deref() == Some(id)) else {
        return;
    };
    container.health = container.health.map(|_| health);
    drop(state);
    shared.ring();
}
