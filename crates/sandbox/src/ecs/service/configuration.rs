//! `deploymentConfiguration`: its defaults, and what the scheduler understands of it.

use serde_json::{Value, json};
use shipit_scheduler::{Breaker, Percents, Reset, Rollback, Threshold};

use super::super::request::{object, text, yes};

/// The configuration as AWS answers it: what a service was sent, over the defaults of its scheduling strategy.
pub(super) fn with_defaults(service: &Value) -> Value {
    let percents = percents(service);
    let mut value = json!({
        "deploymentCircuitBreaker": { "enable": false, "rollback": false },
        "maximumPercent": percents.maximum,
        "minimumHealthyPercent": percents.minimum_healthy,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        "alarms": { "alarmNames": [], "rollback": false, "enable": false },
    });
    if let Some(sent) = service.get("deploymentConfiguration") {
        overlay(&mut value, sent);
    }
    super::super::shift::configuration::fill(&mut value);
    value
}

/// Puts the members of `over` that are not null in the place of those of `value`.
pub(in crate::ecs) fn overlay(value: &mut Value, over: &Value) {
    let members = object(value);
    for (name, member) in over.as_object().into_iter().flatten() {
        if !member.is_null() {
            members.insert(name.clone(), member.clone());
        }
    }
}

/// The percents that a service was sent, with the defaults of its scheduling strategy.
pub(super) fn percents(service: &Value) -> Percents {
    let number = |name: &str, default: u32| {
        let number = service.get("deploymentConfiguration").and_then(|sent| sent.get(name)?.as_u64());
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let Percents { minimum_healthy, maximum } = match text(service, "schedulingStrategy") {
        Some("DAEMON") => Percents::new(0, 100),
        _ => Percents::default(),
    };
    Percents::new(number("minimumHealthyPercent", minimum_healthy), number("maximumPercent", maximum))
}

/// The circuit breaker.
pub(in crate::ecs) fn breaker(configuration: &Value) -> Breaker {
    let Some(sent) = configuration.get("deploymentCircuitBreaker").filter(|sent| yes(sent, "enable")) else {
        return Breaker::Off;
    };
    let rollback = if yes(sent, "rollback") { Rollback::ToLastCompleted } else { Rollback::Stay };
    let reset = match sent.get("resetOnHealthyTask").and_then(Value::as_bool) {
        Some(false) => Reset::Never,
        _ => Reset::OnHealthyTask,
    };
    let threshold = sent.get("thresholdConfiguration").and_then(|sent| {
        let value = u32::try_from(sent.get("value")?.as_u64()?).ok()?;
        Some(match text(sent, "type") {
            Some("COUNT") => Threshold::Count(value),
            Some("UNBOUNDED_PERCENT") => Threshold::UnboundedPercent(value),
            _ => Threshold::BoundedPercent(value),
        })
    });
    Breaker::On { rollback, reset, threshold: threshold.unwrap_or_default() }
}

/// The alarms that are watched; none unless enabled.
pub(super) fn alarms(configuration: &Value) -> Vec<String> {
    match configuration.get("alarms").filter(|alarms| yes(alarms, "enable")) {
        Some(alarms) => super::super::request::texts(alarms, "alarmNames"),
        None => Vec::new(),
    }
}

/// `alarms.rollback`.
pub(in crate::ecs) fn alarm_rollback(configuration: &Value) -> bool {
    configuration.get("alarms").is_some_and(|alarms| yes(alarms, "rollback"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_is_read_with_its_new_members() {
        let of = |breaker: Value| super::breaker(&json!({ "deploymentCircuitBreaker": breaker }));
        assert_eq!(of(json!({"enable": false, "rollback": true})), Breaker::Off);
        assert_eq!(of(json!({"enable": true, "rollback": true})), Breaker::with_rollback());
        assert_eq!(of(json!({"enable": true, "rollback": false})), Breaker::without_rollback());
        let all = json!({"enable": true, "rollback": false, "resetOnHealthyTask": false,
                         "thresholdConfiguration": {"type": "COUNT", "value": 7}});
        let expected = Breaker::On { rollback: Rollback::Stay, reset: Reset::Never, threshold: Threshold::Count(7) };
        assert_eq!(of(all), expected);
    }

    #[test]
    fn what_is_not_sent_stays_at_its_default() {
        let value = with_defaults(&json!({"deploymentConfiguration": {"maximumPercent": 150, "alarms": null, "newer": 1}}));
        assert_eq!(value["maximumPercent"], 150);
        assert_eq!(value["minimumHealthyPercent"], 100);
        assert_eq!(value["alarms"]["enable"], false);
        assert_eq!(value["newer"], 1);
        assert_eq!(percents(&json!({"deploymentConfiguration": value})), Percents::new(100, 150));
        let daemon = with_defaults(&json!({"schedulingStrategy": "DAEMON"}));
        assert_eq!((&daemon["minimumHealthyPercent"], &daemon["maximumPercent"]), (&json!(0), &json!(100)));
    }
}
