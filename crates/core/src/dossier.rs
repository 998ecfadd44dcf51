//! What is captured of a rollout that goes wrong, while it goes wrong: ECS forgets a stopped task after about an hour.

mod defined;
mod signs;
mod stop;
mod target;

use serde::{Deserialize, Serialize};

use crate::analysis::Toll;
use crate::release::{Commit, Revision};

pub use defined::{Defined, Definition, LogPlace};
pub use signs::Signs;
pub use stop::{ContainerEnd, ContainerHealth, Stop, StopCode};
pub use target::{Target, TargetGroup, TargetState};

/// Failed tasks that are kept; the first ones tell most.
pub const MOST_STOPS: usize = 20;
/// Service events that are kept.
const MOST_EVENTS: usize = 30;

/// Everything captured of one service's rollout. Facts only: what they mean says [`classify`](crate::failure::classify).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// The cluster.
    pub cluster: String,
    /// The ECS service's name.
    pub service: String,
    /// The revision that was rolled out.
    pub revision: Revision,
    /// Tasks of it that stopped by failing, oldest first.
    pub stops: Vec<Stop>,
    /// Further failed tasks, of which only their number is kept.
    pub more_stops: usize,
    /// The service's target groups with their targets.
    pub target_groups: Vec<TargetGroup>,
    /// Service events that tell something, oldest first, each once.
    pub events: Vec<String>,
    /// Why ECS gave the deployment up, in its own words.
    pub said: Option<String>,
    /// The last lines of the first failed task.
    pub log: Option<Log>,
    /// What the revision says of its containers.
    pub definition: Option<Definition>,
    /// What was deployed.
    pub change: Shipped,
    /// What it has cost, where it had traffic beside another version, and it went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toll: Option<Toll>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// The last lines of a container's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The task.
    pub task: String,
    /// The container.
    pub container: String,
    /// The log group.
    pub group: String,
    /// The stream: `prefix/container/task`.
    pub stream: String,
    /// The lines, oldest first.
    pub lines: Vec<String>,
}

/// What a rollout brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The revision before.
    pub before: Option<Revision>,
    /// How the definitions differ, in words; none while both have not been read.
    pub difference: Option<String>,
    /// The commit.
    pub commit: Commit,
    /// First line of its message.
    pub subject: Option<String>,
}

/// A read that failed: the dossier goes without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What would have been read, e.g. `the log of task 3f2a91c0`.
    pub what: String,
    /// Why it was not.
    pub why: String,
    /// The IAM action that is missing, if that is why.
    pub permission: Option<String>,
}

impl Dossier {
    /// Nothing is known yet.
    pub fn new(cluster: &str, service: &str, revision: &Revision, change: Shipped) -> Self {
        Self {
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            revision: revision.clone(),
            stops: Vec::new(),
            more_stops: 0,
            target_groups: Vec::new(),
            events: Vec::new(),
            said: None,
            log: None,
            definition: None,
            change,
            toll: None,
            unread: Vec::new(),
        }
    }

    /// Takes in stopped tasks: those that did not fail are left out, one that is known is replaced by what is known now.
    pub fn take_stops(&mut self, found: Vec<Stop>) {
        for stop in found.into_iter().filter(Stop::has_failed) {
            match self.stops.iter().position(|known| known.task == stop.task) {
                Some(at) => self.stops[at] = stop,
                None if self.stops.len() < MOST_STOPS => self.stops.push(stop),
                None => self.more_stops += 1,
            }
        }
        self.stops.sort_by_key(|stop| (stop.stopped_at.is_none(), stop.stopped_at));
    }

    /// Takes in the messages of service events, newest first as ECS lists them.
    pub fn take_events(&mut self, newest_first: &[String]) {
        for event in newest_first.iter().rev().filter(|event| signs::tells(event)) {
            if self.events.len() < MOST_EVENTS && !self.events.contains(event) {
                self.events.push(event.clone());
            }
        }
    }

    /// Takes in what the target groups say now. A target that was unhealthy and is gone by now stays: it tells why.
    pub fn take_targets(&mut self, groups: Vec<TargetGroup>) {
        for mut group in groups {
            let known =
                self.target_groups.iter().position(|known| known.arn == group.arn).map(|at| self.target_groups.remove(at));
            let kept = known.into_iter().flat_map(|known| known.targets).filter(|target| target.state == TargetState::Unhealthy);
            for target in kept {
                match group.targets.iter_mut().find(|now| now.address == target.address && now.port == target.port) {
                    Some(now) if matches!(now.state, TargetState::Healthy | TargetState::Unhealthy) => {}
                    Some(now) => *now = target,
                    None => group.targets.push(target),
                }
            }
            self.target_groups.push(group);
        }
    }

    /// Notes once that something could not be read.
    pub fn take_unread(&mut self, unread: Unread) {
        if !self.unread.iter().any(|known| known.what == unread.what) {
            self.unread.push(unread);
        }
    }

    /// Nothing has been found.
    pub fn is_empty(&self) -> bool {
        self.stops.is_empty() && self.events.is_empty() && self.said.is_none() && self.target_groups.is_empty()
    }

    /// What the revision says of a container.
    pub fn defined(&self, container: &str) -> Option<&Defined> {
        self.definition.as_ref()?.containers.iter().find(|defined| defined.name == container)
    }

    /// Of the first failed task that ever ran, the container whose end tells most, and where its log lies.
    pub fn first_words(&self) -> Option<(&Stop, &ContainerEnd, LogPlace)> {
        self.stops.iter().find_map(|stop| {
            let container = stop.telling()?;
            if container.exit_code.is_none() && stop.code == StopCode::TaskFailedToStart {
                return None;
            }
            let place = self.defined(&container.name)?.log.clone()?;
            Some((stop, container, place))
        })
    }
}
