//! One service's rollout in the plan: by whom, how, between which target groups, and what to put back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis::Judge;
use crate::codedeploy::Alarms;
use crate::pipeline::{Name, Pause, Shift, Strategy};
use crate::release::Revision;
use crate::routing::{BalancerSeen, WiringSeen};
use crate::snapshot::RunningService;

/// One service's rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roll {
    /// The service's name in the file.
    pub service: Name,
    /// The ECS service's name.
    pub ecs_service: String,
    /// Who moves tasks and traffic: the service's own deployment controller.
    #[serde(default)]
    pub driver: Driver,
    /// How.
    pub strategy: Strategy,
    /// `pause:`: where a person is asked; only with a strategy that shifts traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// `judge:`: what lets traffic move on; only with a strategy that shifts traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Judge>,
    /// Which alarms CodeDeploy heeds; ECS is told by its configuration.
    #[serde(default)]
    pub alarms: Alarms,
    /// Between which target groups traffic moves, one entry a load balancer of the service; empty where none moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wiring: Vec<Wiring>,
    /// The revision to go back to; none when the service is created by this run.
    pub before: Option<Revision>,
    /// `deploymentConfiguration` to put back; null when the service is created by this run.
    pub before_configuration: Value,
    /// `loadBalancers` to put back where the run changes them; null when the service is created by this run.
    #[serde(default)]
    pub before_load_balancers: Value,
    /// create-service JSON, when the service does not exist.
    pub create: Option<Value>,
    /// `desiredCount` when the plan was made.
    pub desired: u32,
    /// How long it should take, in milliseconds, as the scheduler predicts; none when nothing runs.
    pub expected_ms: Option<u64>,
    /// Without progress for this long it is turned back, in milliseconds.
    pub patience_ms: u64,
}

impl Roll {
    /// How traffic is shifted; none where tasks are replaced.
    pub fn shift(&self) -> Option<&Shift> {
        match &self.strategy {
            Strategy::Shift(shift) => Some(shift),
            Strategy::Rolling { .. } => None,
        }
    }
}

/// Who carries a rollout out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// ECS itself, by UpdateService (controller `ECS`).
    #[default]
    Ecs,
    /// CodeDeploy (controller `CODE_DEPLOY`).
    CodeDeploy,
}

/// How production and test traffic reach the two target groups behind one load balancer of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiring {
    /// ARN of the target group that the service declares (`targetGroupArn`).
    pub target_group: String,
    /// ARN of the other one (`alternateTargetGroupArn`).
    pub alternate: String,
    /// Which of both serves production traffic before the rollout: they swap at each deployment.
    pub live: Live,
    /// ARN of the listener rule (ALB) or listener (NLB, CodeDeploy) of production traffic.
    pub production_rule: String,
    /// The same for test traffic.
    pub test_rule: Option<String>,
    /// ARN of the role that ECS takes to move traffic; none where CodeDeploy moves it by its own.
    pub role: Option<String>,
    /// ARN of the load balancer: a dimension of its metrics.
    pub load_balancer: Option<String>,
    /// Whether the service has it already.
    pub wired: Wired,
}

/// Which of a service's two target groups serves production traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// The one that the service declares.
    Declared,
    /// The alternate one.
    Alternate,
}

/// Whether a service's `loadBalancers` say how traffic is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wired {
    /// They do, as it is wanted.
    Already,
    /// The rollout says so first (`advancedConfiguration`).
    ByUs,
}

impl Wiring {
    /// ARN of the target group that serves the stable version before the rollout.
    pub fn stable(&self) -> &str {
        match self.live {
            Live::Declared => &self.target_group,
            Live::Alternate => &self.alternate,
        }
    }

    /// What a service shows that runs the candidate already, in a rollout under way or after it: the one of each pair that the
    /// candidate is not in served before. A pair is left out whose candidate is not resolved yet.
    pub fn under_way(running: &RunningService) -> Vec<Self> {
        let balancers = running.routing.as_ref().map(|routing| routing.balancers.as_slice()).unwrap_or_default();
        let pair = |seen: &BalancerSeen| {
            let WiringSeen::Known(known) = &seen.wiring else { return None };
            let (declared, alternate) = (&seen.declared, known.alternate.as_ref()?);
            let live = match known.resolved.as_deref()? {
                candidate if candidate == alternate.arn => Live::Declared,
                candidate if candidate == declared.arn => Live::Alternate,
                _ => return None,
            };
            Some(Self {
                target_group: declared.arn.clone(),
                alternate: alternate.arn.clone(),
                live,
                production_rule: known.production_rule.clone(),
                test_rule: known.test.as_ref().map(|(rule, _)| rule.clone()),
                role: known.role.clone(),
                load_balancer: declared.load_balancer.clone().or_else(|| alternate.load_balancer.clone()),
                wired: Wired::Already,
            })
        };
        balancers.iter().filter_map(pair).collect()
    }

    /// Takes what serves now as what serves before the rollout, where that was seen.
    pub fn see(&mut self, running: Option<&RunningService>) {
        let balancers = running.and_then(|running| running.routing.as_ref()).map(|routing| routing.balancers.as_slice());
        let ours = balancers.unwrap_or_default().iter().find(|seen| seen.declared.arn == self.target_group);
        let Some(WiringSeen::Known(known)) = ours.map(|seen| &seen.wiring) else { return };
        match &known.resolved {
            Some(group) if *group == self.target_group => self.live = Live::Declared,
            Some(group) if *group == self.alternate => self.live = Live::Alternate,
            _ => {}
        }
    }

    /// ARN of the target group in which the candidate will serve.
    pub fn candidate(&self) -> &str {
        match self.live {
            Live::Declared => &self.alternate,
            Live::Alternate => &self.target_group,
        }
    }
}
