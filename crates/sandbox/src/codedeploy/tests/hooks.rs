//! Functions of hooks, and what they say.

use super::*;

const HOOKS: &[&str] = &["BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"];

/// A deployment with a hook for each event, whose functions exist.
fn hooked(world: &mut World) -> String {
    for event in HOOKS {
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:check-{event}");
        world.state.functions.register(&arn, "http://127.0.0.1:1/").unwrap();
    }
    let hooks: Value = HOOKS.iter().map(|event| json!({ *event: format!("check-{event}") })).collect();
    let definition = world.register("two");
    world.create(&definition, hooks, json!({}))
}

fn execution(world: &World, event: &str) -> String {
    let deployment = world.state.codedeploy.deployments.last().unwrap();
    let found = deployment.executions.iter().find(|(_, asked)| asked.word() == event);
    found.unwrap_or_else(|| panic!("{event} was not asked")).0.clone()
}

#[test]
fn each_hook_holds_the_deployment_until_it_has_spoken() {
    let mut world = World::new();
    let id = hooked(&mut world);
    for (place, event) in HOOKS.iter().enumerate() {
        world.settle();
        let call = world.state.codedeploy.calls.len();
        assert_eq!(call, place + 1, "one call a hook");
        assert_eq!(world.status(&id), "InProgress");
        let body = json!({
            "deploymentId": id, "lifecycleEventHookExecutionId": execution(&world, event), "status": "Succeeded",
        });
        let reply = world.deploy("PutLifecycleEventHookExecutionStatus", body.clone());
        assert_eq!(reply["lifecycleEventHookExecutionId"], body["lifecycleEventHookExecutionId"]);
        let again = world.refused(Aws::CodeDeploy, "PutLifecycleEventHookExecutionStatus", body);
        assert_eq!(again.code, "LifecycleEventAlreadyCompletedException");
    }
    world.pass(0);
    world.pass(5);
    assert_eq!(world.status(&id), "Succeeded");
}

#[test]
fn a_hook_that_fails_is_told_and_the_deployment_is_taken_back() {
    let mut world = World::new();
    let id = hooked(&mut world);
    world.settle();
    let put = |world: &mut World, event: &str, status: &str| {
        let body = json!({"deploymentId": id, "lifecycleEventHookExecutionId": execution(world, event), "status": status});
        world.deploy("PutLifecycleEventHookExecutionStatus", body);
        world.settle();
    };
    put(&mut world, "BeforeInstall", "Succeeded");
    put(&mut world, "AfterInstall", "Failed");
    let info = world.info(&id);
    assert_eq!((&info["status"], &info["errorInformation"]["code"]), (&json!("Failed"), &json!("HOOK_EXECUTION_FAILURE")));
    assert_eq!(world.events(&id), "SSFKKKKK");
    let event = world.target(&id)["lifecycleEvents"][2].clone();
    assert_eq!(
        (&event["diagnostics"]["scriptName"], &event["diagnostics"]["errorCode"]),
        (&json!("check-AfterInstall"), &json!("ScriptFailed"))
    );
    assert_ne!(world.newest(), id);
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
}

#[test]
fn before_anything_is_made_there_is_nothing_to_take_back() {
    let mut world = World::new();
    let id = hooked(&mut world);
    world.settle();
    let body = json!({
        "deploymentId": id, "lifecycleEventHookExecutionId": execution(&world, "BeforeInstall"), "status": "Failed",
    });
    world.deploy("PutLifecycleEventHookExecutionStatus", body);
    world.settle();
    assert_eq!((world.status(&id).as_str(), world.newest()), ("Failed", id.clone()));
    assert_eq!(world.info(&id)["rollbackInfo"], json!({}));
}

#[test]
fn a_hook_that_says_nothing_for_an_hour_has_failed() {
    let mut world = World::new();
    let id = hooked(&mut world);
    world.settle();
    world.pass(59);
    assert_eq!(world.status(&id), "InProgress");
    world.pass(1);
    assert_eq!(world.info(&id)["errorInformation"]["code"], "HOOK_EXECUTION_FAILURE");
}

#[test]
fn a_function_that_is_not_there_fails_at_once() {
    let mut world = World::new();
    let definition = world.register("two");
    let id = world.create(&definition, json!([{"BeforeInstall": "nobody"}]), json!({}));
    world.settle();
    let info = world.info(&id);
    assert_eq!(info["errorInformation"]["code"], "HOOK_EXECUTION_FAILURE");
    assert!(text(&info["errorInformation"]["message"]).ends_with("function:nobody"), "{info}");
}

#[test]
fn what_no_hook_would_say_is_refused() {
    let mut world = World::new();
    let id = hooked(&mut world);
    world.settle();
    let known = execution(&world, "BeforeInstall");
    for (execution, status, code) in [
        ("other", "Succeeded", "InvalidLifecycleEventHookExecutionIdException"),
        (known.as_str(), "Pending", "InvalidLifecycleEventHookExecutionStatusException"),
    ] {
        let body = json!({"deploymentId": id, "lifecycleEventHookExecutionId": execution, "status": status});
        assert_eq!(world.refused(Aws::CodeDeploy, "PutLifecycleEventHookExecutionStatus", body).code, code);
    }
}
