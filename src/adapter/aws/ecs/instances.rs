//! The container instances of the cluster that take tasks: which Docker each of them runs.

use serde_json::{Value, json};
use shipit_core::runtime::Instance;

use super::Cluster;
use super::reading::{items, text};
use crate::adapter::aws::operation;
use crate::port::PortResult;

/// DescribeContainerInstances takes no more at a time.
const AT_ONCE: usize = 100;

impl Cluster {
    pub(super) async fn container_instances(&self) -> PortResult<Vec<Instance>> {
        let body = self.api.body(json!({"status": "ACTIVE"}));
        let arns = self.pages(operation::LIST_CONTAINER_INSTANCES, body, "containerInstanceArns").await?;
        let mut all = Vec::new();
        for arns in arns.chunks(AT_ONCE) {
            let body = self.api.body(json!({"containerInstances": arns}));
            let reply = self.api.call(operation::DESCRIBE_CONTAINER_INSTANCES, &body).await?;
            all.extend(items(&reply["containerInstances"]).map(instance));
        }
        Ok(all)
    }
}

fn instance(value: &Value) -> Instance {
    let arn = value["containerInstanceArn"].as_str().unwrap_or_default();
    Instance {
        name: text(&value["ec2InstanceId"]).unwrap_or_else(|| arn.rsplit('/').next().unwrap_or(arn).to_owned()),
        provider: text(&value["capacityProviderName"]),
        docker: text(&value["versionInfo"]["dockerVersion"]),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::adapter::aws::canned::{Asked, Canned, Reply};
    use crate::port::Clock;

    #[tokio::test]
    async fn every_page_is_read_and_described_a_hundred_at_a_time() {
        let server = Canned::start(|asked: &Asked| match asked.operation() {
            "ListContainerInstances" if asked.json()["nextToken"] == "more" => {
                Reply::ok(json!({"containerInstanceArns": ["a/100"]}))
            }
            "ListContainerInstances" => {
                let arns: Vec<String> = (0..100).map(|number| format!("a/{number}")).collect();
                Reply::ok(json!({"containerInstanceArns": arns, "nextToken": "more"}))
            }
            _ => {
                let one = |arn: &Value| {
                    json!({"containerInstanceArn": arn, "capacityProviderName": "large",
                           "versionInfo": {"dockerVersion": "DockerVersion: 20.10.25"}})
                };
                let asked = asked.json();
                let all: Vec<Value> = asked["containerInstances"].as_array().unwrap().iter().map(one).collect();
                Reply::ok(json!({"containerInstances": all, "failures": []}))
            }
        })
        .await;
        let cluster = Cluster::new(&server.sdk(1), "prod", Clock::starting(Timestamp::UNIX_EPOCH, 1.0));
        let found = cluster.container_instances().await.unwrap();
        assert_eq!(found.len(), 101);
        let last =
            Instance { name: "100".into(), provider: Some("large".into()), docker: Some("DockerVersion: 20.10.25".into()) };
        assert_eq!(found.last(), Some(&last));
        let asked = server.asked();
        assert!(asked.iter().all(|asked| asked.json()["cluster"] == "prod"));
        let described = asked.iter().filter(|asked| asked.operation() == "DescribeContainerInstances");
        let sizes: Vec<usize> =
            described.map(|asked| asked.json()["containerInstances"].as_array().map_or(0, Vec::len)).collect();
        assert_eq!(sizes, [100, 1]);
    }
}
