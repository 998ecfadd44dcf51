//! Instances that are full or missing, and capacity providers.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_host_port_that_is_taken_blocks_until_it_is_given_up() {
    let sandbox = start("port").await;
    let arn = instance(&sandbox, "i-00000000000000001", 1024, None).await;
    let id = arn.rsplit('/').next().unwrap();
    let fixed = || json!([serving(json!({"portMappings": [{"containerPort": 8080, "hostPort": 8080}]}))]);
    register(&sandbox, "bridge", fixed()).await;
    create(&sandbox, json!({"desiredCount": 1, "launchType": "EC2"})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    let first = tasks(&sandbox).await.remove(0);
    assert_eq!(first["containers"][0]["networkBindings"][0]["hostPort"], 8080);

    register(&sandbox, "bridge", fixed()).await;
    update(&sandbox, json!({"taskDefinition": "web:2"})).await;
    let said = event(&sandbox, UNPLACED).await;
    let expected = format!(
        "(service web) {UNPLACED} The closest matching (container-instance {id}) is already using a port required by your task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    );
    assert_eq!(said, expected);
    let still: Vec<Value> = tasks(&sandbox).await;
    assert_eq!(still.iter().map(|task| &task["taskArn"]).collect::<Vec<_>>(), [&first["taskArn"]], "nothing moves");

    update(&sandbox, json!({"deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 100}})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    let then = tasks(&sandbox).await.remove(0);
    assert!(then["taskDefinitionArn"].as_str().unwrap().ends_with("web:2"), "{then}");
    assert_eq!(then["containers"][0]["networkBindings"][0]["hostPort"], 8080);
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn no_instance_with_memory_trips_the_breaker_and_nothing_is_started() {
    let sandbox = start("memory").await;
    let created = json!({"desiredCount": 1, "launchType": "EC2",
                         "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}});
    register(&sandbox, "bridge", json!([serving(json!({}))])).await;
    create(&sandbox, created).await;
    let none = event(&sandbox, UNPLACED).await;
    assert!(none.contains(&format!("{UNPLACED} Reason: No Container Instances were found in your cluster. ")), "{none}");
    let job = json!({"cluster": CLUSTER, "taskDefinition": "web"});
    let refused = sandbox.try_call("ecs", "RunTask", job.clone()).await.unwrap_err();
    assert_eq!(refused["message"], "No Container Instances were found in your cluster.");

    let arn = instance(&sandbox, "i-00000000000000001", 1024, None).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL", "a task is placed as soon as there is an instance");
    register(&sandbox, "bridge", json!([serving(json!({"memory": 2048}))])).await;
    let full = sandbox.call("ecs", "RunTask", job).await;
    assert_eq!((&full["tasks"], &full["failures"]), (&json!([]), &json!([{"arn": arn, "reason": "RESOURCE:MEMORY"}])));
    update(&sandbox, json!({"taskDefinition": "web:2"})).await;
    assert_eq!(ended(&sandbox).await, "ROLLBACK_SUCCESSFUL");
    let said = event(&sandbox, "has insufficient memory available.").await;
    assert!(said.contains(&format!("(container-instance {})", arn.rsplit('/').next().unwrap())), "{said}");
    // The rollback is a deployment of its own, so the one task of the first revision has been replaced.
    let stopped = json!({"cluster": CLUSTER, "serviceName": "web", "desiredStatus": "STOPPED"});
    let stopped = sandbox.call("ecs", "ListTasks", stopped).await["taskArns"].take();
    let stopped = sandbox.call("ecs", "DescribeTasks", json!({"cluster": CLUSTER, "tasks": stopped})).await;
    let ran = stopped["tasks"].as_array().unwrap().iter().map(|task| task["taskDefinitionArn"].as_str().unwrap());
    assert!(ran.clone().all(|definition| definition.ends_with("web:1")), "no task of the second was started: {stopped}");
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn capacity_providers_share_the_tasks_and_a_task_can_be_without_a_network() {
    let sandbox = start("providers").await;
    for name in ["steady", "cheap"] {
        let group = format!(
            "arn:aws:autoscaling:ap-northeast-2:123456789012:autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/{name}"
        );
        let body = json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": group}});
        sandbox.call("ecs", "CreateCapacityProvider", body).await;
    }
    let strategy = json!([{"capacityProvider": "steady", "base": 1, "weight": 1}, {"capacityProvider": "cheap", "weight": 2}]);
    let put = json!({"cluster": CLUSTER, "capacityProviders": ["steady", "cheap"], "defaultCapacityProviderStrategy": strategy});
    sandbox.call("ecs", "PutClusterCapacityProviders", put).await;
    instance(&sandbox, "i-00000000000000001", 1024, Some("steady")).await;
    register(&sandbox, "bridge", json!([serving(json!({}))])).await;
    create(&sandbox, json!({"desiredCount": 4})).await;
    let said = event(&sandbox, UNPLACED).await;
    assert!(said.contains("Reason: No Container Instances were found in your capacity provider."), "{said}");
    instance(&sandbox, "i-00000000000000002", 1024, Some("cheap")).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    let mut names: Vec<String> =
        tasks(&sandbox).await.iter().map(|task| task["capacityProviderName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["cheap", "cheap", "steady", "steady"], "one for the base, then one of three");
    let described = sandbox.call("ecs", "DescribeCapacityProviders", json!({"include": ["TAGS"]})).await;
    assert_eq!(described["capacityProviders"].as_array().unwrap().len(), 4);

    let alone = serving(json!({"command": ["ls", "/sys/class/net"], "portMappings": []}));
    register(&sandbox, "none", json!([alone])).await;
    let task = job(&sandbox, json!({"launchType": "EC2"})).await;
    assert_eq!(task["containers"][0]["networkBindings"], json!([]));
    let seen: Vec<String> = lines(&sandbox).await.into_iter().filter(|line| !line.is_empty()).collect();
    assert!(seen.iter().all(|line| !line.starts_with("eth")) && seen.contains(&"lo".to_owned()), "{seen:?}");
    sandbox.finish().await;
}
