//! One port for all services of a cluster: each is served by the driver of its own deployment controller.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use serde_json::Value;
use shipit_core::dossier::{LogPlace, Stop, TargetGroup};
use shipit_core::prune::Use;
use shipit_core::release::{DeploymentId, Revision, RunId};
use shipit_core::rollout::Answer;
use shipit_core::runtime::Instance;
use shipit_core::settled::{Begun, Evidence as Sight, HookId, ServiceDeployment};
use shipit_core::snapshot::ServiceSeen;

use super::codedeploy::{self, CodeDeploy};
use super::ecs::{Cluster, StoppedTasks};
use crate::port::{Change, Clock, Evidence, PortError, PortResult, RevisionSeen, Revisions, Service, StopType};

/// CodeDeploy's codes for a deployment that waits for no answer any more: someone has given it, or it has ended.
const NOT_READY: [&str; 2] = ["DeploymentIsNotInReadyStateException", "DeploymentAlreadyCompletedException"];

/// Who deploys a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// ECS itself; also what is deployed from outside, which the plan refuses.
    Ecs,
    /// CodeDeploy.
    CodeDeploy,
}

impl Driver {
    /// Of a service's JSON, or of create-service JSON.
    fn of(service: &Value) -> Self {
        match service["deploymentController"]["type"].as_str() {
            Some("CODE_DEPLOY") => Driver::CodeDeploy,
            _ => Driver::Ecs,
        }
    }
}

/// The services of one cluster, whoever deploys them. Clones share what they have learned.
#[derive(Clone)]
pub struct Drivers {
    ecs: Arc<Cluster>,
    codedeploy: Arc<CodeDeploy>,
    clock: Clock,
    /// A service keeps its deployment controller for as long as it exists.
    known: Arc<Mutex<HashMap<String, Driver>>>,
}

impl Drivers {
    /// The cluster of that name or ARN.
    pub fn new(sdk: &SdkConfig, cluster: &str, clock: Clock) -> Self {
        let ecs = Arc::new(Cluster::new(sdk, cluster, clock));
        let codedeploy = Arc::new(CodeDeploy::new(sdk, ecs.clone(), clock));
        Self { ecs, codedeploy, clock, known: Arc::default() }
    }

    /// The service's JSON, with its driver learned; nothing when it is missing or INACTIVE.
    async fn describe(&self, service: &str) -> PortResult<Option<(Value, Driver)>> {
        let seen = self.ecs.describe(service).await?;
        let driver = seen.as_ref().map(Driver::of);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match driver {
            Some(driver) => known.insert(service.to_owned(), driver),
            // One of the same name that is made later may have another.
            None => known.remove(service),
        };
        Ok(seen.zip(driver))
    }

    async fn driver(&self, service: &str) -> PortResult<Driver> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(service).copied();
        match known {
            Some(driver) => Ok(driver),
            None => Ok(self.describe(service).await?.map_or(Driver::Ecs, |(_, driver)| driver)),
        }
    }
}

#[async_trait]
impl Service for Drivers {
    async fn look(&self, service: &str) -> PortResult<ServiceSeen> {
        let running = match self.describe(service).await? {
            None => return Ok(ServiceSeen::Missing),
            Some((seen, Driver::Ecs)) => self.ecs.look_at(service, &seen).await?,
            Some((seen, Driver::CodeDeploy)) => self.codedeploy.look(service, &seen).await?,
        };
        Ok(ServiceSeen::Present(Box::new(running)))
    }

    async fn instances(&self) -> PortResult<Vec<Instance>> {
        self.ecs.instances().await
    }

    async fn registered(&self, family: &str, run: &RunId) -> PortResult<Option<Revision>> {
        self.ecs.registered(family, run).await
    }

    async fn register(&self, definition: &Value) -> PortResult<Revision> {
        self.ecs.register(definition).await
    }

    async fn begin(&self, change: &Change) -> PortResult<Begun> {
        if let Some(create) = &change.create {
            return match Driver::of(create) {
                Driver::Ecs => self.ecs.begin(change).await,
                Driver::CodeDeploy => {
                    let asked_at = self.clock.now();
                    let (_, service) = self.ecs.ask(change).await?;
                    codedeploy::created(&service, &change.service, &change.revision, asked_at)
                }
            };
        }
        match self.driver(&change.service).await? {
            Driver::Ecs => self.ecs.begin(change).await,
            Driver::CodeDeploy => match self.describe(&change.service).await? {
                Some((service, _)) => self.codedeploy.begin(change, &service).await,
                None => self.ecs.begin(change).await,
            },
        }
    }

