//! What a rollout leaves in a service's `deploymentConfiguration` once it has ended, and what to send so that it does not stay.
//!
//! ECS takes a configuration without making a deployment of it (UpdateService: "This parameter doesn't trigger a new service
//! deployment"), and keeps what it is not sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Body, Roll};

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The earlier revision is back: nothing of the rollout is to stay.
    TurnedBack,
    /// The new revision serves, and no hook lies ahead of it: the strategy is the service's own from now on. A hook that was
    /// placed for the rollout would hold every later deployment, and roll it back where nobody answers.
    Deployed,
}

/// What is still there and should not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Leftover {
    /// Each thing in words, e.g. ``the PAUSE hook at `POST_PRODUCTION_TRAFFIC_SHIFT` ``.
    pub what: Vec<String>,
    /// The `deploymentConfiguration` to send: the one that is there, with these things as they were before.
    pub configuration: Value,
}

/// Blocks that belong to one strategy alone.
const BLOCKS: [(&str, &str); 2] = [("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")];
const HOOKS: &str = "lifecycleHooks";

/// Whether a rollout can leave anything behind when it ends so: without a look.
pub fn may_leave(roll: &Roll, end: End) -> bool {
    let sent = Body::of(roll).configuration;
    let before = &roll.before_configuration;
    sent.is_object() && before.is_object() && !changed(&sent, before, end).is_empty()
}

/// What of the rollout is still in the configuration `now`; none where nothing is. What others have changed since stays.
pub fn leftover(roll: &Roll, end: End, now: &Value) -> Option<Leftover> {
    let sent = Body::of(roll).configuration;
    let (before, mut configuration) = (&roll.before_configuration, now.as_object()?.clone());
    if !sent.is_object() || !before.is_object() {
        return None;
    }
    let mut what = Vec::new();
    for key in changed(&sent, before, end) {
        if key == HOOKS {
            let (kept, taken) = hooks(&sent[HOOKS], &before[HOOKS], &now[HOOKS]);
            if !taken.is_empty() {
                what.extend(taken);
                configuration.insert(key, Value::Array(kept));
            }
        } else if holds(&of(now, &key), &of(&sent, &key)) {
            what.push(format!("`{key}`"));
            configuration.insert(key.clone(), of(before, &key));
        }
    }
    fitting(&mut configuration);
    (!what.is_empty()).then_some(Leftover { what, configuration: Value::Object(configuration) })
}

/// Hooks that the rollout placed and that `now` still has, in words: what waits there for an answer, whoever deploys.
pub fn hooks_left(roll: &Roll, now: &Value) -> Vec<String> {
    hooks(&Body::of(roll).configuration[HOOKS], &roll.before_configuration[HOOKS], &now[HOOKS]).1
}

/// Members that the rollout set otherwise than they were, and that can be put back.
fn changed(sent: &Value, before: &Value, end: End) -> Vec<String> {
    let members = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let keys: BTreeSet<String> = match end {
        End::Deployed => BTreeSet::from([HOOKS.to_owned()]),
        End::TurnedBack => members(sent).into_iter().chain(members(before)).collect(),
    };
    let back = |key: &String| !of(before, key).is_null();
    let differs = |key: &String| of(sent, key) != of(before, key) && !alike(&of(sent, key), &of(before, key));
    keys.into_iter().filter(|key| back(key) && differs(key)).collect()
}

/// A member, as a service has it that has none.
fn of(configuration: &Value, key: &str) -> Value {
    let nothing = || super::body::nothings().into_iter().find(|(known, _)| *known == key).map_or(Value::Null, |(_, value)| value);
    configuration.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(nothing)
}

/// Each strategy takes its own block alone.
fn fitting(configuration: &mut Map<String, Value>) {
    let strategy = configuration.get("strategy").and_then(Value::as_str).unwrap_or("ROLLING").to_owned();
    configuration.retain(|key, _| BLOCKS.iter().all(|(block, of)| key != block || strategy == *of));
}

/// `now` without the hooks that the rollout placed, and these in words. One whose time alone it set gets its own time back.
fn hooks(sent: &Value, before: &Value, now: &Value) -> (Vec<Value>, Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (sent, before) = (list(sent), list(before));
    let ours: Vec<&Value> = sent.iter().filter(|hook| !before.iter().any(|known| alike(known, hook))).collect();
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    for hook in list(now) {
        if !ours.iter().any(|ours| holds(&hook, ours)) {
            kept.push(hook);
            continue;
        }
        let stages = list(&hook["lifecycleStages"]);
        let stages = stages.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        let same_place = |known: &&Value| {
            known["targetType"] == hook["targetType"] && alike(&known["lifecycleStages"], &hook["lifecycleStages"])
        };
        match before.iter().find(same_place) {
            Some(known) => {
                taken.push(format!("the timeout of the PAUSE hook at `{stages}`"));
                kept.push(known.clone());
            }
            None => taken.push(format!("the PAUSE hook at `{stages}`")),
        }
    }
    (kept, taken)
}

/// Numbers as numbers, absent as null.
fn alike(one: &Value, other: &Value) -> bool {
    holds(one, other) && holds(other, one)
}

/// Everything of `part` is in `whole`, which may say more: AWS answers defaults with it.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (_, Value::Object(part)) => part.iter().all(|(key, value)| value.is_null() || holds(&whole[key], value)),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (Value::Number(whole), Value::Number(part)) => whole.as_f64() == part.as_f64(),
        (whole, part) => whole == part,
    }
}

/// The command that takes all hooks off a service, for a person.
pub fn without_hooks(cluster: &str, service: &str) -> String {
    let configuration = json!({HOOKS: []});
    format!("aws ecs update-service --cluster {cluster} --service {service} --deployment-configuration '{configuration}'")
}
