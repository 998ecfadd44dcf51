//! The second half of PENDING and ACTIVATING: containers in the order of their dependencies, then targets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;

use bollard::errors::Error;
use futures_util::StreamExt;
use shipit_scheduler::Health;

use super::super::container::{Network, message};
use super::super::facts;
use super::super::task::network::Mode;
use super::super::task::{ContainerStatus, Status, TargetOf};
use super::plan::{Log, Next, Progress, next};
use super::{Halt, Life, ports, until};
use crate::elb::targets::Target;
use crate::state::Shared;

impl Life {
    /// Makes and starts the containers, and registers the targets.
    pub(super) async fn begin(&mut self) -> Result<(), Halt> {
        if matches!(self.plan.network, Mode::Awsvpc | Mode::Host) && self.plan.containers.len() > 1 {
            let shared = Network::Own { ports: self.plan.ports(), aliases: self.plan.aliases.clone() };
            let labels = HashMap::from([("shipit.sandbox.task".to_owned(), self.id.clone())]);
            let holder = self.engine.hold_network(&shared, labels).await;
            self.holder = Some(holder.map_err(|error| Halt::failed(None, cannot("Create", &error)))?);
        }
        loop {
            match next(&self.plan.containers, &self.progress) {
                Next::Done => break,
                Next::Never(name, other) => {
                    let place = self.plan.containers.iter().position(|container| container.name == name);
                    let text =
                        format!("CannotStartContainerError: dependency {other} of container {name} did not reach its condition");
                    return Err(Halt::failed(place, text));
                }
                Next::Start(places) if places.is_empty() => self.something_happens().await?,
                Next::Start(places) => {
                    for place in places {
                        self.start(place).await?;
                    }
                }
            }
        }
        self.enter(Status::Activating);
        self.register();
        Ok(())
    }

    /// The network that the container at this place is made in.
    fn network(&self, place: usize) -> Network {
        let container = &self.plan.containers[place];
        match (self.plan.network, &self.holder) {
            (Mode::None, _) => Network::None,
            (Mode::Awsvpc | Mode::Host, Some(holder)) => Network::Of(holder.clone()),
            (Mode::Awsvpc | Mode::Host, None) => Network::Own { ports: self.plan.ports(), aliases: self.plan.aliases.clone() },
            (Mode::Bridge, _) => {
                let serves = !container.ports.is_empty();
                let own = |alias: &&String| **alias == container.name || (serves && !self.plan.is_container(alias));
                let aliases = self.plan.aliases.iter().filter(own).cloned().collect();
                Network::Own { ports: container.ports().collect(), aliases }
            }
        }
    }

    /// Writes down what the container's ports are reached by, once it has started.
    async fn bind(&self, place: usize) -> Result<(), Halt> {
        let container = &self.plan.containers[place];
        let owner = self.holder.as_ref().or(self.made[place].as_ref());
        let Some(owner) = owner.filter(|_| !container.ports.is_empty()) else {
            return Ok(());
        };
        let listening = self.engine.ports(owner).await;
        let listening = listening.map_err(|error| Halt::failed(Some(place), cannot("Inspect", &error)))?;
        let (name, bindings) = (container.name.clone(), ports::bindings(&container.ports, &listening));
        self.task(|task, _| {
            if let Some(container) = task.container_mut(&name) {
                container.bindings = bindings;
            }
        });
        Ok(())
    }

    async fn start(&mut self, place: usize) -> Result<(), Halt> {
        let network = self.network(place);
        let container = &self.plan.containers[place];
        let made = self.engine.create(&container.spec, &network).await;
        let made = made.map_err(|error| Halt::failed(Some(place), cannot("Create", &error)))?;
        self.made[place] = Some(made.clone());
        let name = container.name.clone();
        let runtime = made.clone();
        self.task(|task, _| {
            if let Some(container) = task.container_mut(&name) {
                container.runtime = Some(runtime);
            }
        });
        let started = self.engine.start(&made).await;
        started.map_err(|error| Halt::failed(Some(place), cannot("Start", &error)))?;
        self.progress[place] = Progress::Running { healthy: false };
        self.bind(place).await?;
        self.task(|task, _| {
            if let Some(container) = task.container_mut(&name) {
                container.status = ContainerStatus::Running;
            }
        });
        let (engine, tell, id) = (self.engine.clone(), self.tell_exit.clone(), made.clone());
        self.watchers.spawn(async move {
            let exit = engine.ended(&id).await;
            // Nobody listens any more when the task is over.
            let _ = tell.send((place, exit));
        });
        if let Some(log) = self.plan.containers[place].log.clone() {
            let lines = self.engine.lines(&made);
            self.followers.spawn(follow(std::sync::Arc::clone(&self.shared), lines, log));
        }
        Ok(())
    }

    /// Returns when a container has ended or changed its health.
    async fn something_happens(&mut self) -> Result<(), Halt> {
        let names: Vec<String> = self.plan.containers.iter().map(|container| container.name.clone()).collect();
        let before = self.progress.clone();
        let health = until(&self.shared, |state| {
            let task = state.ecs.tasks.get(&self.id)?;
            if task.stop.is_some() {
                return Some(Err(Halt::Asked));
            }
            names.iter().zip(&before).enumerate().find_map(|(place, (name, progress))| {
                let health = task.containers.iter().find(|container| container.name == *name)?.health?;
                match (progress, health) {
                    (Progress::Running { healthy: false }, Health::Healthy) => Some(Ok((place, health))),
                    (Progress::Running { .. }, Health::Unhealthy) => Some(Ok((place, health))),
                    _ => None,
                }
            })
        });
        tokio::select! {
            exit = self.exits.recv() => {
                self.take_exit(exit);
                Ok(())
            }
            health = health => {
                let (place, health) = health?;
                match health {
                    Health::Healthy => {
                        self.progress[place] = Progress::Running { healthy: true };
                        Ok(())
                    }
                    _ => Err(Halt::failed(Some(place), "Task failed container health checks")),
                }
            }
        }
    }

    /// Registers the task's targets: its own address, or its instance with the host port.
    fn register(&self) {
        self.change(|state, id| {
            let Some(task) = state.ecs.tasks.get(id).filter(|task| !task.targets.is_empty()) else {
                return;
            };
            // A container that has ended already publishes nothing; its target then is never healthy.
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
            let target = |target: &TargetOf| {
                let (id, port) = task.registered_as(target)?;
                let endpoint = task.binding(target).map_or(nowhere, |binding| binding.endpoint);
                Some((target.group.clone(), Target { id, port, endpoint }))
            };
            let targets: Vec<_> = task.targets.iter().filter_map(target).collect();
            for (group, target) in targets {
                state.register_target(&group, target);
            }
            facts::say_targets(state, id, "registered");
        });
    }
}

fn cannot(what: &str, error: &Error) -> String {
    format!("Cannot{what}ContainerError: {}", message(error))
}

/// Puts the lines into the log, until the container ends.
async fn follow(shared: std::sync::Arc<Shared>, lines: impl futures_util::Stream<Item = String>, log: Log) {
    let mut lines = pin!(lines);
    // The driver makes the stream when the container starts, not when it first says something.
    let _ = shared.lock().log_line(&log.group, &log.stream, "");
    while let Some(line) = lines.next().await {
        // A group that has been deleted meanwhile takes no more lines; the container goes on, as on AWS.
        let _ = shared.lock().log_line(&log.group, &log.stream, &line);
    }
}
