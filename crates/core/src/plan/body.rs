//! What UpdateService is sent for a rollout beside the revision, and what puts everything back: from the plan alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Driver, Roll, Wired, Wiring};
use crate::analysis::Judge;
use crate::pipeline::{PauseAt, Shift, Steps, Strategy};

/// Parts of UpdateService's request. Null leaves a part as the service has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// `deploymentConfiguration`.
    pub configuration: Value,
    /// `loadBalancers`.
    pub load_balancers: Value,
}

/// How long both versions are kept where neither the pipeline nor the service says so, in minutes.
const TERMINATE_AFTER: u64 = 10;

impl Body {
    /// What the rollout asks for.
    pub fn of(roll: &Roll) -> Self {
        if roll.driver == Driver::CodeDeploy || roll.create.is_some() {
            return Self::default();
        }
        match &roll.strategy {
            Strategy::Rolling { minimum_percent, maximum_percent } => {
                let percents = [("minimumHealthyPercent", minimum_percent), ("maximumPercent", maximum_percent)];
                Self { configuration: rolling(&percents, &roll.before_configuration), load_balancers: Value::Null }
            }
            Strategy::Shift(shift) => Self {
                configuration: shifting(shift, roll, &roll.before_configuration),
                load_balancers: load_balancers(&roll.wiring, &roll.before_load_balancers),
            },
        }
    }

    /// What puts back what [`Body::of`] changes. A member that was not there before is sent with nothing in it: ECS keeps
    /// what it is not sent.
    pub fn back(roll: &Roll) -> Self {
        let ours = Self::of(roll);
        let mut configuration = roll.before_configuration.clone();
        if let (Some(before), Some(sent)) = (configuration.as_object_mut(), ours.configuration.as_object()) {
            for (key, nothing) in nothings() {
                if sent.contains_key(key) && !before.contains_key(key) {
                    before.insert(key.to_owned(), nothing);
                }
            }
        }
        let load_balancers = if ours.load_balancers.is_null() { Value::Null } else { roll.before_load_balancers.clone() };
        Self { configuration, load_balancers }
    }
}

/// Members that a rollout adds, as a service has them that has none.
pub(super) fn nothings() -> [(&'static str, Value); 3] {
    [
        ("strategy", json!("ROLLING")),
        ("lifecycleHooks", json!([])),
        ("alarms", json!({"alarmNames": [], "enable": false, "rollback": false})),
    ]
}

fn of_shifts(configuration: &Value) -> bool {
    configuration["strategy"].as_str().is_some_and(|strategy| strategy != "ROLLING")
}

fn rolling(percents: &[(&str, &Option<u32>)], before: &Value) -> Value {
    if percents.iter().all(|(_, percent)| percent.is_none()) && !of_shifts(before) {
        return Value::Null;
    }
    let mut configuration = before.as_object().cloned().unwrap_or_default();
    if of_shifts(before) {
        configuration.insert("strategy".to_owned(), json!("ROLLING"));
        for key in ["canaryConfiguration", "linearConfiguration", "bakeTimeInMinutes"] {
            configuration.shift_remove(key);
        }
    }
    for (key, percent) in percents {
        if let Some(percent) = percent {
            configuration.insert((*key).to_owned(), json!(percent));
        }
    }
    Value::Object(configuration)
}

fn shifting(shift: &Shift, roll: &Roll, before: &Value) -> Value {
    let mut configuration: Map<String, Value> = before.as_object().cloned().unwrap_or_default();
    // Each strategy takes its own block alone, and early success is a thing of rolling updates.
    for key in ["canaryConfiguration", "linearConfiguration", "earlySuccessCriteria"] {
        configuration.shift_remove(key);
    }
    let (word, block) = match shift.steps {
        Steps::AllAtOnce => ("BLUE_GREEN", None),
        Steps::Canary { share, bake } => {
            let block = json!({"canaryPercent": share.as_percent(), "canaryBakeTimeInMinutes": minutes(bake.0)});
            ("CANARY", Some(("canaryConfiguration", block)))
        }
        Steps::Linear { step, bake } => {
            let block = json!({"stepPercent": step.as_percent(), "stepBakeTimeInMinutes": minutes(bake.0)});
            ("LINEAR", Some(("linearConfiguration", block)))
        }
    };
    configuration.insert("strategy".to_owned(), json!(word));
    configuration.insert("bakeTimeInMinutes".to_owned(), json!(terminate_after(shift, before)));
    if let Some((key, block)) = block {
        configuration.insert(key.to_owned(), block);
    }
    let hooks = hooks(&pauses(roll), &before["lifecycleHooks"]);
    if !hooks.is_empty() {
        configuration.insert("lifecycleHooks".to_owned(), Value::Array(hooks));
    }
    if let Some(alarms) = roll.judge.as_ref().and_then(|judge| alarms(judge, &before["alarms"])) {
        configuration.insert("alarms".to_owned(), alarms);
    }
    Value::Object(configuration)
}

/// Minutes that both versions are kept once all traffic has moved: the pipeline's, else the service's own, else the default.
pub(crate) fn terminate_after(shift: &Shift, before: &Value) -> u64 {
    let own = before["bakeTimeInMinutes"].as_u64().filter(|_| of_shifts(before));
    shift.terminate_after.map(|span| minutes(span.0)).or(own).unwrap_or(TERMINATE_AFTER)
}

/// Whole minutes, rounded up: ECS counts no smaller ones.
fn minutes(millis: u64) -> u64 {
    millis.div_ceil(60_000)
}

/// `lifecycleStages` of a place to pause at.
fn stage(at: PauseAt) -> &'static str {
    match at {
        PauseAt::ScaledUp => "POST_SCALE_UP",
        PauseAt::TestTraffic => "POST_TEST_TRAFFIC_SHIFT",
        PauseAt::BeforeProduction => "PRE_PRODUCTION_TRAFFIC_SHIFT",
        PauseAt::AfterProduction => "POST_PRODUCTION_TRAFFIC_SHIFT",
    }
}

