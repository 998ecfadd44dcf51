//! Services that CodeDeploy deploys (controller CODE_DEPLOY): the application and the deployment group found from the service,
//! a deployment asked for by AppSpec, followed by its lifecycle events, and its rollback as the deployment of its own that it is.

mod api;
mod appspec;
mod begin;
mod error;
mod facts;
mod find;
mod follow;
mod seen;
mod shift;
mod status;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_codedeploy::types::DeploymentWaitType;
use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::failure::{Code, Failure};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{Begun, Evidence, ServiceDeployment};
use shipit_core::snapshot::RunningService;

use self::api::{Api, Which, named};
use self::error::explain;
use self::facts::{Facts, task_definition};
pub use self::follow::is_codedeploys;
use self::follow::{Look, Ours};
use self::seen::{Deployment, Group};
use super::ecs::reading::{items, text};
use super::ecs::{Cluster, describe};
use super::error::AwsError;
use super::operation::{self, Operation};
use crate::port::{Clock, PortError, PortResult, StopType};

/// CodeDeploy, for the services of one cluster.
pub struct CodeDeploy {
    api: Api,
    cluster: Arc<Cluster>,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    clock: Clock,
    /// What the last look showed of each service's deployment group.
    known: Mutex<HashMap<String, Arc<Facts>>>,
}

impl CodeDeploy {
    /// For the services of that cluster.
    pub fn new(sdk: &SdkConfig, cluster: Arc<Cluster>, clock: Clock) -> Self {
        let elb = aws_sdk_elasticloadbalancingv2::Client::new(sdk);
        Self { api: Api::new(sdk), cluster, elb, clock, known: Mutex::default() }
    }

