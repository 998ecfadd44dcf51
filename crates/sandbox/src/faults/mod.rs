//! What goes wrong on request: faults of calls, applied by the server, and faults of the world, asked for by the services.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dispatch::Service;

/// A fault as the admin API takes it: `{"match": {…}, "kind": "throttle", …, "times": 3}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where it applies.
    pub matches: Match,
    /// What happens there.
    pub kind: Kind,
    /// How often.
    pub often: Often,
}

/// Where a fault applies; a member that is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// Faults of calls: `ecs`, `ecr`, `elbv2`, `logs`, `cloudwatch`, `sts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Faults of calls: the operation's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Faults of the world: the name of an ECS service or target group, or an image's repository or digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// How often a fault happens among the occasions it matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Often {
    /// Each time until it is removed.
    Always,
    /// The next so many times.
    Times(NonZeroU64),
    /// This share of the occasions, 0 to 1, evenly spread: 0.5 is every second one, from the second on.
    Rate(f64),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Call: `ThrottlingException`, "Rate exceeded".
    Throttle {},
    /// Call: HTTP 500, or 503.
    ServerError {
        /// 500 unless told.
        #[serde(default = "internal")]
        status: u16,
    },
    /// Call: the connection is closed without an answer.
    Drop {},
    /// Call: `AccessDeniedException`.
    Deny {},
    /// Call: `ExpiredTokenException`.
    Expire {},
    /// Call: for so many virtual seconds after a write, reads answer what they answered before it.
    Stale {
        /// How long reads lag.
        seconds: f64,
    },
    /// World: a task of the ECS service ends by itself.
    Crash(Crash),
    /// World: the health checks of the target group's targets, or of the ECS service's containers, fail.
    Unhealthy {
        /// What the target seems to answer; 503 unless told.
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// World: no task of the ECS service can be placed.
    NoCapacity {
        /// Goes into the service event; `RESOURCE:MEMORY` unless told.
        #[serde(default = "memory")]
        reason: String,
    },
    /// World: the images of the ECS service's tasks cannot be pulled.
    PullFailure {
        /// Follows `CannotPullContainerError: `.
        message: String,
    },
    /// World: tasks of the ECS service are so many virtual seconds longer PENDING.
    SlowStart {
        /// How much longer.
        seconds: f64,
    },
    /// World: what a scan of the image says, instead of looking.
    Scan(Scan),
}

/// How a task crashes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// The container's exit code; 137 says that memory ran out.
    #[serde(default = "one")]
    pub exit_code: i64,
    /// Virtual seconds after it is RUNNING.
    #[serde(default)]
    pub after_seconds: f64,
}

/// The outcome of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// `imageScanStatus.status`, e.g. `COMPLETE`, `FAILED`, `UNSUPPORTED_IMAGE`.
    #[serde(default = "complete")]
    pub status: String,
    /// `imageScanStatus.description`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `imageScanFindings.findings` in ECR's own shape.
    #[serde(default)]
    pub findings: Vec<Value>,
}

fn internal() -> u16 {
    500
}

fn unavailable() -> u16 {
    503
}

fn one() -> i64 {
    1
}

fn memory() -> String {
    "RESOURCE:MEMORY".to_owned()
}

fn complete() -> String {
    "COMPLETE".to_owned()
}

/// The faults that stand, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    standing: Vec<Standing>,
    next: u64,
}

#[derive(Debug)]
struct Standing {
    id: u64,
    fault: Fault,
    occasions: u64,
    happened: u64,
}

impl Faults {
    /// A task of this ECS service has been started: shall it crash? Counts as an occasion.
    pub fn crash(&mut self, service: &str) -> Option<Crash> {
        self.happen(service, |kind| {
            if let Kind::Crash(crash) = kind {
                Some(*crash)
            } else {
                None
            }
        })
    }

