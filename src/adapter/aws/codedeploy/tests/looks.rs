//! What is seen of a service before anything is planned.

use shipit_core::codedeploy::{Balancer, CodeDeploySeen, Hooks, Ready, Terminate};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Share, Steps};
use shipit_core::snapshot::RunningService;
use shipit_scheduler::Span;

use super::*;
use crate::port::{PortError, Service as _};

async fn look(aws: Aws) -> (Canned, RunningService) {
    let (server, drivers, _) = serve(aws).await;
    let seen = drivers.look("web").await.unwrap();
    (server, seen.present().unwrap().clone())
}

#[tokio::test]
async fn what_runs_is_the_primary_task_sets_and_the_group_is_found_by_its_default_names() {
    let (server, seen) = look(Aws::at_rest()).await;
    assert_eq!((seen.revision.as_str(), seen.controller.as_str()), (BLUE, "CODE_DEPLOY"));
    assert_eq!((seen.primary, seen.in_progress), (Some(DeploymentId("d-OLD".to_owned())), None));
    assert_eq!(sent(&server, "DescribeTaskDefinition")[0]["taskDefinition"], BLUE);
    assert_eq!(seen.target_groups.iter().map(|group| group.arn.as_str()).collect::<Vec<_>>(), ["tg/blue", "tg/green"]);
    assert_eq!((seen.load_balancer.as_deref(), seen.health.target), (Some("web.elb"), true));
    assert_eq!(
        *seen.codedeploy.unwrap(),
        CodeDeploySeen {
            application: "AppECS-prod-web".to_owned(),
            group: "DgpECS-prod-web".to_owned(),
            configuration: "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
            steps: Some(Steps::Canary { share: Share::percent(10), bake: Span::seconds(300) }),
            target_groups: vec!["tg/blue".to_owned(), "tg/green".to_owned()],
            production_listeners: vec!["prod".to_owned()],
            test_listener: Some("test".to_owned()),
            balancer: Balancer::Application,
            load_balancer: Some("lb".to_owned()),
            ready: Ready::Waits { minutes: 30 },
            terminate: Terminate::After { minutes: 5 },
            alarms: vec!["web-5xx".to_owned()],
            rolls_back_on: vec!["DEPLOYMENT_FAILURE".to_owned()],
            hooks: Hooks::Known(vec![("BeforeAllowTraffic".to_owned(), "check".to_owned())]),
        }
    );
    let operations = server.operations();
    assert!(!operations.contains(&"ListApplications".to_owned()), "the default names were right");
    assert!(!operations.contains(&"ListServiceDeployments".to_owned()), "ECS has none of a service of CodeDeploy");
    for read in ["ListDeployments", "GetDeployment", "ListDeploymentTargets", "BatchGetDeploymentTargets"] {
        assert!(operations.contains(&read.to_owned()), "{read}: what the wait will read is read once before");
    }
}

#[tokio::test]
async fn a_group_of_any_other_name_is_found_by_the_service_that_it_names() {
    let mut aws = Aws::at_rest();
    let ours = aws.groups[0].clone();
    // The group of the default name deploys a service of the same name in another cluster.
    aws.groups[0]["ecsServices"][0]["clusterName"] = json!("staging");
    let mut group = |application: &str, name: &str, cluster: &str, service: &str| {
        let mut group = ours.clone();
        group["applicationName"] = json!(application);
        group["deploymentGroupName"] = json!(name);
        group["ecsServices"] = json!([{"serviceName": service, "clusterName": cluster}]);
        aws.groups.push(group);
    };
    group("shop", "api", "prod", "api");
    group("shop", "web", "arn:aws:ecs:us-east-1:123456789012:cluster/prod", "web");
    let (_server, seen) = look(aws).await;
    let found = seen.codedeploy.unwrap();
    assert_eq!((found.application.as_str(), found.group.as_str()), ("shop", "web"));
}

#[tokio::test]
async fn without_a_group_the_service_is_seen_and_cannot_be_deployed() {
    let mut aws = Aws::at_rest();
    aws.groups.clear();
    let (server, drivers, _) = serve(aws).await;
    let seen = drivers.look("web").await.unwrap();
    let seen = seen.present().unwrap();
    assert_eq!((seen.revision.as_str(), &seen.codedeploy), (BLUE, &None));
    let failure = Failure::from(drivers.begin(&change(GREEN, None)).await.unwrap_err());
    assert_eq!(failure.code, Code::DeploymentGroupMissing);
    assert!(failure.because[0].contains("`DgpECS-prod-web` of application `AppECS-prod-web`"), "{failure:?}");
    assert_eq!(drivers.current("web").await.unwrap(), None);
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_denied_read_of_the_wait_shows_before_anything_is_changed() {
    for operation in
        ["ListApplications", "ListDeployments", "GetDeployment", "BatchGetDeploymentTargets", "GetApplicationRevision"]
    {
        let mut aws = Aws::at_rest();
        if operation == "ListApplications" {
            aws.groups.clear();
        }
        aws.refused.insert(operation.to_owned(), ("AccessDeniedException", "no"));
        let (_server, drivers, _) = serve(aws).await;
        let error = drivers.look("web").await.unwrap_err();
        assert!(matches!(&error, PortError::Denied { action, .. } if *action == format!("codedeploy:{operation}")), "{error}");
        let statement = Failure::from(error).next.remove(0);
        assert!(statement.contains(&format!(r#""Action": "codedeploy:{operation}""#)), "{statement}");
    }
}

#[tokio::test]
async fn a_deployment_under_way_is_seen_with_what_it_brings_whoever_made_it() {
    let mut aws = Aws::deploying("InProgress", Some(target(6, "InProgress", 10.0)));
    let (_server, seen) = look(aws.clone()).await;
    assert_eq!(seen.revision.as_str(), BLUE, "the new one is not PRIMARY yet");
    let new = DeploymentId("d-NEW".to_owned());
    assert_eq!(seen.in_progress, Some((new.clone(), Revision(GREEN.to_owned()))));
    // Of an AppSpec that lies elsewhere the task set tells.
    aws.of("d-NEW")["revision"] = json!({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "appspec.yaml"}});
    let (_server, seen) = look(aws).await;
    assert_eq!(seen.in_progress, Some((new, Revision(GREEN.to_owned()))));
}

#[tokio::test]
async fn hooks_that_lie_elsewhere_are_said_and_a_network_balancer_is_known_by_its_groups() {
    let mut aws = Aws::at_rest();
    aws.of("d-OLD")["revision"] = json!({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "appspec.yaml"}});
    aws.protocol = "TCP";
    let (_server, seen) = look(aws).await;
    let seen = seen.codedeploy.unwrap();
    assert_eq!(seen.hooks, Hooks::Elsewhere { place: "s3://b/appspec.yaml".to_owned() });
    assert_eq!(seen.balancer, Balancer::Network);
}

#[tokio::test]
async fn a_platform_that_does_not_tell_what_succeeded_last_is_asked_for_all() {
    let mut aws = Aws::deploying("InProgress", None);
    aws.groups[0].as_object_mut().unwrap().remove("lastSuccessfulDeployment");
    let (_server, seen) = look(aws).await;
    let hooks = Hooks::Known(vec![("BeforeAllowTraffic".to_owned(), "check".to_owned())]);
    assert_eq!(seen.codedeploy.unwrap().hooks, hooks);
}
