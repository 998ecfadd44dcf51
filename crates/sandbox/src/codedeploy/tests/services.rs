//! A service that CodeDeploy deploys, as ECS shows and changes it.

use super::*;

#[test]
fn it_has_task_sets_and_no_deployments() {
    let mut world = World::new();
    let service = world.web();
    assert_eq!(service["deployments"], json!([]));
    assert_eq!(service["deploymentController"], json!({"type": "CODE_DEPLOY"}));
    assert!(service.get("currentServiceRevisions").is_none());
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 2)]));
    let set = &service["taskSets"][0];
    assert_eq!((&set["scale"], &set["stabilityStatus"]), (&json!({"value": 100.0, "unit": "PERCENT"}), &json!("STEADY_STATE")));
    let name = text(&set["id"]);
    assert!(name.starts_with("ecs-svc/"));
    assert_eq!(set["taskSetArn"], format!("arn:aws:ecs:us-east-1:123456789012:task-set/prod/web/{name}"));
    let listed = world.ecs("ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
    assert_eq!(listed["serviceDeployments"], json!([]));
}

#[test]
fn update_service_scales_and_deploys_nothing() {
    let mut world = World::new();
    let update = |over: Value| {
        let mut body = json!({"cluster": "prod", "service": "web"});
        for (name, value) in over.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let suffix = "on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.";
    for (over, text) in [
        (json!({"taskDefinition": "web:1"}), "Unable to update task definition"),
        (json!({"forceNewDeployment": true, "desiredCount": 2}), "Cannot force a new deployment"),
        (json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}), "Unable to update network parameters"),
        (json!({"platformVersion": "1.3.0"}), "Unable to update platform version"),
    ] {
        let error = world.refused(Aws::Ecs, "UpdateService", update(over));
        assert_eq!((error.code.as_str(), error.message), ("InvalidParameterException", format!("{text} {suffix}")));
    }
    let error = world.refused(Aws::Ecs, "UpdateService", update(json!({"deploymentController": {"type": "ECS"}})));
    assert!(error.message.contains("deployment controller"), "{}", error.message);
    world.ecs("UpdateService", update(json!({"desiredCount": 3})));
    world.settle();
    assert_eq!(world.task_sets(), sets(&[("PRIMARY", "1", 3)]));
}

#[test]
fn it_can_be_deleted() {
    let mut world = World::new();
    world.ecs("DeleteService", json!({"cluster": "prod", "service": "web", "force": true}));
    world.settle();
    assert_eq!((world.web()["status"].as_str(), world.web()["runningCount"].as_u64()), (Some("INACTIVE"), Some(0)));
    assert_eq!(world.task_sets(), []);
    let error = world.refused(Aws::CodeDeploy, "CreateDeployment", create_body("web", &json!([]), &json!({})));
    assert_eq!(error.code, "InvalidECSServiceException");
}

#[test]
fn a_deployment_whose_service_goes_fails() {
    let mut world = World::new();
    let id = world.begin("two", "CodeDeployDefault.ECSLinear10PercentEvery1Minutes");
    world.settle();
    world.ecs("DeleteService", json!({"cluster": "prod", "service": "web", "force": true}));
    world.settle();
    let info = world.info(&id);
    assert_eq!((&info["status"], &info["errorInformation"]["code"]), (&json!("Failed"), &json!("ECS_UPDATE_ERROR")));
}

#[test]
fn it_must_fit_its_controller() {
    let mut world = World::new();
    let group = world.web()["loadBalancers"][0]["targetGroupArn"].clone();
    let mut daemon = world.service("other", group.as_str().unwrap());
    daemon["schedulingStrategy"] = "DAEMON".into();
    daemon["deploymentConfiguration"] = json!({"maximumPercent": 100, "minimumHealthyPercent": 0});
    let mut bare = world.service("other", "x");
    bare["loadBalancers"] = json!([]);
    let mut alarms = world.service("other", group.as_str().unwrap());
    alarms["deploymentConfiguration"] = json!({"alarms": {"enable": true, "rollback": true, "alarmNames": ["a"]}});
    for (body, text) in [(daemon, "DAEMON"), (bare, "exactly one load balancer"), (alarms, "alarms cannot be used")] {
        let error = world.refused(Aws::Ecs, "CreateService", body);
        assert!(error.message.contains(text), "{}", error.message);
    }
}
