//! Asking CodeDeploy for a revision, by looking first: asked twice, or after a lost answer, it is one deployment.

use aws_sdk_codedeploy::types as sdk;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit_core::codedeploy::{Alarms, Configuration, Terminate};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Share, Shift};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::Begun;

use super::api::{Which, named_group};
use super::error::explain;
use super::facts::{Facts, task_definition};
use super::follow::{handle, primary};
use super::seen::{Deployment, Group};
use super::{CodeDeploy, appspec, missing};
use crate::adapter::aws::ecs::reading::{items, text, time};
use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation;
use crate::port::{Change, PortResult};

/// CodeDeploy's longest description, in characters.
const LONGEST: usize = 256;
/// How far back a deployment that we asked for is looked for: longer than one change is tried.
const RECENT: SignedDuration = SignedDuration::from_mins(15);
/// How far our clock may be ahead of AWS's: the handle names its deployment by id, so an earlier time does no harm.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

impl CodeDeploy {
    /// Asks for the change; answers the handle of the deployment that brings it.
    pub async fn begin(&self, change: &Change, service: &Value) -> PortResult<Begun> {
        let facts = self.known_facts(&change.service, service).await?.ok_or_else(|| missing(&change.service, service))?;
        if let Some(begun) = self.asked_before(change, &facts.group, service).await? {
            return Ok(begun);
        }
        if let Some(begun) = self.runs_already(change, &facts.group, service).await? {
            return Ok(begun);
        }
        let configuration = match &change.shift {
            Some(shift) => Some(self.configuration(&facts, shift, &change.service).await?),
            None => None,
        };
        let asked_at = before(self.clock.now(), SKEW);
        let call = self.request(change, &facts, service).set_deployment_config_name(configuration);
        let id = match call.send().await {
            Ok(reply) => reply.deployment_id,
            Err(error) => {
                let error = AwsError::of(operation::CREATE_DEPLOYMENT, &error);
                let limit = error.code() == Some("DeploymentLimitExceededException");
                let known = if limit { self.asked_before(change, &facts.group, service).await? } else { None };
                return match known {
                    Some(begun) => Ok(begun),
                    None if limit => Err(taken(&change.service).because(told(&error)).into()),
                    None => Err(explain(error, || named_group(&facts.group.application, &facts.group.name))),
                };
            }
        };
        let id = id.ok_or_else(|| super::unreadable(operation::CREATE_DEPLOYMENT, "the reply names no deployment"))?;
        Ok(begun(change, DeploymentId(id), asked_at))
    }

    fn request(
        &self,
        change: &Change,
        facts: &Facts,
        service: &Value,
    ) -> aws_sdk_codedeploy::operation::create_deployment::builders::CreateDeploymentFluentBuilder {
        let live = primary(service).unwrap_or(&Value::Null);
        let appspec = appspec::written(&change.revision, service, live, &facts.hooks);
        let content = sdk::AppSpecContent::builder().content(appspec.content).sha256(appspec.sha256).build();
        let revision = sdk::RevisionLocation::builder()
            .revision_type(sdk::RevisionLocationType::AppSpecContent)
            .app_spec_content(content)
            .build();
        let mut rollback = sdk::AutoRollbackConfiguration::builder()
            .enabled(true)
            .events(sdk::AutoRollbackEvent::DeploymentFailure)
            .events(sdk::AutoRollbackEvent::DeploymentStopOnRequest);
        let heeds = match &change.alarms {
            Alarms::OfGroup => !facts.group.alarms.is_empty(),
            Alarms::These(_) => true,
            Alarms::Off => false,
        };
        if heeds {
            rollback = rollback.events(sdk::AutoRollbackEvent::DeploymentStopOnAlarm);
        }
        self.api
            .client
            .create_deployment()
            .application_name(&facts.group.application)
            .deployment_group_name(&facts.group.name)
            .revision(revision)
            .description(description(change))
            .auto_rollback_configuration(rollback.build())
            .set_override_alarm_configuration(overriding(&change.alarms, &facts.group))
    }

    /// The deployment that an earlier call of the same change has led to, or one under way that brings the same; someone
    /// else's that is under way is a refusal, for a group takes one at a time.
    async fn asked_before(&self, change: &Change, group: &Group, service: &Value) -> PortResult<Option<Begun>> {
        let list = async |which| self.api.list(&group.application, &group.name, which).await;
        let recent = before(self.clock.now(), RECENT);
        let (mut ids, since) = futures_util::try_join!(list(Which::Active), list(Which::Since(recent)))?;
        ids.extend(since);
        ids.sort_unstable();
        ids.dedup();
        let mut theirs = None;
        for deployment in self.api.deployments(&ids).await? {
            let ours = deployment.description == description(change);
            if !ours && deployment.has_ended() {
                continue;
            }
            let brings = task_definition(&self.api, &deployment, service).await?;
            if brings.as_deref() == Some(change.revision.as_str()) && !deployment.is_rollback() {
                let asked_at = deployment.created;
                return Ok(Some(begun(change, DeploymentId(deployment.id), asked_at)));
            }
            if !deployment.has_ended() {
                theirs = Some((deployment, brings));
            }
        }
        match theirs {
            Some((deployment, brings)) => Err(in_the_way(&change.service, &deployment, brings).into()),
            None => Ok(None),
        }
    }