    async fn configure(&self, service: &str, configuration: &Value) -> PortResult<()> {
        self.ecs.configure(service, configuration).await
    }

    async fn follow(&self, begun: &Begun) -> PortResult<Sight> {
        match self.driver(&begun.service).await? {
            Driver::Ecs => self.ecs.follow(begun).await,
            Driver::CodeDeploy => self.codedeploy.follow(begun).await,
        }
    }

    async fn current(&self, service: &str) -> PortResult<Option<Begun>> {
        match self.driver(service).await? {
            Driver::Ecs => self.ecs.current(service).await,
            Driver::CodeDeploy => self.codedeploy.current(service).await,
        }
    }

    async fn proceed(&self, begun: &Begun, hook: &HookId, answer: Answer) -> PortResult<()> {
        match (self.driver(&begun.service).await?, answer) {
            (Driver::Ecs, _) => self.ecs.proceed(begun, hook, answer).await,
            (Driver::CodeDeploy, Answer::Continue) => match self.codedeploy.go_on(begun).await {
                Err(PortError::Refused { code, .. }) if NOT_READY.contains(&code.as_str()) => Ok(()),
                gone_on => gone_on,
            },
            (Driver::CodeDeploy, Answer::Rollback) => self.codedeploy.stop(begun, StopType::Rollback).await,
        }
    }

    async fn stop(&self, begun: &Begun, how: StopType) -> PortResult<()> {
        match self.driver(&begun.service).await? {
            Driver::Ecs => self.ecs.stop(begun, how).await,
            Driver::CodeDeploy => self.codedeploy.stop(begun, how).await,
        }
    }
}

#[async_trait]
impl Revisions for Drivers {
    async fn read(&self, revision: &Revision) -> PortResult<Option<RevisionSeen>> {
        self.ecs.read(revision).await
    }

    async fn active(&self, family: &str) -> PortResult<Vec<Revision>> {
        self.ecs.active(family).await
    }

    async fn history(&self, service: &str) -> PortResult<Vec<ServiceDeployment>> {
        match self.driver(service).await? {
            Driver::Ecs => self.ecs.history(service).await,
            Driver::CodeDeploy => self.codedeploy.history(service).await,
        }
    }

    async fn uses(&self, families: &BTreeSet<String>) -> PortResult<BTreeMap<Revision, Vec<Use>>> {
        self.ecs.uses(families).await
    }

    async fn deregister(&self, revision: &Revision) -> PortResult<()> {
        self.ecs.deregister(revision).await
    }
}

/// What goes wrong in a cluster, whoever deploys: tasks of a deployment of CodeDeploy are started by its task set.
pub struct Witness {
    tasks: StoppedTasks,
    codedeploy: Arc<CodeDeploy>,
}

impl Witness {
    /// Of the services that these drivers serve.
    pub fn new(tasks: StoppedTasks, drivers: &Drivers) -> Self {
        Self { tasks, codedeploy: drivers.codedeploy.clone() }
    }
}

#[async_trait]
impl Evidence for Witness {
    async fn stopped(&self, service: &str, deployment: &DeploymentId, known: &BTreeSet<String>) -> PortResult<Vec<Stop>> {
        if !codedeploy::is_codedeploys(deployment.as_str()) {
            return self.tasks.stopped(service, deployment, known).await;
        }
        match self.codedeploy.task_set(deployment.as_str()).await? {
            Some(task_set) => self.tasks.stopped(service, &task_set, known).await,
            None => Ok(Vec::new()),
        }
    }

    async fn definition(&self, revision: &Revision) -> PortResult<Value> {
        self.tasks.definition(revision).await
    }

    async fn target_groups(&self, service: &str) -> PortResult<Vec<TargetGroup>> {
        self.tasks.target_groups(service).await
    }

    async fn log(&self, place: &LogPlace, stream: &str) -> PortResult<Vec<String>> {
        self.tasks.log(place, stream).await
    }
}
