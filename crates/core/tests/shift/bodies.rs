//! What ECS is sent for a rollout, what puts it back, and what is left of it: for any service, and any wish.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use shipit_core::analysis::Judge;
use shipit_core::pipeline::{Pause, PauseAt, Share, Shift, Steps, Strategy as Way};
use shipit_core::plan::{Body, Driver, End, Roll, leftover, may_leave};

use super::minutes;

const STAGES: [&str; 4] =
    ["POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"];

fn hook() -> impl Strategy<Value = Value> {
    let stages = prop::collection::btree_set(prop::sample::select(STAGES.to_vec()), 1..3);
    (stages, any::<bool>(), prop::option::of(1u64..20_160), any::<bool>()).prop_map(|(stages, pause, timeout, goes_on)| {
        let mut hook = json!({"targetType": if pause { "PAUSE" } else { "AWS_LAMBDA" }, "lifecycleStages": stages});
        if !pause {
            hook["hookTargetArn"] = json!("arn:aws:lambda:eu:1:function:check");
        }
        if let Some(minutes) = timeout {
            let action = if goes_on { "CONTINUE" } else { "ROLLBACK" };
            hook["timeoutConfiguration"] = json!({"timeoutInMinutes": minutes, "action": action});
        }
        hook
    })
}

fn before() -> impl Strategy<Value = Value> {
    let strategy = prop::option::of(prop::sample::select(vec!["ROLLING", "BLUE_GREEN", "CANARY", "LINEAR"]));
    (strategy, prop::option::of(prop::collection::vec(hook(), 0..4)), prop::option::of(0u64..1440), any::<[bool; 2]>()).prop_map(
        |(strategy, hooks, bake, [alarms, enable])| {
            let mut before = json!({"minimumHealthyPercent": 100, "maximumPercent": 200, "futureMember": {"kept": true}});
            for (key, value) in [
                ("strategy", strategy.map(|strategy| json!(strategy))),
                ("lifecycleHooks", hooks.map(Value::Array)),
                ("bakeTimeInMinutes", bake.map(|bake| json!(bake))),
                ("canaryConfiguration", (strategy == Some("CANARY")).then(|| json!({"canaryPercent": 5.0}))),
                ("linearConfiguration", (strategy == Some("LINEAR")).then(|| json!({"stepPercent": 10.0}))),
                ("alarms", alarms.then(|| json!({"alarmNames": ["theirs"], "enable": enable, "rollback": enable}))),
            ] {
                if let Some(value) = value {
                    before[key] = value;
                }
            }
            before
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    let bake = (0u64..=1440).prop_map(minutes);
    let canary = (1u32..1000, bake.clone()).prop_map(|(share, bake)| Steps::Canary { share: Share(share), bake });
    let linear = (30u32..=1000, bake.clone()).prop_map(|(step, bake)| Steps::Linear { step: Share(step), bake });
    let shift = (prop_oneof![Just(Steps::AllAtOnce), canary, linear], prop::option::of(bake))
        .prop_map(|(steps, terminate_after)| Way::Shift(Shift { steps, terminate_after }));
    let percents = (prop::option::of(0u32..=100), prop::option::of(101u32..=400))
        .prop_map(|(minimum_percent, maximum_percent)| Way::Rolling { minimum_percent, maximum_percent });
    prop_oneof![3 => shift, 1 => percents]
}

prop_compose! {
    fn rolls()(
        strategy in way(),
        before in before(),
        places in prop::option::of(prop::sample::subsequence(
            vec![PauseAt::ScaledUp, PauseAt::TestTraffic, PauseAt::BeforeProduction, PauseAt::AfterProduction], 1..=4)),
        timeout in 1u64..=20_160,
        judged in prop::option::of((1i64..1_380, prop::collection::vec("[a-c]", 0..3))),
    ) -> Roll {
        let shifts = matches!(strategy, Way::Shift(_));
        Roll {
            service: "frontend".into(),
            ecs_service: "web".into(),
            driver: Driver::Ecs,
            strategy,
            pause: places.filter(|_| shifts).map(|at| Pause { at, timeout: minutes(timeout) }),
            judge: judged.filter(|_| shifts).map(|(patience, alarms)| {
                Judge { patience: SignedDuration::from_mins(patience), alarms, ..Judge::default() }
            }),
            alarms: Default::default(),
            wiring: Vec::new(),
            before: None,
            before_configuration: before,
            before_load_balancers: Value::Null,
            create: None,
            desired: 1,
            expected_ms: None,
            patience_ms: 1,
        }
    }
}

/// A configuration as ECS reads it: nothing in a member is as good as no member.
fn as_read(configuration: &Value) -> Value {
    let mut read = configuration.clone();
    let members = read.as_object_mut().unwrap();
    members.retain(|_, value| *value != json!([]) && *value != json!({"alarmNames": [], "enable": false, "rollback": false}));
    if members.get("strategy") == Some(&json!("ROLLING")) {
        members.remove("strategy");
    }
    read
}

/// The same hook, whatever its timeout.
fn is_same_hook(one: &Value, other: &Value) -> bool {
    ["targetType", "lifecycleStages", "hookTargetArn"].iter().all(|member| one[member] == other[member])
}

/// A configuration after another one was sent: ECS keeps what it is not sent, and a block goes with its strategy.
fn sent_to(configuration: &Value, sent: &Value) -> Value {
    let mut now = configuration.clone();
    for (key, value) in sent.as_object().into_iter().flatten() {
        now[key] = value.clone();
    }
    let strategy = now["strategy"].as_str().unwrap_or("ROLLING").to_owned();
    for (block, of) in [("canaryConfiguration", "CANARY"), ("linearConfiguration", "LINEAR")] {
        if strategy != of {
            now.as_object_mut().unwrap().remove(block);
        }
    }
    now
}

/// Without what ECS cannot be made to forget, and what means nothing to a rolling update.
fn comparable(configuration: &Value) -> Value {
    let mut read = as_read(configuration);
    read.as_object_mut().unwrap().remove("bakeTimeInMinutes");
    read
}

proptest! {
    #[test]
    fn what_is_left_after_the_way_back_is_found_and_put_back_once(roll in rolls(), theirs in prop::option::of(hook())) {
        let (before, sent) = (&roll.before_configuration, Body::of(&roll).configuration);
        prop_assert_eq!(leftover(&roll, End::TurnedBack, before), None, "nothing was sent");
        let mut now = sent_to(before, &sent);
        let mut wanted = before.clone();
        if let Some(hook) = theirs.filter(|hook| hook["targetType"] != "PAUSE") {
            for hooks in [&mut now, &mut wanted] {
                let mut with = hooks["lifecycleHooks"].as_array().cloned().unwrap_or_default();
                with.push(hook.clone());
                hooks["lifecycleHooks"] = with.into();
            }
        }
        let found = leftover(&roll, End::TurnedBack, &now);
        prop_assert!(found.is_none() || may_leave(&roll, End::TurnedBack));
        let after = found.map_or(now.clone(), |left| sent_to(&now, &left.configuration));
        prop_assert_eq!(comparable(&after), comparable(&wanted));
        if before["bakeTimeInMinutes"].is_u64() {
            prop_assert_eq!(&after["bakeTimeInMinutes"], &before["bakeTimeInMinutes"]);
        }
        prop_assert_eq!(leftover(&roll, End::TurnedBack, &after), None, "once");
    }

    #[test]
    fn after_success_the_hooks_alone_are_taken_out(roll in rolls()) {
        let (before, sent) = (&roll.before_configuration, Body::of(&roll).configuration);
        let now = sent_to(before, &sent);
        let found = leftover(&roll, End::Deployed, &now);
        prop_assert!(found.is_none() || may_leave(&roll, End::Deployed));
        let after = found.map_or(now.clone(), |left| sent_to(&now, &left.configuration));
        let hooks = |configuration: &Value| configuration["lifecycleHooks"].as_array().cloned().unwrap_or_default();
        prop_assert_eq!(hooks(&after), hooks(before));
        let rest = |configuration: &Value| {
            let mut rest = configuration.clone();
            rest.as_object_mut().unwrap().remove("lifecycleHooks");
            rest
        };
        prop_assert_eq!(rest(&after), rest(&now), "the strategy is the service's own from now on");
    }

    #[test]
    fn what_is_sent_fits_ecs_and_keeps_all_that_is_there(roll in rolls()) {
        let sent = Body::of(&roll).configuration;
        if sent.is_null() {
            return Ok(());
        }
        prop_assert_eq!(&sent["futureMember"], &roll.before_configuration["futureMember"]);
        let hooks = sent["lifecycleHooks"].as_array().cloned().unwrap_or_default();
        let before = roll.before_configuration["lifecycleHooks"].as_array().cloned().unwrap_or_default();
        prop_assert!(hooks.len() >= before.len());
        for (hook, kept) in before.iter().zip(&hooks) {
            prop_assert!(is_same_hook(hook, kept));
            prop_assert!(hook == kept || hook["targetType"] == "PAUSE" && kept["timeoutConfiguration"]["action"] == "ROLLBACK");
        }
        for ours in &hooks[before.len()..] {
            let minutes = ours["timeoutConfiguration"]["timeoutInMinutes"].as_u64().unwrap();
            prop_assert!((1..=20_160).contains(&minutes));
            prop_assert_eq!(&ours["timeoutConfiguration"]["action"], "ROLLBACK");
        }
        let asked = |at: PauseAt| roll.pause.as_ref().is_some_and(|pause| pause.at.contains(&at));
        let places = [
            asked(PauseAt::ScaledUp),
            asked(PauseAt::TestTraffic),
            asked(PauseAt::BeforeProduction) || roll.judge.is_some(),
            asked(PauseAt::AfterProduction) || roll.judge.is_some(),
        ];
        for (stage, asked) in STAGES.iter().zip(places) {
            let waits = |hook: &&Value| hook["targetType"] == "PAUSE" && hook["lifecycleStages"] == json!([stage])
                && hook["timeoutConfiguration"]["action"] == "ROLLBACK";
            prop_assert!(!asked || hooks.iter().any(|hook| waits(&hook)), "{stage}: nobody alive means the way back");
        }
        let (canary, linear) = (&sent["canaryConfiguration"], &sent["linearConfiguration"]);
        match sent["strategy"].as_str() {
            Some("CANARY") => {
                prop_assert!((0.1..=100.0).contains(&canary["canaryPercent"].as_f64().unwrap()));
                prop_assert!(canary["canaryBakeTimeInMinutes"].as_u64().unwrap() <= 1440 && linear.is_null());
            }
            Some("LINEAR") => {
                prop_assert!((3.0..=100.0).contains(&linear["stepPercent"].as_f64().unwrap()));
                prop_assert!(linear["stepBakeTimeInMinutes"].as_u64().unwrap() <= 1440 && canary.is_null());
            }
            _ => prop_assert!(canary.is_null() && linear.is_null()),
        }
        if roll.shift().is_some() {
            prop_assert!(sent["bakeTimeInMinutes"].as_u64().unwrap() <= 1440);
        }
        let alarms = roll.judge.iter().flat_map(|judge| &judge.alarms);
        let names = sent["alarms"]["alarmNames"].as_array().cloned().unwrap_or_default();
        for alarm in alarms {
            prop_assert_eq!(names.iter().filter(|name| *name == alarm).count(), 1);
            prop_assert_eq!((&sent["alarms"]["enable"], &sent["alarms"]["rollback"]), (&json!(true), &json!(true)));
        }
    }

    #[test]
    fn what_is_put_back_is_what_was(roll in rolls()) {
        let back = Body::back(&roll).configuration;
        prop_assert_eq!(as_read(&back), as_read(&roll.before_configuration));
        let sent = Body::of(&roll).configuration;
        for added in sent.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| roll.before_configuration[key].is_null()) {
            let goes_with_the_strategy = ["bakeTimeInMinutes", "canaryConfiguration", "linearConfiguration"];
            prop_assert!(
                !back[added].is_null() || goes_with_the_strategy.contains(&added.as_str()),
                "{added} is taken back: ECS keeps what it is not sent"
            );
        }
    }
}
