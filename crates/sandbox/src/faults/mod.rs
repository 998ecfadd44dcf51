//! What goes wrong on request: faults of calls, applied by the server, and faults of the world, asked for by the services.

mod read;
mod stale;
mod standing;
mod wording;

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use standing::Faults;

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
    /// Faults of calls: `ecs`, `ecr`, `elbv2`, `codedeploy`, `logs`, `cloudwatch`, `secretsmanager`, `ssm`, `sts`. Where tasks' secrets are
    /// kept, `deny` is for their execution role too. Those of `ecr` happen in the registry's own protocol, too, by the action that
    /// a request needs: `UploadLayerPart` is a PATCH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Faults of calls: the operation's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Faults of the world: the name of an ECS service, target group or container instance, or an image's repository or digest.
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
    /// Upload: the connection is closed once so many bytes of a layer have come.
    Cut {
        /// So many.
        after: u64,
    },
    /// Call: `AccessDeniedException`.
    Deny {},
    /// Call: `ExpiredTokenException`.
    Expire {},
    /// Call: `InvalidSignatureException`, as AWS answers a caller whose clock is so many minutes behind.
    ClockSkew {
        /// How far behind; 20 unless told.
        #[serde(default = "twenty")]
        minutes: u16,
    },
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
    /// World: the agent of the container instance (its id or its EC2 id) is not connected.
    AgentLost {},
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
    /// So many virtual seconds ago it was completed, with the advisories of then.
    #[serde(default)]
    pub age_seconds: f64,
}

fn internal() -> u16 {
    500
}

fn twenty() -> u16 {
    20
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
