//! The services of one ECS cluster.

mod api;
mod bake;
mod balancing;
mod begin;
mod deployments;
pub(super) mod describe;
mod evidence;
mod follow;
mod instances;
pub(super) mod reading;
mod revisions;
mod routes;
mod shift;
mod stopped;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use aws_config::SdkConfig;
use serde_json::{Value, json};
use shipit_core::release::{Revision, RunId};
use shipit_core::rollout::Answer;
use shipit_core::runtime::Instance;
use shipit_core::settled::{Begun, Evidence, HookId, ServiceDeployments};
use shipit_core::snapshot::{RunningService, ServiceSeen};
use shipit_core::tags;

use self::api::Api;
use self::bake::Bakes;
use self::balancing::Balancing;
use self::deployments::ours;
use self::describe::Balancers;
use super::operation::{self, Operation};
use crate::port::{Change, Clock, PortError, PortResult, Service, StopType};

pub use evidence::StoppedTasks;
pub use routes::Balanced;

/// Tasks that are asked for the digests they run: one page of ListTasks, one call of DescribeTasks.
const TASKS: usize = 100;

/// The services of one cluster.
pub struct Cluster {
    api: Api,
    balancing: Balancing,
    clock: Clock,
    /// Task definitions of service revisions, by the revisions' ARNs: they never change.
    revisions: Mutex<HashMap<String, Revision>>,
    /// Target groups of service revisions, by the revisions' ARNs.
    groups: Mutex<HashMap<String, Vec<String>>>,
    /// What was seen of the bakes.
    bakes: Mutex<Bakes>,
    /// The platform has answered that it knows no service deployments.
    without_deployments: AtomicBool,
}

impl Cluster {
    /// The cluster of that name or ARN.
    pub fn new(sdk: &SdkConfig, cluster: &str, clock: Clock) -> Self {
        Self {
            api: Api::new(sdk, cluster),
            balancing: Balancing::new(sdk),
            clock,
            revisions: Mutex::default(),
            groups: Mutex::default(),
            bakes: Mutex::default(),
            without_deployments: AtomicBool::new(false),
        }
    }

    /// The service's JSON, or nothing when it is missing or INACTIVE.
    pub(super) async fn describe(&self, service: &str) -> PortResult<Option<Value>> {
        let body = self.api.body(json!({"services": [service]}));
        let reply = self.api.call(operation::DESCRIBE_SERVICES, &body).await?;
        describe::service(reply)
    }

    pub(super) async fn definition(&self, revision: &str) -> PortResult<Value> {
        let body = json!({"taskDefinition": revision, "include": ["TAGS"]});
        self.api.call(operation::DESCRIBE_TASK_DEFINITION, &body).await
    }

    pub(super) async fn tasks(&self, service: &str) -> PortResult<Value> {
        let body = self.api.body(json!({"serviceName": service, "desiredStatus": "RUNNING", "maxResults": TASKS}));
        let listed = self.api.call(operation::LIST_TASKS, &body).await?;
        if listed["taskArns"].as_array().is_none_or(Vec::is_empty) {
            return Ok(Value::Null);
        }
        self.api.call(operation::DESCRIBE_TASKS, &self.api.body(json!({"tasks": listed["taskArns"]}))).await
    }

    /// What stands before a service, given its JSON.
    pub(super) async fn balancers(&self, service: &Value) -> PortResult<Balancers> {
        self.balancing.look(service).await
    }

    /// A service given its JSON, with everything the plan and the wait need.
    pub(super) async fn look_at(&self, service: &str, seen: &Value) -> PortResult<RunningService> {
        let revision = seen["taskDefinition"].as_str().unwrap_or_default();
        let (definition, tasks, balancers, ()) = futures_util::try_join!(
            self.definition(revision),
            self.tasks(service),
            self.balancing.look(seen),
            self.rehearse(service),
        )?;
        Ok(describe::running(seen, &definition, &tasks, balancers))
    }

    /// Asks for a change; answers what was called, and the service of its reply.
    pub(super) async fn ask(&self, change: &Change) -> PortResult<(Operation, Value)> {
        let (operation, body) = begin::request(change);
        let mut reply = self.api.call(operation, &self.api.body(body)).await?;
        Ok((operation, reply["service"].take()))
    }

