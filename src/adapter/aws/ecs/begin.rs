//! Asking for a change, and the handle that the reply gives. Pure.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{Begun, ServiceDeployment};

use super::describe::in_progress;
use super::reading::{items, text, time};
use crate::adapter::aws::ecs::api::unreadable;
use crate::adapter::aws::operation::{CREATE_SERVICE, Operation, UPDATE_SERVICE};
use crate::port::{Change, PortResult};

/// The service deployment may carry a time a moment before its deployment's.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);

/// What to call, with what, save the cluster. `desiredCount` is never sent to a service that exists.
pub fn request(change: &Change) -> (Operation, Value) {
    let (operation, mut body) = match &change.create {
        None => (UPDATE_SERVICE, json!({"service": change.service})),
        Some(create) => {
            let mut body = create.clone();
            body["serviceName"] = json!(change.service);
            if body["clientToken"].is_null() {
                body["clientToken"] = json!(token());
            }
            (CREATE_SERVICE, body)
        }
    };
    body["taskDefinition"] = json!(change.revision.as_str());
    for (member, value) in [("deploymentConfiguration", &change.configuration), ("loadBalancers", &change.load_balancers)] {
        if !value.is_null() {
            body[member] = value.clone();
        }
    }
    (operation, body)
}

/// Makes a repetition of the same request by the SDK the same request to ECS: 32 characters, new each time.
fn token() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let hash = Sha256::digest(format!("{now} {}", std::process::id()));
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The handle in the reply: its PRIMARY deployment. Where nothing changed ECS makes no new one, and the existing one is it.
pub fn begun(operation: Operation, change: &Change, service: &Value) -> PortResult<Begun> {
    let controller = text(&service["deploymentController"]["type"]).unwrap_or_else(|| "ECS".to_owned());
    let primary = items(&service["deployments"]).find(|deployment| deployment["status"] == "PRIMARY");
    let Some(primary) = primary else {
        if controller == "ECS" {
            return Err(unreadable(operation, "the reply has no PRIMARY deployment"));
        }
        let what = format!("`{}` is deployed by `{controller}`, not by ECS itself", change.service);
        return Err(Failure::new(Code::ControllerMismatch, what).into());
    };
    let id = text(&primary["id"]).ok_or_else(|| unreadable(operation, "the PRIMARY deployment has no id"))?;
    let created = time(&primary["createdAt"]).ok_or_else(|| unreadable(operation, "the PRIMARY deployment has no time"))?;
    Ok(Begun {
        service: change.service.clone(),
        revision: change.revision.clone(),
        deployment: DeploymentId(id),
        asked_at: created.checked_sub(BEFORE).unwrap_or(created),
    })
}

/// The handle of a deployment that is in progress, whoever asked for it: that of the service deployment given, which during
/// a rollback is not what the PRIMARY runs; else the PRIMARY's own.
pub fn current(name: &str, service: &Value, newest: Option<&ServiceDeployment>) -> Option<Begun> {
    let handle = |deployment: &Value, revision: Revision, created| {
        Some(Begun {
            service: name.to_owned(),
            revision,
            deployment: DeploymentId(text(&deployment["id"])?),
            asked_at: jiff::Timestamp::checked_sub(created, BEFORE).unwrap_or(created),
        })
    };
    let Some(newest) = newest else {
        let primary = in_progress(service)?;
        return handle(primary, Revision(text(&primary["taskDefinition"])?), time(&primary["createdAt"])?);
    };
    let of_it = |deployment: &&Value| deployment["taskDefinition"] == newest.revision.as_str();
    let deployments = || items(&service["deployments"]);
    let deployment = deployments().filter(of_it).max_by_key(|deployment| time(&deployment["createdAt"]));
    handle(deployment.or_else(|| deployments().next())?, newest.revision.clone(), newest.created_at)
}
