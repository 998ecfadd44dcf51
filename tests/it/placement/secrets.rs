//! Secrets that a task reads when it starts: injected, never recorded, and a failure when they are not there.

use serde_json::{Value, json};

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn secrets_are_read_when_a_task_starts_and_a_missing_one_fails_it() {
    let sandbox = start("secrets").await;
    instance(&sandbox, "i-00000000000000001", 1024, None).await;
    let stored = r#"{"user": "shop", "password": "h0ney-and-t3a"}"#;
    let made = sandbox.call("secretsmanager", "CreateSecret", json!({"Name": "db", "SecretString": stored})).await;
    let arn = made["ARN"].as_str().unwrap().to_owned();
    let put = json!({"Name": "/shop/key", "Value": "p4rameter", "Type": "SecureString"});
    sandbox.call("ssm", "PutParameter", put).await;
    let read = sandbox.call("secretsmanager", "GetSecretValue", json!({"SecretId": "db"})).await;
    assert_eq!(read["SecretString"], stored);
    let read = sandbox.call("ssm", "GetParameters", json!({"Names": ["/shop/key", "/none"], "WithDecryption": true})).await;
    assert_eq!((&read["Parameters"][0]["Value"], &read["InvalidParameters"]), (&json!("p4rameter"), &json!(["/none"])));

    // The values are hashed inside: they are seen to be right and stay unseen.
    let script = "for value in \"$USER_NAME\" \"$PASSWORD\" \"$KEY\" \"$WHOLE\"; do printf %s \"$value\" | md5sum; done";
    let asks = |secrets: Value| serving(json!({"command": ["sh", "-c", script], "portMappings": [], "secrets": secrets}));
    let good = json!([
        {"name": "USER_NAME", "valueFrom": format!("{arn}:user::")},
        {"name": "PASSWORD", "valueFrom": format!("{arn}:password:AWSCURRENT:")},
        {"name": "KEY", "valueFrom": "/shop/key"}, {"name": "WHOLE", "valueFrom": arn},
    ]);
    register(&sandbox, "bridge", json!([asks(good)])).await;
    let task = job(&sandbox, json!({})).await;
    assert_eq!((&task["stopCode"], &task["containers"][0]["exitCode"]), (&json!("EssentialContainerExited"), &json!(0)));
    let hashes: Vec<String> = lines(&sandbox).await.iter().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
    let expected = [
        "fb54f3c5992b96d001bb16e8e92d968d",
        "c9b652c46d1f399189ea41da23dc517c",
        "68360378210d2a71f6b35e5e70bb1393",
        "7a2cb7513e9ce0fe37389e09a7456797",
    ];
    assert_eq!(hashes, expected);

    let nobody = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:none-AbCdEf";
    let fargate = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve";
    let agent = "Fetching secret data from";
    let not_found = "ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    let once = "service call has been retried 1 time(s):";
    let cases = [
        (
            nobody.to_owned(),
            format!("{fargate} secret from asm: {once} failed to fetch secret {nobody} from secrets manager: {not_found}"),
            format!("{agent} AWS Secrets Manager in region ap-northeast-2: secret {nobody}: {not_found}"),
        ),
        (
            format!("{arn}:none::"),
            format!("{fargate} secret from asm: {once} retrieved secret from Secrets Manager did not contain json key none"),
            format!(
                "{agent} AWS Secrets Manager in region ap-northeast-2: retrieved secret from Secrets Manager did not contain json key none"
            ),
        ),
        (
            "/none".to_owned(),
            format!("{fargate} secrets from ssm: {once} invalid ssm parameters: /none"),
            format!("{agent} SSM Parameter Store in ap-northeast-2: invalid parameters: /none"),
        ),
    ];
    for (from, on_fargate, on_instance) in cases {
        let body = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE", "EC2"], "cpu": "256", "memory": "512",
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "containerDefinitions": [asks(json!([{"name": "PASSWORD", "valueFrom": from}]))],
        });
        sandbox.call("ecs", "RegisterTaskDefinition", body).await;
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        for (launch_type, reason) in [("FARGATE", &on_fargate), ("EC2", &on_instance)] {
            let task = job(&sandbox, json!({"launchType": launch_type, "networkConfiguration": network})).await;
            assert_eq!(
                (&task["stopCode"], &task["stoppedReason"]),
                (&json!("TaskFailedToStart"), &json!(reason)),
                "{launch_type}"
            );
            assert_eq!(task["containers"][0].get("exitCode"), None);
        }
    }
    let denied = json!({"match": {"service": "secretsmanager", "operation": "GetSecretValue"}, "kind": "deny"});
    sandbox.admin("faults", &denied).await;
    register(&sandbox, "bridge", json!([asks(json!([{"name": "PASSWORD", "valueFrom": arn}]))])).await;
    let task = job(&sandbox, json!({})).await;
    let reason = task["stoppedReason"].as_str().unwrap();
    assert!(reason.contains("AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/execution/"), "{reason}");
    assert!(reason.contains("is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:"), "{reason}");

    let record = std::fs::read_to_string(sandbox.folder().join("exchanges.jsonl")).unwrap();
    assert!(record.contains("GetSecretValue") && record.contains("GetParameters"));
    assert!(!record.contains("h0ney-and-t3a") && !record.contains("p4rameter"), "secrets are not recorded");
    sandbox.finish().await;
}
