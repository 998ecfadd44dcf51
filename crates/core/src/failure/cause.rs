//! Why a rollout failed: one cause, one sentence with its names and numbers, one thing to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One cause of a failed rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Its stable name.
    pub cause: Kind,
    /// What is wrong, with the names and numbers at hand.
    pub because: String,
    /// What to do about it.
    pub next: String,
    /// The container that it is about, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl Cause {
    /// A cause with its two sentences.
    pub fn new(cause: Kind, because: impl Into<String>, next: impl Into<String>) -> Self {
        Self { cause, because: because.into(), next: next.into(), container: None }
    }

    /// The same, about a container.
    #[must_use]
    pub fn of(self, container: &str) -> Self {
        Self { container: Some(container.to_owned()), ..self }
    }
}

/// Whether a cause goes away by trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The next task of this revision fails in the same way: it is of no use to wait.
    Same,
    /// The next task may do better.
    Perhaps,
}

/// So many tasks that stop for the same deterministic cause are enough: a second one excludes the accident, a third would
/// fail in the same way. ECS's own breaker waits for 3 to 200.
pub const SAME_CAUSE_STOPS: usize = 2;

/// How many tasks stopped for each cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stops(BTreeMap<Kind, usize>);

impl Stops {
    /// How many stopped for this cause.
    pub fn of(&self, kind: Kind) -> usize {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// A cause that no later task will escape, with the number of tasks that have stopped for it: [`SAME_CAUSE_STOPS`] at
    /// least.
    pub fn hopeless(&self) -> Option<(Kind, usize)> {
        let enough = self.0.iter().find(|(kind, stops)| kind.again() == Again::Same && **stops >= SAME_CAUSE_STOPS);
        enough.map(|(kind, stops)| (*kind, *stops))
    }
}

impl FromIterator<Kind> for Stops {
    fn from_iter<T: IntoIterator<Item = Kind>>(kinds: T) -> Self {
        let mut stops = BTreeMap::new();
        for kind in kinds {
            *stops.entry(kind).or_insert(0) += 1;
        }
        Self(stops)
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident $name:literal $again:ident;)*) => {
        /// Every cause that shipit knows, by its stable name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[doc = $doc])* #[serde(rename = $name)] $kind,)*
        }

        /// All of them.
        pub const KINDS: &[Kind] = &[$(Kind::$kind),*];

        impl Kind {
            /// Its stable name, as JSON has it.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// Whether trying again can help.
            pub fn again(self) -> Again {
                match self { $(Kind::$kind => Again::$again,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Kind::$kind => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

kinds! {
    /// the image is not in its registry
    ImageMissing "image_missing" Same;
    /// the registry does not give the image to the execution role
    ImageDenied "image_denied" Same;
    /// the image is built for another platform than the task's
    ImageArchitecture "image_architecture" Same;
    /// the container's command is not in its image
    CommandMissing "command_missing" Same;
    /// a secret or parameter that the task definition names does not exist
    SecretMissing "secret_missing" Same;
    /// the execution role cannot be assumed or may not do what the start of a task needs
    ExecutionRole "execution_role" Same;
    /// the log group does not exist
    LogGroup "log_group" Same;
    /// the task reaches neither registry nor secrets, or got no network interface
    Network "network" Perhaps;
    /// a container could not be created or started
    StartFailed "start_failed" Perhaps;
    /// a container used more memory than its limit
    OutOfMemory "out_of_memory" Perhaps;
    /// a container ended though it must go on
    Crash "crash" Perhaps;
    /// a container's own health check failed
    ContainerHealth "container_health" Perhaps;
    /// the load balancer's health check got another status code than it expects
    TargetCode "target_code" Perhaps;
    /// the load balancer's health check was not answered in time
    TargetTimeout "target_timeout" Perhaps;
    /// nothing listens on the port that the load balancer checks
    TargetPort "target_port" Perhaps;
    /// the container is healthy and the load balancer does not reach it: a security group is in between
    SecurityGroup "security_group" Perhaps;
    /// no container instance has enough CPU
    NoCpu "no_cpu" Perhaps;
    /// no container instance has enough memory
    NoMemory "no_memory" Perhaps;
    /// the host port that the task needs is taken
    NoPort "no_port" Perhaps;
    /// the subnets have no free addresses, or the instance no free network interface
    NoAddresses "no_addresses" Perhaps;
    /// the cluster has no container instances
    NoInstances "no_instances" Perhaps;
    /// no container instance fits the task for another reason: agent, attribute, constraint
    NoFit "no_fit" Perhaps;
    /// an account quota is reached
    Quota "quota" Perhaps;
    /// the capacity provider has no capacity
    CapacityProvider "capacity_provider" Perhaps;
    /// AWS has no capacity at this time
    NoCapacity "no_capacity" Perhaps;
    /// minimum and maximum percent leave no room to move a task
    Percents "percents" Perhaps;
    /// a CloudWatch alarm went off
    Alarm "alarm" Perhaps;
    /// AWS throttles what the service does
    Throttled "throttled" Perhaps;
    /// another deployment took over
    Superseded "superseded" Perhaps;
    /// someone stopped the deployment
    Stopped "stopped" Perhaps;
    /// a lifecycle hook failed, or its pause was answered with the way back or by nobody
    Hook "hook" Perhaps;
    /// the circuit breaker tripped, and nothing is known of the tasks that tripped it
    Breaker "breaker" Perhaps;
    /// nothing that shipit knows
    Unknown "unknown" Perhaps;
}

impl Kind {
    /// Its name as a person reads it: `image missing`.
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_unique_and_is_what_json_has() {
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(serde_json::from_value::<Kind>(kind.name().into()).unwrap(), *kind);
            assert!(KINDS[..at].iter().all(|other| other.name() != kind.name()), "{kind}");
            assert!(!kind.meaning().is_empty() && !kind.meaning().ends_with('.'), "{kind}");
        }
    }
}
