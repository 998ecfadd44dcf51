//! `deploymentConfiguration` of a strategy that shifts traffic: its defaults, and what the scheduler and the hooks make of it
//!.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use shipit_scheduler::{Pattern, Share, Shift, Span, Stage};

use super::super::request::{list, object, text};
use super::stage;

/// `strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Strategy {
    /// ROLLING.
    Rolling,
    /// BLUE_GREEN.
    BlueGreen,
    /// CANARY.
    Canary,
    /// LINEAR.
    Linear,
}

impl Strategy {
    /// The strategy of a configuration; none for a word that the API does not have.
    pub(in crate::ecs) fn of(configuration: &Value) -> Option<Self> {
        match text(configuration, "strategy").unwrap_or("ROLLING") {
            "ROLLING" => Some(Self::Rolling),
            "BLUE_GREEN" => Some(Self::BlueGreen),
            "CANARY" => Some(Self::Canary),
            "LINEAR" => Some(Self::Linear),
            _ => None,
        }
    }
}

/// A lifecycle hook.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ecs) struct Hook {
    /// Who is asked.
    pub target: Target,
    /// At which stages.
    pub stages: BTreeSet<Stage>,
    /// For how long.
    pub timeout: Span,
    /// What follows when there is no answer in time.
    pub then: Then,
}

/// `targetType` with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ecs) enum Target {
    /// PAUSE: whoever calls ContinueServiceDeployment.
    Pause,
    /// AWS_LAMBDA.
    Lambda {
        /// `hookTargetArn`.
        arn: String,
        /// `hookDetails`; null when there are none.
        details: Value,
    },
}

/// `timeoutConfiguration.action`, and `action` of ContinueServiceDeployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Then {
    /// CONTINUE.
    Continue,
    /// ROLLBACK.
    RollBack,
}

impl Then {
    /// The word on the wire.
    pub(in crate::ecs) fn word(self) -> &'static str {
        match self {
            Then::Continue => "CONTINUE",
            Then::RollBack => "ROLLBACK",
        }
    }
}

/// Fills in what AWS answers for a strategy whose own configuration was sent in part or not at all.
pub(in crate::ecs) fn fill(configuration: &mut Value) {
    let (member, mut whole) = match Strategy::of(configuration) {
        Some(Strategy::Canary) => ("canaryConfiguration", json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10})),
        Some(Strategy::Linear) => ("linearConfiguration", json!({"stepPercent": 10.0, "stepBakeTimeInMinutes": 6})),
        Some(Strategy::Rolling | Strategy::BlueGreen) | None => return,
    };
    if let Some(sent) = configuration.get(member) {
        super::super::service::configuration::overlay(&mut whole, sent);
    }
    object(configuration).insert(member.into(), whole);
}

/// Forgets the canary or linear configuration of an earlier strategy, unless it was sent again with this one.
pub(in crate::ecs) fn forget_others(configuration: &mut Value, sent: &Value) {
    let strategy = Strategy::of(configuration);
    for (member, of) in [("canaryConfiguration", Strategy::Canary), ("linearConfiguration", Strategy::Linear)] {
        let again = sent.get(member).is_some_and(|member| !member.is_null());
        if strategy != Some(of) && !again {
            object(configuration).remove(member);
        }
    }
}

/// How a deployment of this whole configuration shifts; none for ROLLING.
pub(in crate::ecs) fn shift(configuration: &Value, test_listener: bool) -> Option<Shift> {
    let minutes = |member: &str, name: &str| {
        let from = if member.is_empty() { Some(configuration) } else { configuration.get(member) };
        Span::seconds(60 * from.and_then(|from| from.get(name)?.as_u64()).unwrap_or_default())
    };
    let share = |member: &str, name: &str| {
        let percent = configuration.get(member).and_then(|from| from.get(name)?.as_f64()).unwrap_or_default();
        Share((percent * 10.0).round() as u32)
    };
    let pattern = match Strategy::of(configuration)? {
        Strategy::Rolling => return None,
        Strategy::BlueGreen => Pattern::AllAtOnce,
        Strategy::Canary => Pattern::Canary {
            share: share("canaryConfiguration", "canaryPercent"),
            bake: minutes("canaryConfiguration", "canaryBakeTimeInMinutes"),
        },
        Strategy::Linear => Pattern::Linear {
            step: share("linearConfiguration", "stepPercent"),
            bake: minutes("linearConfiguration", "stepBakeTimeInMinutes"),
        },
    };
    let hooks = hooks(configuration).into_iter().flat_map(|hook| hook.stages).collect();
    Some(Shift { pattern, bake: minutes("", "bakeTimeInMinutes"), hooks, test_listener })
}

