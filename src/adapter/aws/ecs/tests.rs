//! The service port against recorded replies.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::dossier::{LogPlace, StopCode, TargetState};
use shipit_core::release::{Commit, DeploymentId, Revision};
use shipit_core::settled::{Begun, RolloutState, ServiceDeployment, ServiceDeployments, Settled, Status, settled};
use shipit_core::snapshot::ServiceSeen;
use shipit_scheduler::{Breaker, Percents, Span};

use super::*;
use crate::adapter::aws::canned::{Asked, Canned, Reply, recorded};
use crate::port::{Asker, Evidence as _, Service as _, StopType};

const REVISION: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7";
const OURS: &str = "ecs-svc/1111111111111111111";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Our call's handle: its deployment was created at 1790000001.
fn begun() -> Begun {
    Begun {
        service: "web".to_owned(),
        revision: Revision(REVISION.to_owned()),
        deployment: DeploymentId(OURS.to_owned()),
        asked_at: at(1_789_999_999),
    }
}

fn cluster(server: &Canned) -> Cluster {
    Cluster::new(&server.sdk(1), "prod", Clock::starting(at(1_790_000_020), 1.0))
}

fn revisions_reply(asked: &Asked) -> Reply {
    let group = |arn: &Value| if arn.to_string().contains("7096") { "tg/green" } else { "tg/blue" };
    let resolved = |arn: &Value| json!({"loadBalancers": [{"targetGroupArn": group(arn), "productionListenerRule": "rule"}]});
    let one =
        |arn: &Value| json!({"serviceRevisionArn": arn, "taskDefinition": REVISION, "resolvedConfiguration": resolved(arn)});
    let revisions: Vec<Value> = asked.json()["serviceRevisionArns"].as_array().unwrap().iter().map(one).collect();
    Reply::ok(json!({"serviceRevisions": revisions, "failures": []}))
}

/// AWS in the middle of a rollout of `web`.
fn mid_rollout(asked: &Asked) -> Reply {
    match asked.operation() {
        "DescribeServices" => Reply::ok(recorded("ecs-describe-services")),
        "DescribeTaskDefinition" => Reply::ok(recorded("ecs-describe-task-definition")),
        "ListServiceDeployments" => Reply::ok(recorded("ecs-list-service-deployments")),
        "DescribeServiceRevisions" => revisions_reply(asked),
        "StopServiceDeployment" => Reply::ok(json!({"serviceDeploymentArn": asked.json()["serviceDeploymentArn"]})),
        "ListTasks" => Reply::ok(json!({"taskArns": ["arn:aws:ecs:us-east-1:123456789012:task/prod/fb9c"]})),
        "DescribeTasks" => Reply::ok(recorded("ecs-describe-tasks-stopped")),
        _ if asked.body.contains("Action=DescribeTargetGroups") => Reply::ok(
            "<R xmlns='http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/'><DescribeTargetGroupsResult><TargetGroups><member>\
             <TargetGroupArn>tg</TargetGroupArn><HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>\
             <HealthyThresholdCount>3</HealthyThresholdCount><LoadBalancerArns><member>lb</member></LoadBalancerArns>\
             </member></TargetGroups></DescribeTargetGroupsResult></R>"
                .replace("<R ", "<DescribeTargetGroupsResponse ")
                .replace("</R>", "</DescribeTargetGroupsResponse>"),
        ),
        _ if asked.body.contains("Action=DescribeTargetGroupAttributes") => Reply::ok(
            "<DescribeTargetGroupAttributesResponse><DescribeTargetGroupAttributesResult><Attributes><member>\
             <Key>deregistration_delay.timeout_seconds</Key><Value>15</Value></member></Attributes>\
             </DescribeTargetGroupAttributesResult></DescribeTargetGroupAttributesResponse>",
        ),
        _ if asked.body.contains("Action=DescribeLoadBalancers") => Reply::ok(
            "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member>\
             <DNSName>web-1.elb.amazonaws.com</DNSName></member></LoadBalancers></DescribeLoadBalancersResult>\
             </DescribeLoadBalancersResponse>",
        ),
        other => panic!("`{other}` was not expected: {}", asked.body),
    }
}

