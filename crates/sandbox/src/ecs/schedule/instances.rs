//! What instances decide about a service: DAEMON services have one task on each, DRAINING ones lose theirs.

use shipit_scheduler::{DeploymentId, Phase};

use super::super::definition;
use super::super::instance::{Status, room};
use super::super::placement::{Lack, Needs, Site, lack};
use super::super::service::{Service, placing};
use crate::state::State;

/// A deployment that no service has: its tasks are replaced as those of an earlier revision are, within the percents.
const LEAVING: DeploymentId = DeploymentId(0);

/// A DAEMON service wants a task on every ACTIVE instance that its constraints and attributes allow.
pub(super) fn follow(state: &State, service: &mut Service) {
    if !service.is_daemon() || !service.is_active() {
        return;
    }
    let revision = service.current().clone();
    let Some(definition) = definition::find(state, &revision.definition) else {
        return;
    };
    let Ok((_, rules)) = placing(state, service, &service.sent, definition) else {
        return;
    };
    let attributes = room::needs(definition, &serde_json::Value::Null).attributes;
    let needs = Needs { attributes, ..Needs::default() };
    let allowed = |site: &Site| !matches!(lack(site, &needs, &rules), Some(Lack::Agent | Lack::Attribute | Lack::MemberOf));
    let sites = room::sites(state, &service.cluster, None, "");
    let wanted = sites.iter().filter(|site| allowed(site)).count();
    service.plan.scale(u32::try_from(wanted).unwrap_or(u32::MAX));
}

/// Tasks on DRAINING instances count as those of an earlier deployment: they are replaced elsewhere, then stopped.
pub(super) fn drain(state: &State, service: &mut Service) {
    let leaves = |id: &String| {
        let place = state.ecs.tasks.get(id).and_then(|task| task.place.as_ref());
        let instance = place.and_then(|place| state.ecs.instances.get(&place.instance));
        instance.is_some_and(|instance| instance.status == Status::Draining)
    };
    let tasks = &service.tasks;
    for task in &mut service.plan.tasks {
        let here = task.deployment != LEAVING && task.phase != Phase::Stopping;
        if here && tasks.get(&task.id).is_some_and(leaves) {
            task.deployment = LEAVING;
        }
    }
}
