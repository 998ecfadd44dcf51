//! The ways a shift does not reach its end: stopped at any stage, the breaker, alarms, nothing to go back to.

use super::*;

fn stop(state: &mut State, kind: &str) {
    let body = json!({"serviceDeploymentArn": arn(state), "stopType": kind});
    call(state, "StopServiceDeployment", body);
}

const STOPPED_AT: [&str; 6] = [
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
];

#[test]
fn stopped_at_any_stage_it_goes_back() {
    for at in STOPPED_AT {
        let hooks = if at == "BAKE_TIME" { json!([]) } else { json!([pause(&[at])]) };
        let (mut state, wiring) = shifted(blue_green(hooks));
        begin(&mut state);
        assert_eq!(stage(&mut state), at);
        stop(&mut state, "ROLLBACK");
        assert_eq!(rollouts(&mut state)[0], "ROLLBACK_REQUESTED", "{at}");
        stop(&mut state, "ROLLBACK");
        rest(&mut state);
        is_back(&mut state, &wiring);
        assert_eq!(newest(&mut state)["statusReason"], "Service deployment rolled back by user request.", "{at}");
        assert_eq!(requested(&mut state), (100.0, 0.0), "{at}");
        let body = json!({"serviceDeploymentArn": arn(&mut state)});
        assert_eq!(refused(&mut state, "StopServiceDeployment", body).code, "ConflictException");
    }
}

#[test]
fn a_service_without_tasks_gives_the_traffic_back_in_the_same_look() {
    let (mut state, wiring) = shifted(blue_green(json!([])));
    update(&mut state, json!({"desiredCount": 0}));
    rest(&mut state);
    begin(&mut state);
    assert_eq!((stage(&mut state).as_str(), wiring.production(&state)), ("BAKE_TIME", (0, 100)));
    stop(&mut state, "ROLLBACK");
    rest(&mut state);
    assert_eq!((rollouts(&mut state)[0].as_str(), wiring.production(&state)), ("ROLLBACK_SUCCESSFUL", (100, 0)));
}

#[test]
fn on_the_way_back_traffic_moves_before_tasks_go() {
    let (mut state, wiring) = shifted(blue_green(json!([])));
    begin(&mut state);
    assert_eq!((stage(&mut state).as_str(), wiring.production(&state)), ("BAKE_TIME", (0, 100)));
    stop(&mut state, "ROLLBACK");
    schedule::look(&mut state);
    assert_eq!((rollouts(&mut state)[0].as_str(), wiring.production(&state)), ("ROLLBACK_IN_PROGRESS", (100, 0)));
    assert_eq!(wiring.targets(&state), (2, 2), "the candidate's tasks are there still");
    let both = [("PRIMARY", "COMPLETED", "1"), ("ACTIVE", "FAILED", "2")];
    let both = both.map(|(status, rollout, revision)| (status.to_owned(), rollout.to_owned(), revision.to_owned()));
    assert_eq!(deployments(&web(&mut state)), both);
    rest(&mut state);
    is_back(&mut state, &wiring);
}

#[test]
fn aborted_it_stays_as_it_stands_until_the_next_deployment() {
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 60});
    let (mut state, wiring) = shifted(json!({"strategy": "CANARY", "canaryConfiguration": canary}));
    begin(&mut state);
    stop(&mut state, "ABORT");
    assert_eq!(rollouts(&mut state)[0], "STOP_REQUESTED");
    rest(&mut state);
    assert_eq!((rollouts(&mut state)[0].as_str(), wiring.production(&state)), ("STOPPED", (90, 10)));
    pass(&mut state, 7200);
    rest(&mut state);
    assert_eq!((wiring.production(&state), wiring.targets(&state)), ((90, 10), (2, 2)));
    let newest = newest(&mut state);
    assert_eq!(newest["statusReason"], "Service deployment stopped by user request.");
    assert!(newest["stoppedAt"].is_number());
    update(&mut state, json!({"forceNewDeployment": true}));
    for _ in 0..3 {
        rest(&mut state);
        pass(&mut state, 3601);
    }
    rest(&mut state);
    assert_eq!((rollouts(&mut state)[0].as_str(), wiring.production(&state)), ("SUCCESSFUL", (0, 100)));
}

