//! What is asked of CodeDeploy, and what is not asked twice.

use sha2::{Digest as _, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Share;
use shipit_scheduler::Span;

use super::*;
use crate::adapter::content::hex;
use crate::port::{PortError, Service as _, StopType};

fn canary(percent: u32, minutes: u64) -> Option<Steps> {
    Some(Steps::Canary { share: Share::percent(percent), bake: Span::seconds(minutes * 60) })
}

const OURS: &str = "shipit run r-1 commit 4f2a91c to web:7";

#[tokio::test]
async fn a_deployment_is_asked_for_with_the_appspec_of_the_service_as_it_is() {
    let (server, drivers, _) = serve(Aws::at_rest()).await;
    let begun = drivers.begin(&change(GREEN, canary(10, 5))).await.unwrap();
    assert_eq!((begun.deployment.as_str(), begun.revision.as_str()), ("d-NEW", GREEN));
    assert!(begun.asked_at <= at(NOW), "a clock that goes ahead does no harm");
    let [asked] = sent(&server, "CreateDeployment").try_into().unwrap();
    let asked: Value = asked;
    let content = asked["revision"]["appSpecContent"]["content"].as_str().unwrap();
    assert_eq!(asked["revision"]["appSpecContent"]["sha256"], hex(&Sha256::digest(content)));
    let appspec: Value = serde_json::from_str(content).unwrap();
    assert_eq!(appspec["Hooks"], json!([{"BeforeAllowTraffic": "check"}]), "the hooks are kept");
    let properties = &appspec["Resources"][0]["TargetService"]["Properties"];
    assert_eq!(properties["TaskDefinition"], GREEN);
    assert_eq!(properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"], json!(["subnet-1"]));
    assert_eq!(asked["deploymentConfigName"], "CodeDeployDefault.ECSCanary10Percent5Minutes");
    assert_eq!(asked["description"], OURS);
    let events = json!(["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"]);
    assert_eq!(asked["autoRollbackConfiguration"], json!({"enabled": true, "events": events}));
    assert_eq!(sent(&server, "CreateDeploymentConfig"), Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_wish_the_groups_own_configuration_holds() {
    let mut aws = Aws::at_rest();
    aws.groups[0]["alarmConfiguration"]["enabled"] = json!(false);
    let (server, drivers, _) = serve(aws).await;
    drivers.begin(&change(GREEN, None)).await.unwrap();
    let asked = &sent(&server, "CreateDeployment")[0];
    assert_eq!(asked.get("deploymentConfigName"), None);
    assert!(!asked["autoRollbackConfiguration"]["events"].to_string().contains("ALARM"), "it has no alarms");
}

#[tokio::test]
async fn a_configuration_is_made_only_where_there_is_none() {
    let name = "shipit-ecs-canary-20-percent-7-minutes";
    let routing = json!({"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 20, "canaryInterval": 7}});
    let (server, drivers, aws) = serve(Aws::at_rest()).await;
    drivers.begin(&change(GREEN, canary(20, 7))).await.unwrap();
    assert_eq!(sent(&server, "CreateDeployment")[0]["deploymentConfigName"], name);
    let made = json!({"deploymentConfigName": name, "computePlatform": "ECS", "trafficRoutingConfig": routing});
    assert_eq!(sent(&server, "CreateDeploymentConfig"), [made]);

    aws.lock().unwrap().configurations.insert(name.to_owned(), routing.clone());
    drivers.begin(&change(GREEN, canary(20, 7))).await.unwrap();
    assert_eq!(sent(&server, "CreateDeploymentConfig").len(), 1, "it is there");

    aws.lock().unwrap().configurations.insert(name.to_owned(), json!({"type": "AllAtOnce"}));
    let failure = Failure::from(drivers.begin(&change(GREEN, canary(20, 7))).await.unwrap_err());
    assert!(failure.what.contains("moves traffic otherwise"), "{failure:?}");
    assert_eq!(sent(&server, "CreateDeployment").len(), 2);
}

#[tokio::test]
async fn what_codedeploy_cannot_do_is_refused_before_it_is_asked() {
    let mut aws = Aws::at_rest();
    aws.protocol = "TLS";
    let (server, drivers, _) = serve(aws).await;
    let failure = Failure::from(drivers.begin(&change(GREEN, canary(10, 5))).await.unwrap_err());
    assert_eq!(failure.code, Code::ControllerMismatch);
    assert!(failure.what.contains("all at once only"), "{failure:?}");
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
}

#[tokio::test]
async fn asked_again_after_a_lost_answer_it_is_the_same_deployment() {
    // The answer was lost: it shows as one under way.
    let mut aws = Aws::deploying("InProgress", None);
    aws.of("d-NEW")["description"] = json!(OURS);
    let (server, drivers, _) = serve(aws.clone()).await;
    assert_eq!(drivers.begin(&change(GREEN, canary(10, 5))).await.unwrap().deployment.as_str(), "d-NEW");
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
    // It may have ended already.
    aws.of("d-NEW")["status"] = json!("Failed");
    let (server, drivers, _) = serve(aws.clone()).await;
    assert_eq!(drivers.begin(&change(GREEN, canary(10, 5))).await.unwrap().deployment.as_str(), "d-NEW");
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
    // One of another run that has ended is none of ours.
    aws.of("d-NEW")["description"] = json!("shipit run r-0 commit 4f2a91c to web:7");
    let (server, drivers, _) = serve(aws).await;
    drivers.begin(&change(GREEN, canary(10, 5))).await.unwrap();
    assert_eq!(sent(&server, "CreateDeployment").len(), 1);
}

#[tokio::test]
async fn a_call_that_was_sent_twice_finds_its_first() {
    let mut aws = Aws::at_rest();
    let mut ours = deployment("d-OURS", "Created", MADE, "new");
    ours["description"] = json!(OURS);
    aws.comes = Some(ours);
    let message = "The Deployment Group 'DgpECS-prod-web' already has an active Deployment 'd-OURS'";
    aws.refused.insert("CreateDeployment".to_owned(), ("DeploymentLimitExceededException", message));
    let (_server, drivers, shared) = serve(aws).await;
    assert_eq!(drivers.begin(&change(GREEN, None)).await.unwrap().deployment.as_str(), "d-OURS");
    // Someone else was quicker, and has ended already.
    let mut aws = Aws::at_rest();
    aws.refused = shared.lock().unwrap().refused.clone();
    let (_server, drivers, _) = serve(aws).await;
    let failure = Failure::from(drivers.begin(&change(GREEN, None)).await.unwrap_err());
    assert_eq!(failure.code, Code::DeploymentInProgress);
    assert!(failure.because[0].contains("d-OURS"), "{failure:?}");
}

#[tokio::test]
async fn someone_elses_deployment_is_in_the_way_and_named() {
    let mut aws = Aws::deploying("InProgress", Some(target(6, "InProgress", 10.0)));
    aws.appspecs.insert("new".to_owned(), appspec("web:9", ""));
    aws.of("d-NEW")["description"] = json!("nightly");
    let (server, drivers, shared) = serve(aws).await;
    let failure = Failure::from(drivers.begin(&change(GREEN, None)).await.unwrap_err());
    assert_eq!(failure.code, Code::DeploymentInProgress);
    assert_eq!(failure.because, ["d-NEW brings web:9 since 2026-09-21T14:13:20Z: nightly"]);
    assert!(failure.next[0].contains("shipit wait"), "{failure:?}");
    // All its traffic has moved: what is waited for can be ended.
    shared.lock().unwrap().of("d-NEW")["instanceTerminationWaitTimeStarted"] = json!(true);
    let failure = Failure::from(drivers.begin(&change(GREEN, None)).await.unwrap_err());
    assert!(failure.next[0].contains("continue-deployment --deployment-id d-NEW"), "{failure:?}");
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
}

#[tokio::test]
async fn what_runs_already_is_not_deployed_again() {
    let (server, drivers, _) = serve(Aws::at_rest()).await;
    assert_eq!(drivers.begin(&change(BLUE, None)).await.unwrap().deployment.as_str(), "d-OLD");
    // Another task set is left over: by the weights of the last deployment the first has all traffic, or it has not.
    for (green, asked) in [(0.0, 0), (10.0, 1)] {
        let mut aws = Aws::deploying("Failed", Some(target(6, "Failed", green)));
        aws.of("d-NEW")["description"] = json!("nightly");
        let (server, drivers, _) = serve(aws).await;
        drivers.begin(&change(BLUE, None)).await.unwrap();
        assert_eq!(sent(&server, "CreateDeployment").len(), asked, "{green}% elsewhere");
    }
    assert_eq!(sent(&server, "CreateDeployment"), Vec::<Value>::new());
}

#[tokio::test]
async fn refusals_of_a_deployment_are_told_in_full() {
    for (code, wanted) in [
        ("InvalidRevisionException", Code::AwsRefused),
        ("InvalidRoleException", Code::AwsRefused),
        ("DeploymentGroupDoesNotExistException", Code::DeploymentGroupMissing),
        ("InvalidTrafficRoutingConfigurationException", Code::ControllerMismatch),
    ] {
        let mut aws = Aws::at_rest();
        aws.refused.insert("CreateDeployment".to_owned(), (code, "as AWS says"));
        let (_server, drivers, _) = serve(aws).await;
        let failure = Failure::from(drivers.begin(&change(GREEN, None)).await.unwrap_err());
        assert_eq!((failure.code, failure.because), (wanted, vec![format!("{code}: as AWS says")]));
    }
}

#[tokio::test]
async fn a_long_description_is_cut_to_what_codedeploy_takes() {
    let mut change = change(&format!("arn:aws:ecs:eu-west-1:1:task-definition/{}:7", "x".repeat(255)), None);
    assert_eq!(super::super::begin::description(&change).chars().count(), 256);
    change.revision = Revision(GREEN.to_owned());
    assert_eq!(super::super::begin::description(&change), OURS);
}

#[tokio::test]
async fn a_deployment_is_stopped_with_or_without_the_way_back_and_let_go_on() {
    let (server, drivers, shared) = serve(Aws::deploying("Ready", Some(target(5, "Pending", 0.0)))).await;
    drivers.stop(&begun("d-NEW"), StopType::Rollback).await.unwrap();
    drivers.stop(&begun("d-NEW"), StopType::Abort).await.unwrap();
    // A handle without an id: the deployment since then that brings our revision.
    drivers.stop(&begun("unknown"), StopType::Rollback).await.unwrap();
    let with = |rollback: bool| json!({"deploymentId": "d-NEW", "autoRollbackEnabled": rollback});
    assert_eq!(sent(&server, "StopDeployment"), [with(true), with(false), with(true)]);
    shared.lock().unwrap().refused.insert("StopDeployment".to_owned(), ("DeploymentAlreadyCompletedException", ""));
    let error = drivers.stop(&begun("d-NEW"), StopType::Rollback).await.unwrap_err();
    assert!(matches!(error, PortError::Refused { code, .. } if code == "DeploymentAlreadyCompletedException"));
}

#[tokio::test]
async fn alarms_of_the_judge_take_the_groups_place_and_none_stops_a_way_back() {
    let alarm = |name: &str| json!({"name": name});
    let of_group = json!({"enabled": true, "alarms": [alarm("own")]});
    let named = |names: &[&str]| Alarms::These(names.iter().map(|name| (*name).to_owned()).collect());
    for (group, alarms, override_, stops) in [
        (json!(null), Alarms::OfGroup, json!(null), false),
        (of_group.clone(), Alarms::OfGroup, json!(null), true),
        (json!(null), named(&["5xx"]), json!({"enabled": true, "ignorePollAlarmFailure": false, "alarms": [alarm("5xx")]}), true),
        (
            of_group.clone(),
            named(&["own", "5xx"]),
            json!({"enabled": true, "ignorePollAlarmFailure": false, "alarms": [alarm("own"), alarm("5xx")]}),
            true,
        ),
        (of_group, Alarms::Off, json!({"enabled": false, "ignorePollAlarmFailure": false}), false),
        (json!(null), Alarms::Off, json!(null), false),
    ] {
        let mut aws = Aws::at_rest();
        aws.groups[0]["alarmConfiguration"] = group;
        let (server, drivers, _) = serve(aws).await;
        drivers.begin(&Change { alarms: alarms.clone(), ..change(GREEN, None) }).await.unwrap();
        let sent = sent(&server, "CreateDeployment").remove(0);
        assert_eq!(sent["overrideAlarmConfiguration"], override_, "{alarms:?}");
        let events = sent["autoRollbackConfiguration"]["events"].as_array().unwrap();
        assert_eq!(events.contains(&json!("DEPLOYMENT_STOP_ON_ALARM")), stops, "{alarms:?}");
    }
}
