//! The AWS CLI's own blue/green command, and its waiter.

use serde_json::json;

use super::stage::Stage;
use crate::support::stream::Stream;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn aws_ecs_deploy_deploys_and_no_request_fails() {
    let stage = Stage::new("codedeploy-cli").await;
    let sandbox = &stage.sandbox;
    let stream = Stream::begin(stage.production, "/api");
    let (definition, appspec) = (sandbox.folder().join("taskdef.json"), sandbox.folder().join("appspec.yaml"));
    std::fs::write(&definition, stage.definition(&[("VERSION", "1")]).to_string()).unwrap();
    let text = "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          ContainerName: api\n          ContainerPort: 3333\n";
    std::fs::write(&appspec, text).unwrap();
    let command = format!(
        "ecs deploy --cluster storefront --service checkout --task-definition {} --codedeploy-appspec {}",
        definition.display(),
        appspec.display()
    );
    let said = sandbox.aws(&command).await.text();
    assert!(said.contains("Successfully deployed arn:aws:ecs:"), "{said}");

    let listed = stage.codedeploy("ListDeployments", json!({})).await;
    let id = listed["deployments"][0].as_str().unwrap();
    sandbox.aws(&format!("deploy wait deployment-successful --deployment-id {id}")).await.text();
    let service = sandbox.service("checkout").await;
    assert_eq!((&service["deployments"], service["taskSets"].as_array().unwrap().len()), (&json!([]), 1), "{service}");
    let set = &service["taskSets"][0];
    assert_eq!((&set["status"], &set["externalId"], &set["runningCount"]), (&json!("PRIMARY"), &json!(id), &json!(2)));
    assert!(set["loadBalancers"][0]["targetGroupArn"].as_str().unwrap().contains("checkout-green"), "{set}");
    let versions = stream.end().await;
    assert_eq!((versions.first().map(String::as_str), versions.last().map(String::as_str)), (Some("0"), Some("1")));
    stage.finish().await;
}
