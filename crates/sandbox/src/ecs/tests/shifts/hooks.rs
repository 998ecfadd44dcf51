//! Pauses: answered, timed out, several at a stage, and what ContinueServiceDeployment refuses.

use super::*;

const STAGE: &str = "POST_TEST_TRAFFIC_SHIFT";

fn timed(minutes: u64, action: &str) -> Value {
    let timeout = json!({"timeoutInMinutes": minutes, "action": action});
    json!({"targetType": "PAUSE", "lifecycleStages": [STAGE], "timeoutConfiguration": timeout})
}

fn statuses(state: &mut State) -> Vec<String> {
    let newest = newest(state);
    newest["lifecycleHookDetails"].as_array().unwrap().iter().map(|one| text(&one["status"])).collect()
}

#[test]
fn a_pause_says_until_when_and_what_then() {
    let (mut state, _) = shifted(blue_green(json!([timed(10, "CONTINUE"), pause(&[STAGE])])));
    begin(&mut state);
    let now = state.now_seconds();
    let details = newest(&mut state)["lifecycleHookDetails"].clone();
    let left = |place: usize| (details[place]["expiresAt"].as_f64().unwrap() - now).round();
    assert!((left(0) - 600.0).abs() < 2.0 && (left(1) - 86_400.0).abs() < 2.0, "{details}");
    assert_eq!((&details[0]["timeoutAction"], &details[1]["timeoutAction"]), (&json!("CONTINUE"), &json!("ROLLBACK")));
    assert!(details[0].get("targetArn").is_none());
    assert_eq!((&details[0]["targetType"], &details[0]["status"]), (&json!("PAUSE"), &json!("AWAITING_ACTION")));
}

#[test]
fn all_hooks_of_a_stage_must_pass() {
    let (mut state, wiring) = shifted(blue_green(json!([pause(&[STAGE]), pause(&[STAGE])])));
    begin(&mut state);
    let hooks = awaiting(&mut state);
    assert_eq!(hooks.len(), 2);
    proceed(&mut state, &hooks[0], "CONTINUE");
    assert_eq!((stage(&mut state).as_str(), statuses(&mut state)), (STAGE, vec!["SUCCEEDED".into(), "AWAITING_ACTION".into()]));
    assert!(wiring.production(&state).0 > 0);
    proceed(&mut state, &hooks[1], "CONTINUE");
    assert_eq!((stage(&mut state).as_str(), wiring.production(&state)), ("BAKE_TIME", (0, 100)));
}

#[test]
fn any_rollback_wins() {
    let (mut state, wiring) = shifted(blue_green(json!([pause(&[STAGE]), pause(&[STAGE])])));
    begin(&mut state);
    let hooks = awaiting(&mut state);
    proceed(&mut state, &hooks[1], "ROLLBACK");
    is_back(&mut state, &wiring);
    assert_eq!(statuses(&mut state), ["AWAITING_ACTION", "FAILED"]);
    let newest = newest(&mut state);
    let why = "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook failed.";
    assert_eq!((&newest["statusReason"], &newest["rollback"]["reason"]), (&json!(why), &json!(why)));
    assert_eq!(newest["rollback"]["serviceRevisionArn"], newest["sourceServiceRevisions"][0]["arn"]);
    assert!(events(&mut state).iter().any(|event| event.ends_with(&format!("deployment failed: {why}"))));
}

#[test]
fn a_pause_that_is_not_answered_in_time_does_what_it_says() {
    let (mut state, wiring) = shifted(blue_green(json!([timed(10, "ROLLBACK")])));
    begin(&mut state);
    pass(&mut state, 598);
    rest(&mut state);
    assert_eq!(stage(&mut state), STAGE);
    pass(&mut state, 3);
    rest(&mut state);
    is_back(&mut state, &wiring);
    let why = "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook timed out.";
    assert_eq!((newest(&mut state)["statusReason"].as_str(), statuses(&mut state)), (Some(why), vec!["TIMED_OUT".to_owned()]));

    let (mut state, wiring) = shifted(blue_green(json!([timed(10, "CONTINUE")])));
    begin(&mut state);
    pass(&mut state, 601);
    rest(&mut state);
    assert_eq!((stage(&mut state).as_str(), wiring.production(&state)), ("BAKE_TIME", (0, 100)));
}

#[test]
fn the_time_out_of_a_pause_wakes_the_keeper() {
    let (mut state, _) = shifted(blue_green(json!([timed(10, "ROLLBACK")])));
    begin(&mut state);
    let now = state.clock.now();
    let wake = schedule::look(&mut state).wake.expect("a time-out is waited for");
    assert!((595_000..=600_000).contains(&(wake - now).0), "{:?}", wake - now);
}

#[test]
fn what_continue_refuses() {
    let (mut state, _) = shifted(blue_green(json!([pause(&[STAGE])])));
    let before = arn(&mut state);
    let arn = begin(&mut state);
    let hook = awaiting(&mut state)[0].clone();
    let gone = "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN";
    let over = "Continuing a service deployment is not allowed for service deployment in terminal states.";
    let format = "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}";
    let body = |arn: &str, hook: &str| json!({"serviceDeploymentArn": arn, "hookId": hook});
    let rows = [
        (body(&arn, "pause-1"), "InvalidParameterException", format),
        (body(&arn, "ecs-pause"), "InvalidParameterException", format),
        (body(&arn, "ecs-pause-none"), "InvalidParameterException", gone),
        (body(&before, &hook), "InvalidParameterException", over),
        (body("arn:none", &hook), "ServiceDeploymentNotFoundException", "The service deployment does not exist."),
    ];
    for (body, code, text) in rows {
        let error = refused(&mut state, "ContinueServiceDeployment", body.clone());
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, text), "{body}");
    }
    proceed(&mut state, &hook, "CONTINUE");
    let error = refused(&mut state, "ContinueServiceDeployment", body(&arn, &hook));
    assert_eq!(error.message, gone);
}
