//! Each service is served by the driver of its own deployment controller.

use std::collections::BTreeSet;

use shipit_core::settled::Status;

use super::*;
use crate::adapter::aws::drivers::Witness;
use crate::adapter::aws::ecs::StoppedTasks;
use crate::port::{Evidence as _, Revisions as _, Service as _};

#[tokio::test]
async fn the_controller_is_asked_for_once_and_decides() {
    let (server, drivers, shared) = serve(Aws::at_rest()).await;
    drivers.current("web").await.unwrap();
    drivers.current("web").await.unwrap();
    assert!(sent(&server, "DescribeServices").len() <= 3, "one more than the looks");
    assert!(!server.operations().contains(&"ListServiceDeployments".to_owned()));
    // The same service, deployed by ECS: nothing is asked of CodeDeploy.
    shared.lock().unwrap().service = recorded("ecs-describe-services")["services"][0].clone();
    let empty = Canned::start(|asked| match asked.operation() {
        "DescribeServices" => Reply::ok(recorded("ecs-describe-services")),
        "ListServiceDeployments" => Reply::ok(json!({"serviceDeployments": []})),
        other => panic!("{other}"),
    })
    .await;
    let ecs = Drivers::new(&empty.sdk(1), "prod", Clock::starting(at(NOW), 1.0));
    assert_eq!(ecs.current("web").await.unwrap().unwrap().deployment.as_str(), "ecs-svc/1111111111111111111");
    assert!(empty.operations().contains(&"ListServiceDeployments".to_owned()));
}

#[tokio::test]
async fn the_deployment_under_way_is_the_one_that_is_taken_back_while_it_is() {
    let (_server, drivers, shared) = serve(Aws::deploying("InProgress", None)).await;
    let current = drivers.current("web").await.unwrap().unwrap();
    assert_eq!((current.deployment.as_str(), current.revision.as_str(), current.asked_at), ("d-NEW", GREEN, at(MADE)));
    let mut back = deployment("d-BACK", "InProgress", MADE + 31, "old");
    back["creator"] = json!("codeDeployRollback");
    back["rollbackInfo"] = json!({"rollbackTriggeringDeploymentId": "d-NEW"});
    {
        let mut aws = shared.lock().unwrap();
        aws.of("d-NEW")["status"] = json!("Failed");
        aws.deployments.push(back);
    }
    let current = drivers.current("web").await.unwrap().unwrap();
    assert_eq!((current.deployment.as_str(), current.revision.as_str()), ("d-NEW", GREEN));
    *shared.lock().unwrap() = Aws::at_rest();
    assert_eq!(drivers.current("web").await.unwrap(), None);
}

#[tokio::test]
async fn a_service_that_is_made_for_codedeploy_has_the_handle_of_its_task_set() {
    let made = json!({"deployments": [], "taskSets": [task_set("ecs-svc/1", "", "PRIMARY", GREEN, "blue")]});
    let server = Canned::start(move |asked| match asked.operation() {
        "CreateService" => Reply::ok(json!({"service": made})),
        other => panic!("{other}"),
    })
    .await;
    let drivers = Drivers::new(&server.sdk(1), "prod", Clock::starting(at(NOW), 1.0));
    let create = Some(json!({"deploymentController": {"type": "CODE_DEPLOY"}, "desiredCount": 2}));
    let begun = drivers.begin(&Change { create, ..change(GREEN, None) }).await.unwrap();
    assert_eq!(begun.deployment.as_str(), "ecs-svc/1");
}

#[tokio::test]
async fn tasks_of_a_deployment_are_found_by_its_task_set() {
    let (server, drivers, _) = serve(Aws::deploying("InProgress", Some(target(1, "InProgress", 0.0)))).await;
    let witness = Witness::new(StoppedTasks::new(&server.sdk(1), "prod"), &drivers);
    let of = async |id: &str| witness.stopped("web", &DeploymentId(id.to_owned()), &BTreeSet::new()).await.unwrap().len();
    assert_eq!((of("d-NEW").await, of("ecs-svc/2").await, of("ecs-svc/1").await), (1, 1, 0));
    assert_eq!(of("d-NOT-STARTED").await, 0);
    let mut groups: Vec<String> = witness.target_groups("web").await.unwrap().into_iter().map(|group| group.arn).collect();
    groups.sort();
    assert_eq!(groups, ["tg/blue", "tg/green"], "those of both task sets, each once");
}

#[tokio::test]
async fn what_ran_when_is_told_without_the_ways_back() {
    let mut aws = Aws::deploying("Failed", None);
    aws.of("d-NEW")["rollbackInfo"] = json!({"rollbackDeploymentId": "d-BACK"});
    let mut back = deployment("d-BACK", "Succeeded", MADE + 31, "old");
    back["creator"] = json!("codeDeployRollback");
    aws.deployments.push(back);
    let (_server, drivers, _) = serve(aws).await;
    let history = drivers.history("web").await.unwrap();
    let told: Vec<_> = history.iter().map(|one| (one.arn.as_str(), one.revision.as_str(), one.status.clone())).collect();
    assert_eq!(told, [("d-NEW", GREEN, Status::RollbackSuccessful), ("d-OLD", BLUE, Status::Successful)]);
}
