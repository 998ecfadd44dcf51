//! The CodeDeploy driver against the sandbox: real requests, real containers, traffic that follows the weights.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit::adapter::aws::{self, Aws, Credentials, Target};
use shipit::port::{Asker, Change, Clock, Evidence as _, PortError, Revisions as _, Secret, Service as _, StopType};
use shipit_core::codedeploy::{Alarms, Ready, Terminate};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Share, Shift, Steps};
use shipit_core::release::{Commit, Revision, RunId};
use shipit_core::rollout::Answer;
use shipit_core::settled::{Begun, Evidence, ServiceDeployments, Settled, ShiftSeen, Stage, Status, Strength, settled};
use shipit_core::snapshot::RunningService;
use shipit_scheduler::Span;

use crate::support::PATIENCE;
use crate::support::http::HTTP;
use crate::support::sandbox::{REGION, TestSandbox};

const FACTOR: f64 = 20.0;

struct World {
    sandbox: TestSandbox,
    aws: Aws,
    production: SocketAddr,
    test: SocketAddr,
}

fn group(name: &str) -> Value {
    json!({"service": "elbv2", "operation": "CreateTargetGroup", "as": name, "take": "TargetGroups.0.TargetGroupArn", "body": {
        "Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-1", "TargetType": "ip", "HealthCheckPath": "/version",
        "HealthCheckIntervalSeconds": 6, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 2,
    }})
}

fn listener(name: &str, port: u16) -> Value {
    json!({"service": "elbv2", "operation": "CreateListener", "as": name, "take": "Listeners.0.ListenerArn", "body": {
        "LoadBalancerArn": "${ref:balancer}", "Protocol": "HTTP", "Port": port,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "${ref:blue}"}],
    }})
}

impl World {
    /// Version 1 serves.
    async fn begin(name: &str) -> Self {
        let sandbox = TestSandbox::with_engine(name, FACTOR).await;
        let seed = json!([
            {"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "storefront"}},
            {"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer",
                "take": "LoadBalancers.0.LoadBalancerArn", "body": {"Name": "web", "Subnets": ["subnet-1", "subnet-2"]}},
            group("blue"), group("green"), listener("production", 80), listener("test", 8080),
        ]);
        let taken = sandbox.admin("seed", &seed).await["taken"].take();
        let millis = (sandbox.now() * 1000.0) as i64;
        let target = Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(sandbox.endpoint()),
            credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
            clock: Clock::starting(Timestamp::from_millisecond(millis).unwrap(), FACTOR),
            ..Target::default()
        };
        let aws = aws::connect(&target, "storefront").await.unwrap();
        let listening = async |sandbox: &TestSandbox| {
            let status = shipit_sandbox::client::Client::new(sandbox.endpoint()).get("status").await.ok()?;
            let at = |port: &str| status["load_balancers"]["web"][port].as_str()?.parse().ok();
            Some((at("80")?, at("8080")?))
        };
        let (production, test) = sandbox.until("the listeners listen", PATIENCE, listening).await;
        let world = Self { sandbox, aws, production, test };
        let first = world.register(1, "exec httpd -f -p 8080").await;
        let create = json!({
            "cluster": "storefront", "desiredCount": 2, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "deploymentController": {"type": "CODE_DEPLOY"},
            "loadBalancers": [{"targetGroupArn": taken["blue"], "containerName": "web", "containerPort": 8080}],
        });
        let begun = world.aws.service.begin(&Change { create: Some(create), ..change(&first, None) }).await.unwrap();
        assert_eq!(world.ends(&begun).await, Settled::Done { strength: Strength::Weaker });
        world.make_group(&taken).await;
        world
    }

