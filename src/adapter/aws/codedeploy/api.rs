//! Calls of CodeDeploy, in our own words, with the errors explained.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_codedeploy::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use serde_json::Value;
use shipit_core::pipeline::{Share, Steps};

use super::appspec;
use super::error::explain;
use super::seen::{ACTIVE, Deployment, Group, Target, steps};
use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult};

/// BatchGetDeployments takes so many ids.
const BATCH: usize = 25;
/// BatchGetDeploymentGroups takes so many names.
const GROUPS: usize = 100;

/// CodeDeploy.
pub struct Api {
    pub(super) client: aws_sdk_codedeploy::Client,
    /// AppSpecs by the hash of their text: none where it can be neither had nor read.
    appspecs: Mutex<HashMap<String, Option<Value>>>,
    /// The target of a deployment that has started: it stays the same.
    targets: Mutex<HashMap<String, String>>,
}

/// Which deployments of a group.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// Those that have not ended.
    Active,
    /// Those that were made at or after this time.
    Since(Timestamp),
    /// The newest ones, one page of them.
    Newest,
}

impl Api {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_codedeploy::Client::new(sdk), appspecs: Mutex::default(), targets: Mutex::default() }
    }

    /// A deployment; none where there is no such.
    pub async fn deployment(&self, id: &str) -> PortResult<Option<Deployment>> {
        let reply = self.client.get_deployment().deployment_id(id).send().await;
        let reply = reply.map_err(|error| explain(AwsError::of(operation::GET_DEPLOYMENT, &error), || named(id)));
        Ok(found(reply)?.and_then(|reply| Deployment::of(reply.deployment_info()?)))
    }

    /// Several deployments, newest first.
    pub async fn deployments(&self, ids: &[String]) -> PortResult<Vec<Deployment>> {
        let mut all = Vec::new();
        for ids in ids.chunks(BATCH) {
            let reply = self.client.batch_get_deployments().set_deployment_ids(Some(ids.to_vec())).send().await;
            let reply = reply.map_err(|error| {
                explain(AwsError::of(operation::BATCH_GET_DEPLOYMENTS, &error), || format!("deployments {}", ids.join(", ")))
            })?;
            all.extend(reply.deployments_info().iter().filter_map(Deployment::of));
        }
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.created));
        Ok(all)
    }

    /// The ids of deployments of a group.
    pub async fn list(&self, application: &str, group: &str, which: Which) -> PortResult<Vec<String>> {
        let mut ids = Vec::new();
        let mut page = None;
        loop {
            let call = self.client.list_deployments().application_name(application).deployment_group_name(group);
            let call = match which {
                Which::Active => call.set_include_only_statuses(Some(ACTIVE.to_vec())),
                Which::Since(at) => {
                    let start = DateTime::from_millis(at.as_millisecond());
                    call.create_time_range(sdk::TimeRange::builder().start(start).build())
                }
                Which::Newest => call,
            };
            let reply = call.set_next_token(page).send().await;
            let reply = reply.map_err(|error| {
                explain(AwsError::of(operation::LIST_DEPLOYMENTS, &error), || named_group(application, group))
            })?;
            ids.extend_from_slice(reply.deployments());
            page = reply.next_token;
            if page.is_none() || matches!(which, Which::Newest) {
                return Ok(ids);
            }
        }
    }

    /// The target of a deployment; none before it has started.
    pub async fn target(&self, deployment: &str) -> PortResult<Option<Target>> {
        let Some(target) = self.target_id(deployment).await? else { return Ok(None) };
        let reply = self.client.batch_get_deployment_targets().deployment_id(deployment).target_ids(target).send().await;
        let reply = reply.map_err(|error| {
            let error = AwsError::of(operation::BATCH_GET_DEPLOYMENT_TARGETS, &error);
            not_started(error, deployment)
        });
        Ok(found(reply)?.and_then(|reply| reply.deployment_targets().first()?.ecs_target().map(Target::of)))
    }

    async fn target_id(&self, deployment: &str) -> PortResult<Option<String>> {
        let known = self.targets.lock().unwrap_or_else(PoisonError::into_inner).get(deployment).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let reply = self.client.list_deployment_targets().deployment_id(deployment).send().await;
        let reply = reply.map_err(|error| {
            let error = AwsError::of(operation::LIST_DEPLOYMENT_TARGETS, &error);
            not_started(error, deployment)
        });
        let target = found(reply)?.and_then(|reply| reply.target_ids().first().cloned());
        if let Some(target) = &target {
            let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
            targets.insert(deployment.to_owned(), target.clone());
        }
        Ok(target)
    }

    /// The AppSpec of that hash; none where CodeDeploy has it no more or it cannot be read.
    pub async fn appspec(&self, application: &str, sha256: &str) -> PortResult<Option<Value>> {
        let known = self.appspecs.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let content = sdk::AppSpecContent::builder().sha256(sha256).build();
        let location = sdk::RevisionLocation::builder()
            .revision_type(sdk::RevisionLocationType::AppSpecContent)
            .app_spec_content(content)
            .build();
        let reply = self.client.get_application_revision().application_name(application).revision(location).send().await;
        let reply = reply.map_err(|error| {
            explain(AwsError::of(operation::GET_APPLICATION_REVISION, &error), || format!("application `{application}`"))
        });
        let content = found(reply)?.and_then(|reply| Some(reply.revision()?.app_spec_content()?.content()?.to_owned()));
        let read = content.and_then(|content| appspec::read(&content));
        self.appspecs.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256.to_owned(), read.clone());
        Ok(read)
    }

    /// A deployment group; none where it or its application does not exist.
    pub async fn group(&self, application: &str, group: &str) -> PortResult<Option<Group>> {
        let reply = self.client.get_deployment_group().application_name(application).deployment_group_name(group);
        match reply.send().await {
            Ok(reply) => Ok(reply.deployment_group_info().map(Group::of)),
            Err(error) => {
                let error = AwsError::of(operation::GET_DEPLOYMENT_GROUP, &error);
                match error.code() {
                    Some("ApplicationDoesNotExistException" | "DeploymentGroupDoesNotExistException") => Ok(None),
                    _ => Err(explain(error, || named_group(application, group))),
                }
            }
        }
    }

    /// The names of all applications.
    pub async fn applications(&self) -> PortResult<Vec<String>> {
        let mut names = Vec::new();
        let mut page = None;
        loop {
            let reply = self.client.list_applications().set_next_token(page).send().await;
            let reply = reply.map_err(|error| PortError::from(AwsError::of(operation::LIST_APPLICATIONS, &error)))?;
            names.extend_from_slice(reply.applications());
            page = reply.next_token;
            if page.is_none() {
                return Ok(names);
            }
        }
    }

    /// The deployment groups of an application.
    pub async fn groups(&self, application: &str) -> PortResult<Vec<Group>> {
        let mut names = Vec::new();
        let mut page = None;
        loop {
            let reply = self.client.list_deployment_groups().application_name(application).set_next_token(page).send().await;
            let reply = reply.map_err(|error| {
                explain(AwsError::of(operation::LIST_DEPLOYMENT_GROUPS, &error), || format!("application `{application}`"))
            })?;
            names.extend_from_slice(reply.deployment_groups());
            page = reply.next_token;
            if page.is_none() {
                break;
            }
        }
        let mut groups = Vec::new();
        for names in names.chunks(GROUPS) {
            let call = self.client.batch_get_deployment_groups().application_name(application);
            let reply = call.set_deployment_group_names(Some(names.to_vec())).send().await.map_err(|error| {
                explain(AwsError::of(operation::BATCH_GET_DEPLOYMENT_GROUPS, &error), || format!("application `{application}`"))
            })?;
            groups.extend(reply.deployment_groups_info().iter().map(Group::of));
        }
        Ok(groups)
    }

    /// By which steps the deployment configuration of that name moves traffic; none where there is no such.
    pub async fn configuration(&self, name: &str) -> PortResult<Option<Option<Steps>>> {
        let reply = self.client.get_deployment_config().deployment_config_name(name).send().await;
        let reply = reply.map_err(|error| {
            explain(AwsError::of(operation::GET_DEPLOYMENT_CONFIG, &error), || format!("deployment configuration `{name}`"))
        });
        Ok(found(reply)?.map(|reply| reply.deployment_config_info().and_then(steps)))
    }

    /// Makes a deployment configuration; one of that name that is there already is left as it is.
    pub async fn make_configuration(&self, name: &str, steps: Steps) -> PortResult<()> {
        let call = self.client.create_deployment_config().deployment_config_name(name);
        let call = call.compute_platform(sdk::ComputePlatform::Ecs).traffic_routing_config(routing(steps));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match AwsError::of(operation::CREATE_DEPLOYMENT_CONFIG, &error) {
                error if error.code() == Some("DeploymentConfigAlreadyExistsException") => Ok(()),
                error => Err(explain(error, || format!("deployment configuration `{name}`"))),
            },
        }
    }
}

