//! A service in ECS: what the scheduler sees of it, and the service deployments, events and failed tasks around that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::dossier::{ContainerEnd, ContainerHealth, Stop, Target, TargetGroup, TargetState};
use shipit_core::release::{DeploymentId as Id, Digest};
use shipit_core::rollout::Answer;
use shipit_core::runtime::Runtime;
use shipit_core::settled::{HookId, Status};
use shipit_scheduler::{
    Breaker, DeploymentId, HealthSource, Note, Percents, Reason, Rollback, Rollout, Service, Share, TaskId, Time,
};

use super::routed::{Routed, Served, Side};
use super::shifting::{Shifted, shift};

/// A service.
#[derive(Clone)]
pub struct EcsService {
    /// As the scheduler sees it; revisions are places in [`Revisions`].
    pub plan: Service,
    pub status: String,
    pub controller: String,
    pub runtime: Runtime,
    pub configuration: Value,
    pub load_balancer: Option<String>,
    /// Digests that run, by container, beside those that the revision names itself.
    pub digests: BTreeMap<String, Digest>,
    /// Service deployments, oldest first.
    pub deployments: Vec<ServiceDeployment>,
    /// Service events, oldest first.
    pub events: Vec<(Time, String)>,
    /// Tasks that stopped by failing, oldest first.
    pub failed: Vec<(DeploymentId, Stop)>,
    /// Every task of the service that fails is said to have stopped so: `stopCode`, `stoppedReason`.
    pub dies_of: Option<(String, String)>,
    /// Which target group each deployment serves in; the first one, unless it is said.
    pub sides: BTreeMap<DeploymentId, Side>,
    /// How the production rule stands, and how it has stood.
    pub rule: BTreeMap<Side, Share>,
    pub routed: Vec<Routed>,
    /// Production requests in a minute.
    pub load: u64,
    /// How many hooks were asked so far.
    pub hooks_asked: usize,
    /// Answers that hooks have taken from callers, in order.
    pub answers: Vec<(HookId, Answer)>,
    /// What reads answer until that time.
    pub stale: Option<(Time, Box<EcsService>)>,
}

/// A service deployment: an UpdateService and all that becomes of it, its rollback included.
#[derive(Clone, Debug)]
pub struct ServiceDeployment {
    pub created_at: Time,
    /// Place of its target.
    pub revision: u64,
    pub deployment: DeploymentId,
    /// The deployment that rolls it back.
    pub back: Option<DeploymentId>,
    pub status: Status,
    pub reason: Option<String>,
    /// Where it stands, if it shifts traffic.
    pub shift: Shifted,
}

impl ServiceDeployment {
    pub fn is_open(&self) -> bool {
        use Status::{InProgress, Pending, RollbackInProgress, RollbackRequested, StopRequested};
        matches!(self.status, Pending | InProgress | StopRequested | RollbackRequested | RollbackInProgress)
    }
}

/// `ecs-svc/<digits>`.
pub fn deployment_id(service: &str, id: DeploymentId) -> Id {
    let digits = service.bytes().fold(7_u64, |digits, byte| digits * 31 % 1_000_000_007 + u64::from(byte));
    Id(format!("ecs-svc/{digits:010}{:09}", id.0))
}

impl EcsService {
    /// The service deployment that has not ended.
    pub fn open(&mut self) -> Option<&mut ServiceDeployment> {
        self.deployments.iter_mut().find(|deployment| deployment.is_open())
    }

    /// A deployment of another revision takes over.
    pub fn deploy(&mut self, revision: u64, now: Time) -> DeploymentId {
        if let Some(open) = self.open() {
            open.status = Status::Stopped;
            open.reason = Some("Service deployment was superseded by a newer one.".into());
        }
        let before = self.plan.primary().id;
        let deployment = match shift(&self.configuration) {
            Some(shift) => self.plan.shift(revision, shift, now),
            None => self.plan.update(revision, now),
        };
        self.take_side(deployment, before);
        self.deployments.push(ServiceDeployment {
            created_at: now,
            revision,
            deployment,
            back: None,
            status: Status::InProgress,
            reason: None,
            shift: Shifted { configuration: self.configuration.clone(), ..Shifted::default() },
        });
        deployment
    }

