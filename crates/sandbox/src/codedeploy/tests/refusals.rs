//! What CodeDeploy refuses, with its codes.

use super::*;

fn changed(mut body: Value, path: &str, value: Value) -> Value {
    match path.rsplit_once('/') {
        Some((parent, name)) => body.pointer_mut(parent).unwrap()[name] = value,
        None => panic!("{path} is no pointer"),
    }
    body
}

#[test]
fn a_group_must_fit_ecs() {
    let mut world = World::new();
    let group = changed(world.group(), "/deploymentGroupName", json!("other"));
    let pair = "/loadBalancerInfo/targetGroupPairInfoList/0";
    for (path, value, code) in [
        ("/deploymentGroupName".to_owned(), json!("web"), "DeploymentGroupAlreadyExistsException"),
        ("/deploymentGroupName".to_owned(), json!("x".repeat(101)), "InvalidDeploymentGroupNameException"),
        ("/applicationName".to_owned(), json!("none"), "ApplicationDoesNotExistException"),
        ("/serviceRoleArn".to_owned(), json!(""), "RoleRequiredException"),
        ("/deploymentStyle/deploymentType".to_owned(), json!("IN_PLACE"), "InvalidDeploymentStyleException"),
        ("/blueGreenDeploymentConfiguration".to_owned(), json!(null), "InvalidBlueGreenDeploymentConfigurationException"),
        (
            "/blueGreenDeploymentConfiguration/terminateBlueInstancesOnDeploymentSuccess/terminationWaitTimeInMinutes".to_owned(),
            json!(2881),
            "InvalidBlueGreenDeploymentConfigurationException",
        ),
        ("/loadBalancerInfo".to_owned(), json!({"elbInfoList": [{"name": "x"}]}), "InvalidLoadBalancerInfoException"),
        (format!("{pair}/targetGroups"), json!([{"name": "blue"}]), "InvalidTargetGroupPairException"),
        (format!("{pair}/targetGroups/1/name"), json!("none"), "InvalidTargetGroupPairException"),
        (format!("{pair}/targetGroups/1/name"), json!("blue"), "InvalidTargetGroupPairException"),
        (format!("{pair}/prodTrafficRoute/listenerArns"), json!([]), "InvalidTargetGroupPairException"),
        (format!("{pair}/testTrafficRoute/listenerArns"), json!(["arn:none"]), "InvalidTargetGroupPairException"),
        ("/deploymentConfigName".to_owned(), json!("none"), "DeploymentConfigDoesNotExistException"),
        ("/autoRollbackConfiguration/events".to_owned(), json!(["SOMETIMES"]), "InvalidAutoRollbackConfigException"),
        ("/alarmConfiguration".to_owned(), json!({"enabled": true}), "InvalidAlarmConfigException"),
        ("/ecsServices".to_owned(), json!([]), "InvalidECSServiceException"),
        ("/ecsServices/0/serviceName".to_owned(), json!("none"), "InvalidECSServiceException"),
        ("/deploymentGroupName".to_owned(), json!("second"), "ECSServiceMappingLimitExceededException"),
    ] {
        let body = changed(group.clone(), &path, value);
        assert_eq!(world.refused(Aws::CodeDeploy, "CreateDeploymentGroup", body).code, code, "{path}");
    }
}

#[test]
fn a_service_that_ecs_deploys_is_not_for_codedeploy() {
    let mut world = World::new();
    let group = text(&world.web()["loadBalancers"][0]["targetGroupArn"]);
    let mut body = world.service("other", &group);
    body["deploymentController"]["type"] = "ECS".into();
    world.ecs("CreateService", body);
    let group = changed(world.group(), "/deploymentGroupName", json!("other"));
    let error =
        world.refused(Aws::CodeDeploy, "CreateDeploymentGroup", changed(group, "/ecsServices/0/serviceName", json!("other")));
    let words = "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.";
    assert_eq!((error.code.as_str(), error.message.as_str()), ("InvalidECSServiceException", words));
}

#[test]
fn one_deployment_a_group_at_a_time() {
    let mut world = World::new();
    let id = world.begin("two", "CodeDeployDefault.ECSAllAtOnce");
    let error = world.refused(Aws::CodeDeploy, "CreateDeployment", create_body("web", &json!([]), &json!({})));
    assert_eq!(error.code, "DeploymentLimitExceededException");
    assert_eq!(error.message, format!("The Deployment Group 'web' already has an active Deployment '{id}'"));
}

