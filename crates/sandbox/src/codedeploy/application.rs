//! Applications and their revisions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::group::Group;
use super::request;
use crate::dispatch::Table;
use crate::ecs::ids;
use crate::ecs::request::text;
use crate::error::AwsError;
use crate::state::State;

/// Operations on applications.
pub(super) const TABLE: Table =
    &[("CreateApplication", create), ("GetApplication", get), ("ListApplications", list), ("GetApplicationRevision", revision)];

/// An application.
#[derive(Debug)]
pub(super) struct Application {
    id: String,
    name: String,
    created_at: f64,
    /// Its deployment groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Its revisions by the SHA-256 of their AppSpec.
    pub revisions: BTreeMap<String, Revision>,
}

/// A revision: an AppSpec that was deployed.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    /// The text as it was sent.
    pub content: String,
    /// The deployment groups it was deployed to.
    pub groups: Vec<String>,
    /// When it was first deployed, virtual epoch seconds.
    pub first_used: f64,
    /// And last.
    pub last_used: f64,
}

/// The application of that name.
///
/// # Errors
/// `ApplicationDoesNotExistException`.
pub(super) fn find<'a>(state: &'a State, name: &str) -> Result<&'a Application, AwsError> {
    state.codedeploy.applications.get(name).ok_or_else(|| missing(name))
}

/// The same, to be changed.
///
/// # Errors
/// `ApplicationDoesNotExistException`.
pub(super) fn find_mut<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Application, AwsError> {
    state.codedeploy.applications.get_mut(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> AwsError {
    AwsError::new("ApplicationDoesNotExistException", format!("No application found for name: {name}"))
}

/// A revision as everything but GetApplicationRevision shows it: without its content.
pub(super) fn location(sha256: &str) -> Value {
    json!({ "revisionType": "AppSpecContent", "appSpecContent": { "sha256": sha256 } })
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = request::application(&body)?.to_owned();
    match text(&body, "computePlatform") {
        Some("ECS") => {}
        other => {
            let text = format!("The sandbox has no compute platform {}: only ECS.", other.unwrap_or("Server"));
            return Err(AwsError::new("InvalidComputePlatformException", text));
        }
    }
    if state.codedeploy.applications.contains_key(&name) {
        let text = format!("Application already exists with name: {name}");
        return Err(AwsError::new("ApplicationAlreadyExistsException", text));
    }
    let id = ids::uuid(state);
    let application = Application {
        id: id.clone(),
        name: name.clone(),
        created_at: state.now_seconds(),
        groups: BTreeMap::new(),
        revisions: BTreeMap::new(),
    };
    state.codedeploy.applications.insert(name, application);
    Ok(json!({ "applicationId": id }))
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = find(state, request::application(&body)?)?;
    Ok(json!({ "application": {
        "applicationId": application.id,
        "applicationName": application.name,
        "createTime": application.created_at,
        "linkedToGitHub": false,
        "computePlatform": "ECS",
    }}))
}

fn list(state: &mut State, body: Value) -> Result<Value, AwsError> {
    request::whole(&body, "applications", state.codedeploy.applications.keys().cloned().collect())
}

/// GetApplicationRevision, by the SHA-256: the one operation that answers the content.
fn revision(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let application = find(state, request::application(&body)?)?;
    let Some(asked) = body.get("revision").filter(|revision| !revision.is_null()) else {
        return Err(AwsError::new("RevisionRequiredException", "The revision was not specified."));
    };
    let sha256 = asked.pointer("/appSpecContent/sha256").and_then(Value::as_str);
    let Some(sha256) = sha256.filter(|_| text(asked, "revisionType") == Some("AppSpecContent")) else {
        let text = "The sandbox knows revisions of the type AppSpecContent, by their sha256.";
        return Err(AwsError::new("InvalidRevisionException", text));
    };
    let Some(revision) = application.revisions.get(sha256) else {
        return Err(AwsError::new("RevisionDoesNotExistException", "The specified revision does not exist."));
    };
    Ok(json!({
        "applicationName": application.name,
        "revision": {
            "revisionType": "AppSpecContent",
            "appSpecContent": { "content": revision.content, "sha256": sha256 },
        },
        "revisionInfo": {
            "description": "Application revision registered by Deployment",
            "deploymentGroups": revision.groups,
            "firstUsedTime": revision.first_used,
            "lastUsedTime": revision.last_used,
            "registerTime": revision.first_used,
        },
    }))
}
