//! What is refused at once, and what is found out when a deployment starts.

use super::*;

fn refusal(state: &mut State, body: Value) -> String {
    let error = refused(state, "UpdateService", body);
    assert_eq!(error.code, "InvalidParameterException", "{}", error.message);
    error.message
}

fn body(over: Value) -> Value {
    let mut body = json!({"cluster": "prod", "service": "web"});
    super::super::super::service::configuration::overlay(&mut body, &over);
    body
}

#[test]
fn configurations_that_aws_refuses() {
    let hook = |hook: Value| json!({"lifecycleHooks": [hook]});
    let lambda = |over: Value| {
        let mut sent = json!({"hookTargetArn": "arn:aws:lambda:r:1:function:f", "roleArn": "arn:aws:iam::1:role/r",
                              "lifecycleStages": ["PRE_SCALE_UP"]});
        super::super::super::service::configuration::overlay(&mut sent, &over);
        sent
    };
    let timeout = |minutes: u64, action: &str| json!({"timeoutConfiguration": {"timeoutInMinutes": minutes, "action": action}});
    let timed = |minutes: u64| {
        let mut sent = pause(&["PRE_SCALE_UP"]);
        sent["timeoutConfiguration"] = json!({"timeoutInMinutes": minutes});
        sent
    };
    let many: Vec<Value> = (0..11).map(|_| pause(&["PRE_SCALE_UP"])).collect();
    let rows = [
        (json!({"strategy": "CANARIES"}), "Invalid deployment strategy"),
        (json!({"bakeTimeInMinutes": 1441}), "bakeTimeInMinutes must be between 0 and 1440."),
        (json!({"bakeTimeInMinutes": -1}), "bakeTimeInMinutes must be between 0 and 1440."),
        (json!({"canaryConfiguration": {"canaryPercent": 5.0}}), "canaryConfiguration is only valid"),
        (json!({"linearConfiguration": {}}), "linearConfiguration is only valid"),
        (json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.0}}), "from 0.1 to 100.0"),
        (json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.15}}), "multiple of 0.1"),
        (json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 100.1}}), "from 0.1 to 100.0"),
        (json!({"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1441}}), "canaryBakeTimeInMinutes"),
        (json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}}), "from 3.0 to 100.0"),
        (json!({"strategy": "LINEAR", "linearConfiguration": {"stepBakeTimeInMinutes": 1441}}), "stepBakeTimeInMinutes"),
        (
            hook(json!({"targetType": "SQS", "lifecycleStages": ["PRE_SCALE_UP"]})),
            "Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE",
        ),
        (hook(pause(&["TEST_TRAFFIC_SHIFT"])), "Invalid lifecycle stage provided for Pause Hook"),
        (hook(pause(&["PRODUCTION_TRAFFIC_SHIFT"])), "Invalid lifecycle stage provided for Pause Hook"),
        (hook(pause(&["SCALE_UP"])), "Invalid lifecycle stage provided"),
        (hook(pause(&["BAKE_TIME"])), "Invalid lifecycle stage provided"),
        (hook(pause(&[])), "lifecycleStages must be specified"),
        (hook(timed(0)), "timeoutInMinutes must be between 1 and 20160."),
        (hook(timed(20_161)), "timeoutInMinutes must be between 1 and 20160."),
        (hook(lambda(json!({"hookTargetArn": ""}))), "hookTargetArn must be specified"),
        (hook(lambda(json!({"roleArn": "nobody"}))), "roleArn has an invalid ARN format"),
        (hook(lambda(timeout(1441, "ROLLBACK"))), "timeoutInMinutes must be between 1 and 1440."),
        (hook(lambda(timeout(1, "WAIT"))), "Invalid timeoutConfiguration action"),
        (json!({"lifecycleHooks": many}), "at most 10 pause hooks"),
        (json!({"strategy": "ROLLING", "lifecycleHooks": [pause(&["PRE_SCALE_UP"])]}), "ROLLING"),
    ];
    let (mut state, _) = shifted(blue_green(json!([])));
    let before = web(&mut state);
    for (configuration, expected) in rows {
        let message = refusal(&mut state, body(json!({"deploymentConfiguration": configuration})));
        assert!(message.contains(expected), "{configuration}: {message}");
        assert_eq!(web(&mut state), before, "{configuration}");
    }
    let mut fresh = super::super::state();
    register(&mut fresh, "one");
    let sent = service(json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}));
    let error = refused(&mut fresh, "CreateService", sent);
    assert!(error.message.contains("bakeTimeInMinutes must be specified"), "{}", error.message);
    for strategy in ["CANARY", "LINEAR"] {
        let sent = service(json!({"deploymentConfiguration": {"strategy": strategy}}));
        let error = refused(&mut fresh, "CreateService", sent);
        assert!(error.message.contains("A load balancer or Service Connect is required"), "{}", error.message);
    }
}