#[test]
fn a_rolling_deployment_cannot_be_aborted() {
    let mut state = state();
    register(&mut state, "one");
    call(&mut state, "CreateService", service(json!({})));
    turn(&mut state);
    let body = json!({"serviceDeploymentArn": arn(&mut state), "stopType": "ABORT"});
    let error = refused(&mut state, "StopServiceDeployment", body);
    assert_eq!(error.message, "Invalid stopType. The valid value is ROLLBACK.");
}

fn breaker(rollback: bool) -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1,
           "deploymentCircuitBreaker": {"enable": true, "rollback": rollback}})
}

#[test]
fn a_candidate_that_crashes_or_is_sick_gets_no_traffic_and_trips_the_breaker() {
    for image in ["crash", "sick"] {
        let (mut state, wiring) = shifted(breaker(true));
        register(&mut state, image);
        update(&mut state, json!({"taskDefinition": "web:3"}));
        rest(&mut state);
        assert_eq!(wiring.production(&state).1, 0, "{image}");
        is_back(&mut state, &wiring);
        let newest = newest(&mut state);
        let why = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
        assert_eq!(newest["statusReason"], why, "{image}");
        assert_eq!(newest["deploymentCircuitBreaker"]["status"], "TRIGGERED", "{image}");
        assert!(events(&mut state).iter().any(|event| event.ends_with("deployment failed: tasks failed to start.")), "{image}");
    }
}

#[test]
fn without_rollback_a_failed_candidate_stays_and_traffic_too() {
    let (mut state, wiring) = shifted(breaker(false));
    register(&mut state, "crash");
    update(&mut state, json!({"taskDefinition": "web:3"}));
    rest(&mut state);
    assert_eq!(rollouts(&mut state)[0], "STOPPED");
    let newest = newest(&mut state);
    assert_eq!(newest["statusReason"], "The circuit breaker threshold was exceeded and no rollback is configured.");
    assert!(wiring.production(&state).0 > 0);
    assert_eq!(deployments(&web(&mut state))[0].1, "FAILED");
}

#[test]
fn a_first_deployment_that_fails_has_no_rollback_candidate() {
    let mut state = state();
    let wiring = wire(&mut state);
    register(&mut state, "one");
    let hooks = blue_green(json!([pause(&["PRE_SCALE_UP"])]));
    let body = service(json!({"loadBalancers": [wiring.balancer()], "deploymentConfiguration": hooks}));
    call(&mut state, "CreateService", body);
    rest(&mut state);
    let arn = json!({"serviceDeploymentArn": arn(&mut state), "stopType": "ROLLBACK"});
    assert_eq!(refused(&mut state, "StopServiceDeployment", arn).code, "ConflictException");
    let hook = awaiting(&mut state)[0].clone();
    proceed(&mut state, &hook, "ROLLBACK");
    assert_eq!(rollouts(&mut state), ["ROLLBACK_FAILED"]);
    assert_eq!(newest(&mut state)["statusReason"], "No rollback candidate was found to run the rollback.");
    let why = "deployment failed: Service deployment rolled back because PRE_SCALE_UP pause hook failed.";
    assert!(events(&mut state).iter().any(|event| event.ends_with(why)));
    assert_eq!(web(&mut state)["runningCount"], 0);
}

fn alarm(state: &mut State, to: &str) {
    let body = json!({"AlarmName": "errors", "StateValue": to, "StateReason": "test"});
    dispatch(state, Aws::CloudWatch, "SetAlarmState", body).unwrap();
}

#[test]
fn an_alarm_at_any_stage_sends_back() {
    for at in STOPPED_AT {
        let mut hooks = if at == "BAKE_TIME" { json!([]) } else { json!([pause(&[at])]) };
        let (mut state, wiring) = shifted(blue_green(hooks.take()));
        let metric = json!({
            "AlarmName": "errors", "MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 2, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
        });
        dispatch(&mut state, Aws::CloudWatch, "PutMetricAlarm", metric).unwrap();
        let alarms = json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}});
        update(&mut state, json!({"deploymentConfiguration": alarms}));
        begin(&mut state);
        assert_eq!(stage(&mut state), at);
        alarm(&mut state, "ALARM");
        rest(&mut state);
        is_back(&mut state, &wiring);
        let newest = newest(&mut state);
        assert_eq!(newest["statusReason"], "Service deployment rolled back because an alarm was detected.", "{at}");
        assert_eq!(newest["alarms"]["triggeredAlarmNames"], json!(["errors"]), "{at}");
    }
}
