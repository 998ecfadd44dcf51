//! The AWS CLI on container instances, placement, capacity providers and secrets; the storefront's backend runs on EC2.

use serde_json::Value;

use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_aws_cli_sees_the_instances_of_the_storefront_and_what_is_left_on_them() {
    let sandbox = TestSandbox::with_engine("cli-instances", 20.0).await;
    sandbox.seed("storefront/seed.json").await;
    sandbox.aws("ecs wait services-stable --cluster storefront --services backend").await.text();
    let listed = sandbox.aws("ecs list-container-instances --cluster storefront --status ACTIVE").await.json();
    let arns: Vec<&str> = listed["containerInstanceArns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let arguments = format!("ecs describe-container-instances --cluster storefront --container-instances {}", arns.join(" "));
    let described = sandbox.aws(&arguments).await.json();
    let resource = |instance: &Value, of: &str, name: &str| {
        instance[of].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    };
    for instance in described["containerInstances"].as_array().unwrap() {
        assert_eq!((&instance["status"], &instance["agentConnected"]), (&"ACTIVE".into(), &true.into()));
        assert_eq!(instance["runningTasksCount"], 1, "spread over the zones: {instance}");
        assert_eq!(resource(instance, "registeredResources", "CPU")["integerValue"], 2048);
        assert_eq!(resource(instance, "remainingResources", "CPU")["integerValue"], 2048 - 256);
        assert_eq!(resource(instance, "remainingResources", "MEMORY")["integerValue"], 3884 - 512);
        let mut ports: Vec<String> =
            serde_json::from_value(resource(instance, "remainingResources", "PORTS")["stringSetValue"].clone()).unwrap();
        ports.sort();
        assert_eq!(ports, ["22", "2375", "2376", "51678", "51679"]);
    }
    let clusters = sandbox.aws("ecs describe-clusters --clusters storefront").await.json();
    assert_eq!(clusters["clusters"][0]["registeredContainerInstancesCount"], 2);

    let drain =
        format!("ecs update-container-instances-state --cluster storefront --status DRAINING --container-instances {}", arns[0]);
    assert_eq!(sandbox.aws(&drain).await.json()["containerInstances"][0]["status"], "DRAINING");
    sandbox
        .until("the draining instance is empty", super::storefront::PATIENCE, async |sandbox| {
            let describe = format!("ecs describe-container-instances --cluster storefront --container-instances {}", arns[0]);
            let left = &sandbox.aws(&describe).await.json()["containerInstances"][0]["remainingResources"];
            (left[0]["integerValue"] == 2048).then_some(())
        })
        .await;
    sandbox.aws("ecs wait services-stable --cluster storefront --services backend").await.text();
    let gone = format!("ecs deregister-container-instance --cluster storefront --container-instance {}", arns[0]);
    assert_eq!(sandbox.aws(&gone).await.json()["containerInstance"]["status"], "INACTIVE");
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_places_tasks_and_keeps_secrets() {
    let sandbox = TestSandbox::without_engine("cli-placement").await;
    sandbox.seed("storefront/seed.json").await;
    let run = "ecs run-task --cluster storefront --task-definition storefront-backend";
    let too_large = r#"{"memory":"4096"}"#;
    let mut arguments: Vec<&str> = run.split(' ').collect();
    arguments.extend(["--overrides", too_large]);
    let full = sandbox.aws_with(&arguments).await.json();
    let reasons: Vec<&Value> = full["failures"].as_array().unwrap().iter().map(|failure| &failure["reason"]).collect();
    assert_eq!((full["tasks"].as_array().unwrap().len(), reasons), (0, vec![&"RESOURCE:MEMORY".into(); 2]));
    let elsewhere = format!("{run} --placement-constraints type=memberOf,expression=attribute:ecs.instance-type==m5.large");
    let none = sandbox.aws(&elsewhere).await.json();
    assert_eq!(none["failures"][0]["reason"], "MemberOf placement constraint unsatisfied.");
    let placed = sandbox.aws(&format!("{run} --placement-strategy type=binpack,field=memory --count 2")).await.json();
    let on: Vec<&Value> = placed["tasks"].as_array().unwrap().iter().map(|task| &task["containerInstanceArn"]).collect();
    assert_eq!((on.len(), on[0]), (2, on[1]), "packed onto one: {placed}");
    sandbox.aws("ecs create-cluster --cluster-name empty").await.json();
    let refused = sandbox.aws("ecs run-task --cluster empty --task-definition storefront-backend").await.complaint();
    assert!(
        refused.contains("(InvalidParameterException)") && refused.contains("No Container Instances were found in your cluster."),
        "{refused}"
    );

    let group = "arn:aws:autoscaling:ap-northeast-2:123456789012:autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/shop";
    let create = format!("ecs create-capacity-provider --name shop --auto-scaling-group-provider autoScalingGroupArn={group}");
    assert_eq!(sandbox.aws(&create).await.json()["capacityProvider"]["status"], "ACTIVE");
    let put = "ecs put-cluster-capacity-providers --cluster storefront --capacity-providers shop FARGATE --default-capacity-provider-strategy capacityProvider=shop,weight=1";
    assert_eq!(sandbox.aws(put).await.json()["cluster"]["capacityProviders"], serde_json::json!(["shop", "FARGATE"]));
    let empty = sandbox.aws(run).await.json();
    assert_eq!(empty["failures"][0]["reason"], "EMPTY CAPACITY PROVIDER", "the cluster's default strategy is taken: {empty}");

    sandbox.aws("secretsmanager create-secret --name shop/db --secret-string h0ney").await.json();
    let read = sandbox.aws("secretsmanager get-secret-value --secret-id shop/db").await.json();
    assert_eq!(read["SecretString"], "h0ney");
    let missing = sandbox.aws("secretsmanager get-secret-value --secret-id shop/none").await.complaint();
    assert!(missing.contains("(ResourceNotFoundException)"), "{missing}");
    sandbox.aws("ssm put-parameter --name shop-key --value t3a --type SecureString").await.json();
    assert_eq!(sandbox.aws("ssm get-parameter --name shop-key --with-decryption").await.json()["Parameter"]["Value"], "t3a");
    sandbox.finish().await;
}