    /// A task of this ECS service is to be placed: why can it not? Counts as an occasion.
    pub fn no_capacity(&mut self, service: &str) -> Option<String> {
        self.happen(service, |kind| {
            if let Kind::NoCapacity { reason } = kind {
                Some(reason.clone())
            } else {
                None
            }
        })
    }

    /// A task of this ECS service pulls its images: why can it not? Counts as an occasion.
    pub fn pull_failure(&mut self, service: &str) -> Option<String> {
        self.happen(service, |kind| {
            if let Kind::PullFailure { message } = kind {
                Some(message.clone())
            } else {
                None
            }
        })
    }

    /// A task of this ECS service is being started: how many virtual seconds longer? Counts as an occasion.
    pub fn slow_start(&mut self, service: &str) -> Option<f64> {
        self.happen(service, |kind| {
            if let Kind::SlowStart { seconds } = kind {
                Some(*seconds)
            } else {
                None
            }
        })
    }

    /// Health checks of this target group or ECS service fail, with this status, as long as the fault stands.
    pub fn unhealthy(&self, resource: &str) -> Option<u16> {
        self.stands(&[resource], |kind| {
            if let Kind::Unhealthy { status } = kind {
                Some(*status)
            } else {
                None
            }
        })
    }

    /// What a scan of this image says, as long as the fault stands; a fault of the digest or of the repository.
    pub fn scan(&self, repository: &str, digest: &str) -> Option<Scan> {
        self.stands(&[digest, repository], |kind| {
            if let Kind::Scan(scan) = kind {
                Some(scan.clone())
            } else {
                None
            }
        })
    }

    fn happen<T>(&mut self, resource: &str, wanted: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        self.standing
            .iter_mut()
            .filter(|standing| standing.fault.matches.resource(&[resource]))
            .find_map(|standing| {
                let what = wanted(&standing.fault.kind)?;
                standing.happens().then_some(what)
            })
    }

    fn stands<T>(&self, resources: &[&str], wanted: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        let matching = self
            .standing
            .iter()
            .filter(|standing| standing.fault.matches.resource(resources));
        matching
            .rev()
            .find_map(|standing| wanted(&standing.fault.kind))
    }

    /// Adds a fault and answers its id.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.next += 1;
        self.standing.push(Standing {
            id: self.next,
            fault,
            occasions: 0,
            happened: 0,
        });
        self.next
    }

    /// A call is made: what goes wrong with it? Counts as an occasion.
    pub fn on_call(&mut self, service: Service, operation: &str) -> Option<Kind> {
        self.standing
            .iter_mut()
            .filter(|standing| {
                standing.fault.kind.is_of_calls() && standing.fault.matches.call(service, operation)
            })
            .find_map(|standing| standing.happens().then(|| standing.fault.kind.clone()))
    }
}

impl Standing {
    fn happens(&mut self) -> bool {
        self.occasions += 1;
        let happens = match self.fault.often {
            Often::Always => true,
            Often::Times(times) => self.happened < times.get(),
            Often::Rate(rate) => {
                let due = |occasions: u64| (occasions as f64 * rate).floor();
                due(self.occasions) > due(self.occasions - 1)
            }
        };
        self.happened += u64::from(happens);
        happens
    }
}

impl Match {
    fn call(&self, service: Service, operation: &str) -> bool {
        self.service
            .as_deref()
            .is_none_or(|wanted| wanted == service.name())
            && self
                .operation
                .as_deref()
                .is_none_or(|wanted| wanted == operation)
    }

    fn resource(&self, resources: &[&str]) -> bool {
        self.resource
            .as_deref()
            .is_none_or(|wanted| resources.contains(&wanted))
    }
}

impl Kind {
    fn is_of_calls(&self) -> bool {
        matches!(
            self,
            Kind::Throttle {}
                | Kind::ServerError { .. }
                | Kind::Drop {}
                | Kind::Deny {}
                | Kind::Expire {}
                | Kind::Stale { .. }
        )
    }
}
