//! What CodeDeploy's words for a deployment mean for us: a rollback is a deployment of its own, and the one that it takes
//! back stays Failed or Stopped. Pure.

use jiff::{SignedDuration, Timestamp};
use shipit_core::settled::Status;

use super::seen::{Deployment, Target};

/// How long CodeDeploy may take to make the deployment that takes another back.
const UNTIL_ROLLED_BACK: SignedDuration = SignedDuration::from_secs(60);

/// Whether a version other than the one deployed has all production traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It has.
    ServesAll,
    /// It has not, or that is not known.
    DoesNot,
}

/// The status of a deployment, with the one that takes it back.
pub fn status(ours: &Deployment, back: Option<&Deployment>, earlier: Earlier, now: Timestamp) -> Status {
    match ours.status.as_str() {
        "Created" | "Queued" => Status::Pending,
        "InProgress" | "Baking" | "Ready" => Status::InProgress,
        "Succeeded" => Status::Successful,
        "Failed" | "Stopped" => given_up(ours, back, earlier, now),
        other => Status::Other(other.to_owned()),
    }
}

/// Never STOPPED, which says that someone else took over: here only a later deployment says that.
fn given_up(ours: &Deployment, back: Option<&Deployment>, earlier: Earlier, now: Timestamp) -> Status {
    match (back, earlier) {
        (Some(back), _) if back.status == "Succeeded" => Status::RollbackSuccessful,
        (Some(back), _) if back.has_ended() => Status::RollbackFailed,
        // What is left to wait for is the end of tasks without traffic.
        (Some(back), Earlier::ServesAll) if back.terminating => Status::RollbackSuccessful,
        (Some(_), _) => Status::RollbackInProgress,
        (None, _) if is_to_be_rolled_back(ours, now) => Status::RollbackRequested,
        // Nothing was to be taken back: the traffic had not moved.
        (None, Earlier::ServesAll) => Status::RollbackSuccessful,
        (None, Earlier::DoesNot) => Status::RollbackFailed,
    }
}

/// CodeDeploy says so at once, and tells the deployment's id a moment later.
fn is_to_be_rolled_back(ours: &Deployment, now: Timestamp) -> bool {
    if ours.rolled_back_by.is_some() {
        return true;
    }
    let soon = ours.completed.is_none_or(|at| now.duration_since(at) < UNTIL_ROLLED_BACK);
    // Whoever stops a deployment may ask for it whatever the deployment says.
    let asked = ours.status == "Stopped" || !ours.rolls_back_on.is_empty();
    soon && asked && ours.rollback_message.is_none()
}

/// Why a deployment was given up, in CodeDeploy's words, each said once; none while it goes on well.
pub fn reason(ours: &Deployment, target: Option<&Target>, back: Option<&Deployment>) -> Option<String> {
    let given_up = matches!(ours.status.as_str(), "Failed" | "Stopped");
    let mut words: Vec<String> = ours.error.iter().cloned().collect();
    let failed = target.into_iter().flat_map(|target| &target.events).filter(|event| event.status == "Failed");
    words.extend(failed.map(|event| match &event.trouble {
        Some(trouble) if !ours.error.as_ref().is_some_and(|error| error.contains(trouble)) => {
            format!("{}: {trouble}", event.name)
        }
        _ => format!("{} failed", event.name),
    }));
    // Where it is taken back, what CodeDeploy says of that is seen.
    words.extend(ours.rollback_message.iter().filter(|_| given_up && ours.rolled_back_by.is_none()).cloned());
    words.extend(back.filter(|back| matches!(back.status.as_str(), "Failed" | "Stopped")).map(|back| {
        format!("going back by {} failed as well: {}", back.id, back.error.as_deref().unwrap_or("CodeDeploy gives no reason"))
    }));
    match words.is_empty() {
        true if given_up => Some("CodeDeploy gives no reason".to_owned()),
        true => None,
        false => Some(words.join("; ")),
    }
}
