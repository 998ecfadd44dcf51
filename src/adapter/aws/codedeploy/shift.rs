//! How traffic stands in a deployment of CodeDeploy: its lifecycle events put beside ECS's stages. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit_core::codedeploy::{Ready, Terminate};
use shipit_core::pipeline::Share;
use shipit_core::settled::{HookId, HookKind, HookSeen, HookStatus, ShiftSeen, Stage};

use super::seen::{Deployment, LifecycleEvent, Target, TaskSet};
use crate::adapter::aws::ecs::reading::{items, text};

/// How long CodeDeploy waits for the word of a hook's function.
const HOOK: SignedDuration = SignedDuration::from_hours(1);

/// CodeDeploy's lifecycle events, the stage of ECS beside each, and whether they can have a hook.
const EVENTS: [(&str, Stage, Option<()>); 10] = [
    ("Start", Stage::ReconcileService, None),
    ("BeforeInstall", Stage::PreScaleUp, Some(())),
    ("Install", Stage::ScaleUp, None),
    ("AfterInstall", Stage::PostScaleUp, Some(())),
    ("AllowTestTraffic", Stage::TestTrafficShift, None),
    ("AfterAllowTestTraffic", Stage::PostTestTrafficShift, Some(())),
    ("BeforeAllowTraffic", Stage::PreProductionTrafficShift, Some(())),
    ("AllowTraffic", Stage::ProductionTrafficShift, None),
    ("AfterAllowTraffic", Stage::PostProductionTrafficShift, Some(())),
    ("End", Stage::CleanUp, None),
];

/// How traffic stands. `moved` is the target of the deployment that moved it last: ours, or the one that takes ours back.
pub fn shift(ours: &Deployment, target: Option<&Target>, moved: Option<&Target>, service: &Value) -> ShiftSeen {
    let candidate = candidate(ours, target, service);
    let of_candidate = |set: &&TaskSet| Some(set.id.as_str()) == candidate.as_deref();
    let production = moved.or(target).and_then(|target| target.task_sets.iter().find(of_candidate)).map(|set| set.weight);
    let tested = ended(target, "AllowTestTraffic").is_some();
    ShiftSeen {
        stage: stage(ours, target),
        production: production.or(target.map(|_| Share::NONE)),
        test: ours.tests.then_some(if tested { Share::ALL } else { Share::NONE }),
        candidate_groups: groups(service, |id| Some(id) == candidate.as_deref()),
        stable_groups: groups(service, |id| Some(id) != candidate.as_deref()),
        hooks: hooks(ours, target),
        baking_until: baking_until(ours, target),
    }
}

/// The task set that the deployment brings: by CodeDeploy's word, else by ECS's.
fn candidate(ours: &Deployment, target: Option<&Target>, service: &Value) -> Option<String> {
    let green = target.and_then(Target::green).map(|set| set.id.clone());
    green.or_else(|| text(&items(&service["taskSets"]).find(|set| set["externalId"] == ours.id.as_str())?["id"]))
}

fn groups(service: &Value, of: impl Fn(&str) -> bool) -> Vec<String> {
    let sets = items(&service["taskSets"]).filter(|set| set["id"].as_str().is_some_and(&of));
    sets.flat_map(|set| items(&set["loadBalancers"])).filter_map(|balancer| text(&balancer["targetGroupArn"])).collect()
}

/// What is under way, or would be next.
fn stage(ours: &Deployment, target: Option<&Target>) -> Stage {
    match ours.status.as_str() {
        "Ready" => return Stage::PreProductionTrafficShift,
        "Succeeded" => return Stage::CleanUp,
        "Baking" => return Stage::BakeTime,
        _ if ours.terminating => return Stage::BakeTime,
        _ => {}
    }
    let events = target.map_or(&[][..], |target| &target.events[..]);
    let is = |status: &'static str| move |event: &&LifecycleEvent| event.status == status;
    let begun = events.iter().rposition(|event| event.status != "Pending");
    let next = begun.and_then(|begun| events.get(begun + 1));
    let now = events.iter().find(is("InProgress")).or_else(|| events.iter().find(is("Failed"))).or(next);
    match (now, begun) {
        (Some(event), _) => of_event(&event.name),
        (None, None) => Stage::ReconcileService,
        (None, Some(_)) => Stage::CleanUp,
    }
}

fn of_event(name: &str) -> Stage {
    EVENTS.iter().find(|(known, ..)| *known == name).map_or_else(|| Stage::Other(name.to_owned()), |(_, stage, _)| stage.clone())
}

fn ended(target: Option<&Target>, name: &str) -> Option<Timestamp> {
    let event = target?.events.iter().find(|event| event.name == name && event.status == "Succeeded")?;
    event.ended.or(event.started)
}

/// Ready is a pause that ContinueDeployment answers; an event in progress that can have a function waits for its word.
fn hooks(ours: &Deployment, target: Option<&Target>) -> Vec<HookSeen> {
    let events = target.map_or(&[][..], |target| &target.events[..]);
    if let ("Ready", Ready::Waits { minutes }) = (ours.status.as_str(), ours.ready) {
        let since = events.iter().filter_map(|event| event.ended).max();
        return vec![HookSeen {
            id: HookId(ours.id.clone()),
            kind: HookKind::Pause,
            status: HookStatus::AwaitingAction,
            expires_at: since.and_then(|since| since.checked_add(SignedDuration::from_mins(minutes.into())).ok()),
            then: Some("STOP_DEPLOYMENT".to_owned()),
        }];
    }
    let can_have_one = |event: &&LifecycleEvent| EVENTS.iter().any(|(name, _, hook)| *name == event.name && hook.is_some());
    let waiting = events.iter().filter(|event| event.status == "InProgress").filter(can_have_one);
    let hook = |event: &LifecycleEvent| HookSeen {
        id: HookId(format!("{} {}", ours.id, event.name)),
        kind: HookKind::Lambda,
        status: HookStatus::InProgress,
        expires_at: event.started.and_then(|at| at.checked_add(HOOK).ok()),
        then: Some("ROLLBACK".to_owned()),
    };
    waiting.map(hook).collect()
}

/// The termination wait begins when the last lifecycle event has ended.
fn baking_until(ours: &Deployment, target: Option<&Target>) -> Option<Timestamp> {
    let (true, Terminate::After { minutes }) = (ours.terminating && !ours.has_ended(), ours.terminate) else { return None };
    let since = target?.events.iter().filter_map(|event| event.ended).max()?;
    since.checked_add(SignedDuration::from_mins(minutes.into())).ok()
}
