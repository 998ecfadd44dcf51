//! What makes a deployment, and what does not.

use serde_json::{Value, json};

use super::*;

fn settled() -> State {
    let mut state = state();
    register(&mut state, "one");
    call(&mut state, "CreateService", service(json!({})));
    settle(&mut state);
    register(&mut state, "two");
    state
}

fn id(service: &Value) -> String {
    service["deployments"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_deployment_is_made_iff_a_member_that_makes_one_differs() {
    let network = |subnet: &str| json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet]}}});
    let cases = [
        (json!({}), false),
        (json!({"taskDefinition": "web:1"}), false),
        (json!({"taskDefinition": "web:2"}), true),
        (json!({"taskDefinition": "web"}), true),
        (json!({"taskDefinition": "web:1", "forceNewDeployment": true}), true),
        (json!({"forceNewDeployment": true}), true),
        (json!({"desiredCount": 5}), false),
        (json!({"healthCheckGracePeriodSeconds": 30}), false),
        (json!({"deploymentConfiguration": {"maximumPercent": 150}}), false),
        (json!({"enableExecuteCommand": true, "propagateTags": "SERVICE"}), false),
        (json!({"platformVersion": "LATEST"}), false),
        (json!({"platformVersion": "1.4.0"}), true),
        (network("subnet-1"), false),
        (network("subnet-2"), true),
        (json!({"serviceRegistries": []}), false),
        (json!({"serviceConnectConfiguration": {"enabled": true}}), true),
    ];
    for (members, makes) in cases {
        let mut state = settled();
        let before = id(&web(&mut state));
        let after = update(&mut state, members.clone());
        assert_eq!(id(&after) != before, makes, "{members}");
        assert_eq!(rollouts(&mut state).len(), 1 + usize::from(makes), "{members}");
    }
}

#[test]
fn the_reply_shows_the_new_primary_before_the_scheduler_has_looked() {
    let mut state = settled();
    let reply = update(&mut state, json!({"taskDefinition": "web:2"}));
    let expected = [("PRIMARY", "IN_PROGRESS", "2"), ("ACTIVE", "COMPLETED", "1")];
    let expected = expected.map(|(status, rollout, revision)| (status.into(), rollout.into(), revision.into()));
    assert_eq!(deployments(&reply), expected);
    let primary = &reply["deployments"][0];
    assert_eq!((&primary["desiredCount"], &reply["deployments"][1]["desiredCount"]), (&json!(0), &json!(2)));
    let id = primary["id"].as_str().unwrap();
    assert_eq!(primary["rolloutStateReason"], format!("ECS deployment {id} in progress."));
    assert!(reply["taskDefinition"].as_str().unwrap().ends_with(":2"));
}

#[test]
fn members_stay_on_the_service_and_unknown_ones_pass_through() {
    let mut state = settled();
    update(&mut state, json!({"deploymentConfiguration": {"maximumPercent": 150}, "desiredCount": 3, "newMember": {"a": 1}}));
    let service = web(&mut state);
    assert_eq!(service["desiredCount"], 3);
    assert_eq!(service["newMember"], json!({"a": 1}));
    assert_eq!(service["deploymentConfiguration"]["maximumPercent"], 150);
    assert_eq!(service["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"], true);
    for member in ["forceNewDeployment", "cluster", "service", "clientToken"] {
        assert!(service.get(member).is_none(), "{member}");
    }
}

#[test]
fn what_aws_refuses_is_refused_and_changes_nothing() {
    let over = |members: Value| {
        let mut body = json!({"cluster": "prod", "service": "web"});
        super::super::service::configuration::overlay(&mut body, &members);
        body
    };
    let percents = |minimum: u32, maximum: u32| {
        over(json!({"deploymentConfiguration": {"minimumHealthyPercent": minimum, "maximumPercent": maximum}}))
    };
    let balancer = |name: &str, port: u32| {
        over(json!({"loadBalancers": [{"targetGroupArn": "arn:group", "containerName": name, "containerPort": port}]}))
    };
    let cases = [
        (json!({"cluster": "no", "service": "web"}), "ClusterNotFoundException", "Cluster not found."),
        (json!({"cluster": "prod", "service": "no"}), "ServiceNotFoundException", "Service not found."),
        (over(json!({"taskDefinition": "web:9"})), "ClientException", "TaskDefinition not found."),
        (over(json!({"taskDefinition": "web:3"})), "ClientException", "TaskDefinition is inactive"),
        (percents(100, 100), "InvalidParameterException", "cannot be 100 as this will block deployments."),
        (balancer("api", 80), "InvalidParameterException", "The container api does not exist in the task definition."),
        (balancer("web", 81), "InvalidParameterException", "The container web did not have a container port 81 defined."),
        (balancer("web", 80), "InvalidParameterException", "does not have an associated load balancer."),
        (over(json!({"desiredCount": -1})), "InvalidParameterException", "desired count"),
        (
            over(json!({"deploymentConfiguration": {"strategy": "CANARY"}})),
            "InvalidParameterException",
            "A load balancer or Service Connect is required",
        ),
    ];
    let mut state = settled();
    let inactive = register(&mut state, "three");
    call(&mut state, "DeregisterTaskDefinition", json!({"taskDefinition": inactive}));
    let before = web(&mut state);
    for (body, code, text) in cases {
        let error = refused(&mut state, "UpdateService", body.clone());
        assert_eq!(error.code, code, "{body}");
        assert!(error.message.contains(text), "{body}: {}", error.message);
        assert_eq!(web(&mut state), before, "{body}");
    }
}

#[test]
fn a_deleted_service_drains_and_is_inactive() {
    let mut state = settled();
    let error = refused(&mut state, "DeleteService", json!({"cluster": "prod", "service": "web"}));
    assert_eq!(error.message, "The service cannot be stopped while it is scaled above 0.");
    let reply = call(&mut state, "DeleteService", json!({"cluster": "prod", "service": "web", "force": true}));
    assert_eq!(reply["service"]["status"], "DRAINING");
    let error = refused(&mut state, "CreateService", service(json!({})));
    assert_eq!(error.message, "Unable to Start a service that is still Draining.");
    let error = refused(&mut state, "UpdateService", json!({"cluster": "prod", "service": "web"}));
    assert_eq!(error.code, "ServiceNotActiveException");
    settle(&mut state);
    assert_eq!(web(&mut state)["status"], "INACTIVE");
    assert_eq!(web(&mut state)["runningCount"], 0);
    call(&mut state, "CreateService", service(json!({})));
    settle(&mut state);
    assert_eq!(web(&mut state)["runningCount"], 2);
}
