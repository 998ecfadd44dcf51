//! A site that CodeDeploy deploys: its deployment group, and how its deployments stand.

use serde_json::{Value, json};

use super::site::Site;
use super::world::{CLUSTER, World};

/// The listeners and target groups that the deployment group names.
pub struct Pair<'a> {
    /// Their names.
    pub groups: [&'a str; 2],
    /// The listeners' ARNs: production, test.
    pub listeners: [&'a str; 2],
}

/// Makes application and deployment group of a service; `over` is laid over the group.
pub async fn make(world: &World, name: &str, pair: Pair<'_>, over: &Value) {
    let (application, group) = names(name);
    let codedeploy = async |operation, body| world.sandbox.call("codedeploy", operation, body).await;
    codedeploy("CreateApplication", json!({"applicationName": application, "computePlatform": "ECS"})).await;
    let mut body = json!({
        "applicationName": application, "deploymentGroupName": group, "serviceRoleArn": World::role(),
        "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
        "blueGreenDeploymentConfiguration": waits(None, 1),
        "loadBalancerInfo": {"targetGroupPairInfoList": [{
            "targetGroups": [{"name": pair.groups[0]}, {"name": pair.groups[1]}],
            "prodTrafficRoute": {"listenerArns": [pair.listeners[0]]}, "testTrafficRoute": {"listenerArns": [pair.listeners[1]]},
        }]},
        "ecsServices": [{"serviceName": name, "clusterName": CLUSTER}],
    });
    body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    codedeploy("CreateDeploymentGroup", body).await;
}

/// `blueGreenDeploymentConfiguration`: so many minutes at Ready, if it waits there, and so many until the earlier tasks go.
pub fn waits(ready: Option<u32>, terminate: u32) -> Value {
    let ready = match ready {
        Some(minutes) => json!({"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": minutes}),
        None => json!({"actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0}),
    };
    let terminate = json!({"action": "TERMINATE", "terminationWaitTimeInMinutes": terminate});
    json!({"deploymentReadyOption": ready, "terminateBlueInstancesOnDeploymentSuccess": terminate})
}

fn names(service: &str) -> (String, String) {
    (format!("AppECS-{CLUSTER}-{service}"), format!("DgpECS-{CLUSTER}-{service}"))
}

impl Site<'_> {
    /// All deployments of its group, newest first.
    pub async fn deployments(&self) -> Vec<Value> {
        let (application, group) = names(&self.name);
        let codedeploy = async |operation, body| self.world.sandbox.call("codedeploy", operation, body).await;
        let list = json!({"applicationName": application, "deploymentGroupName": group});
        let ids = codedeploy("ListDeployments", list).await["deployments"].take();
        let mut all = codedeploy("BatchGetDeployments", json!({"deploymentIds": ids})).await["deploymentsInfo"].take();
        let mut all = std::mem::take(all.as_array_mut().unwrap());
        all.sort_by(|one, other| other["createTime"].as_f64().unwrap().total_cmp(&one["createTime"].as_f64().unwrap()));
        all
    }

    /// CodeDeploy's word for the newest deployment; none when nothing was asked for, or it has not ended.
    pub(super) async fn group_is_over(&self) -> Option<String> {
        let all = self.deployments().await;
        let ended = |one: &Value| ["Succeeded", "Failed", "Stopped"].contains(&one["status"].as_str().unwrap());
        let newest = all.first()?;
        all.iter().all(ended).then(|| newest["status"].as_str().unwrap().to_owned())
    }
}

/// The task set that serves production traffic.
pub fn primary(service: &Value) -> &Value {
    let sets = service["taskSets"].as_array().unwrap();
    sets.iter().find(|set| set["status"] == "PRIMARY").unwrap_or(&Value::Null)
}