#[test]
fn a_deployment_names_things_that_are_there() {
    let mut world = World::new();
    let body = create_body("web", &json!([]), &json!({}));
    for (path, value, code) in [
        ("/applicationName", json!("none"), "ApplicationDoesNotExistException"),
        ("/deploymentGroupName", json!("none"), "DeploymentGroupDoesNotExistException"),
        ("/deploymentConfigName", json!("none"), "DeploymentConfigDoesNotExistException"),
        ("/revision/appSpecContent/sha256", json!("00ff"), "InvalidRevisionException"),
        ("/revision", json!(null), "RevisionRequiredException"),
        ("/revision", json!({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}}), "InvalidRevisionException"),
        ("/description", json!("x".repeat(513)), "DescriptionTooLongException"),
    ] {
        let refused = world.refused(Aws::CodeDeploy, "CreateDeployment", changed(body.clone(), path, value));
        assert_eq!(refused.code, code, "{path}");
    }
    for (operation, body, code) in [
        ("GetDeployment", json!({}), "DeploymentIdRequiredException"),
        ("GetDeployment", json!({"deploymentId": "x"}), "InvalidDeploymentIdException"),
        ("GetDeployment", json!({"deploymentId": "d-ABCDEF123"}), "DeploymentDoesNotExistException"),
        ("ListDeployments", json!({"applicationName": "shop"}), "DeploymentGroupNameRequiredException"),
        ("ListDeployments", json!({"includeOnlyStatuses": ["Done"]}), "InvalidDeploymentStatusException"),
        ("ListDeployments", json!({"createTimeRange": {"start": 2.0, "end": 1.0}}), "InvalidTimeRangeException"),
        ("ListApplications", json!({"nextToken": "x"}), "InvalidNextTokenException"),
        ("CreateApplication", json!({"applicationName": "shop", "computePlatform": "ECS"}), "ApplicationAlreadyExistsException"),
        ("CreateApplication", json!({"applicationName": "x", "computePlatform": "Lambda"}), "InvalidComputePlatformException"),
        ("GetDeploymentConfig", json!({}), "DeploymentConfigNameRequiredException"),
    ] {
        assert_eq!(world.refused(Aws::CodeDeploy, operation, body).code, code, "{operation}");
    }
}

#[test]
fn custom_configurations_have_bounds() {
    let mut world = World::new();
    let config = |kind: &str, percent: u64, minutes: u64| {
        let (member, prefix) =
            if kind == "TimeBasedCanary" { ("timeBasedCanary", "canary") } else { ("timeBasedLinear", "linear") };
        let step = json!({ format!("{prefix}Percentage"): percent, format!("{prefix}Interval"): minutes });
        json!({"deploymentConfigName": "mine", "computePlatform": "ECS", "trafficRoutingConfig": {"type": kind, member: step}})
    };
    for body in [
        config("TimeBasedCanary", 0, 5),
        config("TimeBasedCanary", 100, 5),
        config("TimeBasedCanary", 10, 2881),
        config("TimeBasedLinear", 10, 321),
        config("TimeBasedLinear", 10, 0),
        config("Sometimes", 10, 5),
    ] {
        let refused = world.refused(Aws::CodeDeploy, "CreateDeploymentConfig", body);
        assert_eq!(refused.code, "InvalidTrafficRoutingConfigurationException");
    }
    world.deploy("CreateDeploymentConfig", config("TimeBasedLinear", 40, 2));
    let again = world.refused(Aws::CodeDeploy, "CreateDeploymentConfig", config("TimeBasedLinear", 40, 2));
    assert_eq!(again.code, "DeploymentConfigAlreadyExistsException");
    let shown = world.deploy("GetDeploymentConfig", json!({"deploymentConfigName": "mine"}))["deploymentConfigInfo"].take();
    assert_eq!(shown["trafficRoutingConfig"]["timeBasedLinear"], json!({"linearPercentage": 40, "linearInterval": 2}));
    let names = world.deploy("ListDeploymentConfigs", json!({}))["deploymentConfigsList"].take();
    assert_eq!(names.as_array().unwrap().len(), 6);
    world.begin("two", "mine");
    world.settle();
    let mut shares = vec![world.weights()[0].1];
    for _ in 0..2 {
        world.pass(2);
        shares.push(world.weights()[0].1);
    }
    assert_eq!(shares, [40, 80, 100]);
}