#[tokio::test]
async fn a_service_is_seen_with_everything_the_plan_needs() {
    let server = Canned::start(mid_rollout).await;
    let ServiceSeen::Present(seen) = cluster(&server).look("web").await.unwrap() else {
        panic!("it exists");
    };
    assert_eq!(seen.revision.as_str(), REVISION);
    assert_eq!((seen.status.as_str(), seen.controller.as_str()), ("ACTIVE", "ECS"));
    assert_eq!((seen.desired, seen.running), (2, 3));
    assert_eq!(seen.percents, Percents::new(100, 200));
    assert_eq!(seen.breaker, Breaker::with_rollback());
    assert_eq!(seen.configuration, recorded("ecs-describe-services")["services"][0]["deploymentConfiguration"]);
    assert_eq!(seen.definition, recorded("ecs-describe-task-definition")["taskDefinition"]);
    assert_eq!(seen.tags.get("shipit:run").map(String::as_str), Some("r-1"));
    assert_eq!(seen.running_digests["web"].as_str(), "sha256:aaaa");
    assert!(seen.health.container && seen.health.target);
    assert_eq!(seen.grace, Span::seconds(60));
    assert_eq!(seen.in_progress, Some((DeploymentId(OURS.to_owned()), Revision(REVISION.to_owned()))));
    let [group] = seen.target_groups.as_slice() else { panic!("one target group") };
    assert_eq!((group.drain, group.interval, group.healthy_threshold), (Span::seconds(15), Span::seconds(10), 3));
    assert_eq!(seen.load_balancer.as_deref(), Some("web-1.elb.amazonaws.com"));
    let operations = server.operations();
    assert!(operations.contains(&"ListServiceDeployments".to_owned()), "what the wait will read is read once before");
    assert!(operations.contains(&"DescribeServiceRevisions".to_owned()));
    assert!(server.asked().iter().filter(|asked| asked.operation() != "").all(|asked| !asked.body.contains("desiredCount")));
}

#[tokio::test]
async fn the_load_balancer_is_named_by_the_other_group_where_only_that_one_is_on_a_listener() {
    let server = Canned::start(|asked| match asked.operation() {
        "DescribeServices" => {
            let mut services = recorded("ecs-describe-services");
            services["services"][0]["loadBalancers"][0]["advancedConfiguration"] =
                json!({"alternateTargetGroupArn": "live", "productionListenerRule": "listener"});
            Reply::ok(services)
        }
        _ if asked.body.contains("Action=DescribeTargetGroups") && !asked.body.contains("member.1=live") => Reply::ok(
            "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member><TargetGroupArn>tg</TargetGroupArn>\
             <LoadBalancerArns/></member></TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>",
        ),
        _ => mid_rollout(asked),
    })
    .await;
    let ServiceSeen::Present(seen) = cluster(&server).look("web").await.unwrap() else { panic!("it exists") };
    assert_eq!(seen.load_balancer.as_deref(), Some("web-1.elb.amazonaws.com"));
    assert_eq!(seen.target_groups.len(), 1, "what the service waits for is its own group's");
}

#[tokio::test]
async fn missing_and_inactive_services_do_not_exist() {
    let missing = json!({"services": [], "failures": [{"arn": "a", "reason": "MISSING"}]});
    let server = Canned::start(move |_| Reply::ok(&missing)).await;
    assert!(matches!(cluster(&server).look("web").await.unwrap(), ServiceSeen::Missing));
    let mut inactive = recorded("ecs-describe-services");
    inactive["services"][0]["status"] = json!("INACTIVE");
    let server = Canned::start(move |_| Reply::ok(&inactive)).await;
    assert!(matches!(cluster(&server).look("web").await.unwrap(), ServiceSeen::Missing));
}

#[tokio::test]
async fn a_missing_cluster_says_how_to_make_it() {
    let server = Canned::start(|_| Reply::error("ClusterNotFoundException", "Cluster not found.")).await;
    let Err(PortError::Failed(failure)) = cluster(&server).look("web").await else {
        panic!("a failure");
    };
    assert_eq!(failure.code, shipit_core::failure::Code::ClusterMissing);
    assert!(failure.next.iter().any(|line| line.contains("aws ecs create-cluster --cluster-name prod --region us-east-1")));
}