    async fn make_group(&self, taken: &Value) {
        let codedeploy = async |operation, body| self.sandbox.call("codedeploy", operation, body).await;
        codedeploy("CreateApplication", json!({"applicationName": "AppECS-storefront-web", "computePlatform": "ECS"})).await;
        let group = json!({
            "applicationName": "AppECS-storefront-web", "deploymentGroupName": "DgpECS-storefront-web",
            "serviceRoleArn": "arn:aws:iam::123456789012:role/deploy",
            "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 120},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 60},
            },
            "loadBalancerInfo": {"targetGroupPairInfoList": [{
                "targetGroups": [{"name": "blue"}, {"name": "green"}],
                "prodTrafficRoute": {"listenerArns": [taken["production"]]},
                "testTrafficRoute": {"listenerArns": [taken["test"]]},
            }]},
            "ecsServices": [{"serviceName": "web", "clusterName": "storefront"}],
        });
        codedeploy("CreateDeploymentGroup", group).await;
    }

    async fn register(&self, version: u32, serve: &str) -> Revision {
        let command = format!("mkdir /www && cd /www && echo {version} >version && {serve}");
        let definition = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [{
                "name": "web", "image": "shipit-busybox:1", "command": ["sh", "-c", command],
                "portMappings": [{"containerPort": 8080}], "stopTimeout": 2,
            }],
        });
        self.aws.service.register(&definition).await.unwrap()
    }

    async fn look(&self) -> RunningService {
        self.aws.service.look("web").await.unwrap().present().unwrap().clone()
    }

    /// Follows until the look is as wanted.
    async fn until<T>(&self, what: &str, begun: &Begun, wanted: impl Fn(&Evidence) -> Option<T>) -> T {
        self.sandbox.until(what, PATIENCE, async |_| wanted(&self.aws.service.follow(begun).await.unwrap())).await
    }

    async fn ends(&self, begun: &Begun) -> Settled {
        let ended = |seen: &Evidence| {
            Some(settled(begun, seen)).filter(|now| !matches!(now, Settled::Pending | Settled::RollingBack { .. }))
        };
        self.until("the deployment ends", begun, ended).await
    }

    async fn is_ready(&self, begun: &Begun) -> ShiftSeen {
        let ready = |seen: &Evidence| {
            shift(seen).filter(|shift| !shift.hooks.is_empty() && shift.stage == Stage::PreProductionTrafficShift)
        };
        self.until("it is ready", begun, ready).await
    }

    /// The wait before the earlier tasks end is ended.
    async fn ends_wait(&self, begun: &Begun) {
        let body = json!({"deploymentId": begun.deployment.as_str(), "deploymentWaitType": "TERMINATION_WAIT"});
        self.sandbox.call("codedeploy", "ContinueDeployment", body).await;
    }

    /// How many of twenty requests this version answers.
    async fn share(&self, listener: SocketAddr, version: &str) -> usize {
        let mut answered = 0;
        for _ in 0..20 {
            let reply = HTTP.get(format!("http://{listener}/version")).send().await.unwrap();
            assert_eq!(reply.status(), 200);
            answered += usize::from(reply.text().await.unwrap().trim() == version);
        }
        answered
    }
}

fn shift(seen: &Evidence) -> Option<ShiftSeen> {
    let ServiceDeployments::Listed { list } = &seen.service_deployments else { return None };
    list.last()?.shift.clone()
}

fn change(revision: &Revision, steps: Option<Steps>) -> Change {
    Change {
        service: "web".to_owned(),
        revision: revision.clone(),
        configuration: Value::Null,
        load_balancers: Value::Null,
        create: None,
        shift: steps.map(|steps| Shift { steps, terminate_after: None }),
        alarms: Alarms::OfGroup,
        asker: Asker { run: RunId("r-1".to_owned()), commit: Commit("4f2a91c".to_owned()) },
    }
}