    /// The service of that name as it stands, given its JSON: the revision that runs is its PRIMARY task set's. All reads
    /// that the wait will need are made once.
    pub async fn look(&self, name: &str, service: &Value) -> PortResult<RunningService> {
        let live = follow::primary(service);
        let revision = live.and_then(|live| text(&live["taskDefinition"])).or_else(|| text(&service["taskDefinition"]));
        let ecs = as_of_ecs(service, live);
        let facts = async {
            let Some(group) = self.group(name, service).await? else { return Ok(None) };
            let (facts, in_progress, ()) = futures_util::try_join!(
                self.facts(group.clone(), service),
                self.in_progress(&group, service),
                self.rehearse(&group),
            )?;
            Ok::<_, PortError>(Some((facts, in_progress)))
        };
        let (definition, tasks, facts) = futures_util::try_join!(
            self.cluster.definition(revision.as_deref().unwrap_or_default()),
            self.cluster.tasks(name),
            facts,
        )?;
        let Some(((facts, balancers), in_progress)) = facts else {
            let balancers = self.cluster.balancers(&ecs).await?;
            return Ok(describe::running(&ecs, &definition, &tasks, balancers));
        };
        let mut running = describe::running(&ecs, &definition, &tasks, balancers);
        running.in_progress = in_progress.map(|(deployment, revision)| (DeploymentId(deployment.id), revision));
        running.codedeploy = Some(Box::new(facts.seen.clone()));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::new(facts));
        Ok(running)
    }

    /// How the deployment stands that `begun` names.
    pub async fn follow(&self, begun: &Begun) -> PortResult<Evidence> {
        let id = begun.deployment.as_str();
        let deployment = async { if is_codedeploys(id) { self.api.deployment(id).await } else { Ok(None) } };
        let (service, deployment) = futures_util::try_join!(self.described(&begun.service), deployment)?;
        let look = match deployment {
            Some(deployment) => Look::Ours(Box::new(self.ours(deployment, &service).await?)),
            None if is_codedeploys(id) => Look::NotYet,
            None if items(&service["taskSets"]).any(|set| set["id"] == id) => Look::NoDeployment,
            None => match self.unnamed(begun, &service).await? {
                Some(deployment) => Look::Ours(Box::new(self.ours(deployment, &service).await?)),
                None => Look::NotYet,
            },
        };
        Ok(follow::evidence(begun, &service, &look, self.clock.now()))
    }

    /// The deployment of the service that is in progress, whoever asked for it; during a rollback, the one rolled back.
    pub async fn current(&self, name: &str) -> PortResult<Option<Begun>> {
        let service = self.described(name).await?;
        let Some(group) = self.group(name, &service).await? else { return Ok(None) };
        let found = self.in_progress(&group, &service).await?;
        Ok(found.map(|(deployment, revision)| Begun {
            service: name.to_owned(),
            revision,
            asked_at: deployment.created,
            deployment: DeploymentId(deployment.id),
        }))
    }

    /// Stops the deployment; one that has ended is a refusal (`DeploymentAlreadyCompletedException`).
    pub async fn stop(&self, begun: &Begun, how: StopType) -> PortResult<()> {
        let id = self.id_of(begun, operation::STOP_DEPLOYMENT).await?;
        let rollback = how == StopType::Rollback;
        let sent = self.api.client.stop_deployment().deployment_id(&id).auto_rollback_enabled(rollback).send().await;
        sent.map(drop).map_err(|error| explain(AwsError::of(operation::STOP_DEPLOYMENT, &error), || named(&id)))
    }

    /// Lets a deployment that is Ready go on; one that is not yet is a refusal (`DeploymentIsNotInReadyStateException`).
    pub async fn go_on(&self, begun: &Begun) -> PortResult<()> {
        let id = self.id_of(begun, operation::CONTINUE_DEPLOYMENT).await?;
        let call = self.api.client.continue_deployment().deployment_id(&id).deployment_wait_type(DeploymentWaitType::ReadyWait);
        let sent = call.send().await;
        sent.map(drop).map_err(|error| explain(AwsError::of(operation::CONTINUE_DEPLOYMENT, &error), || named(&id)))
    }

    /// Deployments of a service, newest first: the newest page of them.
    pub async fn history(&self, name: &str) -> PortResult<Vec<ServiceDeployment>> {
        let service = self.described(name).await?;
        let Some(group) = self.group(name, &service).await? else { return Ok(Vec::new()) };
        let ids = self.api.list(&group.application, &group.name, Which::Newest).await?;
        let all = self.api.deployments(&ids).await?;
        let mut history = Vec::new();
        for deployment in all.iter().filter(|deployment| !deployment.is_rollback()) {
            let Some(revision) = self.revision(deployment, &service).await? else { continue };
            let back = all.iter().find(|back| Some(&back.id) == deployment.rolled_back_by.as_ref());
            history.push(ServiceDeployment {
                arn: deployment.id.clone(),
                created_at: deployment.created,
                revision,
                status: status::status(deployment, back, status::Earlier::DoesNot, self.clock.now()),
                reason: status::reason(deployment, None, back),
                shift: None,
            });
        }
        Ok(history)
    }

    /// The task set that a deployment brings, which is what its tasks are started by; none before there is one.
    pub async fn task_set(&self, deployment: &str) -> PortResult<Option<DeploymentId>> {
        let target = self.api.target(deployment).await?;
        Ok(target.and_then(|target| target.green().map(|set| DeploymentId(set.id.clone()))))
    }

    /// What our deployment shows of itself, of the one that takes it back, and of those that came after it.
    async fn ours(&self, deployment: Deployment, service: &Value) -> PortResult<Ours> {
        let back = async {
            match deployment.rolled_back_by.as_ref().filter(|_| deployment.has_ended()) {
                Some(id) => futures_util::try_join!(self.api.deployment(id), self.api.target(id)),
                None => Ok((None, None)),
            }
        };
        let (target, (back, back_target), later) =
            futures_util::try_join!(self.api.target(&deployment.id), back, self.later(&deployment, service))?;
        Ok(Ours { deployment, target, back, back_target, later })
    }

    /// A group takes one deployment at a time: only after ours has ended can there be a later one.
    async fn later(&self, ours: &Deployment, service: &Value) -> PortResult<Vec<(Deployment, Revision)>> {
        if !ours.has_ended() {
            return Ok(Vec::new());
        }
        let ids = self.api.list(&ours.application, &ours.group, Which::Since(ours.created)).await?;
        let mut later = Vec::new();
        for deployment in self.api.deployments(&ids).await? {
            if deployment.id == ours.id || deployment.created < ours.created || deployment.is_rollback() {
                continue;
            }
            let revision = self.revision(&deployment, service).await?;
            let revision = revision.unwrap_or_else(|| Revision(format!("the revision of {}", deployment.id)));
            later.push((deployment, revision));
        }
        Ok(later)
    }

    /// Our deployment, where only the time and the revision of our call are known.
    async fn unnamed(&self, begun: &Begun, service: &Value) -> PortResult<Option<Deployment>> {
        let Some(group) = self.group(&begun.service, service).await? else { return Ok(None) };
        let ids = self.api.list(&group.application, &group.name, Which::Since(begun.asked_at)).await?;
        // The first such: a later one of the same revision is a repetition by someone else.
        for deployment in self.api.deployments(&ids).await?.into_iter().rev() {
            let since = deployment.created >= begun.asked_at && !deployment.is_rollback();
            if since && self.revision(&deployment, service).await?.as_ref() == Some(&begun.revision) {
                return Ok(Some(deployment));
            }
        }
        Ok(None)
    }

    async fn id_of(&self, begun: &Begun, operation: Operation) -> PortResult<String> {
        if is_codedeploys(begun.deployment.as_str()) {
            return Ok(begun.deployment.0.clone());
        }
        let service = self.described(&begun.service).await?;
        let found = self.unnamed(begun, &service).await?;
        found.map(|deployment| deployment.id).ok_or_else(|| PortError::Refused {
            action: operation.action(),
            code: "DeploymentDoesNotExistException".to_owned(),
            message: format!("no deployment of CodeDeploy has brought {} to `{}`", begun.revision.short(), begun.service),
        })
    }

    /// The newest deployment of a group that has not ended, with what it brings; where that takes another back, the other.
    async fn in_progress(&self, group: &Group, service: &Value) -> PortResult<Option<(Deployment, Revision)>> {
        let ids = self.api.list(&group.application, &group.name, Which::Active).await?;
        let Some(mut found) = self.api.deployments(&ids).await?.into_iter().next() else { return Ok(None) };
        if let Some(id) = &found.rolls_back
            && let Some(taken_back) = self.api.deployment(id).await?
        {
            found = taken_back;
        }
        let revision = self.revision(&found, service).await?;
        let revision = revision.unwrap_or_else(|| Revision(format!("the revision of {}", found.id)));
        Ok(Some((found, revision)))
    }

    async fn revision(&self, deployment: &Deployment, service: &Value) -> PortResult<Option<Revision>> {
        Ok(task_definition(&self.api, deployment, service).await?.map(Revision))
    }

    /// Makes the reads once that the wait will need. There is nothing to read before the first deployment.
    async fn rehearse(&self, group: &Group) -> PortResult<()> {
        let Some(last) = group.attempted.as_ref().or(group.succeeded.as_ref()) else { return Ok(()) };
        futures_util::try_join!(self.api.deployment(last), self.api.target(last)).map(drop)
    }

    /// The deployment group of a service, as it is now.
    async fn group(&self, name: &str, service: &Value) -> PortResult<Option<Group>> {
        let cluster = cluster(service);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            let now = self.api.group(&known.group.application, &known.group.name).await?;
            if let Some(group) = now.filter(|group| group.deploys(name, cluster)) {
                return Ok(Some(group));
            }
        }
        find::group(&self.api, cluster, name).await
    }

    /// What the last look showed; without one, a look now.
    async fn known_facts(&self, name: &str, service: &Value) -> PortResult<Option<Arc<Facts>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(group) = self.group(name, service).await? else { return Ok(None) };
        Ok(Some(Arc::new(self.facts(group, service).await?.0)))
    }

    async fn described(&self, name: &str) -> PortResult<Value> {
        let service = self.cluster.describe(name).await?;
        service.ok_or_else(|| PortError::NotFound { what: format!("service `{name}`") })
    }
}