#[tokio::test]
async fn a_denied_read_of_the_wait_shows_before_anything_is_changed() {
    let server = Canned::start(|asked| match asked.operation() {
        "ListServiceDeployments" => Reply::error("AccessDeniedException", "no"),
        _ => mid_rollout(asked),
    })
    .await;
    let error = cluster(&server).look("web").await.unwrap_err();
    assert!(matches!(error, PortError::Denied { action, .. } if action == "ecs:ListServiceDeployments"));
}

fn change(configuration: Value, create: Option<Value>) -> Change {
    let asker = Asker { run: RunId("r-1".to_owned()), commit: Commit("4f2a91c".to_owned()) };
    let (service, revision, load_balancers) = ("web".to_owned(), Revision(REVISION.to_owned()), Value::Null);
    Change { service, revision, configuration, load_balancers, create, shift: None, alarms: Default::default(), asker }
}

#[tokio::test]
async fn a_change_is_asked_for_without_desired_count_and_answers_its_handle() {
    let server = Canned::start(|asked| match asked.operation() {
        "UpdateService" | "CreateService" => Reply::ok(json!({"service": recorded("ecs-describe-services")["services"][0]})),
        _ => mid_rollout(asked),
    })
    .await;
    let cluster = cluster(&server);
    assert_eq!(cluster.begin(&change(Value::Null, None)).await.unwrap(), begun());
    let configuration = json!({"maximumPercent": 150, "unknownYet": {"x": 1}});
    cluster.begin(&change(configuration.clone(), None)).await.unwrap();
    let create = json!({"desiredCount": 2, "launchType": "FARGATE"});
    cluster.begin(&change(Value::Null, Some(create))).await.unwrap();
    let bodies: Vec<Value> = server.asked().iter().map(Asked::json).collect();
    assert_eq!(bodies[0], json!({"service": "web", "taskDefinition": REVISION, "cluster": "prod"}));
    assert_eq!(bodies[1]["deploymentConfiguration"], configuration);
    assert_eq!(server.operations(), ["UpdateService", "UpdateService", "CreateService"]);
    assert_eq!((&bodies[2]["serviceName"], &bodies[2]["desiredCount"]), (&json!("web"), &json!(2)));
    assert_eq!(bodies[2]["clientToken"].as_str().map(str::len), Some(32));
}

#[test]
fn a_service_that_ecs_does_not_deploy_is_refused() {
    let service = json!({"deployments": [], "deploymentController": {"type": "CODE_DEPLOY"}});
    let error = begin::begun(operation::UPDATE_SERVICE, &change(Value::Null, None), &service).unwrap_err();
    assert!(matches!(error, PortError::Failed(failure) if failure.what.contains("CODE_DEPLOY")));
}

#[tokio::test]
async fn our_deployment_is_followed_and_its_revision_asked_for_once() {
    let server = Canned::start(mid_rollout).await;
    let cluster = cluster(&server);
    let seen = cluster.follow(&begun()).await.unwrap();
    cluster.follow(&begun()).await.unwrap();
    let ServiceDeployments::Listed { list } = &seen.service_deployments else { panic!("they are listed") };
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    assert_eq!(
        list.as_slice(),
        [ServiceDeployment {
            arn: "arn:aws:ecs:us-east-1:123456789012:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28".to_owned(),
            created_at: at(1_790_000_001),
            revision: Revision(REVISION.to_owned()),
            status: Status::RollbackSuccessful,
            reason: Some(reason.to_owned()),
            shift: None,
        }]
    );
    assert_eq!(seen.deployments.len(), 2);
    let ours = &seen.deployments[0];
    assert_eq!((ours.role.as_str(), &ours.rollout, ours.running, ours.pending), ("PRIMARY", &RolloutState::InProgress, 1, 1));
    assert_eq!((seen.desired, seen.running, seen.pending), (2, 3, 1));
    assert_eq!(seen.events, ["(service web) has started 1 tasks: (task fb9c8df512684aec92f3c57dc3f22361)."]);
    assert_eq!(settled(&begun(), &seen), Settled::RollingBack { reason: reason.to_owned() });
    let asked = server.operations();
    assert_eq!(asked.iter().filter(|operation| *operation == "DescribeServiceRevisions").count(), 1);
}

