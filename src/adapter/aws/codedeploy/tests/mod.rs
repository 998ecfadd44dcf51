//! The driver against canned replies: one small world, changed by each test where it wants to.

mod asks;
mod dispatches;
mod follows;
mod looks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::codedeploy::Alarms;
use shipit_core::pipeline::{Shift, Steps};
use shipit_core::release::{Commit, DeploymentId, Revision, RunId};
use shipit_core::settled::Begun;

use crate::adapter::aws::canned::{Asked, Canned, Reply, recorded};
use crate::adapter::aws::drivers::Drivers;
use crate::port::{Asker, Change, Clock};

/// What runs, and what is deployed.
const BLUE: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:6";
const GREEN: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7";
/// When ours was made, and when it is looked at: a minute later.
const MADE: i64 = 1_790_000_000;
const NOW: i64 = MADE + 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// AWS as this test has it.
#[derive(Clone)]
struct Aws {
    service: Value,
    groups: Vec<Value>,
    deployments: Vec<Value>,
    /// By deployment.
    targets: HashMap<String, Value>,
    /// AppSpecs by their hash.
    appspecs: HashMap<String, String>,
    /// Deployment configurations.
    configurations: HashMap<String, Value>,
    /// An operation that is refused: with what.
    refused: HashMap<String, (&'static str, &'static str)>,
    /// What CreateDeployment brings into being before it answers, whatever it answers.
    comes: Option<Value>,
    protocol: &'static str,
}

fn task_set(id: &str, made_by: &str, status: &str, revision: &str, group: &str) -> Value {
    json!({"id": id, "externalId": made_by, "status": status, "taskDefinition": revision, "computedDesiredCount": 2,
        "pendingCount": 0, "runningCount": 2, "stabilityStatus": "STEADY_STATE", "createdAt": MADE - 86_400,
        "platformVersion": "1.4.0", "loadBalancers": [
            {"targetGroupArn": format!("tg/{group}"), "containerName": "web", "containerPort": 80}]})
}

/// A deployment of the group, as GetDeployment answers it.
fn deployment(id: &str, status: &str, made: i64, sha256: &str) -> Value {
    json!({"applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web", "deploymentId": id,
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce", "status": status, "createTime": made, "creator": "user",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": sha256}},
        "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE"]}, "rollbackInfo": {},
        "instanceTerminationWaitTimeStarted": false, "computePlatform": "ECS",
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
            "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 30}},
        "loadBalancerInfo": {"targetGroupPairInfoList": [{"testTrafficRoute": {"listenerArns": ["test"]}}]}})
}

/// A target whose lifecycle has come so far, with the green task set at a weight.
fn target(done: usize, last: &str, green: f64) -> Value {
    let events = [
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "AllowTestTraffic",
        "AfterAllowTestTraffic",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    ];
    let event = |(place, name): (usize, &&str)| {
        let status = if place < done {
            "Succeeded"
        } else if place == done {
            last
        } else {
            "Pending"
        };
        let start = MADE + 1 + i64::try_from(place).unwrap();
        match status {
            "Pending" => json!({"lifecycleEventName": name, "status": status}),
            "InProgress" => json!({"lifecycleEventName": name, "status": status, "startTime": start}),
            _ => json!({"lifecycleEventName": name, "status": status, "startTime": start, "endTime": start + 1}),
        }
    };
    let events: Vec<Value> = events.iter().enumerate().map(event).collect();
    json!({"deploymentTargetType": "ECSTarget", "ecsTarget": {"targetId": "prod:web", "lifecycleEvents": events,
        "status": "InProgress", "taskSetsInfo": [
            {"identifer": "ecs-svc/1", "status": "PRIMARY", "trafficWeight": 100.0 - green, "targetGroup": {"name": "blue"},
                "taskSetLabel": "Blue", "desiredCount": 2, "runningCount": 2, "pendingCount": 0},
            {"identifer": "ecs-svc/2", "status": "ACTIVE", "trafficWeight": green, "targetGroup": {"name": "green"},
                "taskSetLabel": "Green", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}]}})
}

fn appspec(revision: &str, hooks: &str) -> String {
    format!(
        "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        \
             TaskDefinition: \"{revision}\"\n{hooks}"
    )
}

