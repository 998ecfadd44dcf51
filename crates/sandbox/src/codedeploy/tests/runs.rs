//! Deployments from their creation to their end: traffic, task sets, statuses.

use super::*;

#[test]
fn a_canary_moves_traffic_and_then_the_roles_of_the_groups_are_swapped() {
    let mut world = World::new();
    let id = world.begin("two", "CodeDeployDefault.ECSCanary10Percent5Minutes");
    assert_eq!(world.status(&id), "Created");
    let body = json!({"deploymentId": id, "targetId": "prod:web"});
    assert_eq!(world.refused(Aws::CodeDeploy, "GetDeploymentTarget", body).code, "DeploymentNotStartedException");
    world.settle();
    assert_eq!(world.weights(), [(90, 10), (0, 100)]);
    assert_eq!(world.task_sets(), sets(&[("ACTIVE", "2", 2), ("PRIMARY", "1", 2)]));
    assert_eq!(world.events(&id), "SSSSSSIP");
    let target = world.target(&id);
    let shares = |target: &Value| -> Vec<(String, f64, String)> {
        let sets = target["taskSetsInfo"].as_array().unwrap().iter();
        sets.map(|it| (text(&it["taskSetLabel"]), it["trafficWeight"].as_f64().unwrap(), text(&it["targetGroup"]["name"])))
            .collect()
    };
    assert_eq!(shares(&target), [("Blue".into(), 90.0, "blue".into()), ("Green".into(), 10.0, "green".into())]);
    assert_eq!(target["taskSetsInfo"][1]["identifer"], world.web()["taskSets"][0]["id"]);
    assert_eq!(world.web()["taskSets"][0]["externalId"], id.as_str());

    world.pass(5);
    assert_eq!(world.weights(), [(0, 100), (0, 100)]);
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "2", 2), ("ACTIVE", "1", 2)]));
    assert_eq!(world.events(&id), "SSSSSSSS");
    let info = world.info(&id);
    assert_eq!((&info["status"], &info["instanceTerminationWaitTimeStarted"]), (&json!("InProgress"), &json!(true)));
    assert!(text(&world.web()["taskDefinition"]).ends_with("web:2"));

    world.pass(5);
    assert_eq!(world.status(&id), "Succeeded");
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "2", 2)]));
    let first = world.info(&id)["revision"].clone();

    // The next one goes the other way.
    let id = world.begin("three", "CodeDeployDefault.ECSAllAtOnce");
    world.turn();
    world.turn();
    assert_eq!(world.weights(), [(0, 100), (0, 100)]);
    world.settle();
    assert_eq!(world.weights(), [(100, 0), (100, 0)]);
    let body = json!({"deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT"});
    assert_eq!(world.deploy("ContinueDeployment", body.clone()), Value::Null);
    world.settle();
    assert_eq!(world.status(&id), "Succeeded");
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "3", 2)]));
    assert_eq!(world.info(&id)["previousRevision"], first);
    assert_eq!(world.refused(Aws::CodeDeploy, "ContinueDeployment", body).code, "DeploymentAlreadyCompletedException");
}

#[test]
fn a_linear_deployment_goes_step_by_step() {
    let mut world = World::new();
    world.begin("two", "CodeDeployDefault.ECSLinear10PercentEvery3Minutes");
    world.settle();
    for step in 1..=10 {
        assert_eq!(world.weights()[0], (100 - step * 10, step * 10));
        world.pass(2);
        assert_eq!(world.weights()[0].1, step * 10);
        world.pass(1);
    }
}

#[test]
fn a_replacement_that_never_runs_is_taken_back_by_a_new_deployment() {
    let mut world = World::new();
    let id = world.begin("crash", "CodeDeployDefault.ECSAllAtOnce");
    for _ in 0..20 {
        world.turn();
    }
    assert_eq!(world.status(&id), "InProgress");
    assert_eq!(world.weights()[0], (100, 0));
    world.state.clock.virtual0 += 61 * 60_000;
    world.turn();
    let info = world.info(&id);
    assert_eq!((&info["status"], &info["errorInformation"]["code"]), (&json!("Failed"), &json!("TIMEOUT")));
    assert_eq!(world.events(&id), "SFKKKKKK");
    let back = text(&info["rollbackInfo"]["rollbackDeploymentId"]);
    assert_eq!(world.newest(), back);
    assert_eq!(
        text(&info["rollbackInfo"]["rollbackMessage"]),
        format!("Deployment {id} failed. Automatic rollback is triggered with a DeploymentId {back}.")
    );
    world.settle();
    let info = world.info(&back);
    assert_eq!((&info["status"], &info["creator"]), (&json!("Succeeded"), &json!("codeDeployRollback")));
    assert_eq!(info["deploymentConfigName"], "CodeDeployDefault.ECSAllAtOnce");
    let rollback = json!({
        "rollbackTriggeringDeploymentId": id,
        "rollbackMessage": format!("Deployment {back} is triggered to roll back deployment {id}."),
    });
    assert_eq!(info["rollbackInfo"], rollback);
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
    assert_eq!(world.info(&id)["status"], "Failed");
}