fn routing(steps: Steps) -> sdk::TrafficRoutingConfig {
    let percent = |share: Share| i32::try_from(share.0 / 10).unwrap_or(100);
    let minutes = |span: shipit_scheduler::Span| i32::try_from(span.0 / 60_000).unwrap_or(i32::MAX);
    let routing = sdk::TrafficRoutingConfig::builder();
    match steps {
        Steps::AllAtOnce => routing.r#type(sdk::TrafficRoutingType::AllAtOnce).build(),
        Steps::Canary { share, bake } => {
            let canary = sdk::TimeBasedCanary::builder().canary_percentage(percent(share)).canary_interval(minutes(bake));
            routing.r#type(sdk::TrafficRoutingType::TimeBasedCanary).time_based_canary(canary.build()).build()
        }
        Steps::Linear { step, bake } => {
            let linear = sdk::TimeBasedLinear::builder().linear_percentage(percent(step)).linear_interval(minutes(bake));
            routing.r#type(sdk::TrafficRoutingType::TimeBasedLinear).time_based_linear(linear.build()).build()
        }
    }
}

/// An answer, or nothing where what was asked for does not exist.
fn found<T>(answer: PortResult<T>) -> PortResult<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(PortError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Before a deployment has started it has no target.
fn not_started(error: AwsError, deployment: &str) -> PortError {
    match error.code() {
        Some("DeploymentNotStartedException") => PortError::NotFound { what: format!("the target of {}", named(deployment)) },
        _ => explain(error, || named(deployment)),
    }
}

/// A deployment for a message.
pub fn named(id: &str) -> String {
    format!("deployment `{id}`")
}

/// A deployment group for a message.
pub fn named_group(application: &str, group: &str) -> String {
    format!("deployment group `{group}` of application `{application}`")
}
