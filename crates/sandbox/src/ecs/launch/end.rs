//! DEACTIVATING to STOPPED: targets drain, containers end in the reverse order of their dependencies, all is removed.

use std::time::Duration;

use super::super::facts;
use super::super::task::{ContainerStatus, Status, TargetOf};
use super::plan::{Container, Progress};
use super::{Life, until};

/// The last lines of output arrive after the container's end, but not later than this.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The end of a container that was stopped is known after so long.
const LAST_EXIT: Duration = Duration::from_secs(5);

impl Life {
    /// Ends the task, however far it came.
    pub(super) async fn end(mut self) {
        self.enter(Status::Deactivating);
        self.drain().await;
        self.enter(Status::Stopping);
        for places in waves(&self.plan.containers) {
            let stops = places.into_iter().filter_map(|place| self.stop(place));
            futures_util::future::join_all(stops).await;
        }
        self.last_exits().await;
        let _ = tokio::time::timeout(LAST_LINES, async { while self.followers.join_next().await.is_some() {} }).await;
        self.task(|task, now| {
            task.times.insert("executionStoppedAt", now);
            for container in &mut task.containers {
                container.status = ContainerStatus::Stopped;
            }
            task.enter(Status::Deprovisioning);
        });
        let made: Vec<String> = self.made.iter().chain([&self.holder]).flatten().cloned().collect();
        for id in made {
            // What cannot be removed now is removed by its label when the sandbox ends.
            let _ = self.engine.remove(&id).await;
        }
        self.tell(facts::stopped);
    }

    /// Deregisters the targets. A task that still runs waits until they are gone.
    async fn drain(&mut self) {
        let targets = self.change(|state, id| {
            let Some(task) = state.ecs.tasks.get(id) else {
                return Vec::new();
            };
            let registered = |target: &TargetOf| {
                let (id, port) = task.registered_as(target)?;
                Some((target.group.clone(), id, port))
            };
            let mut targets: Vec<_> = task.targets.iter().filter_map(registered).collect();
            targets.retain(|(group, id, port)| state.target_health(group, id, *port).is_some());
            for (group, id, port) in &targets {
                state.deregister_target(group, id, *port);
            }
            if !targets.is_empty() {
                facts::say_targets(state, id, "deregistered");
            }
            targets
        });
        let essential =
            |(container, progress): (&Container, &Progress)| container.essential && matches!(progress, Progress::Ended(_));
        if targets.is_empty() || self.plan.containers.iter().zip(&self.progress).any(essential) {
            return;
        }
        let drained = until(&self.shared, |state| {
            let there = targets.iter().any(|(group, id, port)| state.target_health(group, id, *port).is_some());
            (!there).then_some(())
        });
        tokio::select! {
            () = drained => {}
            // It ended while it drained: there is nothing left to drain for.
            exit = self.exits.recv() => self.take_exit(exit),
        }
    }

    fn stop(&self, place: usize) -> Option<impl Future<Output = ()> + use<'_>> {
        let id = self.made[place].as_ref()?;
        if matches!(self.progress[place], Progress::Ended(_)) {
            return None;
        }
        let timeout = self.plan.containers[place].stop_timeout;
        Some(async move {
            // One that cannot be stopped is killed when it is removed.
            let _ = self.engine.stop(id, timeout).await;
        })
    }

    async fn last_exits(&mut self) {
        let over = tokio::time::sleep(LAST_EXIT);
        let mut over = std::pin::pin!(over);
        while self.progress.iter().any(|progress| matches!(progress, Progress::Running { .. })) {
            tokio::select! {
                exit = self.exits.recv() => self.take_exit(exit),
                () = &mut over => return,
            }
        }
    }
}

/// Places of the containers, those first that nobody depends on: what depends on others ends before them.
pub(super) fn waves(containers: &[Container]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..containers.len()).collect();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let needed = |place: usize| {
            let name = &containers[place].name;
            left.iter().any(|other| containers[*other].depends.iter().any(|(depends, _)| depends == name))
        };
        let (now, later): (Vec<usize>, Vec<usize>) = left.iter().partition(|place| !needed(**place));
        if now.is_empty() {
            // A circle: there is no order.
            waves.push(later);
            break;
        }
        waves.push(now);
        left = later;
    }
    waves
}
