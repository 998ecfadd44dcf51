//! Which handler answers which operation: a table a service, one operation family a file.

use serde_json::Value;

use crate::error::AwsError;
use crate::state::State;
use crate::{cloudwatch, codedeploy, codepipeline, ecr, ecs, elb, eventbridge, iam, logs, secretsmanager, ssm, sts};

/// A handler changes the state and answers the reply's body in AWS's own member names.
pub type Handler = fn(&mut State, Value) -> Result<Value, AwsError>;

/// A service's operations, by name.
pub type Table = &'static [(&'static str, Handler)];

/// An AWS service of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Elastic Container Registry, JSON 1.1.
    Ecr,
    /// Elastic Container Service, JSON 1.1.
    Ecs,
    /// Elastic Load Balancing v2, query.
    Elb,
    /// CodeDeploy, JSON 1.1.
    CodeDeploy,
    /// CodePipeline, RPC v2 CBOR and JSON 1.1.
    CodePipeline,
    /// CloudWatch Logs, JSON 1.1.
    Logs,
    /// CloudWatch, RPC v2 CBOR (and JSON 1.0 and query, as AWS answers them too).
    CloudWatch,
    /// Secrets Manager, JSON 1.1.
    Secrets,
    /// Systems Manager Parameter Store, JSON 1.1.
    Ssm,
    /// Security Token Service, query.
    Sts,
    /// Identity and Access Management, query.
    Iam,
    /// EventBridge, JSON 1.1.
    Events,
}

/// All services, for the server and the seed.
pub const SERVICES: &[Service] = &[
    Service::Ecr,
    Service::Ecs,
    Service::Elb,
    Service::CodeDeploy,
    Service::Logs,
    Service::CloudWatch,
    Service::Secrets,
    Service::Ssm,
    Service::Sts,
    Service::Iam,
    Service::CodePipeline,
    Service::Events,
];

impl Service {
    /// The name used in the seed, in faults and in the record of exchanges.
    pub fn name(self) -> &'static str {
        match self {
            Service::Ecr => "ecr",
            Service::Ecs => "ecs",
            Service::Elb => "elbv2",
            Service::CodeDeploy => "codedeploy",
            Service::Logs => "logs",
            Service::CloudWatch => "cloudwatch",
            Service::Secrets => "secretsmanager",
            Service::Ssm => "ssm",
            Service::Sts => "sts",
            Service::Iam => "iam",
            Service::CodePipeline => "codepipeline",
            Service::Events => "events",
        }
    }

    /// Its operations.
    pub fn tables(self) -> &'static [Table] {
        match self {
            Service::Ecr => ecr::TABLES,
            Service::Ecs => ecs::TABLES,
            Service::Elb => elb::TABLES,
            Service::CodeDeploy => codedeploy::TABLES,
            Service::Logs => logs::TABLES,
            Service::CloudWatch => cloudwatch::TABLES,
            Service::Secrets => secretsmanager::TABLES,
            Service::Ssm => ssm::TABLES,
            Service::Sts => sts::TABLES,
            Service::Iam => iam::TABLES,
            Service::CodePipeline => codepipeline::TABLES,
            Service::Events => eventbridge::TABLES,
        }
    }
}

/// Carries out one operation on the state.
///
/// # Errors
/// The handler's own, or AWS's answer to an operation that the service does not have.
pub fn call(state: &mut State, service: Service, operation: &str, body: Value) -> Result<Value, AwsError> {
    let handler = service.tables().iter().flat_map(|table| table.iter()).find(|(name, _)| *name == operation);
    match handler {
        Some((_, handler)) => handler(state, body),
        None => Err(AwsError::new(
            "UnknownOperationException",
            format!("the sandbox does not have the operation {operation} of {}", service.name()),
        )),
    }
}

/// The operation changes nothing that anybody waits for.
pub fn is_read(operation: &str) -> bool {
    ["Describe", "List", "Get", "BatchGet", "Filter"].iter().any(|verb| operation.starts_with(verb))
}