    /// StopServiceDeployment of the open one: a shift gives the traffic back to its source, else the newest COMPLETED revision
    /// takes over.
    pub fn roll_back(&mut self, now: Time) -> bool {
        if let Some(shifting) = &self.plan.shifting {
            if shifting.source.is_none() {
                return false;
            }
            self.open().expect("only an open service deployment is stopped").status = Status::RollbackRequested;
            self.plan.turn_back(Reason::Asked, now);
            return true;
        }
        let completed = self.plan.deployments.iter().find(|deployment| deployment.rollout == Rollout::Completed);
        let Some(revision) = completed.map(|deployment| deployment.revision) else { return false };
        let failed = self.plan.primary().id;
        for deployment in self.plan.deployments.iter_mut().filter(|deployment| deployment.id == failed) {
            deployment.rollout = Rollout::Failed;
        }
        let back = self.plan.update(revision, now);
        self.take_side(back, failed);
        for deployment in self.plan.deployments.iter_mut().filter(|deployment| deployment.id == back) {
            deployment.rolls_back = Some(failed);
        }
        let open = self.open().expect("only an open service deployment is stopped");
        open.status = Status::RollbackRequested;
        open.reason = Some("Service deployment rolled back because it was stopped.".into());
        open.back = Some(back);
        true
    }

    /// What the scheduler announces becomes events and the status of service deployments.
    pub fn notice(&mut self, name: &str, note: &Note, now: Time) {
        let id = |id: DeploymentId| deployment_id(name, id).0;
        let text = match note {
            Note::StartedTasks { tasks } => format!("has started {} tasks.", tasks.len()),
            Note::StoppedTasks { tasks } => format!("has stopped {} running tasks.", tasks.len()),
            Note::Unhealthy { .. } => "(task) is unhealthy in (target-group web)".into(),
            Note::SteadyState => "has reached a steady state.".into(),
            Note::DeploymentCompleted { deployment } => {
                self.completed(*deployment);
                format!("(deployment {}) deployment completed.", id(*deployment))
            }
            Note::DeploymentFailed { deployment, .. } => {
                self.gave_up(*deployment);
                format!("(deployment {}) deployment failed: tasks failed to start.", id(*deployment))
            }
            Note::RollingBack { failed, to, primary } => {
                for one in self.deployments.iter_mut().filter(|one| one.deployment == *failed) {
                    one.status = Status::RollbackInProgress;
                    one.back = Some(*primary);
                }
                self.take_side(*primary, *failed);
                format!("rolling back to deployment {}.", id(*to))
            }
            Note::StuckByConfiguration { .. } => "was unable to stop or start tasks during a deployment.".into(),
            Note::UnableToStartConsistently { .. } => "is unable to consistently start tasks successfully.".into(),
            Note::StageEntered { .. } | Note::TurningBack { .. } | Note::TurnedBack { .. } | Note::Halted { .. } => return,
        };
        self.events.push((now, format!("(service {name}) {text}")));
    }

    fn completed(&mut self, deployment: DeploymentId) {
        for one in self.deployments.iter_mut().filter(|one| one.is_open()) {
            if one.deployment == deployment {
                one.status = Status::Successful;
            } else if one.back == Some(deployment) {
                one.status = Status::RollbackSuccessful;
            }
        }
    }

    fn gave_up(&mut self, deployment: DeploymentId) {
        let wanted = self.plan.breaker.rollback() == Rollback::ToLastCompleted;
        for one in self.deployments.iter_mut().filter(|one| one.is_open()) {
            if one.deployment == deployment {
                // Where there is something to go back to, the next note says so.
                one.status = if wanted { Status::RollbackFailed } else { Status::Stopped };
                one.reason = Some("Service deployment rolled back because the circuit breaker threshold was exceeded.".into());
            } else if one.back == Some(deployment) {
                one.status = Status::RollbackFailed;
            }
        }
    }

    /// A task of the deployment stops by failing.
    pub fn fails(&mut self, name: &str, task: TaskId, deployment: DeploymentId, death: Death<'_>) {
        let number = name.bytes().fold(0_u64, |number, byte| number * 31 % 0xffff_ffff + u64::from(byte));
        let own = (death.code.to_owned(), death.reason.to_owned());
        let never_ran = self.dies_of.is_some();
        let (code, reason) = self.dies_of.clone().unwrap_or(own);
        let container = ContainerEnd {
            name: "api".into(),
            image: format!("registry/shop/{name}@sha256:0"),
            exit_code: (!never_ran).then_some(death.exit_code),
            reason: never_ran.then(|| reason.clone()),
            health: ContainerHealth::Unknown,
        };
        self.failed.push((
            deployment,
            Stop {
                task: format!("{number:016x}{:016x}", task.0),
                stopped_at: Some(death.at),
                code: code.into(),
                reason,
                containers: vec![container],
            },
        ));
    }

