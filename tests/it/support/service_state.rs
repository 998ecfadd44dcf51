//! A service in ECS: what the scheduler sees of it, and the service deployments, events and failed tasks around that.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shipit::port::{FailedContainer, FailedTask};
use shipit_core::release::{DeploymentId as Id, Digest};
use shipit_core::settled::Status;
use shipit_scheduler::{Breaker, DeploymentId, HealthSource, Note, Percents, Rollout, Service, TaskId, Time};

/// A service.
#[derive(Clone)]
pub struct EcsService {
    /// As the scheduler sees it; revisions are places in [`Revisions`].
    pub plan: Service,
    pub status: String,
    pub controller: String,
    pub configuration: Value,
    pub load_balancer: Option<String>,
    /// Digests that run, by container, beside those that the revision names itself.
    pub digests: BTreeMap<String, Digest>,
    /// Service deployments, oldest first.
    pub deployments: Vec<ServiceDeployment>,
    /// Service events, oldest first.
    pub events: Vec<(Time, String)>,
    /// Tasks that stopped by failing, oldest first.
    pub failed: Vec<(DeploymentId, FailedTask)>,
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
        let deployment = self.plan.update(revision, now);
        self.deployments.push(ServiceDeployment {
            created_at: now,
            revision,
            deployment,
            back: None,
            status: Status::InProgress,
            reason: None,
        });
        deployment
    }

    /// StopServiceDeployment of the open one: the newest COMPLETED revision takes over.
    pub fn roll_back(&mut self, now: Time) -> bool {
        let completed = self.plan.deployments.iter().find(|deployment| deployment.rollout == Rollout::Completed);
        let Some(revision) = completed.map(|deployment| deployment.revision) else { return false };
        let failed = self.plan.primary().id;
        for deployment in self.plan.deployments.iter_mut().filter(|deployment| deployment.id == failed) {
            deployment.rollout = Rollout::Failed;
        }
        let back = self.plan.update(revision, now);
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
                format!("rolling back to deployment {}.", id(*to))
            }
            Note::StuckByConfiguration { .. } => "was unable to stop or start tasks during a deployment.".into(),
            Note::UnableToStartConsistently { .. } => "is unable to consistently start tasks successfully.".into(),
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
        let wanted = self.plan.breaker.rollback() == shipit_scheduler::Rollback::ToLastCompleted;
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
    pub fn fails(&mut self, name: &str, task: TaskId, deployment: DeploymentId, code: &str, reason: &str, exit_code: i64) {
        let log = vec!["listening on :3333".to_owned(), "panic: connect ECONNREFUSED db:5432".to_owned()];
        let container = FailedContainer { name: "api".into(), exit_code: Some(exit_code), reason: None };
        let number = name.bytes().fold(0_u64, |number, byte| number * 31 % 0xffff_ffff + u64::from(byte));
        let id = format!("{number:016x}{:016x}", task.0);
        let (stop_code, reason) = (code.to_owned(), reason.to_owned());
        self.failed.push((deployment, FailedTask { id, stop_code, reason, containers: vec![container], log }));
    }
}

impl EcsService {
    /// An active service of the ECS controller behind a load balancer, its first deployment in progress.
    pub fn new(mut plan: shipit_scheduler::Service, now: Time) -> Self {
        plan.health = HealthSource { container: false, target: true };
        let (revision, deployment) = (plan.primary().revision, plan.primary().id);
        Self {
            plan,
            status: "ACTIVE".into(),
            controller: "ECS".into(),
            configuration: json!({"minimumHealthyPercent": 100, "maximumPercent": 200}),
            load_balancer: Some("shop-1.elb.amazonaws.com".into()),
            digests: BTreeMap::new(),
            deployments: vec![ServiceDeployment {
                created_at: now,
                revision,
                deployment,
                back: None,
                status: Status::InProgress,
                reason: None,
            }],
            events: Vec::new(),
            failed: Vec::new(),
            stale: None,
        }
    }

    /// Sets what a deployment configuration says.
    pub fn configure(&mut self, configuration: &Value) {
        if configuration.is_null() {
            return;
        }
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
        self.configuration = configuration.clone();
    }
}
