//! Service deployments, and what their service revisions are: asked page by page, what never changes once each.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use shipit_core::release::Revision;
use shipit_core::settled::{Begun, ServiceDeployment, ServiceDeployments, ShiftSeen};

use super::{Cluster, follow, operation, reading, shift};
use crate::port::{PortError, PortResult};

/// The ARN of our service deployment.
pub(super) fn ours(begun: &Begun, list: &[ServiceDeployment]) -> PortResult<String> {
    let ours = follow::ours(begun, list).map(|ours| ours.arn.clone());
    ours.ok_or_else(|| PortError::NotFound { what: format!("the service deployment of `{}`", begun.service) })
}

impl Cluster {
    /// Service deployments created since our call; what their service revisions run is asked once each.
    pub(super) async fn service_deployments(&self, begun: &Begun) -> PortResult<ServiceDeployments> {
        let since = begun.asked_at.as_millisecond() as f64 / 1000.0;
        let query = json!({"service": begun.service, "createdAt": {"after": since}, "maxResults": 100});
        let Some(briefs) = self.list_deployments(query).await? else {
            return Ok(ServiceDeployments::Unsupported);
        };
        Ok(ServiceDeployments::Listed { list: self.with_revisions(&briefs).await? })
    }

    pub(super) async fn with_revisions(&self, briefs: &[Value]) -> PortResult<Vec<ServiceDeployment>> {
        let arn = |brief: &Value| brief["targetServiceRevisionArn"].as_str().map(str::to_owned);
        let arns: Vec<String> = briefs.iter().filter_map(arn).collect();
        Ok(follow::list(briefs, &self.revisions(&arns).await?))
    }

    /// How traffic stands in a service deployment; none where it shifts none.
    pub(super) async fn shift(&self, arn: &str) -> PortResult<Option<ShiftSeen>> {
        let body = json!({"serviceDeploymentArns": [arn]});
        let reply = self.api.call(operation::DESCRIBE_SERVICE_DEPLOYMENTS, &body).await?;
        let Some(deployment) = reading::items(&reply["serviceDeployments"]).next() else { return Ok(None) };
        let (candidate, stable) = shift::revisions(deployment);
        let groups = self.groups(&[candidate.as_slice(), &stable].concat()).await?;
        let of = |arns: &[String]| arns.iter().filter_map(|arn| groups.get(arn)).flatten().cloned().collect();
        let mut bakes = self.bakes.lock().unwrap_or_else(PoisonError::into_inner);
        let until = bakes.until(arn, deployment, self.clock.now());
        Ok(shift::seen(deployment, [of(&candidate), of(&stable)], until))
    }

    /// All pages of ListServiceDeployments; nothing when the platform does not have it.
    pub(in crate::adapter::aws) async fn list_deployments(&self, query: Value) -> PortResult<Option<Vec<Value>>> {
        if self.without_deployments.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut briefs = Vec::new();
        let mut body = self.api.body(query);
        let single = body["maxResults"] == 1;
        loop {
            let mut reply = match self.api.ask(operation::LIST_SERVICE_DEPLOYMENTS, &body).await {
                Ok(reply) => reply,
                Err(error) if error.is_unknown_operation() => {
                    self.without_deployments.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Err(error) => return Err(self.api.explain(error)),
            };
            if let Value::Array(page) = reply["serviceDeployments"].take() {
                briefs.extend(page);
            }
            match reply["nextToken"].take() {
                token @ Value::String(_) if !single => body["nextToken"] = token,
                _ => return Ok(Some(briefs)),
            }
        }
    }

    /// The target groups of these service revisions, by ARN. Those that ECS has resolved never change.
    async fn groups(&self, arns: &[String]) -> PortResult<HashMap<String, Vec<String>>> {
        let unknown: Vec<&String> = {
            let known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            arns.iter().filter(|arn| !known.contains_key(*arn)).collect()
        };
        for batch in unknown.chunks(20) {
            let reply = self.api.call(operation::DESCRIBE_SERVICE_REVISIONS, &json!({"serviceRevisionArns": batch})).await?;
            let found = reading::items(&reply["serviceRevisions"])
                .filter_map(|found| Some((found["serviceRevisionArn"].as_str()?.to_owned(), shift::groups(found))));
            let resolved = found.filter(|(_, groups)| !groups.is_empty());
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).extend(resolved);
        }
        Ok(self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The task definitions of these service revisions, by ARN.
    pub(super) async fn revisions(&self, arns: &[String]) -> PortResult<HashMap<String, Revision>> {
        let unknown: Vec<&String> = {
            let known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
            arns.iter().filter(|arn| !known.contains_key(*arn)).collect()
        };
        for batch in unknown.chunks(20) {
            let reply = self.api.call(operation::DESCRIBE_SERVICE_REVISIONS, &json!({"serviceRevisionArns": batch})).await?;
            let found = reply["serviceRevisions"].as_array().into_iter().flatten().filter_map(|found| {
                Some((found["serviceRevisionArn"].as_str()?.to_owned(), Revision(found["taskDefinition"].as_str()?.to_owned())))
            });
            self.revisions.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        }
        let known = self.revisions.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(arns.iter().filter_map(|arn| Some((arn.clone(), known.get(arn)?.clone()))).collect())
    }
}