    /// The revision serves all traffic already: nothing is to be asked for, and what brought it is the answer.
    async fn runs_already(&self, change: &Change, group: &Group, service: &Value) -> PortResult<Option<Begun>> {
        let Some(live) = primary(service).filter(|live| live["taskDefinition"] == change.revision.as_str()) else {
            return Ok(None);
        };
        if items(&service["taskSets"]).count() > 1 && !self.serves_all(live, group).await? {
            return Ok(None);
        }
        let made = time(&live["createdAt"]).unwrap_or_else(|| self.clock.now());
        Ok(handle(live).map(|handle| begun(change, handle, before(made, SKEW))))
    }

    /// By the weights of the newest deployment.
    async fn serves_all(&self, live: &Value, group: &Group) -> PortResult<bool> {
        let ids = self.api.list(&group.application, &group.name, Which::Newest).await?;
        let Some(newest) = self.api.deployments(&ids).await?.into_iter().next() else { return Ok(false) };
        let target = self.api.target(&newest.id).await?.unwrap_or_default();
        let id = text(&live["id"]).unwrap_or_default();
        Ok(target.task_sets.iter().any(|set| set.id == id && set.weight == Share::ALL))
    }

    /// The name of a deployment configuration that moves traffic as wanted; it is made where it has to be.
    async fn configuration(&self, facts: &Facts, shift: &Shift, service: &str) -> PortResult<String> {
        let wanted = facts.seen.configuration_for(shift).map_err(|misfit| {
            let what = format!("`{service}` cannot be deployed so: {misfit}");
            Failure::new(Code::ControllerMismatch, what).next(misfit.remedy())
        })?;
        if let Configuration::Custom { name } = &wanted {
            match self.api.configuration(name).await? {
                None => self.api.make_configuration(name, shift.steps).await?,
                Some(steps) if steps == Some(shift.steps) => {}
                Some(_) => {
                    let what = format!("deployment configuration `{name}` is there and moves traffic otherwise");
                    let next = format!("`aws deploy delete-deployment-config --deployment-config-name {name}`");
                    return Err(Failure::new(Code::AwsRefused, what).next(next).into());
                }
            }
        }
        Ok(wanted.name().to_owned())
    }
}

/// What takes the place of the group's alarms; none where those hold.
fn overriding(alarms: &Alarms, group: &Group) -> Option<sdk::AlarmConfiguration> {
    let sent = sdk::AlarmConfiguration::builder();
    match alarms {
        Alarms::OfGroup => None,
        // Nothing to turn off, and a right less to have.
        Alarms::Off if group.alarms.is_empty() => None,
        Alarms::Off => Some(sent.enabled(false).build()),
        Alarms::These(names) => {
            let named = names.iter().map(|name| sdk::Alarm::builder().name(name).build()).collect();
            Some(sent.enabled(true).set_alarms(Some(named)).build())
        }
    }
}

/// What is written on the deployment: by it, our own is found again.
pub fn description(change: &Change) -> String {
    let told = format!("shipit run {} commit {} to {}", change.asker.run, change.asker.commit, change.revision.short());
    told.chars().take(LONGEST).collect()
}

fn begun(change: &Change, deployment: DeploymentId, asked_at: Timestamp) -> Begun {
    Begun { service: change.service.clone(), revision: change.revision.clone(), deployment, asked_at }
}

fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_sub(span).unwrap_or(at)
}

fn told(error: &AwsError) -> String {
    match &error.kind {
        crate::adapter::aws::error::Kind::Answered { code, message, .. } => format!("{code}: {message}"),
        _ => String::new(),
    }
}

fn taken(service: &str) -> Failure {
    Failure::new(Code::DeploymentInProgress, format!("another deployment of `{service}` is in progress"))
}

/// Whose deployment it is, what it brings, and what it waits for.
fn in_the_way(service: &str, deployment: &Deployment, brings: Option<String>) -> Failure {
    let brings = brings.map_or_else(|| "another revision".to_owned(), |arn| Revision(arn).short().to_owned());
    let by = match deployment.description.as_str() {
        "" => deployment.creator.as_str(),
        told => told,
    };
    let failure = taken(service).because(format!("{} brings {brings} since {}: {by}", deployment.id, deployment.created));
    if !deployment.terminating {
        return failure.next("`shipit wait`, then run the same command again");
    }
    let kept = match deployment.terminate {
        Terminate::After { minutes } => format!("all traffic has moved; the earlier version is kept for {minutes} minutes"),
        Terminate::Never => "all traffic has moved; the earlier version is kept".to_owned(),
    };
    failure.because(kept).next(format!(
        "`aws deploy continue-deployment --deployment-id {} --deployment-wait-type TERMINATION_WAIT` ends it now",
        deployment.id
    ))
}
