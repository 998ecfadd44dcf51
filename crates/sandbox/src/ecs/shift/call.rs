//! Hooks that are functions: which calls are due, a call, and what its reply means (the Developer Guide's "Lambda hooks for
//! Amazon ECS service deployments").

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Number, Value, json};
use shipit_scheduler::{Share, Span, Stage, Weights};

use super::super::Key;
use super::super::request::text;
use super::super::service::{Service, rollout::Rollout};
use super::hooks::{Asked, Asking, Status};
use super::{reason, stage};
use crate::functions::{self, Endpoint, NoReply};
use crate::state::{Shared, State};

/// A function that says IN_PROGRESS is asked again after so long, unless it says how long.
const AGAIN: Span = Span::seconds(30);

/// A Lambda function runs for at most so long.
const LONGEST: Span = Span::seconds(15 * 60);

/// A call is real I/O: it gets at least this long, however fast the clock.
const SHORTEST: Duration = Duration::from_secs(5);

/// A call of a function.
#[derive(Debug)]
pub(in crate::ecs) struct Call {
    service: Key,
    hook: String,
    arn: String,
    endpoint: Option<Endpoint>,
    payload: Value,
    patience: Duration,
}

/// The calls that are due; they are under way from now on.
pub(in crate::ecs) fn due(state: &mut State) -> Vec<Call> {
    let now = state.clock.now();
    let patience = state.clock.wall(LONGEST).max(SHORTEST);
    let mut calls = Vec::new();
    for (key, service) in &mut state.ecs.services {
        let Some(hooks) = asked(service) else { continue };
        let mut begun = Vec::new();
        for one in hooks.iter_mut().filter(|one| one.status == Status::InProgress) {
            if let Asking::Function { arn, execution, details, call_at } = &mut one.target
                && call_at.is_some_and(|at| at <= now)
            {
                *call_at = None;
                begun.push((one.id.clone(), arn.clone(), execution.clone(), details.clone()));
            }
        }
        for (hook, arn, execution, details) in begun {
            let payload = payload(service, &execution, &details);
            let endpoint = state.functions.endpoint(&arn);
            calls.push(Call { service: key.clone(), hook, arn, endpoint, payload, patience });
        }
    }
    calls
}

fn asked(service: &mut Service) -> Option<&mut Vec<Asked>> {
    Some(&mut service.open_rollout()?.shift.as_mut()?.round.as_mut()?.asked)
}

/// Makes a call, and takes in its reply.
pub(in crate::ecs) async fn carry_out(shared: Arc<Shared>, call: Call) {
    let reply = match &call.endpoint {
        Some(endpoint) => functions::invoke(endpoint, &call.payload, call.patience).await,
        None => Err(NoReply::Unreachable(format!("Function not found: {}", call.arn))),
    };
    take(&mut shared.lock(), &call, reply);
    shared.ring();
}

/// A reply to a hook that has been answered, superseded or timed out meanwhile changes nothing.
fn take(state: &mut State, call: &Call, reply: Result<Value, NoReply>) {
    let now = state.clock.now();
    let Some(service) = state.ecs.services.get_mut(&call.service) else {
        return;
    };
    let Some(round) = service.open_rollout().and_then(|open| open.shift.as_mut()?.round.as_mut()) else {
        return;
    };
    let stage = round.stage;
    let open = |one: &&mut Asked| one.id == call.hook && one.status == Status::InProgress;
    let Some(one) = round.asked.iter_mut().find(open) else {
        return;
    };
    let failed = match (meaning(&call.arn, reply), &mut one.target) {
        (Meaning::Passed, _) => {
            one.status = Status::Succeeded;
            return;
        }
        (Meaning::Again { after, add }, Asking::Function { details, call_at, .. }) => {
            *call_at = Some(now + after);
            for (name, value) in add {
                super::super::request::object(details).insert(name, value);
            }
            return;
        }
        (Meaning::Failed(what), _) => what,
        (Meaning::Again { .. }, Asking::Pause) => return,
    };
    one.status = Status::Failed;
    one.why = Some(reason::function(stage, &failed));
}

/// What a reply means.
#[derive(Debug, PartialEq)]
enum Meaning {
    /// SUCCEEDED.
    Passed,
    /// IN_PROGRESS: to be asked again, with these details too.
    Again { after: Span, add: Map<String, Value> },
    /// Everything else, in AWS's words.
    Failed(String),
}

