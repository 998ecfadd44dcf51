//! Calls of ECS on one cluster, with the errors that only this cluster explains.

use aws_config::SdkConfig;
use serde_json::Value;
use shipit_core::failure::{Code, Failure};

use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation::Operation;
use crate::adapter::aws::raw;
use crate::port::{PortError, PortResult};

/// ECS, and the cluster that is meant.
pub struct Api {
    client: aws_sdk_ecs::Client,
    cluster: String,
}

impl Api {
    /// The cluster of that name or ARN.
    pub fn new(sdk: &SdkConfig, cluster: &str) -> Self {
        Self { client: aws_sdk_ecs::Client::new(sdk), cluster: cluster.to_owned() }
    }

    /// A request's body with the cluster put in.
    pub fn body(&self, mut body: Value) -> Value {
        body["cluster"] = Value::String(self.cluster.clone());
        body
    }

    /// Calls an operation.
    pub async fn call(&self, operation: Operation, body: &Value) -> PortResult<Value> {
        self.ask(operation, body).await.map_err(|error| self.explain(error))
    }

    /// Calls an operation; the error still knows AWS's code.
    pub async fn ask(&self, operation: Operation, body: &Value) -> Result<Value, AwsError> {
        raw::call(&self.client, operation, body).await
    }

    /// What an error means on this cluster.
    pub fn explain(&self, error: AwsError) -> PortError {
        if error.code() != Some("ClusterNotFoundException") {
            return error.into();
        }
        let name = self.cluster.rsplit('/').next().unwrap_or(&self.cluster);
        let region = self.client.config().region().map(|region| format!(" --region {region}")).unwrap_or_default();
        Failure::new(Code::ClusterMissing, format!("cluster `{name}` does not exist"))
            .because("ECS answers `ClusterNotFoundException` for this account and region")
            .next("check `cluster:`, `region:` and the account the credentials belong to")
            .next(format!("`aws ecs create-cluster --cluster-name {name}{region}` makes it"))
            .into()
    }
}

/// A reply that lacks what the API promises.
pub fn unreadable(operation: Operation, why: &str) -> PortError {
    PortError::Refused { action: operation.action(), code: "UnreadableReply".to_owned(), message: why.to_owned() }
}