/// The handle of a service that was just created: its one task set.
pub fn created(service: &Value, name: &str, revision: &Revision, now: Timestamp) -> PortResult<Begun> {
    let live = follow::primary(service).and_then(follow::handle);
    let deployment = live.ok_or_else(|| unreadable(operation::CREATE_SERVICE, "the reply has no PRIMARY task set"))?;
    Ok(Begun { service: name.to_owned(), revision: revision.clone(), deployment, asked_at: now })
}

/// The service as one of ECS's own would look: what its PRIMARY task set has is the service's.
fn as_of_ecs(service: &Value, live: Option<&Value>) -> Value {
    let mut ecs = service.clone();
    let Some(live) = live else { return ecs };
    ecs["taskDefinition"] = live["taskDefinition"].clone();
    ecs["deployments"] = json!([{
        "id": follow::handle(live).map(|id| id.0), "status": "PRIMARY", "rolloutState": "COMPLETED",
        "taskDefinition": live["taskDefinition"], "createdAt": live["createdAt"],
    }]);
    if items(&live["loadBalancers"]).next().is_some() {
        ecs["loadBalancers"] = live["loadBalancers"].clone();
    }
    ecs
}

fn cluster(service: &Value) -> &str {
    service["clusterArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default()
}

fn missing(name: &str, service: &Value) -> PortError {
    let (application, group) = find::default_names(cluster(service), name);
    Failure::new(Code::DeploymentGroupMissing, format!("`{name}` is deployed by CodeDeploy, and no deployment group names it"))
        .because(format!("there is no `{group}` of application `{application}`, and no other group has it in `ecsServices`"))
        .next(format!("`aws deploy create-deployment-group --application-name {application} --deployment-group-name {group} …`"))
        .into()
}

fn unreadable(operation: Operation, why: &str) -> PortError {
    PortError::Refused { action: operation.action(), code: "UnreadableReply".to_owned(), message: why.to_owned() }
}
