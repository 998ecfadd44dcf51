//! The stages in order, what traffic does at each, and the target groups' roles from one deployment to the next.

use super::*;

const PAUSES: [&str; 5] =
    ["PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"];

#[test]
fn a_blue_green_deployment_moves_test_traffic_then_production_traffic_then_bakes() {
    let (mut state, wiring) = shifted(blue_green(json!([pause(&PAUSES)])));
    assert_eq!(wiring.targets(&state), (2, 0));
    begin(&mut state);
    // Stage, targets, production, test: as blue and green have them.
    let rows = [
        ("PRE_SCALE_UP", (2, 0), true, true),
        ("POST_SCALE_UP", (2, 2), true, true),
        ("POST_TEST_TRAFFIC_SHIFT", (2, 2), true, false),
        ("PRE_PRODUCTION_TRAFFIC_SHIFT", (2, 2), true, false),
        ("POST_PRODUCTION_TRAFFIC_SHIFT", (2, 2), false, false),
    ];
    let mut seen = Vec::new();
    for (expected, targets, blue_serves, blue_tests) in rows {
        assert_eq!(stage(&mut state), expected);
        assert_eq!(wiring.targets(&state), targets, "{expected}");
        assert_eq!(wiring.production(&state).0 > 0, blue_serves, "{expected}");
        assert_eq!(wiring.production(&state).1 > 0, !blue_serves, "{expected}");
        assert_eq!(wiring.on(&state, &wiring.test).0 > 0, blue_tests, "{expected}");
        let requested = requested(&mut state);
        assert_eq!(requested, if blue_serves { (100.0, 0.0) } else { (0.0, 100.0) }, "{expected}");
        let hooks = awaiting(&mut state);
        assert_eq!(hooks.len(), 1, "{expected}");
        proceed(&mut state, &hooks[0], "CONTINUE");
        seen.extend(hooks);
    }
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "each pause has its own id");
    assert_eq!(stage(&mut state), "BAKE_TIME");
    pass(&mut state, 299);
    rest(&mut state);
    assert_eq!((stage(&mut state), wiring.targets(&state)), ("BAKE_TIME".to_owned(), (2, 2)));
    pass(&mut state, 2);
    rest(&mut state);
    assert_eq!(rollouts(&mut state), ["SUCCESSFUL", "SUCCESSFUL"]);
    assert_eq!((wiring.targets(&state), wiring.production(&state)), ((0, 2), (0, 100)));
    let service = web(&mut state);
    assert_eq!(deployments(&service), [("PRIMARY".to_owned(), "COMPLETED".to_owned(), "2".to_owned())]);
    assert_eq!(newest(&mut state).get("lifecycleStage"), None);
}

#[test]
fn a_deployment_shows_both_its_revisions() {
    let (mut state, _) = shifted(blue_green(json!([pause(&["POST_SCALE_UP"])])));
    begin(&mut state);
    let service = web(&mut state);
    let both = [("PRIMARY", "IN_PROGRESS", "2"), ("ACTIVE", "COMPLETED", "1")];
    let both = both.map(|(status, rollout, revision)| (status.to_owned(), rollout.to_owned(), revision.to_owned()));
    assert_eq!(deployments(&service), both);
    assert_eq!((&service["runningCount"], &service["desiredCount"]), (&json!(4), &json!(2)));
    assert_eq!(service["currentServiceRevisions"].as_array().unwrap().len(), 2);
    let newest = newest(&mut state);
    assert_eq!(service["currentServiceDeployment"], newest["serviceDeploymentArn"]);
    for revision in [&newest["targetServiceRevision"], &newest["sourceServiceRevisions"][0]] {
        assert_eq!((&revision["runningTaskCount"], &revision["requestedTaskCount"]), (&json!(2), &json!(2)), "{revision}");
    }
}

