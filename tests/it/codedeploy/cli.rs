//! The AWS CLI's own blue/green command, and its waiter, with the files that shipit leaves for CodeDeployToECS.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shipit_core::artefacts::{AppSpec, Written, files};
use shipit_core::plan::Template;
use shipit_core::release::Digest;

use super::stage::Stage;
use crate::support::stream::Stream;

/// The artefacts of a service with one container, whose image the definition names by digest.
fn left_by_shipit(definition: Value) -> BTreeMap<String, String> {
    let image = definition["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
    let (repository, digest) = image.split_once('@').unwrap();
    let template = Template {
        definition,
        containers: BTreeMap::from([("api".to_owned(), "checkout".to_owned())]),
        repositories: BTreeMap::from([("checkout".to_owned(), repository.to_owned())]),
    };
    let appspec = Some(AppSpec { container: "api".to_owned(), port: 3333, hooks: Vec::new() });
    let digests = BTreeMap::from([("checkout".to_owned(), Digest(digest.to_owned()))]);
    let files = files(&Written { template, appspec }, &digests, |_| None).unwrap();
    files.into_iter().map(|(path, content)| (path, String::from_utf8(content).unwrap())).collect()
}

/// The task definition as CodeDeployToECS fills it in: the placeholder by what `imageDetail.json` says.
fn filled_in(left: &BTreeMap<String, String>) -> String {
    let detail: Value = serde_json::from_str(&left["api/imageDetail.json"]).unwrap();
    let definition = &left["codedeploy/taskdef.json"];
    assert_eq!(definition.matches("<IMAGE1_NAME>").count(), 1, "{definition}");
    definition.replace("<IMAGE1_NAME>", detail["ImageURI"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn aws_ecs_deploy_deploys_and_no_request_fails() {
    let stage = Stage::new("codedeploy-cli").await;
    let sandbox = &stage.sandbox;
    let stream = Stream::begin(stage.production, "/api");
    let (definition, appspec) = (sandbox.folder().join("taskdef.json"), sandbox.folder().join("appspec.yaml"));
    let left = left_by_shipit(stage.definition(&[("VERSION", "1")]));
    std::fs::write(&appspec, &left["codedeploy/appspec.yaml"]).unwrap();
    std::fs::write(&definition, filled_in(&left)).unwrap();
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
