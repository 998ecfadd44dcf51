//! How a deployment stands, from its beginning to the end of its rollback.

use shipit_core::failure::Code;
use shipit_core::pipeline::Share;
use shipit_core::settled::{
    Evidence, HookKind, HookStatus, RolloutState, ServiceDeployment, ServiceDeployments, Settled, ShiftSeen, Stage, Status,
    Strength, settled, taken_over,
};

use super::*;
use crate::port::Service as _;

async fn follow(aws: Aws, handle: &str) -> Evidence {
    let (_server, drivers, _) = serve(aws).await;
    drivers.follow(&begun(handle)).await.unwrap()
}

fn listed(evidence: &Evidence) -> &[ServiceDeployment] {
    match &evidence.service_deployments {
        ServiceDeployments::Listed { list } => list,
        ServiceDeployments::Unsupported => panic!("they are listed"),
    }
}

async fn judged(aws: Aws) -> (Status, Settled) {
    let evidence = follow(aws, "d-NEW").await;
    (listed(&evidence).last().unwrap().status.clone(), settled(&begun("d-NEW"), &evidence))
}

#[tokio::test]
async fn every_word_for_a_deployment_that_goes_on_or_is_done_has_its_meaning() {
    for (word, status, verdict) in [
        ("Created", Status::Pending, Settled::Pending),
        ("Queued", Status::Pending, Settled::Pending),
        ("InProgress", Status::InProgress, Settled::Pending),
        ("Baking", Status::InProgress, Settled::Pending),
        ("Ready", Status::InProgress, Settled::Pending),
        ("Succeeded", Status::Successful, Settled::Done { strength: Strength::ServiceDeployment }),
        ("Dreaming", Status::Other("Dreaming".to_owned()), Settled::Pending),
    ] {
        assert_eq!(judged(Aws::deploying(word, Some(target(6, "InProgress", 10.0)))).await, (status, verdict), "{word}");
    }
}

/// d-NEW has failed at a weight, and d-BACK takes it back.
fn taken_back(status: &str) -> Aws {
    let mut aws = Aws::deploying("Failed", Some(target(6, "Failed", 10.0)));
    let events = &mut aws.targets.get_mut("d-NEW").unwrap()["ecsTarget"]["lifecycleEvents"];
    events[6]["diagnostics"] = json!({"errorCode": "UnknownError", "message": "5 of 9 hosts were slow"});
    let new = aws.of("d-NEW");
    new["errorInformation"] = json!({"code": "ALARM_ACTIVE", "message": "One or more alarms have been activated"});
    new["completeTime"] = json!(MADE + 30);
    new["rollbackInfo"] = json!({"rollbackDeploymentId": "d-BACK"});
    let mut back = deployment("d-BACK", status, MADE + 31, "old");
    back["creator"] = json!("codeDeployRollback");
    back["rollbackInfo"] = json!({"rollbackTriggeringDeploymentId": "d-NEW"});
    aws.deployments.push(back);
    aws.targets.insert("d-BACK".to_owned(), target(8, "", 0.0));
    aws
}

const WHY: &str = "ALARM_ACTIVE: One or more alarms have been activated; AllowTraffic: 5 of 9 hosts were slow";

#[tokio::test]
async fn a_rollback_is_followed_as_the_deployment_that_it_is() {
    let back = |reason: &str| Settled::RolledBack { to: Revision(BLUE.to_owned()), reason: reason.to_owned() };
    let going = || Settled::RollingBack { reason: WHY.to_owned() };
    for word in ["Created", "InProgress"] {
        assert_eq!(judged(taken_back(word)).await, (Status::RollbackInProgress, going()), "{word}");
    }
    assert_eq!(judged(taken_back("Succeeded")).await, (Status::RollbackSuccessful, back(WHY)));
    // What it waits for at last is the end of tasks that have no traffic.
    let mut terminating = taken_back("InProgress");
    terminating.of("d-BACK")["instanceTerminationWaitTimeStarted"] = json!(true);
    assert_eq!(judged(terminating).await, (Status::RollbackSuccessful, back(WHY)));
    let mut failed = taken_back("Failed");
    failed.of("d-BACK")["errorInformation"] = json!({"code": "TIMEOUT", "message": "too long"});
    let reason = format!("{WHY}; going back by d-BACK failed as well: TIMEOUT: too long");
    assert_eq!(judged(failed).await, (Status::RollbackFailed, Settled::Failed { reason }));
}

#[tokio::test]
async fn between_the_failure_and_its_rollback_it_is_waited_for() {
    let mut aws = taken_back("Created");
    aws.deployments.pop();
    assert_eq!(judged(aws.clone()).await.0, Status::RollbackRequested, "named, and not to be had yet");
    aws.of("d-NEW")["rollbackInfo"] = json!({});
    assert_eq!(judged(aws.clone()).await.0, Status::RollbackRequested, "not named yet");
    aws.of("d-NEW")["completeTime"] = json!(NOW - 120);
    assert_eq!(judged(aws).await.0, Status::RollbackFailed, "it never came");
}