/// The hooks, in the order in which they were sent.
pub(in crate::ecs) fn hooks(configuration: &Value) -> Vec<Hook> {
    list(configuration, "lifecycleHooks").iter().map(hook).collect()
}

fn hook(sent: &Value) -> Hook {
    let target = match text(sent, "targetType") {
        Some("PAUSE") => Target::Pause,
        _ => Target::Lambda {
            arn: text(sent, "hookTargetArn").unwrap_or_default().to_owned(),
            details: sent.get("hookDetails").filter(|details| !details.is_null()).cloned().unwrap_or(Value::Null),
        },
    };
    let none = Value::Object(Map::new());
    let timeout = sent.get("timeoutConfiguration").unwrap_or(&none);
    let minutes = timeout.get("timeoutInMinutes").and_then(Value::as_u64).unwrap_or(1440);
    Hook {
        target,
        stages: list(sent, "lifecycleStages").iter().filter_map(|word| stage::read(word.as_str()?)).collect(),
        timeout: Span::seconds(60 * minutes),
        then: if text(timeout, "action") == Some("CONTINUE") { Then::Continue } else { Then::RollBack },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategys_own_configuration_is_filled_in_and_read() {
        let of = |mut sent: Value| {
            fill(&mut sent);
            (shift(&sent, false).map(|shift| (shift.pattern, shift.bake)), sent)
        };
        let minutes = |minutes: u64| Span::seconds(60 * minutes);
        let (canary, filled) = of(json!({"strategy": "CANARY", "bakeTimeInMinutes": 3}));
        assert_eq!(filled["canaryConfiguration"], json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}));
        assert_eq!(canary, Some((Pattern::Canary { share: Share(50), bake: minutes(10) }, minutes(3))));
        let (linear, filled) = of(json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.3}}));
        assert_eq!(filled["linearConfiguration"], json!({"stepPercent": 33.3, "stepBakeTimeInMinutes": 6}));
        assert_eq!(linear, Some((Pattern::Linear { step: Share(333), bake: minutes(6) }, Span(0))));
        let (all_at_once, filled) = of(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1440}));
        assert_eq!(filled, json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1440}));
        assert_eq!(all_at_once, Some((Pattern::AllAtOnce, minutes(1440))));
        assert_eq!(of(json!({})), (None, json!({})));
    }

    #[test]
    fn hooks_have_awss_defaults() {
        let read = hooks(&json!({"lifecycleHooks": [
            {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP", "POST_PRODUCTION_TRAFFIC_SHIFT"]},
            {"hookTargetArn": "arn:f", "lifecycleStages": ["TEST_TRAFFIC_SHIFT"], "hookDetails": {"a": 1},
             "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "CONTINUE"}},
        ]}));
        let day = Span::seconds(24 * 60 * 60);
        let stages = BTreeSet::from([Stage::PreScaleUp, Stage::PostProductionTrafficShift]);
        assert_eq!(read[0], Hook { target: Target::Pause, stages, timeout: day, then: Then::RollBack });
        let target = Target::Lambda { arn: "arn:f".into(), details: json!({"a": 1}) };
        let stages = BTreeSet::from([Stage::TestTrafficShift]);
        assert_eq!(read[1], Hook { target, stages, timeout: Span::seconds(300), then: Then::Continue });
    }

    #[test]
    fn what_belongs_to_an_earlier_strategy_is_forgotten() {
        let canary = json!({"canaryPercent": 20.0});
        let mut merged = json!({"strategy": "LINEAR", "canaryConfiguration": canary, "linearConfiguration": {}});
        forget_others(&mut merged, &json!({"strategy": "LINEAR"}));
        assert_eq!(merged, json!({"strategy": "LINEAR", "linearConfiguration": {}}));
        let mut wrong = json!({"strategy": "BLUE_GREEN", "canaryConfiguration": canary});
        forget_others(&mut wrong, &json!({"canaryConfiguration": canary}));
        assert_eq!(wrong["canaryConfiguration"], canary);
    }
}