#[test]
fn wirings_that_aws_refuses() {
    let (mut state, wiring) = shifted(blue_green(json!([])));
    let with = |over: Value| {
        let mut balancer = wiring.balancer();
        super::super::super::service::configuration::overlay(&mut balancer["advancedConfiguration"], &over);
        json!([balancer])
    };
    let mut plain = wiring.balancer();
    plain.as_object_mut().unwrap().remove("advancedConfiguration");
    let mut other = plain.clone();
    other["targetGroupArn"] = json!(wiring.green);
    let listener = wiring.production.replace(":listener-rule/", ":listener/");
    let rows = [
        (
            json!([plain]),
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy"
                .to_owned(),
        ),
        (
            json!([wiring.balancer(), other]),
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined".to_owned(),
        ),
        (with(json!({"alternateTargetGroupArn": wiring.blue})), format!("Duplicate targetGroupArn found: {}", wiring.blue)),
        (
            with(json!({"productionListenerRule": listener})),
            format!(
                "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: {listener}"
            ),
        ),
        (
            with(json!({"testListenerRule": wiring.production})),
            format!("The following rules cannot be used as both production and test listener rules: {}", wiring.production),
        ),
        (with(json!({"roleArn": ""})), "roleArn must be specified in advancedConfiguration.".to_owned()),
    ];
    for (balancers, expected) in rows {
        assert_eq!(refusal(&mut state, body(json!({"loadBalancers": balancers}))), expected);
    }
    // Only blue is on the production rule now, and nothing but it reaches green.
    let mut alone = wiring.balancer();
    alone["advancedConfiguration"].as_object_mut().unwrap().remove("testListenerRule");
    let third = group(&mut state, "third");
    alone["advancedConfiguration"]["alternateTargetGroupArn"] = json!(third);
    let text = "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated with both targetGroup and alternateTargetGroup";
    assert_eq!(refusal(&mut state, body(json!({"loadBalancers": [alone]}))), text);
}

#[test]
fn a_wiring_that_cannot_work_fails_the_deployment_before_it_starts_a_task() {
    let (mut state, wiring) = shifted(blue_green(json!([])));
    let listener = |rule: &str| rule.replacen(":listener-rule/", ":listener/", 1).rsplit_once('/').unwrap().0.to_owned();
    let production = listener(&wiring.production);
    let third = group(&mut state, "third");
    let rows = [
        (
            vec![(wiring.blue.as_str(), 50), (wiring.green.as_str(), 50)],
            format!(
                ". productionListenerRule {} should have exactly one target group serving traffic but found 2 target groups which are serving traffic",
                wiring.production
            ),
        ),
        (
            vec![(third.as_str(), 1), (wiring.blue.as_str(), 0), (wiring.green.as_str(), 0)],
            format!(
                ". Production listener rule is forwarding traffic to unexpected target group {third}. Expected traffic to be forwarded to either targetGroupArn: {} or alternateTargetGroupArn: {}",
                wiring.blue, wiring.green
            ),
        ),
        (
            vec![(wiring.blue.as_str(), 1)],
            format!(": Target group {} is not associated with either productionListenerRule or testListenerRule.", wiring.green),
        ),
    ];
    let tasks = state.ecs.tasks.len();
    for (shares, what) in rows {
        let actions = forward(&shares);
        elb(&mut state, "ModifyListener", json!({"ListenerArn": production, "DefaultActions": actions}));
        let test = listener(&wiring.test);
        elb(&mut state, "ModifyListener", json!({"ListenerArn": test, "DefaultActions": forward(&[(&wiring.blue, 1)])}));
        update(&mut state, json!({"forceNewDeployment": true}));
        rest(&mut state);
        assert_eq!(rollouts(&mut state)[0], "ROLLBACK_SUCCESSFUL");
        let reason = format!("Service deployment rolled back because of invalid networking configuration{what}");
        assert_eq!(newest(&mut state)["statusReason"], reason);
        assert_eq!(state.ecs.tasks.len(), tasks, "no task was started");
    }
}

#[test]
fn an_nlb_is_wired_by_its_listeners() {
    let mut state = state();
    let group = |state: &mut State, name: &str| {
        let body = json!({"Name": name, "Protocol": "TCP", "Port": 80, "TargetType": "ip"});
        text(&elb(state, "CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
    };
    let (blue, green) = (group(&mut state, "blue"), group(&mut state, "green"));
    let reply = elb(&mut state, "CreateLoadBalancer", json!({"Name": "lb", "Type": "network"}));
    let balancer = text(&reply["LoadBalancers"][0]["LoadBalancerArn"]);
    let actions = forward(&[(&blue, 1), (&green, 0)]);
    let body = json!({"LoadBalancerArn": balancer, "Protocol": "TCP", "Port": 80, "DefaultActions": actions});
    let production = text(&elb(&mut state, "CreateListener", body)["Listeners"][0]["ListenerArn"]);
    let advanced =
        json!({"alternateTargetGroupArn": green, "productionListenerRule": production, "roleArn": "arn:aws:iam::1:role/r"});
    let balancers =
        json!([{"targetGroupArn": blue, "containerName": "web", "containerPort": 80, "advancedConfiguration": advanced}]);
    register(&mut state, "one");
    let configuration = json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 50.0}});
    call(&mut state, "CreateService", service(json!({"loadBalancers": balancers, "deploymentConfiguration": configuration})));
    rest(&mut state);
    assert_eq!(rollouts(&mut state), ["SUCCESSFUL"]);
    register(&mut state, "two");
    begin(&mut state);
    let forwards = state.forwards(&production).unwrap();
    assert_eq!((forwards.weight(&blue), forwards.weight(&green)), (Some(50), Some(50)));
}