#[test]
fn an_alarm_stops_it_and_takes_it_back_also_after_all_traffic_has_moved() {
    for minutes in [0, 5] {
        let alarms = json!({"alarmConfiguration": {"enabled": true, "alarms": [{"name": "too-slow"}, {"name": "5xx"}]}});
        let mut world = World::with(alarms);
        let alarm = json!({
            "AlarmName": "5xx", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        dispatch(&mut world.state, Aws::CloudWatch, "PutMetricAlarm", alarm).unwrap();
        let id = world.begin("two", "CodeDeployDefault.ECSCanary10Percent5Minutes");
        world.settle();
        world.pass(minutes);
        assert_eq!(world.weights()[0].1, if minutes == 0 { 10 } else { 100 });
        let set = json!({"AlarmName": "5xx", "StateValue": "ALARM", "StateReason": "a try"});
        dispatch(&mut world.state, Aws::CloudWatch, "SetAlarmState", set).unwrap();
        world.turn();
        assert_eq!(world.weights(), [(100, 0), (100, 0)]);
        let info = world.info(&id);
        assert_eq!((&info["status"], &info["errorInformation"]["code"]), (&json!("Stopped"), &json!("ALARM_ACTIVE")));
        assert!(text(&info["errorInformation"]["message"]).ends_with("Activated alarms: <5xx>"));
        assert_eq!(world.events(&id), if minutes == 0 { "SSSSSSFK" } else { "SSSSSSSS" });
        world.settle();
        assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
        let back = world.newest();
        assert_ne!(back, id);
        assert_eq!(world.status(&back), "Succeeded");
    }
}

#[test]
fn stopped_without_rollback_all_stays_as_it_is_until_the_next_deployment() {
    let mut world = World::new();
    let id = world.begin("two", "CodeDeployDefault.ECSCanary10Percent5Minutes");
    world.settle();
    let reply = world.deploy("StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": false}));
    assert_eq!(reply["status"], "Pending");
    world.settle();
    assert_eq!((world.status(&id).as_str(), world.newest()), ("Stopped", id.clone()));
    assert_eq!(world.weights(), [(90, 10), (0, 100)]);
    assert_eq!(world.task_sets(), sets(&[("ACTIVE", "2", 2), ("PRIMARY", "1", 2)]));
    let again = world.refused(Aws::CodeDeploy, "StopDeployment", json!({"deploymentId": id}));
    assert_eq!(again.code, "DeploymentAlreadyCompletedException");

    let id = world.begin("three", "CodeDeployDefault.ECSAllAtOnce");
    world.turn();
    assert_eq!(world.weights(), [(100, 0), (100, 0)]);
    world.settle();
    assert_eq!(world.weights(), [(0, 100), (0, 100)]);
    world.pass(5);
    assert_eq!(world.status(&id), "Succeeded");
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "3", 2)]));
}

#[test]
fn stopped_with_rollback_it_is_taken_back() {
    let mut world = World::with(json!({"autoRollbackConfiguration": {"enabled": false, "events": []}}));
    let id = world.begin("two", "CodeDeployDefault.ECSCanary10Percent5Minutes");
    world.settle();
    world.deploy("StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": true}));
    world.settle();
    assert_eq!(world.weights(), [(100, 0), (100, 0)]);
    assert_eq!(world.info(&id)["errorInformation"]["code"], "MANUAL_STOP");
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
    assert_eq!(text(&world.info(&id)["rollbackInfo"]["rollbackDeploymentId"]), world.newest());
}

#[test]
fn ready_waits_for_a_person() {
    let blue_green = json!({"blueGreenDeploymentConfiguration": {
        "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 30},
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "KEEP_ALIVE"},
    }});
    let mut world = World::with(blue_green);
    let id = world.begin("two", "CodeDeployDefault.ECSAllAtOnce");
    let too_early = world.refused(Aws::CodeDeploy, "ContinueDeployment", json!({"deploymentId": id}));
    assert_eq!(too_early.code, "DeploymentIsNotInReadyStateException");
    world.settle();
    assert_eq!((world.status(&id).as_str(), world.weights()), ("Ready", [(100, 0), (0, 100)]));
    assert_eq!(world.info(&id)["deploymentOverview"]["Ready"], 1);
    let other = json!({"deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT"});
    assert_eq!(world.refused(Aws::CodeDeploy, "ContinueDeployment", other).code, "DeploymentIsNotInReadyStateException");
    world.deploy("ContinueDeployment", json!({"deploymentId": id, "deploymentWaitType": "READY_WAIT"}));
    world.settle();
    assert_eq!((world.status(&id).as_str(), world.weights()), ("Succeeded", [(0, 100), (0, 100)]));
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "2", 2), ("ACTIVE", "1", 2)]));

    // What was kept alive goes when its target group is needed, and a wait that nobody ends stops the deployment.
    let id = world.begin("three", "CodeDeployDefault.ECSAllAtOnce");
    world.settle();
    assert_eq!(world.task_sets(), sets(&[("ACTIVE", "3", 2), ("PRIMARY", "2", 2)]));
    world.pass(30);
    assert_eq!(world.info(&id)["errorInformation"]["code"], "TIMEOUT");
    assert_eq!((world.status(&id).as_str(), world.weights()), ("Stopped", [(0, 100), (0, 100)]));
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "2", 2)]));
}

#[test]
fn a_listener_that_someone_has_turned_away_fails_it() {
    let mut world = World::new();
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
    let listener = world.production.clone();
    let id = world.begin("two", "CodeDeployDefault.ECSAllAtOnce");
    world.elb("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": fixed}));
    world.settle();
    let info = world.info(&id);
    assert_eq!(info["errorInformation"]["code"], "ELASTIC_LOAD_BALANCING_INVALID");
    assert!(text(&info["errorInformation"]["message"]).contains("Primary taskset target group must be behind listener"));
    assert_eq!((&info["status"], &info["rollbackInfo"]), (&json!("Failed"), &json!({})));
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
}

#[test]
fn a_task_definition_that_is_not_there_fails_it() {
    let mut world = World::new();
    let id = world.create("web:77", json!([]), json!({}));
    world.settle();
    let info = world.info(&id);
    assert_eq!((&info["status"], &info["errorInformation"]["code"]), (&json!("Failed"), &json!("ECS_UPDATE_ERROR")));
    assert!(text(&info["errorInformation"]["message"]).contains("TaskDefinition not found."));
}