/// Where a verdict lets traffic move on.
pub(crate) const JUDGED: [PauseAt; 2] = [PauseAt::BeforeProduction, PauseAt::AfterProduction];
/// `timeoutInMinutes` that ECS takes.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 1..=20_160;
/// What AWS waits longer than the patience of a judge, in minutes: who is alive turns back first, and says why.
const MARGIN: u64 = 10;

/// The places at which ECS is to wait for an answer, and how long, in minutes; then it rolls back, whether or not anyone is
/// alive to see it.
fn pauses(roll: &Roll) -> BTreeMap<PauseAt, u64> {
    let asked = roll.pause.iter().flat_map(|pause| pause.at.iter().map(|at| (*at, minutes(pause.timeout.0))));
    let judged = roll.judge.iter().flat_map(|judge| JUDGED.map(|at| (at, timeout(judge))));
    let mut pauses = BTreeMap::new();
    for (at, minutes) in asked.chain(judged) {
        let longest = pauses.entry(at).or_insert(minutes);
        *longest = (*longest).max(minutes);
    }
    pauses.into_iter().map(|(at, minutes)| (at, minutes.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()))).collect()
}

fn timeout(judge: &Judge) -> u64 {
    let patience = u64::try_from(judge.patience.as_millis()).unwrap_or(0);
    minutes(patience).saturating_add(MARGIN)
}

/// `lifecycleStages` at which the rollout has ECS wait.
pub(crate) fn stages(roll: &Roll) -> Vec<&'static str> {
    pauses(roll).into_keys().map(stage).collect()
}

/// All hooks that are there, and one PAUSE hook for every stage that is asked for and has none.
fn hooks(pauses: &BTreeMap<PauseAt, u64>, before: &Value) -> Vec<Value> {
    let mut hooks = before.as_array().cloned().unwrap_or_default();
    for (at, minutes) in pauses {
        let stages = json!([stage(*at)]);
        let timeout = json!({"timeoutInMinutes": minutes, "action": "ROLLBACK"});
        let alone = |hook: &&mut Value| hook["targetType"] == "PAUSE" && hook["lifecycleStages"] == stages;
        match hooks.iter_mut().find(alone) {
            // How long is waited there is the pipeline's to say.
            Some(hook) => hook["timeoutConfiguration"] = timeout,
            None => hooks.push(json!({"targetType": "PAUSE", "lifecycleStages": stages, "timeoutConfiguration": timeout})),
        }
    }
    hooks
}

/// `alarms` with those of the judge, which ECS then heeds by itself; none where the judge names none.
fn alarms(judge: &Judge, before: &Value) -> Option<Value> {
    if judge.alarms.is_empty() {
        return None;
    }
    // The names of alarms that are turned off stay off.
    let heeded = before["alarmNames"].as_array().filter(|_| before["enable"] == true);
    let mut names = heeded.cloned().unwrap_or_default();
    for name in &judge.alarms {
        if !names.iter().any(|known| known == name) {
            names.push(json!(name));
        }
    }
    Some(json!({"alarmNames": names, "enable": true, "rollback": true}))
}

/// `loadBalancers` with what is missing for a shift; null where nothing is.
fn load_balancers(wiring: &[Wiring], before: &Value) -> Value {
    let missing = |target_group: &Value| {
        wiring.iter().find(|wiring| wiring.wired == Wired::ByUs && *target_group == wiring.target_group.as_str())
    };
    let mut all = before.clone();
    let mut changed = false;
    for one in all.as_array_mut().into_iter().flatten() {
        if let Some(wiring) = missing(&one["targetGroupArn"]) {
            one["advancedConfiguration"] = advanced(wiring);
            changed = true;
        }
    }
    if changed { all } else { Value::Null }
}

fn advanced(wiring: &Wiring) -> Value {
    let mut advanced = json!({
        "alternateTargetGroupArn": wiring.alternate,
        "productionListenerRule": wiring.production_rule,
    });
    for (key, value) in [("testListenerRule", &wiring.test_rule), ("roleArn", &wiring.role)] {
        if let Some(value) = value {
            advanced[key] = json!(value);
        }
    }
    advanced
}
