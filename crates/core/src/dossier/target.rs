//! Targets of a load balancer and how they are checked, as ELBv2 has them.

use serde::{Deserialize, Serialize};

/// A target group with its check and its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// `HealthCheckPath`; none for TCP.
    pub path: Option<String>,
    /// `HealthCheckPort`: a number or `traffic-port`.
    pub check_port: String,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout: u32,
    /// `HealthCheckIntervalSeconds`.
    pub interval: u32,
    /// `Matcher`: the codes that count as healthy.
    pub expects: Option<String>,
    /// The container and its port that the service registers here.
    pub container: String,
    /// See `container`.
    pub container_port: u16,
    /// Its targets.
    pub targets: Vec<Target>,
}

impl TargetGroup {
    /// Its name.
    pub fn name(&self) -> &str {
        self.arn.split(":targetgroup/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(&self.arn)
    }

    /// The port that is checked.
    pub fn port(&self) -> u16 {
        self.check_port.parse().unwrap_or(self.container_port)
    }
}

/// A registered target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its address or its instance's id.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its state.
    pub state: TargetState,
    /// E.g. `Target.ResponseCodeMismatch`.
    pub reason: Option<String>,
    /// E.g. `Health checks failed with these codes: [503]`.
    pub description: Option<String>,
}

/// `TargetHealth.State`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Not yet judged.
    Initial,
    /// Healthy.
    Healthy,
    /// Unhealthy.
    Unhealthy,
    /// Its group has no listener.
    Unused,
    /// Being deregistered.
    Draining,
    /// Health checks are off or cannot be made.
    Unavailable,
    /// A word that shipit does not know.
    Other(String),
}

impl TargetState {
    /// From ELBv2's word.
    pub fn of(word: &str) -> Self {
        match word {
            "initial" => TargetState::Initial,
            "healthy" => TargetState::Healthy,
            "unhealthy" => TargetState::Unhealthy,
            "unused" => TargetState::Unused,
            "draining" => TargetState::Draining,
            "unavailable" => TargetState::Unavailable,
            other => TargetState::Other(other.to_owned()),
        }
    }

    /// ELBv2's word.
    pub fn word(&self) -> &str {
        match self {
            TargetState::Initial => "initial",
            TargetState::Healthy => "healthy",
            TargetState::Unhealthy => "unhealthy",
            TargetState::Unused => "unused",
            TargetState::Draining => "draining",
            TargetState::Unavailable => "unavailable",
            TargetState::Other(word) => word,
        }
    }
}
