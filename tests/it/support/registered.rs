//! The port of task definition revisions, in the fake world.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit::port::{PortError, PortResult, RevisionSeen, Revisions, Standing};
use shipit_core::prune::Use;
use shipit_core::release::Revision;
use shipit_core::settled::ServiceDeployment;

use super::faults::Op;
use super::revisions::Registered;
use super::world::Fake;

#[async_trait]
impl Revisions for Fake {
    async fn read(&self, revision: &Revision) -> PortResult<Option<RevisionSeen>> {
        self.call(Op::ReadRevision, revision.short(), Value::Null, |world| {
            let newest = |known: &Registered| known.arn.family() == revision.as_str() && known.definition["status"] == "ACTIVE";
            let found = world.ecs.revisions.all.iter().rev().find(|known| known.arn == *revision || newest(known));
            Ok(found.map(|known| RevisionSeen {
                revision: known.arn.clone(),
                standing: if known.definition["status"] == "ACTIVE" { Standing::Active } else { Standing::Inactive },
                definition: known.definition.clone(),
                tags: known.tags.clone(),
            }))
        })
        .await
    }

    async fn active(&self, family: &str) -> PortResult<Vec<Revision>> {
        self.call(Op::ReadRevision, family, Value::Null, |world| {
            let all = world.ecs.revisions.all.iter().rev();
            let active = all.filter(|known| known.arn.family() == family && known.definition["status"] == "ACTIVE");
            Ok(active.map(|known| known.arn.clone()).collect())
        })
        .await
    }

    async fn history(&self, service: &str) -> PortResult<Vec<ServiceDeployment>> {
        self.call(Op::Current, service, Value::Null, |world| {
            let without = world.ecs.without_service_deployments;
            let found = world.ecs.services.get(service).filter(|_| !without);
            Ok(found.map(|found| world.listed(service, found)).unwrap_or_default())
        })
        .await
    }

    async fn uses(&self, families: &BTreeSet<String>) -> PortResult<BTreeMap<Revision, Vec<Use>>> {
        self.call(Op::DescribeService, "", json!(families), |world| {
            let mut uses: BTreeMap<Revision, Vec<Use>> = BTreeMap::new();
            for (name, service) in &world.ecs.services {
                for deployment in &service.plan.deployments {
                    let arn = world.ecs.revisions.at(deployment.revision).arn.clone();
                    if families.contains(arn.family()) {
                        uses.entry(arn).or_default().push(Use::Service { service: format!("shop/{name}") });
                    }
                }
            }
            Ok(uses)
        })
        .await
    }

    async fn deregister(&self, revision: &Revision) -> PortResult<()> {
        self.call(Op::DeregisterTaskDefinition, revision.short(), Value::Null, |world| {
            let found = world.ecs.revisions.all.iter_mut().find(|known| known.arn == *revision);
            let found = found.ok_or_else(|| PortError::NotFound { what: "task definition".into() })?;
            found.definition["status"] = "INACTIVE".into();
            Ok(())
        })
        .await
    }
}