#[test]
fn a_canary_gets_its_share_bakes_and_gets_the_rest() {
    let canary = json!({"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 2});
    let (mut state, wiring) = shifted(json!({"strategy": "CANARY", "bakeTimeInMinutes": 1, "canaryConfiguration": canary}));
    begin(&mut state);
    assert_eq!((stage(&mut state), wiring.production(&state)), ("PRODUCTION_TRAFFIC_SHIFT".to_owned(), (875, 125)));
    assert_eq!(requested(&mut state), (87.5, 12.5));
    pass(&mut state, 119);
    rest(&mut state);
    assert_eq!(wiring.production(&state), (875, 125));
    pass(&mut state, 2);
    rest(&mut state);
    assert_eq!((stage(&mut state), wiring.production(&state)), ("BAKE_TIME".to_owned(), (0, 100)));
    pass(&mut state, 61);
    rest(&mut state);
    assert_eq!(rollouts(&mut state)[0], "SUCCESSFUL");
}

#[test]
fn a_linear_deployment_pauses_before_each_step_with_another_id() {
    let linear = json!({"stepPercent": 40.0, "stepBakeTimeInMinutes": 1});
    let hooks = json!([pause(&["PRE_PRODUCTION_TRAFFIC_SHIFT"])]);
    let configuration = json!({"strategy": "LINEAR", "linearConfiguration": linear, "lifecycleHooks": hooks});
    let (mut state, wiring) = shifted(configuration);
    begin(&mut state);
    let mut ids = Vec::new();
    for (before, after) in [((100, 0), (60, 40)), ((60, 40), (20, 80)), ((20, 80), (0, 100))] {
        assert_eq!((stage(&mut state), wiring.production(&state)), ("PRE_PRODUCTION_TRAFFIC_SHIFT".to_owned(), before));
        let hooks = awaiting(&mut state);
        assert_eq!(hooks.len(), 1);
        proceed(&mut state, &hooks[0], "CONTINUE");
        assert_eq!(wiring.production(&state), after);
        ids.extend(hooks);
        pass(&mut state, 61);
        rest(&mut state);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(rollouts(&mut state)[0], "SUCCESSFUL");
}

#[test]
fn the_target_groups_change_roles_with_every_deployment() {
    let (mut state, wiring) = shifted(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}));
    let mut lives = Vec::new();
    for round in 0..3 {
        if round > 0 {
            update(&mut state, json!({"forceNewDeployment": true}));
            rest(&mut state);
        }
        assert_eq!(rollouts(&mut state)[0], "SUCCESSFUL");
        let live = newest(&mut state)["targetServiceRevision"]["arn"].clone();
        let reply = call(&mut state, "DescribeServiceRevisions", json!({"serviceRevisionArns": [live]}));
        let resolved = reply["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0].clone();
        assert_eq!(resolved["productionListenerRule"], wiring.production);
        let (blue, green) = wiring.production(&state);
        assert_eq!(text(&resolved["targetGroupArn"]), if blue > green { &wiring.blue } else { &wiring.green }.clone());
        lives.push(wiring.targets(&state));
    }
    assert_eq!(lives, [(2, 0), (0, 2), (2, 0)]);
    assert_eq!(web(&mut state)["loadBalancers"][0]["targetGroupArn"], wiring.blue, "what is configured stays");
}

#[test]
fn a_rolling_deployment_stays_where_traffic_is() {
    let (mut state, wiring) = shifted(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}));
    begin(&mut state);
    assert_eq!(wiring.targets(&state), (0, 2));
    let rolling = json!({"taskDefinition": "web:1", "deploymentConfiguration": {"strategy": "ROLLING"}});
    update(&mut state, rolling);
    rest(&mut state);
    assert_eq!((rollouts(&mut state)[0].as_str(), wiring.targets(&state)), ("SUCCESSFUL", (0, 2)));
    assert_eq!(newest(&mut state).get("lifecycleHookDetails"), None);
}

#[test]
fn a_superseded_deployment_is_stopped_and_traffic_is_reconciled_first() {
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 60});
    let hooks = json!([pause(&["RECONCILE_SERVICE"])]);
    let (mut state, wiring) = shifted(json!({"strategy": "CANARY", "canaryConfiguration": canary, "lifecycleHooks": hooks}));
    begin(&mut state);
    assert_eq!(wiring.production(&state), (90, 10));
    register(&mut state, "three");
    update(&mut state, json!({"taskDefinition": "web:3"}));
    rest(&mut state);
    assert_eq!(rollouts(&mut state)[..2], ["IN_PROGRESS", "STOPPED"]);
    assert_eq!((stage(&mut state), wiring.production(&state)), ("RECONCILE_SERVICE".to_owned(), (100, 0)));
    let hook = awaiting(&mut state)[0].clone();
    proceed(&mut state, &hook, "CONTINUE");
    assert_eq!(wiring.production(&state), (90, 10));
    for _ in 0..2 {
        pass(&mut state, 3601);
        rest(&mut state);
    }
    assert_eq!(rollouts(&mut state)[0], "SUCCESSFUL");
    assert_eq!((wiring.targets(&state), wiring.production(&state)), ((0, 2), (0, 100)));
}
