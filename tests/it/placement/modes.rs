//! Network modes: host ports that are real, host ports of a fixed number, containers of one host.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::support::http;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_bridge_service_is_reached_through_its_dynamic_host_ports_while_it_rolls() {
    let sandbox = start("bridge").await;
    instance(&sandbox, "i-00000000000000001", 1024, None).await;
    register(&sandbox, "bridge", json!([serving(json!({}))])).await;
    let (group, balancers) = balanced(&sandbox).await;
    create(&sandbox, json!({"desiredCount": 2, "loadBalancers": balancers})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");

    let mut bound = Vec::new();
    for task in tasks(&sandbox).await {
        let container = &task["containers"][0];
        assert_eq!((&task["attachments"], &container["networkInterfaces"]), (&json!([]), &json!([])));
        let binding = &container["networkBindings"][0];
        assert_eq!((&binding["containerPort"], &binding["protocol"]), (&json!(8080), &json!("tcp")));
        let port = u16::try_from(binding["hostPort"].as_u64().unwrap()).unwrap();
        let reply = http::HTTP.get(format!("http://127.0.0.1:{port}/")).send().await.unwrap();
        assert_eq!(reply.text().await.unwrap(), "here\n", "the host port is real");
        bound.push(("i-00000000000000001".to_owned(), port.to_string(), "healthy".to_owned()));
    }
    bound.sort();
    let health = sandbox.aws(&format!("elbv2 describe-target-health --target-group-arn {group}")).await.json();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown = health["TargetHealthDescriptions"].as_array().unwrap().iter();
    let mut shown: Vec<_> = shown
        .map(|one| (text(&one["Target"]["Id"]), text(&one["Target"]["Port"]), text(&one["TargetHealth"]["State"])))
        .collect();
    shown.sort();
    assert_eq!(shown, bound);

    let address = sandbox.listener("web", 80);
    let (over, mut is_over) = tokio::sync::watch::channel(());
    let load = tokio::spawn(async move {
        let (mut answered, mut failed) = (0, Vec::new());
        while !is_over.has_changed().unwrap_or(true) {
            match http::version(address, "/").await {
                Ok(_) => answered += 1,
                Err(why) => failed.push(why),
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), is_over.changed()).await;
        }
        (answered, failed)
    });
    update(&sandbox, json!({"forceNewDeployment": true})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    drop(over);
    let (answered, failed) = load.await.unwrap();
    assert!(failed.is_empty() && answered > 50, "{answered} answered, {failed:?}");

    let empty = json!({"command": ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /proc & wait"]});
    register(&sandbox, "bridge", json!([serving(empty)])).await;
    let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    update(&sandbox, json!({"taskDefinition": "web:2", "deploymentConfiguration": breaker})).await;
    assert_eq!(ended(&sandbox).await, "ROLLBACK_SUCCESSFUL");
    let said = event(&sandbox, "is unhealthy in").await;
    assert!(said.starts_with("(service web) (task ") && said.contains(") (instance i-00000000000000001) (port "), "{said}");
    assert!(said.contains("due to (reason Health checks failed with these codes: [404])"), "{said}");
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_daemon_on_the_hosts_ports_runs_once_an_instance_and_rolls() {
    let sandbox = start("daemon").await;
    for number in 1..=2 {
        instance(&sandbox, &format!("i-0000000000000000{number}"), 1024, None).await;
    }
    let beside = json!({"name": "beside", "image": IMAGE, "memory": 16, "stopTimeout": 2, "command": ["sh", "-c",
        "until wget -qO- http://127.0.0.1:8080/; do sleep 0.2; done; trap 'exit 0' TERM; sleep 1000 & wait"],
        "logConfiguration": serving(json!({}))["logConfiguration"]});
    let pair = || json!([serving(json!({})), beside]);
    register(&sandbox, "host", pair()).await;
    create(&sandbox, json!({"schedulingStrategy": "DAEMON", "launchType": "EC2"})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    let on = async |revision: &str| {
        let mut on: Vec<(String, u64)> = Vec::new();
        for task in tasks(&sandbox).await {
            assert!(task["taskDefinitionArn"].as_str().unwrap().ends_with(revision), "{task}");
            let port = task["containers"][0]["networkBindings"][0]["hostPort"].as_u64().unwrap();
            on.push((task["containerInstanceArn"].as_str().unwrap().to_owned(), port));
        }
        on.sort();
        on.dedup();
        on
    };
    let first = on("web:1").await;
    assert_eq!((first.len(), first[0].1, first[1].1), (2, 8080, 8080), "the same port on each of two instances");
    assert_eq!(lines(&sandbox).await.iter().filter(|line| *line == "here").count(), 2, "containers of the host reach each other");
    register(&sandbox, "host", pair()).await;
    update(&sandbox, json!({"taskDefinition": "web:2"})).await;
    assert_eq!(ended(&sandbox).await, "SUCCESSFUL");
    assert_eq!(on("web:2").await, first);
    instance(&sandbox, "i-00000000000000003", 1024, None).await;
    sandbox
        .until("the third instance has its task", PATIENCE, async |sandbox| {
            let service = sandbox.service("web").await;
            (service["runningCount"] == 3 && service["desiredCount"] == 3).then_some(())
        })
        .await;
    sandbox.finish().await;
}