impl Aws {
    /// A service at rest: web:6 was brought by d-OLD.
    fn at_rest() -> Self {
        let mut service = recorded("ecs-describe-services")["services"][0].clone();
        service["deploymentController"] = json!({"type": "CODE_DEPLOY"});
        service["deployments"] = json!([]);
        service["loadBalancers"] = json!([{"targetGroupArn": "tg/green", "containerName": "web", "containerPort": 80}]);
        service["taskDefinition"] = json!("arn:aws:ecs:us-east-1:123456789012:task-definition/web:1");
        service["taskSets"] = json!([task_set("ecs-svc/1", "d-OLD", "PRIMARY", BLUE, "blue")]);
        service["desiredCount"] = json!(2);
        let group = json!({"applicationName": "AppECS-prod-web", "deploymentGroupName": "DgpECS-prod-web",
            "deploymentConfigName": "CodeDeployDefault.ECSCanary10Percent5Minutes", "computePlatform": "ECS",
            "ecsServices": [{"serviceName": "web", "clusterName": "prod"}],
            "alarmConfiguration": {"enabled": true, "alarms": [{"name": "web-5xx"}]},
            "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE"]},
            "blueGreenDeploymentConfiguration": {
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
                "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 30}},
            "loadBalancerInfo": {"targetGroupPairInfoList": [{"targetGroups": [{"name": "green"}, {"name": "blue"}],
                "prodTrafficRoute": {"listenerArns": ["prod"]}, "testTrafficRoute": {"listenerArns": ["test"]}}]},
            "lastSuccessfulDeployment": {"deploymentId": "d-OLD"}, "lastAttemptedDeployment": {"deploymentId": "d-OLD"}});
        let canary = json!({"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 5}});
        Self {
            service,
            groups: vec![group],
            deployments: vec![deployment("d-OLD", "Succeeded", MADE - 86_400, "old")],
            targets: HashMap::from([("d-OLD".to_owned(), target(8, "", 100.0))]),
            appspecs: HashMap::from([
                ("old".to_owned(), appspec(BLUE, "Hooks:\n  - BeforeAllowTraffic: check\n")),
                ("new".to_owned(), appspec(GREEN, "")),
            ]),
            configurations: HashMap::from([("CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(), canary)]),
            refused: HashMap::new(),
            comes: None,
            protocol: "HTTP",
        }
    }

    /// d-NEW brings web:7, and stands so.
    fn deploying(status: &str, target: Option<Value>) -> Self {
        let mut aws = Self::at_rest();
        aws.deployments.push(deployment("d-NEW", status, MADE, "new"));
        if let Some(target) = target {
            aws.targets.insert("d-NEW".to_owned(), target);
            aws.service["taskSets"] = json!([
                task_set("ecs-svc/1", "d-OLD", "PRIMARY", BLUE, "blue"),
                task_set("ecs-svc/2", "d-NEW", "ACTIVE", GREEN, "green"),
            ]);
        }
        aws
    }

    /// The deployment of that id, to be changed.
    fn of(&mut self, id: &str) -> &mut Value {
        self.deployments.iter_mut().find(|found| found["deploymentId"] == id).unwrap()
    }

    fn find(&self, id: &Value) -> Option<&Value> {
        self.deployments.iter().find(|found| found["deploymentId"] == *id)
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.operation() == "CreateDeployment"
            && let Some(comes) = self.comes.take()
        {
            self.deployments.push(comes);
        }
        if let Some((code, message)) = self.refused.get(asked.operation()) {
            return Reply::error(code, message);
        }
        if asked.body.contains("Action=") {
            return self.balancing(asked);
        }
        let body = asked.json();
        let group = |name: &Value, of: &Value| {
            self.groups.iter().find(|group| group["deploymentGroupName"] == *name && group["applicationName"] == *of)
        };
        match asked.operation() {
            "DescribeServices" => Reply::ok(json!({"services": [self.service], "failures": []})),
            "DescribeTaskDefinition" => Reply::ok(recorded("ecs-describe-task-definition")),
            "ListTasks" => Reply::ok(json!({"taskArns": ["arn:aws:ecs:us-east-1:123456789012:task/prod/fb9c"]})),
            "DescribeTasks" => {
                let mut tasks = recorded("ecs-describe-tasks-stopped");
                tasks["tasks"][0]["startedBy"] = json!("ecs-svc/2");
                Reply::ok(tasks)
            }
            "GetDeploymentGroup" => match group(&body["deploymentGroupName"], &body["applicationName"]) {
                Some(group) => Reply::ok(json!({"deploymentGroupInfo": group})),
                None => Reply::error("ApplicationDoesNotExistException", "No application found for name"),
            },
            "ListApplications" => {
                let names: Vec<&Value> = self.groups.iter().map(|group| &group["applicationName"]).collect();
                Reply::ok(json!({"applications": names}))
            }
            "ListDeploymentGroups" => {
                let of = self.groups.iter().filter(|group| group["applicationName"] == body["applicationName"]);
                Reply::ok(json!({"deploymentGroups": of.map(|group| &group["deploymentGroupName"]).collect::<Vec<_>>()}))
            }
            "BatchGetDeploymentGroups" => {
                let names = body["deploymentGroupNames"].as_array().unwrap().iter();
                let found: Vec<&Value> = names.filter_map(|name| group(name, &body["applicationName"])).collect();
                Reply::ok(json!({"deploymentGroupsInfo": found}))
            }
            "GetDeploymentConfig" => match self.configurations.get(body["deploymentConfigName"].as_str().unwrap()) {
                Some(routing) => {
                    Reply::ok(json!({"deploymentConfigInfo": {"computePlatform": "ECS", "trafficRoutingConfig": routing}}))
                }
                None => Reply::error("DeploymentConfigDoesNotExistException", "No such"),
            },
            "ListDeployments" => Reply::ok(json!({"deployments": self.listed(&body)})),
            "GetDeployment" => match self.find(&body["deploymentId"]) {
                Some(found) => Reply::ok(json!({"deploymentInfo": found})),
                None => Reply::error("DeploymentDoesNotExistException", "no such"),
            },
            "BatchGetDeployments" => {
                let found = body["deploymentIds"].as_array().unwrap().iter().filter_map(|id| self.find(id));
                Reply::ok(json!({"deploymentsInfo": found.collect::<Vec<_>>()}))
            }
            "ListDeploymentTargets" | "BatchGetDeploymentTargets" => {
                match self.targets.get(body["deploymentId"].as_str().unwrap()) {
                    None => Reply::error("DeploymentNotStartedException", "The specified deployment has not started."),
                    Some(_) if asked.operation() == "ListDeploymentTargets" => Reply::ok(json!({"targetIds": ["prod:web"]})),
                    Some(target) => Reply::ok(json!({"deploymentTargets": [target]})),
                }
            }
            "GetApplicationRevision" => match self.appspecs.get(body["revision"]["appSpecContent"]["sha256"].as_str().unwrap()) {
                Some(content) => Reply::ok(json!({"revision": {"revisionType": "AppSpecContent",
                    "appSpecContent": {"content": content}}})),
                None => Reply::error("RevisionDoesNotExistException", "no such"),
            },
            "CreateDeployment" => Reply::ok(json!({"deploymentId": "d-NEW"})),
            "StopDeployment" => Reply::ok(json!({"status": "Pending"})),
            "CreateDeploymentConfig" | "ContinueDeployment" => Reply::ok("{}"),
            other => panic!("nobody asks for {other}"),
        }
    }

    fn listed(&self, body: &Value) -> Vec<&Value> {
        let wanted = |found: &&Value| {
            let statuses = body["includeOnlyStatuses"].as_array();
            let since = body["createTimeRange"]["start"].as_f64().unwrap_or(0.0);
            statuses.is_none_or(|statuses| statuses.contains(&found["status"])) && found["createTime"].as_f64() >= Some(since)
        };
        self.deployments.iter().filter(wanted).map(|found| &found["deploymentId"]).collect()
    }

    fn balancing(&self, asked: &Asked) -> Reply {
        let action = asked.body.split("Action=").nth(1).unwrap().split('&').next().unwrap();
        let group = |name: &str| {
            format!(
                "<member><TargetGroupArn>tg/{name}</TargetGroupArn><TargetGroupName>{name}</TargetGroupName>\
                     <Protocol>{}</Protocol><LoadBalancerArns><member>lb</member></LoadBalancerArns></member>",
                self.protocol
            )
        };
        let named = ["blue", "green"]
            .iter()
            .filter(|name| asked.body.contains(&format!("=tg%2F{name}")) || asked.body.contains(&format!("={name}")));
        let inside = match action {
            "DescribeTargetGroups" => {
                format!("<TargetGroups>{}</TargetGroups>", named.map(|name| group(name)).collect::<String>())
            }
            "DescribeLoadBalancers" => "<LoadBalancers><member><DNSName>web.elb</DNSName></member></LoadBalancers>".to_owned(),
            _ => String::new(),
        };
        Reply::ok(format!(
            "<{action}Response xmlns='http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/'>\
                           <{action}Result>{inside}</{action}Result></{action}Response>"
        ))
    }
}

/// A server for it, and the drivers on top.
async fn serve(aws: Aws) -> (Canned, Drivers, Arc<Mutex<Aws>>) {
    let shared = Arc::new(Mutex::new(aws));
    let answering = shared.clone();
    let server = Canned::start(move |asked| answering.lock().unwrap().answer(asked)).await;
    let drivers = Drivers::new(&server.sdk(1), "prod", Clock::starting(at(NOW), 1.0));
    (server, drivers, shared)
}

/// Requests of that operation, in order.
fn sent(server: &Canned, operation: &str) -> Vec<Value> {
    server.asked().iter().filter(|asked| asked.operation() == operation).map(Asked::json).collect()
}

fn change(revision: &str, steps: Option<Steps>) -> Change {
    Change {
        service: "web".to_owned(),
        revision: Revision(revision.to_owned()),
        configuration: Value::Null,
        load_balancers: Value::Null,
        create: None,
        shift: steps.map(|steps| Shift { steps, terminate_after: None }),
        alarms: Alarms::OfGroup,
        asker: Asker { run: RunId("r-1".to_owned()), commit: Commit("4f2a91c".to_owned()) },
    }
}

fn begun(deployment: &str) -> Begun {
    let (service, revision) = ("web".to_owned(), Revision(GREEN.to_owned()));
    Begun { service, revision, deployment: DeploymentId(deployment.to_owned()), asked_at: at(MADE - 5) }
}