fn meaning(arn: &str, reply: Result<Value, NoReply>) -> Meaning {
    let reply = match reply {
        Ok(reply) => reply,
        Err(NoReply::Threw) => Value::Null,
        Err(NoReply::Unreachable(why)) => {
            return Meaning::Failed(format!("ECS was unable to invoke hook target {arn} due to {why}"));
        }
    };
    match text(&reply, "hookStatus") {
        Some("SUCCEEDED") => Meaning::Passed,
        Some("FAILED") => Meaning::Failed(format!("Lifecycle hook target {arn} returned FAILED status.")),
        Some("IN_PROGRESS") => {
            let delay = |name: &str| reply.get(name).and_then(Value::as_u64);
            let after = delay("callBackDelay").or(delay("callBackDelaySeconds")).map_or(AGAIN, Span::seconds);
            let add = reply.get("hookDetails").and_then(Value::as_object).cloned().unwrap_or_default();
            Meaning::Again { after, add }
        }
        other => {
            let why = match other {
                None => "HookStatus must not be null.".to_owned(),
                Some(other) => format!("{other} is not a HookStatus."),
            };
            Meaning::Failed(format!("ECS was unable to parse the response from {arn} due to: {why}"))
        }
    }
}

/// What a function is told. Weights are named at the stages that are about them only.
fn payload(service: &Service, execution: &str, details: &Value) -> Value {
    let Some((rollout, progress)) = service.rollouts.last().and_then(|last| Some((last, last.shift.as_ref()?))) else {
        return Value::Null;
    };
    let Weights { test, production } = progress.weights;
    let at = progress.round.as_ref().map(|round| round.stage);
    let (test, production) = match at {
        Some(Stage::ReconcileService) => (weights(service, rollout, test), weights(service, rollout, production)),
        Some(Stage::TestTrafficShift) => (weights(service, rollout, test), json!({})),
        Some(Stage::PreProductionTrafficShift | Stage::ProductionTrafficShift) => {
            (json!({}), weights(service, rollout, production))
        }
        _ => (json!({}), json!({})),
    };
    let mut value = json!({
        "executionId": execution,
        "lifecycleStage": at.map(stage::word),
        "resourceArn": rollout.arn,
        "executionDetails": {
            "serviceArn": service.arn,
            "targetServiceRevisionArn": service.revisions[rollout.target].arn,
            "testTrafficWeights": test,
            "productionTrafficWeights": production,
        },
    });
    if !details.is_null() {
        value["hookDetails"] = details.clone();
    }
    value
}

/// The share of each revision in percent: whole ones as integers, as AWS's examples have them.
fn weights(service: &Service, rollout: &Rollout, candidate: Share) -> Value {
    let percent = |share: u32| {
        let whole = share.is_multiple_of(10).then(|| Number::from(share / 10));
        Value::Number(whole.or_else(|| Number::from_f64(f64::from(share) / 10.0)).unwrap_or(Number::from(0)))
    };
    let mut shares = Map::new();
    shares.insert(service.revisions[rollout.target].arn.clone(), percent(candidate.0));
    if let Some(source) = rollout.source {
        shares.insert(service.revisions[source].arn.clone(), percent(Share::ALL.0 - candidate.0.min(Share::ALL.0)));
    }
    Value::Object(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_mean_what_the_developer_guide_says() {
        let failed = |text: &str| Meaning::Failed(text.to_owned());
        let again = |seconds: u64| Meaning::Again { after: Span::seconds(seconds), add: Map::new() };
        let null = "ECS was unable to parse the response from arn:f due to: HookStatus must not be null.";
        let rows = [
            (Ok(json!({"hookStatus": "SUCCEEDED"})), Meaning::Passed),
            (Ok(json!({"hookStatus": "FAILED"})), failed("Lifecycle hook target arn:f returned FAILED status.")),
            (Ok(json!({"hookStatus": "IN_PROGRESS"})), again(30)),
            (Ok(json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 5})), again(5)),
            (Ok(json!({"status": "SUCCEEDED"})), failed(null)),
            (Err(NoReply::Threw), failed(null)),
            (
                Ok(json!({"hookStatus": "DONE"})),
                failed("ECS was unable to parse the response from arn:f due to: DONE is not a HookStatus."),
            ),
            (
                Err(NoReply::Unreachable("Function not found: arn:f".into())),
                failed("ECS was unable to invoke hook target arn:f due to Function not found: arn:f"),
            ),
        ];
        for (reply, expected) in rows {
            assert_eq!(meaning("arn:f", reply), expected);
        }
        let details = json!({"hookStatus": "IN_PROGRESS", "hookDetails": {"seen": 2}});
        let Meaning::Again { add, .. } = meaning("arn:f", Ok(details)) else { panic!("it goes on") };
        assert_eq!(Value::Object(add), json!({"seen": 2}));
    }
}