    /// The target group, with what became of the last task that failed.
    pub fn target_group(&self, arn: &str) -> TargetGroup {
        let unhealthy = Target {
            address: "10.0.0.5".into(),
            port: 3333,
            state: TargetState::Unhealthy,
            reason: Some("Target.ResponseCodeMismatch".into()),
            description: Some("Health checks failed with these codes: [503]".into()),
        };
        TargetGroup {
            arn: arn.into(),
            path: Some("/health".into()),
            check_port: "traffic-port".into(),
            timeout: 2,
            interval: 10,
            expects: Some("200".into()),
            container: "api".into(),
            container_port: 3333,
            targets: if self.failed.is_empty() { Vec::new() } else { vec![unhealthy] },
        }
    }
}

/// How a task ends.
pub struct Death<'a> {
    pub code: &'a str,
    pub reason: &'a str,
    pub exit_code: i64,
    pub at: Timestamp,
}

impl EcsService {
    /// An active service of the ECS controller behind a load balancer, its first deployment in progress.
    pub fn new(mut plan: shipit_scheduler::Service, now: Time) -> Self {
        plan.health = HealthSource { container: false, target: true };
        let (revision, deployment) = (plan.primary().revision, plan.primary().id);
        let (percents, breaker) = (plan.percents, plan.breaker);
        let mut service = Self {
            plan,
            status: "ACTIVE".into(),
            controller: "ECS".into(),
            runtime: Runtime::Other,
            configuration: Value::Null,
            load_balancer: Some("shop-1.elb.amazonaws.com".into()),
            digests: BTreeMap::new(),
            deployments: vec![ServiceDeployment {
                created_at: now,
                revision,
                deployment,
                back: None,
                status: Status::InProgress,
                reason: None,
                shift: Shifted::default(),
            }],
            sides: BTreeMap::new(),
            rule: BTreeMap::from([(Side::A, Share::ALL)]),
            routed: vec![Routed { at: Time(0), sides: vec![Served { side: Side::A, revision, share: Share::ALL }] }],
            load: 6_000,
            hooks_asked: 0,
            answers: Vec::new(),
            events: Vec::new(),
            failed: Vec::new(),
            dies_of: None,
            stale: None,
        };
        service.allow(percents, breaker);
        service
    }

    /// Puts percents and breaker in force, and in the configuration that is read.
    pub fn allow(&mut self, percents: Percents, breaker: Breaker) {
        (self.plan.percents, self.plan.breaker) = (percents, breaker);
        self.configuration = json!({
            "minimumHealthyPercent": percents.minimum_healthy,
            "maximumPercent": percents.maximum,
            "deploymentCircuitBreaker": {
                "enable": breaker != Breaker::Off,
                "rollback": breaker.rollback() == Rollback::ToLastCompleted,
            },
        });
    }

    /// Sets what a deployment configuration says; what it does not say stays, but for another strategy's own part.
    pub fn configure(&mut self, sent: &Value) {
        let Some(sent) = sent.as_object() else { return };
        if self.configuration.is_null() {
            self.configuration = json!({});
        }
        for (member, value) in sent {
            self.configuration[member] = value.clone();
        }
        let strategy = self.configuration["strategy"].as_str().unwrap_or("ROLLING").to_owned();
        let members = self.configuration.as_object_mut().expect("a configuration is an object");
        for (member, of) in [("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")] {
            if strategy != of {
                members.shift_remove(member);
            }
        }
        let configuration = self.configuration.clone();
        let alarms = &configuration["alarms"];
        self.plan.alarm_rollback = alarms["enable"] == true && alarms["rollback"] == true;
        let percent = |name: &str| configuration[name].as_u64().and_then(|percent| u32::try_from(percent).ok());
        let before = self.plan.percents;
        self.plan.percents = Percents::new(
            percent("minimumHealthyPercent").unwrap_or(before.minimum_healthy),
            percent("maximumPercent").unwrap_or(before.maximum),
        );
        let breaker = &configuration["deploymentCircuitBreaker"];
        self.plan.breaker = match (breaker["enable"].as_bool(), breaker["rollback"].as_bool()) {
            (Some(true), Some(true)) => Breaker::with_rollback(),
            (Some(true), _) => Breaker::without_rollback(),
            _ => Breaker::Off,
        };
    }
}
