//! What a person should know before traffic is shifted, or no longer is.

use serde_json::Value;

use super::{Note, remark};
use crate::pipeline::{Service, Strategy};
use crate::plan::{Driver, Roll, Wired};
use crate::snapshot::RunningService;

/// Remarks on one rollout.
pub(super) fn shift(service: &Service, roll: &Roll, running: &RunningService) -> Vec<Note> {
    match &service.strategy {
        Strategy::Rolling { .. } => left(service, running),
        Strategy::Shift(_) => shifts(service, roll, running),
    }
}

fn shifts(service: &Service, roll: &Roll, running: &RunningService) -> Vec<Note> {
    let name = &service.name;
    let mut notes = Vec::new();
    if running.desired > 0 {
        notes.push(remark(format!(
            "`{name}` needs room for {} tasks: all {} new ones run before any traffic moves",
            running.desired * 2,
            running.desired
        )));
    }
    if let (Driver::CodeDeploy, Some(seen)) = (roll.driver, &running.codedeploy) {
        notes.extend(super::codedeploy::notes(name, roll, seen));
        return notes;
    }
    if roll.pause.is_none() && roll.judge.is_none() {
        notes.push(remark(format!(
            "AWS moves the traffic of `{name}` by time: nothing but its health checks and alarms holds it without `judge:` or `pause:`"
        )));
    }
    notes.extend(hooks(name, running, roll));
    let otherwise = service.traffic.is_some() && roll.wiring.iter().any(|wiring| wiring.wired == Wired::Already);
    if let (true, Some(traffic)) = (otherwise, &service.traffic)
        && roll.wiring.iter().all(|wiring| wiring.production_rule != traffic.production_rule)
    {
        notes.push(remark(format!("`{name}` is wired by another production rule than `traffic:` says: the service's own holds")));
    }
    notes
}

/// Hooks that are on the service whoever put them there: they are kept, and hold every deployment.
fn hooks(name: &str, running: &RunningService, roll: &Roll) -> Vec<Note> {
    let asked = crate::plan::stages(roll);
    let hooks = running.configuration["lifecycleHooks"].as_array().into_iter().flatten();
    hooks
        .map(|hook| {
            let stages = listed(hook);
            match (hook["targetType"].as_str(), hook["hookTargetArn"].as_str()) {
                _ if of_pipeline(hook, &asked) => remark(format!(
                    "`{name}` has a PAUSE hook at {stages} from before: unlike those of this rollout it stays, and holds every deployment"
                )),
                (Some("PAUSE"), _) => remark(format!(
                    "`{name}` keeps a PAUSE hook at {stages} that the pipeline file does not name: it waits there for `shipit continue`"
                )),
                (_, arn) => remark(format!("`{name}` keeps its hook at {stages}: {}", arn.unwrap_or("AWS_LAMBDA"))),
            }
        })
        .collect()
}

fn of_pipeline(hook: &Value, asked: &[&str]) -> bool {
    hook["targetType"] == "PAUSE"
        && hook["lifecycleStages"]
            .as_array()
            .is_some_and(|stages| stages.iter().all(|stage| stage.as_str().is_some_and(|stage| asked.contains(&stage))))
}

fn listed(hook: &Value) -> String {
    let stages = hook["lifecycleStages"].as_array().into_iter().flatten();
    stages.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// What stays of an earlier strategy once a service rolls.
fn left(service: &Service, running: &RunningService) -> Vec<Note> {
    let name = &service.name;
    let mut notes = Vec::new();
    let guards = [("pause:", service.pause.is_some()), ("judge:", service.judge.is_some())];
    for (guard, _) in guards.into_iter().filter(|(_, given)| *given) {
        notes.push(remark(format!("`{guard}` of `{name}` guards nothing this time: a rolling update has no shares to hold")));
    }
    if let Some(before) = running.configuration["strategy"].as_str().filter(|strategy| *strategy != "ROLLING") {
        notes.push(remark(format!("`{name}` leaves {before} for a rolling update")));
        let wired = running.load_balancers.as_array().into_iter().flatten();
        let pairs = wired.filter_map(|one| one["advancedConfiguration"]["alternateTargetGroupArn"].as_str());
        notes.extend(pairs.map(|alternate| remark(format!("`{name}` keeps its second target group, unused: {alternate}"))));
    }
    let hooks = running.configuration["lifecycleHooks"].as_array().into_iter().flatten();
    notes.extend(hooks.map(|hook| remark(format!("`{name}` keeps its hook at {}: a rolling update asks it too", listed(hook)))));
    notes
}