    /// Makes the reads once that the wait will need, so that a missing permission shows before anything is changed.
    async fn rehearse(&self, service: &str) -> PortResult<()> {
        let newest = self.list_deployments(json!({"service": service, "maxResults": 1})).await?;
        if let Some(arn) = newest.iter().flatten().find_map(|found| found["targetServiceRevisionArn"].as_str()) {
            self.revisions(&[arn.to_owned()]).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Service for Cluster {
    async fn look(&self, service: &str) -> PortResult<ServiceSeen> {
        let Some(seen) = self.describe(service).await? else {
            return Ok(ServiceSeen::Missing);
        };
        Ok(ServiceSeen::Present(Box::new(self.look_at(service, &seen).await?)))
    }

    async fn instances(&self) -> PortResult<Vec<Instance>> {
        self.container_instances().await
    }

    async fn registered(&self, family: &str, run: &RunId) -> PortResult<Option<Revision>> {
        let body = json!({"taskDefinition": family, "include": ["TAGS"]});
        let reply = match self.api.ask(operation::DESCRIBE_TASK_DEFINITION, &body).await {
            Ok(reply) => reply,
            // A family without a revision: there is no code of its own for that.
            Err(error) if error.code() == Some("ClientException") => return Ok(None),
            Err(error) => return Err(self.api.explain(error)),
        };
        let of_run = |tag: &Value| tag["key"] == tags::RUN && tag["value"] == run.as_str();
        let found = reading::items(&reply["tags"]).any(of_run).then(|| reply["taskDefinition"]["taskDefinitionArn"].as_str());
        Ok(found.flatten().map(|arn| Revision(arn.to_owned())))
    }

    async fn register(&self, definition: &Value) -> PortResult<Revision> {
        let reply = self.api.call(operation::REGISTER_TASK_DEFINITION, definition).await?;
        let arn = reply["taskDefinition"]["taskDefinitionArn"].as_str();
        let arn = arn.ok_or_else(|| api::unreadable(operation::REGISTER_TASK_DEFINITION, "the reply names no revision"))?;
        Ok(Revision(arn.to_owned()))
    }

    async fn begin(&self, change: &Change) -> PortResult<Begun> {
        let (operation, service) = self.ask(change).await?;
        begin::begun(operation, change, &service)
    }

    async fn configure(&self, service: &str, configuration: &Value) -> PortResult<()> {
        let body = self.api.body(json!({"service": service, "deploymentConfiguration": configuration}));
        self.api.call(operation::UPDATE_SERVICE, &body).await.map(drop)
    }

    async fn follow(&self, begun: &Begun) -> PortResult<Evidence> {
        let (service, mut listed) = futures_util::try_join!(self.describe(&begun.service), self.service_deployments(begun))?;
        let service = service.ok_or_else(|| PortError::NotFound { what: format!("service `{}`", begun.service) })?;
        if let ServiceDeployments::Listed { list } = &mut listed
            && shift::is_shifting(&service)
            && let Some(ours) = follow::ours_mut(begun, list)
        {
            ours.shift = self.shift(&ours.arn).await?;
        }
        Ok(follow::evidence(begun, &service, listed, self.clock.now()))
    }

    async fn current(&self, service: &str) -> PortResult<Option<Begun>> {
        let query = json!({"service": service, "status": follow::IN_PROGRESS, "maxResults": 100});
        let (seen, briefs) = futures_util::try_join!(self.describe(service), self.list_deployments(query))?;
        let seen = seen.ok_or_else(|| PortError::NotFound { what: format!("service `{service}`") })?;
        let list = match briefs {
            Some(briefs) => self.with_revisions(&briefs).await?,
            None => Vec::new(),
        };
        Ok(begin::current(service, &seen, list.first()))
    }

    async fn proceed(&self, begun: &Begun, hook: &HookId, answer: Answer) -> PortResult<()> {
        let ServiceDeployments::Listed { list } = self.service_deployments(begun).await? else {
            return Err(PortError::NotFound { what: format!("the service deployment of `{}`", begun.service) });
        };
        let body = shift::answer(&ours(begun, &list)?, hook, answer);
        match self.api.ask(operation::CONTINUE_SERVICE_DEPLOYMENT, &body).await {
            Ok(_) => Ok(()),
            Err(error) if shift::is_answered(&error) => Ok(()),
            Err(error) => Err(self.api.explain(error)),
        }
    }

    async fn stop(&self, begun: &Begun, how: StopType) -> PortResult<()> {
        let ServiceDeployments::Listed { list } = self.service_deployments(begun).await? else {
            return Err(PortError::Refused {
                action: operation::STOP_SERVICE_DEPLOYMENT.action(),
                code: "Unsupported".to_owned(),
                message: "the platform has no service deployments that could be stopped".to_owned(),
            });
        };
        let arn = ours(begun, &list)?;
        let how = match how {
            StopType::Rollback => "ROLLBACK",
            StopType::Abort => "ABORT",
        };
        let body = json!({"serviceDeploymentArn": arn, "stopType": how});
        self.api.call(operation::STOP_SERVICE_DEPLOYMENT, &body).await.map(drop)
    }
}