#[tokio::test]
async fn a_platform_without_service_deployments_is_asked_once() {
    let server = Canned::start(|asked| match asked.operation() {
        "ListServiceDeployments" => Reply::error("UnknownOperationException", ""),
        _ => mid_rollout(asked),
    })
    .await;
    let cluster = cluster(&server);
    for _ in 0..2 {
        assert_eq!(cluster.follow(&begun()).await.unwrap().service_deployments, ServiceDeployments::Unsupported);
    }
    assert_eq!(server.operations().iter().filter(|operation| *operation == "ListServiceDeployments").count(), 1);
}

#[test]
fn an_empty_list_is_believed_only_for_a_while() {
    let service = &recorded("ecs-describe-services")["services"][0];
    let empty = || ServiceDeployments::Listed { list: Vec::new() };
    let soon = follow::evidence(&begun(), service, empty(), at(1_790_000_020));
    assert_eq!(soon.service_deployments, empty());
    let late = follow::evidence(&begun(), service, empty(), at(1_790_000_032));
    assert_eq!(late.service_deployments, ServiceDeployments::Unsupported);
}

#[test]
fn words_that_are_not_known_are_kept() {
    let brief = json!({"serviceDeploymentArn": "a", "createdAt": 1.5, "targetServiceRevisionArn": "r", "status": "PAUSED"});
    let known = HashMap::from([("r".to_owned(), Revision(REVISION.to_owned()))]);
    assert_eq!(follow::list(&[brief], &known)[0].status, Status::Other("PAUSED".to_owned()));
    let mut service = recorded("ecs-describe-services")["services"][0].clone();
    service["deployments"][0]["rolloutState"] = json!("DREAMING");
    let seen = follow::evidence(&begun(), &service, ServiceDeployments::Unsupported, at(0));
    assert_eq!(seen.deployments[0].rollout, RolloutState::Other("DREAMING".to_owned()));
}

#[tokio::test]
async fn every_page_of_service_deployments_is_read() {
    let page = AtomicU32::new(0);
    let server = Canned::start(move |asked| match asked.operation() {
        "ListServiceDeployments" => {
            let number = page.fetch_add(1, Ordering::SeqCst);
            let brief = json!({"serviceDeploymentArn": format!("sd-{number}"), "createdAt": 1_790_000_001 + number,
                "targetServiceRevisionArn": format!("sr-{number}"), "status": "IN_PROGRESS"});
            match number {
                0 => Reply::ok(json!({"serviceDeployments": [brief], "nextToken": "more"})),
                _ => Reply::ok(json!({"serviceDeployments": [brief]})),
            }
        }
        _ => mid_rollout(asked),
    })
    .await;
    let seen = cluster(&server).follow(&begun()).await.unwrap();
    let ServiceDeployments::Listed { list } = seen.service_deployments else { panic!("they are listed") };
    assert_eq!(list.iter().map(|found| found.arn.as_str()).collect::<Vec<_>>(), ["sd-1", "sd-0"]);
    let lists: Vec<Value> =
        server.asked().iter().filter(|asked| asked.operation() == "ListServiceDeployments").map(Asked::json).collect();
    assert_eq!(lists[0]["createdAt"]["after"], json!(1_789_999_999.0));
    assert_eq!(lists[1]["nextToken"], "more");
}