const SERVES: &str = "exec httpd -f -p 8080";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_service_of_codedeploy_is_deployed_by_shares_stopped_and_taken_back() {
    let world = World::begin("codedeploy").await;
    let service = &world.aws.service;
    let first = world.look().await;
    let seen = first.codedeploy.clone().unwrap();
    assert_eq!((seen.ready, seen.terminate), (Ready::Waits { minutes: 120 }, Terminate::After { minutes: 60 }));
    assert_eq!((seen.steps, seen.target_groups.len()), (Some(Steps::AllAtOnce), 2));
    assert_eq!((first.running, &first.in_progress), (2, &None));

    let second = world.register(2, SERVES).await;
    let canary = Steps::Canary { share: Share::percent(20), bake: Span::seconds(180) };
    let begun = service.begin(&change(&second, Some(canary))).await.unwrap();
    assert_eq!(
        service.begin(&change(&second, Some(canary))).await.unwrap().deployment,
        begun.deployment,
        "asked twice, made once"
    );
    let ready = world.is_ready(&begun).await;
    assert!(ready.hooks[0].id.0 == begun.deployment.0 && ready.hooks[0].expires_at.is_some(), "{ready:?}");
    assert_eq!((ready.production, ready.test), (Some(Share::NONE), Some(Share::ALL)));
    assert_eq!((world.share(world.test, "2").await, world.share(world.production, "1").await), (20, 20));
    assert_eq!(world.look().await.in_progress.map(|(id, _)| id), Some(begun.deployment.clone()));
    service.proceed(&begun, &ready.hooks[0].id, Answer::Continue).await.unwrap();
    let fifth = |seen: &Evidence| shift(seen).filter(|shift| shift.production == Some(Share::percent(20)));
    let canary = world.until("a fifth of the traffic", &begun, fifth).await;
    assert_eq!(canary.stage, Stage::ProductionTrafficShift);
    assert_eq!(
        (canary.stable_groups, canary.candidate_groups),
        (vec![seen.target_groups[0].clone()], vec![seen.target_groups[1].clone()])
    );
    assert_eq!(world.share(world.production, "2").await, 4);

    let baking = world.until("all traffic", &begun, |seen| shift(seen).filter(|shift| shift.stage == Stage::BakeTime)).await;
    assert_eq!((baking.production, baking.baking_until.is_some()), (Some(Share::ALL), true));
    assert_eq!(world.share(world.production, "2").await, 20);
    assert_eq!(world.look().await.revision, second, "the wait before the old tasks end holds nobody up");
    let third = world.register(3, SERVES).await;
    let failure = Failure::from(service.begin(&change(&third, None)).await.unwrap_err());
    assert!(failure.code == Code::DeploymentInProgress && failure.next[0].contains("TERMINATION_WAIT"), "{failure:?}");
    world.ends_wait(&begun).await;
    assert_eq!(world.ends(&begun).await, Settled::Done { strength: Strength::ServiceDeployment });
    let last = begun;

    let begun = service.begin(&change(&third, None)).await.unwrap();
    world.is_ready(&begun).await;
    service.stop(&begun, StopType::Rollback).await.unwrap();
    let back = world.ends(&begun).await;
    assert!(matches!(&back, Settled::RolledBack { to, .. } if *to == second), "{back:?}");
    let late = service.stop(&begun, StopType::Rollback).await.unwrap_err();
    assert!(matches!(&late, PortError::Refused { code, .. } if code == "DeploymentAlreadyCompletedException"), "{late:?}");
    let again = service.begin(&change(&second, None)).await.unwrap();
    assert_eq!(again.deployment, last.deployment, "what runs already is not deployed again");

    let fourth = world.register(4, "echo settings are missing; exit 3").await;
    let begun = service.begin(&change(&fourth, None)).await.unwrap();
    let witness = &world.aws.evidence;
    let stop = world.sandbox.until("a task that has ended", PATIENCE, async |_| {
        let stops = witness.stopped("web", &begun.deployment, &BTreeSet::new()).await.unwrap();
        stops.into_iter().find(|stop| stop.has_failed())
    });
    assert_eq!(stop.await.containers[0].exit_code, Some(3));
    service.stop(&begun, StopType::Rollback).await.unwrap();
    let back = world.ends(&begun).await;
    assert!(matches!(&back, Settled::RolledBack { to, .. } if *to == second), "{back:?}");
    assert_eq!(world.share(world.production, "2").await, 20);

    let history = world.aws.revisions.history("web").await.unwrap();
    let told: Vec<_> = history.into_iter().map(|one| (one.revision, one.status)).collect();
    let turned_back = |revision| (revision, Status::RollbackSuccessful);
    assert_eq!(told, [turned_back(fourth), turned_back(third), (second, Status::Successful)]);
    world.sandbox.finish().await;
}