#[tokio::test]
async fn a_failure_without_a_rollback_is_a_failure_and_nobody_has_taken_over() {
    let mut aws = taken_back("Created");
    aws.deployments.pop();
    aws.of("d-NEW")["rollbackInfo"] = json!({});
    aws.of("d-NEW")["autoRollbackConfiguration"] = json!({"enabled": false, "events": ["DEPLOYMENT_FAILURE"]});
    assert_eq!(judged(aws.clone()).await, (Status::RollbackFailed, Settled::Failed { reason: WHY.to_owned() }));
    aws.of("d-NEW")["rollbackInfo"] = json!({"rollbackMessage": "there is nothing to go back to"});
    aws.of("d-NEW")["autoRollbackConfiguration"]["enabled"] = json!(true);
    let Settled::Failed { reason } = judged(aws.clone()).await.1 else { panic!("it failed") };
    assert!(reason.ends_with("; there is nothing to go back to"), "{reason}");
    // The traffic had not moved: nothing was to be taken back.
    aws.targets.insert("d-NEW".to_owned(), target(0, "Failed", 0.0));
    let (status, verdict) = judged(aws).await;
    assert!(matches!(&verdict, Settled::RolledBack { to, .. } if to.as_str() == BLUE), "{verdict:?}");
    assert_eq!(status, Status::RollbackSuccessful);
}

#[tokio::test]
async fn one_that_was_stopped_is_waited_for_whatever_it_says_of_going_back() {
    let mut aws = taken_back("Created");
    aws.deployments.pop();
    let new = aws.of("d-NEW");
    new["status"] = json!("Stopped");
    new["rollbackInfo"] = json!({});
    new["autoRollbackConfiguration"] = json!({"enabled": false});
    assert_eq!(judged(aws.clone()).await.0, Status::RollbackRequested);
    aws.of("d-NEW")["completeTime"] = json!(NOW - 61);
    assert_eq!(judged(aws).await.0, Status::RollbackFailed);
}

#[tokio::test]
async fn only_a_later_deployment_of_someone_else_has_taken_over() {
    let mut aws = taken_back("Succeeded");
    let evidence = follow(aws.clone(), "d-NEW").await;
    assert_eq!(taken_over(&begun("d-NEW"), &evidence), None, "its own rollback is nobody else's");
    aws.deployments.push(deployment("d-THEIRS", "InProgress", MADE + 50, "theirs"));
    aws.appspecs.insert("theirs".to_owned(), appspec("web:9", ""));
    let evidence = follow(aws, "d-NEW").await;
    let theirs = Revision(GREEN.replace(":7", ":9"));
    assert_eq!(settled(&begun("d-NEW"), &evidence), Settled::Superseded { by: theirs });
}

async fn shift(aws: Aws) -> ShiftSeen {
    listed(&follow(aws, "d-NEW").await)[0].shift.clone().unwrap()
}

#[tokio::test]
async fn the_lifecycle_stands_beside_the_stages_of_ecs() {
    let stages = [
        Stage::PreScaleUp,
        Stage::ScaleUp,
        Stage::PostScaleUp,
        Stage::TestTrafficShift,
        Stage::PostTestTrafficShift,
        Stage::PreProductionTrafficShift,
        Stage::ProductionTrafficShift,
        Stage::PostProductionTrafficShift,
        Stage::CleanUp,
    ];
    for (done, stage) in stages.into_iter().enumerate() {
        for word in ["InProgress", "Pending", "Failed"] {
            let seen = shift(Aws::deploying("InProgress", Some(target(done, word, 0.0)))).await;
            // Before the first has begun nothing is under way.
            let expected = if (done, word) == (0, "Pending") { Stage::ReconcileService } else { stage.clone() };
            assert_eq!(seen.stage, expected, "{done} done, then {word}");
        }
    }
    assert_eq!(shift(Aws::deploying("Created", None)).await.stage, Stage::ReconcileService);
    let mut new = target(2, "InProgress", 0.0);
    new["ecsTarget"]["lifecycleEvents"][2]["lifecycleEventName"] = json!("Dreaming");
    assert_eq!(shift(Aws::deploying("InProgress", Some(new))).await.stage, Stage::Other("Dreaming".to_owned()));
}

#[tokio::test]
async fn traffic_is_seen_with_its_shares_and_target_groups() {
    let seen = shift(Aws::deploying("InProgress", Some(target(6, "InProgress", 12.5)))).await;
    assert_eq!((seen.production, seen.test), (Some(Share(125)), Some(Share::ALL)));
    assert_eq!((seen.candidate_groups, seen.stable_groups), (vec!["tg/green".to_owned()], vec!["tg/blue".to_owned()]));
    assert_eq!((seen.hooks, seen.baking_until), (Vec::new(), None));
    let seen = shift(Aws::deploying("InProgress", Some(target(3, "InProgress", 0.0)))).await;
    assert_eq!((seen.production, seen.test), (Some(Share::NONE), Some(Share::NONE)));
    let seen = shift(Aws::deploying("Created", None)).await;
    assert_eq!((seen.production, seen.candidate_groups), (None, Vec::<String>::new()));
    // On the way back the candidate is what it was: the other deployment tells its share.
    assert_eq!(shift(taken_back("InProgress")).await.production, Some(Share::NONE));
}

