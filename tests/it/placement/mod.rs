//! The EC2 half of the sandbox with real containers: instances that are full, network modes, secrets that a task reads when
//! it starts.

mod full;
mod modes;
mod secrets;

use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::sandbox::TestSandbox;

const CLUSTER: &str = "storefront";
const IMAGE: &str = "shipit-busybox:1";
const UNPLACED: &str = "was unable to place a task because no container instance met all of its requirements.";
const FINAL: [&str; 4] = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];

/// A sandbox with the cluster and a log group.
async fn start(name: &str) -> TestSandbox {
    let sandbox = TestSandbox::with_engine(name, 20.0).await;
    sandbox.call("ecs", "CreateCluster", json!({"clusterName": CLUSTER})).await;
    sandbox.call("logs", "CreateLogGroup", json!({"logGroupName": "/ecs"})).await;
    sandbox
}

/// Registers an instance with so much memory and answers its ARN.
async fn instance(sandbox: &TestSandbox, ec2: &str, memory: u64, group: Option<&str>) -> String {
    let tags: Vec<Value> = group.iter().map(|group| json!({"key": "aws:autoscaling:groupName", "value": group})).collect();
    let body = json!({
        "cluster": CLUSTER, "instanceIdentityDocument": json!({"instanceId": ec2}).to_string(), "tags": tags,
        "totalResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": 2048}, {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
        ],
    });
    let made = sandbox.call("ecs", "RegisterContainerInstance", body).await;
    made["containerInstance"]["containerInstanceArn"].as_str().unwrap().to_owned()
}

/// A container that serves port 8080, with these members over it.
fn serving(over: Value) -> Value {
    let script = "mkdir /www && echo here >/www/index.html && trap 'exit 0' TERM && { httpd -f -p 8080 -h /www & wait; }";
    let mut container = json!({
        "name": "web", "image": IMAGE, "memory": 64, "command": ["sh", "-c", script], "stopTimeout": 2,
        "portMappings": [{"containerPort": 8080}],
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs", "awslogs-region": "ap-northeast-2", "awslogs-stream-prefix": "web"}},
    });
    container.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    container
}

async fn register(sandbox: &TestSandbox, network: &str, containers: Value) {
    let body = json!({
        "family": "web", "networkMode": network, "containerDefinitions": containers,
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
    });
    sandbox.call("ecs", "RegisterTaskDefinition", body).await;
}

async fn create(sandbox: &TestSandbox, over: Value) {
    let mut body = json!({"cluster": CLUSTER, "serviceName": "web", "taskDefinition": "web"});
    body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    sandbox.call("ecs", "CreateService", body).await;
}

async fn update(sandbox: &TestSandbox, over: Value) {
    let mut body = json!({"cluster": CLUSTER, "service": "web"});
    body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    sandbox.call("ecs", "UpdateService", body).await;
}

/// How the newest service deployment has ended.
async fn ended(sandbox: &TestSandbox) -> String {
    sandbox
        .until("the service deployment ends", PATIENCE, async |sandbox| {
            let listed = sandbox.call("ecs", "ListServiceDeployments", json!({"cluster": CLUSTER, "service": "web"})).await;
            let status = listed["serviceDeployments"][0]["status"].as_str()?.to_owned();
            FINAL.contains(&status.as_str()).then_some(status)
        })
        .await
}

/// Waits for an event and answers it.
async fn event(sandbox: &TestSandbox, part: &str) -> String {
    sandbox
        .until(part, PATIENCE, async |sandbox| {
            let service = sandbox.service("web").await;
            let events = service["events"].as_array()?.iter().filter_map(|event| event["message"].as_str());
            events.map(str::to_owned).find(|message| message.contains(part))
        })
        .await
}

/// The running tasks of the service.
async fn tasks(sandbox: &TestSandbox) -> Vec<Value> {
    let listed = sandbox.call("ecs", "ListTasks", json!({"cluster": CLUSTER, "serviceName": "web"})).await;
    if listed["taskArns"].as_array().unwrap().is_empty() {
        return Vec::new();
    }
    let described = sandbox.call("ecs", "DescribeTasks", json!({"cluster": CLUSTER, "tasks": listed["taskArns"]})).await;
    described["tasks"].as_array().unwrap().clone()
}

/// Runs a task of `web` to its end and answers it.
async fn job(sandbox: &TestSandbox, over: Value) -> Value {
    let mut body = json!({"cluster": CLUSTER, "taskDefinition": "web"});
    body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    let arn = sandbox.call("ecs", "RunTask", body).await["tasks"][0]["taskArn"].clone();
    sandbox
        .until("the task stops", PATIENCE, async |sandbox| {
            let body = json!({"cluster": CLUSTER, "tasks": [arn]});
            let task = sandbox.call("ecs", "DescribeTasks", body).await["tasks"][0].take();
            (task["lastStatus"] == "STOPPED").then_some(task)
        })
        .await
}

async fn lines(sandbox: &TestSandbox) -> Vec<String> {
    let found = sandbox.call("logs", "FilterLogEvents", json!({"logGroupName": "/ecs"})).await;
    found["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

/// A load balancer with a target group of instances; answers the service's `loadBalancers`.
async fn balanced(sandbox: &TestSandbox) -> (String, Value) {
    let seed = json!([
        {"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer", "take": "LoadBalancers.0.LoadBalancerArn",
         "body": {"Name": "web", "Subnets": ["subnet-1", "subnet-2"]}},
        {"service": "elbv2", "operation": "CreateTargetGroup", "as": "group", "take": "TargetGroups.0.TargetGroupArn",
         "body": {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "instance",
                  "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2}},
        {"service": "elbv2", "operation": "ModifyTargetGroupAttributes", "body": {"TargetGroupArn": "${ref:group}",
         "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]}},
        {"service": "elbv2", "operation": "CreateListener", "body": {"LoadBalancerArn": "${ref:balancer}", "Protocol": "HTTP",
         "Port": 80, "DefaultActions": [{"Type": "forward", "TargetGroupArn": "${ref:group}"}]}},
    ]);
    let taken = sandbox.admin("seed", &seed).await;
    let group = taken["taken"]["group"].as_str().unwrap_or_else(|| panic!("{taken}")).to_owned();
    let balancers = json!([{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}]);
    (group, balancers)
}
