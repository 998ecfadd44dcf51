//! Revisions of task definitions: read, listed, deregistered, and everything that uses them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit_core::prune::Use;
use shipit_core::release::Revision;
use shipit_core::settled::ServiceDeployment;

use super::Cluster;
use super::reading::{items, text};
use crate::adapter::aws::operation::{self, Operation};
use crate::port::{PortResult, RevisionSeen, Revisions, Standing};

/// What tasks that EventBridge starts are started by: rules and schedules.
const SCHEDULERS: [&str; 2] = ["events-rule/", "chronos-schedule/"];

#[async_trait]
impl Revisions for Cluster {
    async fn read(&self, revision: &Revision) -> PortResult<Option<RevisionSeen>> {
        let body = json!({"taskDefinition": revision.as_str(), "include": ["TAGS"]});
        match self.api.ask(operation::DESCRIBE_TASK_DEFINITION, &body).await {
            Ok(mut reply) => Ok(Some(seen(revision, &mut reply))),
            // "Unable to describe task definition.": there is no code of its own for that.
            Err(error) if error.code() == Some("ClientException") => Ok(None),
            Err(error) => Err(self.api.explain(error)),
        }
    }

    async fn active(&self, family: &str) -> PortResult<Vec<Revision>> {
        let body = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC"});
        let arns = self.pages(operation::LIST_TASK_DEFINITIONS, body, "taskDefinitionArns").await?;
        Ok(arns.into_iter().map(Revision).filter(|revision| revision.family() == family).collect())
    }

    async fn history(&self, service: &str) -> PortResult<Vec<ServiceDeployment>> {
        match self.list_deployments(json!({"service": service, "maxResults": 100})).await? {
            Some(briefs) => self.with_revisions(&briefs).await,
            None => Ok(Vec::new()),
        }
    }

    async fn uses(&self, families: &BTreeSet<String>) -> PortResult<BTreeMap<Revision, Vec<Use>>> {
        let mut uses = BTreeMap::new();
        for cluster in self.pages(operation::LIST_CLUSTERS, json!({}), "clusterArns").await? {
            self.used_by_services(&cluster, families, &mut uses).await?;
            for family in families {
                self.used_by_tasks(&cluster, family, &mut uses).await?;
            }
        }
        Ok(uses)
    }

    async fn deregister(&self, revision: &Revision) -> PortResult<()> {
        let body = json!({"taskDefinition": revision.as_str()});
        self.api.call(operation::DEREGISTER_TASK_DEFINITION, &body).await.map(drop)
    }
}

impl Cluster {
    /// All pages of a listing of ARNs.
    pub(super) async fn pages(&self, operation: Operation, mut body: Value, member: &str) -> PortResult<Vec<String>> {
        let mut arns = Vec::new();
        loop {
            let mut reply = self.api.call(operation, &body).await?;
            arns.extend(items(&reply[member]).filter_map(text));
            match reply["nextToken"].take() {
                token @ Value::String(_) => body["nextToken"] = token,
                _ => return Ok(arns),
            }
        }
    }

    async fn used_by_services(
        &self,
        cluster: &str,
        families: &BTreeSet<String>,
        uses: &mut BTreeMap<Revision, Vec<Use>>,
    ) -> PortResult<()> {
        let arns = self.pages(operation::LIST_SERVICES, json!({"cluster": cluster, "maxResults": 100}), "serviceArns").await?;
        for ten in arns.chunks(10) {
            let body = json!({"cluster": cluster, "services": ten});
            let reply = self.api.call(operation::DESCRIBE_SERVICES, &body).await?;
            for service in items(&reply["services"]) {
                let name = format!("{}/{}", last(cluster), service["serviceName"].as_str().unwrap_or_default());
                let parts = items(&service["deployments"]).chain(items(&service["taskSets"])).chain([service]);
                for revision in parts.filter_map(|part| text(&part["taskDefinition"])).map(Revision) {
                    note(uses, families, revision, Use::Service { service: name.clone() });
                }
            }
        }
        Ok(())
    }

    async fn used_by_tasks(&self, cluster: &str, family: &str, uses: &mut BTreeMap<Revision, Vec<Use>>) -> PortResult<()> {
        for desired in ["RUNNING", "STOPPED"] {
            let body = json!({"cluster": cluster, "family": family, "desiredStatus": desired, "maxResults": 100});
            for batch in self.pages(operation::LIST_TASKS, body, "taskArns").await?.chunks(100) {
                let body = json!({"cluster": cluster, "tasks": batch});
                let reply = self.api.call(operation::DESCRIBE_TASKS, &body).await?;
                for task in items(&reply["tasks"]) {
                    let Some(revision) = text(&task["taskDefinitionArn"]).map(Revision) else { continue };
                    if let Some(using) = of_task(task) {
                        note(uses, &BTreeSet::from([family.to_owned()]), revision, using);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a task says of the use of its revision: one that has ended says something only where a schedule had started it.
fn of_task(task: &Value) -> Option<Use> {
    let started_by = task["startedBy"].as_str().unwrap_or_default();
    if SCHEDULERS.iter().any(|prefix| started_by.starts_with(prefix)) {
        return Some(Use::Schedule { schedule: started_by.to_owned() });
    }
    let runs = task["lastStatus"] != "STOPPED";
    runs.then(|| Use::Task { task: last(task["taskArn"].as_str().unwrap_or_default()).to_owned() })
}

fn note(uses: &mut BTreeMap<Revision, Vec<Use>>, families: &BTreeSet<String>, revision: Revision, using: Use) {
    if families.contains(revision.family()) {
        let known: &mut Vec<Use> = uses.entry(revision).or_default();
        if !known.contains(&using) {
            known.push(using);
        }
    }
}

fn seen(asked: &Revision, reply: &mut Value) -> RevisionSeen {
    let definition = reply["taskDefinition"].take();
    let tags = items(&reply["tags"])
        .filter_map(|tag| Some((text(&tag["key"])?, tag["value"].as_str().unwrap_or_default().to_owned())))
        .collect();
    RevisionSeen {
        revision: text(&definition["taskDefinitionArn"]).map_or_else(|| asked.clone(), Revision),
        standing: if definition["status"] == "ACTIVE" { Standing::Active } else { Standing::Inactive },
        definition,
        tags,
    }
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_has_ended_tells_only_of_schedules() {
        let task = |status: &str, by: &str| json!({"taskArn": "arn/shop/0f3a", "lastStatus": status, "startedBy": by});
        let scheduled = |schedule: &str| Some(Use::Schedule { schedule: schedule.to_owned() });
        assert_eq!(of_task(&task("RUNNING", "ecs-svc/1")), Some(Use::Task { task: "0f3a".into() }));
        assert_eq!(of_task(&task("PENDING", "")), Some(Use::Task { task: "0f3a".into() }));
        assert_eq!(of_task(&task("STOPPED", "ecs-svc/1")), None);
        assert_eq!(of_task(&task("STOPPED", "events-rule/nightly")), scheduled("events-rule/nightly"));
        assert_eq!(of_task(&task("RUNNING", "chronos-schedule/hourly")), scheduled("chronos-schedule/hourly"));
    }
}