#[tokio::test]
async fn the_service_deployment_of_our_call_is_stopped() {
    let server = Canned::start(mid_rollout).await;
    cluster(&server).stop(&begun(), StopType::Rollback).await.unwrap();
    let asked = server.asked();
    let stop = asked.iter().find(|asked| asked.operation() == "StopServiceDeployment").unwrap().json();
    let arn = "arn:aws:ecs:us-east-1:123456789012:service-deployment/prod/web/EZe5RNVLH6PPzHXINuP28";
    assert_eq!(stop, json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"}));
}

#[tokio::test]
async fn the_deployment_in_progress_is_found_whoever_asked_for_it() {
    let server = Canned::start(mid_rollout).await;
    assert_eq!(cluster(&server).current("web").await.unwrap(), Some(begun()));
    let steady = |asked: &Asked| match asked.operation() {
        "DescribeServices" => {
            let mut reply = recorded("ecs-describe-services");
            reply["services"][0]["deployments"][0]["rolloutState"] = json!("COMPLETED");
            Reply::ok(reply)
        }
        "ListServiceDeployments" => Reply::ok(json!({"serviceDeployments": []})),
        _ => mid_rollout(asked),
    };
    let server = Canned::start(steady).await;
    assert_eq!(cluster(&server).current("web").await.unwrap(), None);
}

#[tokio::test]
async fn stopped_tasks_of_our_deployment_are_read_once() {
    let server = Canned::start(mid_rollout).await;
    let evidence = StoppedTasks::new(&server.sdk(1), "prod");
    let stops = evidence.stopped("web", &DeploymentId(OURS.to_owned()), &BTreeSet::new()).await.unwrap();
    let [stop] = stops.as_slice() else { panic!("{stops:?}") };
    assert_eq!((stop.task.as_str(), stop.stopped_at), ("fb9c8df512684aec92f3c57dc3f22361", Some(at(1_790_000_040))));
    assert_eq!((&stop.code, stop.containers[0].exit_code), (&StopCode::EssentialContainerExited, Some(137)));
    assert_eq!(stop.containers[0].reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    let listed = server.asked().iter().find(|asked| asked.operation() == "ListTasks").unwrap().json();
    assert_eq!(listed, json!({"serviceName": "web", "desiredStatus": "STOPPED", "maxResults": 100, "cluster": "prod"}));
    let others = evidence.stopped("web", &DeploymentId("ecs-svc/2".to_owned()), &BTreeSet::new()).await.unwrap();
    assert_eq!(others, [], "a task of another deployment is not ours");
    let asked = server.asked().len();
    let known = BTreeSet::from(["fb9c".to_owned()]);
    assert_eq!(evidence.stopped("web", &DeploymentId(OURS.to_owned()), &known).await.unwrap(), []);
    assert_eq!(server.asked().len(), asked + 1, "what is known is not described again");
}

#[tokio::test]
async fn last_words_are_read_from_the_end_of_their_stream_and_a_stream_that_is_not_there_says_nothing() {
    let server = Canned::start(|asked| match asked.json()["logStreamName"].as_str() {
        Some("ecs/web/fb9c") => {
            Reply::ok(json!({"events": [{"message": "out of memory\n", "timestamp": 1}, {"message": "", "timestamp": 2}]}))
        }
        Some("ecs/web/denied") => Reply::error("AccessDeniedException", "no"),
        _ => Reply::error("ResourceNotFoundException", "The specified log stream does not exist."),
    })
    .await;
    let evidence = StoppedTasks::new(&server.sdk(1), "prod");
    let place = LogPlace { group: "/ecs/web".to_owned(), region: None, prefix: Some("ecs".to_owned()) };
    assert_eq!(evidence.log(&place, "ecs/web/fb9c").await.unwrap(), ["out of memory"]);
    let logs = server.asked()[0].json();
    assert_eq!((&logs["logGroupName"], &logs["limit"], &logs["startFromHead"]), (&json!("/ecs/web"), &json!(20), &json!(false)));
    assert_eq!(evidence.log(&place, "ecs/web/none").await.unwrap(), Vec::<String>::new());
    let denied = evidence.log(&place, "ecs/web/denied").await.unwrap_err();
    assert!(matches!(denied, PortError::Denied { action, .. } if action == "logs:GetLogEvents"));
}

#[tokio::test]
async fn targets_come_with_their_check() {
    let server = Canned::start(|asked| {
        if asked.body.contains("Action=DescribeTargetHealth") {
            return Reply::ok(
                "<DescribeTargetHealthResponse xmlns='http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/'><DescribeTargetHealthResult>\
                 <TargetHealthDescriptions><member><HealthCheckPort>80</HealthCheckPort><Target><Id>10.0.0.5</Id><Port>80</Port></Target>\
                 <TargetHealth><State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>\
                 <Description>Health checks failed with these codes: [503]</Description></TargetHealth></member>\
                 </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
                    .to_owned(),
            );
        }
        mid_rollout(asked)
    })
    .await;
    let evidence = StoppedTasks::new(&server.sdk(1), "prod");
    let groups = evidence.target_groups("web").await.unwrap();
    let group = &groups[0];
    assert_eq!((group.check_port.as_str(), group.interval, group.container.as_str()), ("traffic-port", 10, "web"));
    assert_eq!(group.targets[0].state, TargetState::Unhealthy);
    assert_eq!(group.targets[0].description.as_deref(), Some("Health checks failed with these codes: [503]"));
}

/// AWS in the middle of a canary of `web`.
fn mid_canary(asked: &Asked) -> Reply {
    match asked.operation() {
        "DescribeServices" => {
            let mut services = recorded("ecs-describe-services");
            services["services"][0]["deploymentConfiguration"]["strategy"] = json!("CANARY");
            Reply::ok(services)
        }
        "DescribeServiceDeployments" => Reply::ok(recorded("ecs-describe-service-deployments")),
        "ContinueServiceDeployment" => Reply::ok(json!({"serviceDeploymentArn": asked.json()["serviceDeploymentArn"]})),
        _ => mid_rollout(asked),
    }
}

#[tokio::test]
async fn a_shift_is_followed_with_the_target_groups_that_ecs_resolved_asked_once() {
    let server = Canned::start(mid_canary).await;
    let cluster = cluster(&server);
    for _ in 0..2 {
        let evidence = cluster.follow(&begun()).await.unwrap();
        let shift = shipit_core::settled::shift_of(&begun(), &evidence).unwrap();
        assert_eq!(
            (shift.candidate_groups.as_slice(), shift.stable_groups.as_slice()),
            (&["tg/green".to_owned()][..], &["tg/blue".to_owned()][..])
        );
    }
    let described = server.asked().into_iter().filter(|asked| asked.operation() == "DescribeServiceRevisions");
    let resolved = described.filter(|asked| asked.body.contains("4980306466373577096")).count();
    assert_eq!(resolved, 1, "what was resolved never changes");
}

#[tokio::test]
async fn a_rolling_update_is_not_asked_for_its_traffic() {
    let server = Canned::start(mid_rollout).await;
    let evidence = cluster(&server).follow(&begun()).await.unwrap();
    assert_eq!(shipit_core::settled::shift_of(&begun(), &evidence), None);
    assert!(!server.operations().contains(&"DescribeServiceDeployments".to_owned()));
}

#[tokio::test]
async fn a_hook_is_answered_by_its_id_on_our_service_deployment() {
    let server = Canned::start(mid_canary).await;
    let hook = HookId("ecs-pause-cGF1c2U".to_owned());
    for (answer, word) in [(Answer::Continue, "CONTINUE"), (Answer::Rollback, "ROLLBACK")] {
        cluster(&server).proceed(&begun(), &hook, answer).await.unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!(asked.operation(), "ContinueServiceDeployment");
        let ours = &recorded("ecs-list-service-deployments")["serviceDeployments"];
        let ours =
            ours.as_array().unwrap().iter().any(|found| found["serviceDeploymentArn"] == asked.json()["serviceDeploymentArn"]);
        assert!(ours && asked.json()["hookId"] == hook.0 && asked.json()["action"] == word, "{}", asked.body);
    }
}

#[tokio::test]
async fn a_hook_that_is_answered_already_is_no_error_and_any_other_refusal_is() {
    let refused = |message: &'static str| {
        Canned::start(move |asked| match asked.operation() {
            "ContinueServiceDeployment" => Reply::error("InvalidParameterException", message),
            _ => mid_canary(asked),
        })
    };
    let hook = HookId("ecs-pause-cGF1c2U".to_owned());
    for message in [
        "Provided hookId is either completed, unavailable, or not associated with the given Resource ARN",
        "Continuing a service deployment is not allowed for service deployment in terminal states.",
    ] {
        let server = refused(message).await;
        cluster(&server).proceed(&begun(), &hook, Answer::Continue).await.unwrap();
    }
    let server = refused("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}").await;
    let error = cluster(&server).proceed(&begun(), &hook, Answer::Continue).await.unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn who_may_not_answer_is_told_the_permission() {
    let server = Canned::start(|asked| match asked.operation() {
        "ContinueServiceDeployment" => Reply::error("AccessDeniedException", "no"),
        _ => mid_canary(asked),
    })
    .await;
    let error = cluster(&server).proceed(&begun(), &HookId("ecs-pause-x".to_owned()), Answer::Continue).await.unwrap_err();
    let failure = shipit_core::failure::Failure::from(error);
    assert!(failure.next.iter().any(|line| line.contains("ecs:ContinueServiceDeployment")), "{failure:?}");
}
