//! How a deployment that shifts traffic stands, in core's words, and the answer to its hooks. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::pipeline::Share;
use shipit_core::rollout::Answer;
use shipit_core::settled::{HookId, HookKind, HookSeen, HookStatus, ShiftSeen, Stage};

use super::reading::{items, text, time};
use crate::adapter::aws::error::{AwsError, Kind};

/// The words by which ECS says that there is nothing to answer any more.
const ANSWERED: [&str; 2] = ["is either completed", "in terminal states"];

/// The service's strategy shifts traffic; one that is not known is taken to.
pub fn is_shifting(service: &Value) -> bool {
    service["deploymentConfiguration"]["strategy"].as_str().is_some_and(|strategy| strategy != "ROLLING")
}

/// ARNs of the service revisions of a deployment: the candidate's, the stable ones'.
pub fn revisions(deployment: &Value) -> (Vec<String>, Vec<String>) {
    let arn = |revision: &Value| text(&revision["arn"]);
    let candidate = arn(&deployment["targetServiceRevision"]);
    let stable = items(&deployment["sourceServiceRevisions"]).filter_map(arn).filter(|arn| Some(arn) != candidate.as_ref());
    let stable = stable.collect();
    (candidate.into_iter().collect(), stable)
}

/// A service deployment of DescribeServiceDeployments, with the target groups of both sides and the end of its bake; none
/// before it has a stage.
pub fn seen(
    deployment: &Value,
    [candidate_groups, stable_groups]: [Vec<String>; 2],
    baking_until: Option<Timestamp>,
) -> Option<ShiftSeen> {
    let stage = Stage::of(deployment["lifecycleStage"].as_str()?);
    let target = &deployment["targetServiceRevision"];
    Some(ShiftSeen {
        production: share(&target["requestedProductionTrafficWeight"]),
        test: share(&target["requestedTestTrafficWeight"]),
        candidate_groups,
        stable_groups,
        hooks: items(&deployment["lifecycleHookDetails"]).filter_map(hook).collect(),
        baking_until,
        stage,
    })
}

/// Target groups of a service revision as ECS resolved them.
pub fn groups(revision: &Value) -> Vec<String> {
    items(&revision["resolvedConfiguration"]["loadBalancers"]).filter_map(|found| text(&found["targetGroupArn"])).collect()
}

/// Weights are percents with one decimal.
fn share(weight: &Value) -> Option<Share> {
    let percent = weight.as_f64().filter(|percent| (0.0..=100.0).contains(percent))?;
    Some(Share((percent * 10.0).round() as u32))
}

fn hook(detail: &Value) -> Option<HookSeen> {
    let word = |value: &Value| text(value).unwrap_or_default();
    Some(HookSeen {
        id: HookId(text(&detail["hookId"])?),
        kind: match detail["targetType"].as_str() {
            Some("PAUSE") => HookKind::Pause,
            Some("AWS_LAMBDA") => HookKind::Lambda,
            _ => HookKind::Other(word(&detail["targetType"])),
        },
        status: match detail["status"].as_str() {
            Some("AWAITING_ACTION") => HookStatus::AwaitingAction,
            Some("IN_PROGRESS") => HookStatus::InProgress,
            Some("SUCCEEDED") => HookStatus::Succeeded,
            Some("FAILED") => HookStatus::Failed,
            Some("TIMED_OUT") => HookStatus::TimedOut,
            _ => HookStatus::Other(word(&detail["status"])),
        },
        expires_at: time(&detail["expiresAt"]),
        then: text(&detail["timeoutAction"]),
    })
}

/// ContinueServiceDeployment's request.
pub fn answer(deployment: &str, hook: &HookId, answer: Answer) -> Value {
    let action = match answer {
        Answer::Continue => "CONTINUE",
        Answer::Rollback => "ROLLBACK",
    };
    json!({"serviceDeploymentArn": deployment, "hookId": hook.0, "action": action})
}

/// The hook has been answered already, or the deployment has ended.
pub fn is_answered(error: &AwsError) -> bool {
    matches!(&error.kind, Kind::Answered { message, .. } if ANSWERED.iter().any(|words| message.contains(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DescribeServiceDeployments as ECS answers it at the second step of a canary.
    fn recorded() -> Value {
        crate::adapter::aws::canned::recorded("ecs-describe-service-deployments")["serviceDeployments"][0].clone()
    }

    #[test]
    fn a_canary_at_its_second_pause_is_read_whole() {
        let seen = seen(&recorded(), [vec!["tg/green".into()], vec!["tg/blue".into()]], None).unwrap();
        assert_eq!(
            (seen.stage, seen.production, seen.test),
            (Stage::PreProductionTrafficShift, Some(Share(100)), Some(Share(1000)))
        );
        assert_eq!((seen.candidate_groups, seen.stable_groups), (vec!["tg/green".to_owned()], vec!["tg/blue".to_owned()]));
        let [pause, lambda] = seen.hooks.as_slice() else { panic!("two hooks: {:?}", seen.hooks) };
        assert_eq!(
            (pause.id.0.as_str(), &pause.kind, &pause.status),
            ("ecs-pause-cGF1c2U", &HookKind::Pause, &HookStatus::AwaitingAction)
        );
        assert_eq!(pause.expires_at.map(Timestamp::as_second), Some(1_790_003_600));
        assert_eq!(pause.then.as_deref(), Some("ROLLBACK"));
        assert_eq!((&lambda.kind, &lambda.status), (&HookKind::Lambda, &HookStatus::Succeeded));
        assert_eq!(seen.baking_until, None);
    }

    #[test]
    fn what_is_not_known_is_kept_and_what_is_missing_is_none() {
        let mut new = recorded();
        new["lifecycleStage"] = json!("VERIFY_TRAFFIC");
        new["lifecycleHookDetails"][0]["targetType"] = json!("HUMAN");
        new["lifecycleHookDetails"][0]["status"] = json!("THINKING");
        new["targetServiceRevision"]["requestedProductionTrafficWeight"] = json!(1e9);
        let seen = seen(&new, Default::default(), None).unwrap();
        assert_eq!((seen.stage, seen.production), (Stage::Other("VERIFY_TRAFFIC".into()), None));
        assert_eq!(seen.hooks[0].kind, HookKind::Other("HUMAN".into()));
        assert_eq!(seen.hooks[0].status, HookStatus::Other("THINKING".into()));
        assert_eq!(super::seen(&json!({"status": "PENDING"}), Default::default(), None), None);
    }
}
