//! What AWS refuses of `lifecycleHooks`. Texts in AWS's words where they are published; the others say the
//! rule of the API's documentation.

use serde_json::Value;
use shipit_scheduler::Stage;

use super::super::request::{invalid, list, text};
use super::stage;
use crate::error::AwsError;

/// Hooks of a kind that a service may have.
const MOST: usize = 10;

/// # Errors
/// `InvalidParameterException`.
pub(super) fn check(configuration: &Value) -> Result<(), AwsError> {
    let (mut pauses, mut functions) = (0, 0);
    for hook in list(configuration, "lifecycleHooks") {
        match text(hook, "targetType").unwrap_or("AWS_LAMBDA") {
            "AWS_LAMBDA" => {
                functions += 1;
                function(hook)?;
            }
            "PAUSE" => {
                pauses += 1;
                timeout(hook, 20_160)?;
            }
            _ => return Err(invalid("Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE")),
        }
        stages(hook)?;
    }
    if pauses > MOST || functions > MOST {
        return Err(invalid(format!("A service can have at most {MOST} pause hooks and {MOST} Lambda hooks.")));
    }
    Ok(())
}

fn function(hook: &Value) -> Result<(), AwsError> {
    for member in ["hookTargetArn", "roleArn"] {
        let arn = text(hook, member).ok_or_else(|| invalid(format!("{member} must be specified for AWS_LAMBDA hooks.")))?;
        let service = if member == "roleArn" { "arn:aws:iam::" } else { "arn:aws:lambda:" };
        if !arn.starts_with(service) {
            return Err(invalid(format!("{member} has an invalid ARN format. Got: {arn}")));
        }
    }
    if hook.get("hookDetails").is_some_and(|details| !details.is_null() && !details.is_object()) {
        return Err(invalid("hookDetails must be a JSON object."));
    }
    timeout(hook, 1_440)
}

fn stages(hook: &Value) -> Result<(), AwsError> {
    let words = list(hook, "lifecycleStages");
    if words.is_empty() {
        return Err(invalid("lifecycleStages must be specified for each lifecycle hook."));
    }
    let pause = text(hook, "targetType") == Some("PAUSE");
    for word in words {
        let word = word.as_str().unwrap_or_default();
        let Some(stage) = stage::read(word).filter(|stage| stage.takes_hooks()) else {
            return Err(invalid(format!("Invalid lifecycle stage provided for Lifecycle Hook: {word}")));
        };
        if pause && matches!(stage, Stage::TestTrafficShift | Stage::ProductionTrafficShift) {
            return Err(invalid("Invalid lifecycle stage provided for Pause Hook"));
        }
    }
    Ok(())
}

fn timeout(hook: &Value, most: u64) -> Result<(), AwsError> {
    let Some(sent) = hook.get("timeoutConfiguration").filter(|sent| !sent.is_null()) else {
        return Ok(());
    };
    let minutes = sent.get("timeoutInMinutes").filter(|minutes| !minutes.is_null());
    if minutes.is_some_and(|minutes| !minutes.as_u64().is_some_and(|minutes| (1..=most).contains(&minutes))) {
        return Err(invalid(format!("timeoutInMinutes must be between 1 and {most}.")));
    }
    match text(sent, "action") {
        None | Some("CONTINUE" | "ROLLBACK") => Ok(()),
        Some(_) => Err(invalid("Invalid timeoutConfiguration action. Valid values are: CONTINUE, ROLLBACK")),
    }
}