#[tokio::test]
async fn ready_is_a_pause_and_a_function_a_hook_that_nobody_answers() {
    let seen = shift(Aws::deploying("Ready", Some(target(5, "Pending", 0.0)))).await;
    assert_eq!(seen.stage, Stage::PreProductionTrafficShift);
    let [pause] = seen.hooks.as_slice() else { panic!("one hook: {:?}", seen.hooks) };
    assert_eq!((&pause.kind, &pause.status, pause.id.0.as_str()), (&HookKind::Pause, &HookStatus::AwaitingAction, "d-NEW"));
    assert_eq!((pause.expires_at, pause.then.as_deref()), (Some(at(MADE + 6 + 1800)), Some("STOP_DEPLOYMENT")));
    let seen = shift(Aws::deploying("InProgress", Some(target(5, "InProgress", 0.0)))).await;
    let [function] = seen.hooks.as_slice() else { panic!("one hook: {:?}", seen.hooks) };
    assert_eq!((&function.kind, &function.status), (&HookKind::Lambda, &HookStatus::InProgress));
    assert_eq!(function.expires_at, Some(at(MADE + 6 + 3600)));
}

#[tokio::test]
async fn the_wait_before_the_earlier_task_set_ends_is_seen_as_a_bake() {
    let mut aws = Aws::deploying("InProgress", Some(target(8, "", 100.0)));
    aws.of("d-NEW")["instanceTerminationWaitTimeStarted"] = json!(true);
    let seen = shift(aws).await;
    assert_eq!((seen.stage, seen.production), (Stage::BakeTime, Some(Share::ALL)));
    assert_eq!(seen.baking_until, Some(at(MADE + 9 + 300)));
}

#[tokio::test]
async fn task_sets_are_the_deployments_and_codedeploys_words_the_newest_events() {
    let mut aws = taken_back("InProgress");
    aws.of("d-NEW")["deploymentStatusMessages"] = json!(["waiting for capacity"]);
    let evidence = follow(aws, "d-NEW").await;
    let seen = |place: usize| {
        let seen = &evidence.deployments[place];
        (seen.id.as_str(), seen.role.as_str(), seen.revision.as_str(), &seen.rollout)
    };
    assert_eq!(seen(0), ("d-OLD", "PRIMARY", BLUE, &RolloutState::Completed));
    assert_eq!(seen(1), ("d-NEW", "ACTIVE", GREEN, &RolloutState::Failed));
    assert_eq!(evidence.events[..2], ["(CodeDeploy) AllowTraffic: 5 of 9 hosts were slow", "(CodeDeploy) waiting for capacity"]);
    assert_eq!((evidence.desired, evidence.running), (2, 3));
}

#[tokio::test]
async fn a_handle_without_an_id_finds_the_first_deployment_of_our_revision_since() {
    let mut aws = Aws::deploying("Succeeded", Some(target(8, "", 100.0)));
    aws.deployments.push(deployment("d-AGAIN", "Succeeded", MADE + 40, "new"));
    let evidence = follow(aws.clone(), "unknown").await;
    assert_eq!(listed(&evidence).last().unwrap().arn, "d-NEW");
    aws.deployments.retain(|found| found["deploymentId"] == "d-OLD");
    let evidence = follow(aws.clone(), "unknown").await;
    assert_eq!((listed(&evidence), settled(&begun("unknown"), &evidence)), (&[][..], Settled::Pending));
    let evidence = follow(aws, "d-NEW").await;
    assert_eq!(settled(&begun("d-NEW"), &evidence), Settled::Pending, "it does not show yet");
}

#[tokio::test]
async fn a_task_set_that_no_deployment_made_is_judged_by_itself() {
    let mut aws = Aws::at_rest();
    aws.service["taskSets"] = json!([task_set("ecs-svc/1", "", "PRIMARY", GREEN, "blue")]);
    aws.service["runningCount"] = json!(2);
    aws.service["pendingCount"] = json!(0);
    let evidence = follow(aws.clone(), "ecs-svc/1").await;
    assert_eq!(settled(&begun("ecs-svc/1"), &evidence), Settled::Done { strength: Strength::Weaker });
    aws.service["taskSets"][0]["stabilityStatus"] = json!("STABILIZING");
    let evidence = follow(aws, "ecs-svc/1").await;
    assert_eq!(settled(&begun("ecs-svc/1"), &evidence), Settled::Pending);
}

#[tokio::test]
async fn who_may_not_look_is_told_the_permission() {
    let mut aws = Aws::deploying("InProgress", None);
    aws.refused.insert("GetDeployment".to_owned(), ("AccessDeniedException", "no"));
    let (_server, drivers, _) = serve(aws).await;
    let failure = shipit_core::failure::Failure::from(drivers.follow(&begun("d-NEW")).await.unwrap_err());
    assert_eq!((failure.code, failure.what.as_str()), (Code::Denied, "AWS denies `codedeploy:GetDeployment`"));
}
