//! What AWS refuses at once of a strategy that shifts traffic and of its wiring (ECS refuses those synchronously).

use serde_json::Value;

use super::super::request::{invalid, list, text};
use super::configuration::Strategy;
use super::hook_check;
use crate::error::AwsError;
use crate::state::State;

/// A whole `deploymentConfiguration`; `sent` is what this request has of it.
///
/// # Errors
/// `InvalidParameterException`.
pub(in crate::ecs) fn configuration(whole: &Value, sent: &Value) -> Result<Strategy, AwsError> {
    let Some(strategy) = Strategy::of(whole) else {
        return Err(invalid("Invalid deployment strategy. Valid values are: ROLLING, BLUE_GREEN, LINEAR, CANARY"));
    };
    let has = |member: &str| whole.get(member).is_some_and(|member| !member.is_null());
    for (member, of, word) in
        [("canaryConfiguration", Strategy::Canary, "CANARY"), ("linearConfiguration", Strategy::Linear, "LINEAR")]
    {
        if has(member) && strategy != of {
            return Err(invalid(format!("{member} is only valid when the deployment strategy is {word}.")));
        }
    }
    minutes(whole, "bakeTimeInMinutes")?;
    if strategy == Strategy::BlueGreen && !has("bakeTimeInMinutes") {
        return Err(invalid("bakeTimeInMinutes must be specified when using the BLUE_GREEN deployment strategy."));
    }
    let none = Value::Null;
    let canary = whole.get("canaryConfiguration").unwrap_or(&none);
    percent(canary, "canaryPercent", 1)?;
    minutes(canary, "canaryBakeTimeInMinutes")?;
    let linear = whole.get("linearConfiguration").unwrap_or(&none);
    percent(linear, "stepPercent", 30)?;
    minutes(linear, "stepBakeTimeInMinutes")?;
    if strategy == Strategy::Rolling && !list(sent, "lifecycleHooks").is_empty() {
        return Err(invalid("The sandbox does not have lifecycleHooks with the ROLLING deployment strategy."));
    }
    hook_check::check(whole)?;
    Ok(strategy)
}

fn minutes(from: &Value, member: &str) -> Result<(), AwsError> {
    let wrong = |sent: &Value| !sent.is_null() && sent.as_u64().is_none_or(|minutes| minutes > 1440);
    match from.get(member) {
        Some(sent) if wrong(sent) => Err(invalid(format!("{member} must be between 0 and 1440."))),
        _ => Ok(()),
    }
}

/// A percentage in tenths, from so many tenths to 100.0.
fn percent(from: &Value, member: &str, least: u32) -> Result<(), AwsError> {
    let Some(sent) = from.get(member).filter(|sent| !sent.is_null()) else {
        return Ok(());
    };
    let tenths = sent.as_f64().map(|percent| percent * 10.0);
    let fits = |tenths: f64| (tenths - tenths.round()).abs() < 1e-6 && (f64::from(least)..=1000.0).contains(&tenths.round());
    if tenths.is_some_and(fits) {
        return Ok(());
    }
    let least = f64::from(least) / 10.0;
    Err(invalid(format!("{member} must be a multiple of 0.1 from {least:.1} to 100.0.")))
}

/// `loadBalancers` of a service with this strategy.
///
/// # Errors
/// `InvalidParameterException`.
pub(in crate::ecs) fn balancers(state: &State, strategy: Strategy, members: &Value) -> Result<(), AwsError> {
    let balancers = list(members, "loadBalancers");
    let advanced: Vec<&Value> =
        balancers.iter().filter_map(|one| one.get("advancedConfiguration").filter(|sent| sent.is_object())).collect();
    let classic = balancers.iter().filter(|one| text(one, "loadBalancerName").is_some()).count();
    if classic > 0 && classic < balancers.len() {
        let text =
            "All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)";
        return Err(invalid(text));
    }
    if classic > 0 && !advanced.is_empty() {
        return Err(invalid("advancedConfiguration field is not allowed with ELBv1 loadBalancers"));
    }
    if !advanced.is_empty() && advanced.len() < balancers.len() {
        return Err(invalid("Either all or none of the provided loadBalancers must have advancedConfiguration defined"));
    }
    if strategy != Strategy::Rolling && advanced.len() < balancers.len() {
        return Err(invalid(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ));
    }
    let mesh = members.pointer("/serviceConnectConfiguration/enabled").and_then(Value::as_bool).unwrap_or(false);
    if matches!(strategy, Strategy::Canary | Strategy::Linear) && balancers.is_empty() && !mesh {
        return Err(invalid(
            "A load balancer or Service Connect is required when using the CANARY or LINEAR deployment strategy.",
        ));
    }
    let mut groups: Vec<&str> = Vec::new();
    for (balancer, advanced) in balancers.iter().zip(advanced) {
        for group in [text(balancer, "targetGroupArn"), text(advanced, "alternateTargetGroupArn")].into_iter().flatten() {
            if groups.contains(&group) {
                return Err(invalid(format!("Duplicate targetGroupArn found: {group}")));
            }
            groups.push(group);
        }
        wired(state, balancer, advanced)?;
    }
    Ok(())
}

fn wired(state: &State, balancer: &Value, advanced: &Value) -> Result<(), AwsError> {
    let needed = |member: &str| {
        text(advanced, member).ok_or_else(|| invalid(format!("{member} must be specified in advancedConfiguration.")))
    };
    let alternate = needed("alternateTargetGroupArn")?;
    let production = needed("productionListenerRule")?;
    needed("roleArn")?;
    let test = text(advanced, "testListenerRule");
    let rules = [("productionListenerRule", Some(production)), ("testListenerRule", test)];
    for (member, rule) in rules.into_iter().filter_map(|(member, rule)| Some((member, rule?))) {
        if !rule.contains(":listener-rule/app/") && !rule.contains(":listener/net/") {
            return Err(invalid(format!(
                "{member} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {rule}"
            )));
        }
    }
    if test == Some(production) {
        return Err(invalid(format!(
            "The following rules cannot be used as both production and test listener rules: {production}"
        )));
    }
    let group = text(balancer, "targetGroupArn").unwrap_or_default();
    // A rule that is not there is found out when the deployment starts.
    let on_production = state
        .forwards(production)
        .is_none_or(|forwards| forwards.weight(group).is_some() && forwards.weight(alternate).is_some());
    if test.is_none() && !on_production && production.contains(":listener-rule/app/") {
        return Err(invalid(
            "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup",
        ));
    }
    Ok(())
}
