//! Faults of calls in AWS's words.

use serde_json::Value;
use shipit_scheduler::Time;

use super::Kind;
use crate::dispatch::Service;
use crate::error::AwsError;
use crate::state::State;

impl Kind {
    /// The error that the call gets; none for faults that are not errors. The query protocol's codes are the codec's affair.
    pub(crate) fn error(&self, state: &State, service: Service, operation: &str, body: &Value) -> Option<AwsError> {
        match self {
            Kind::Throttle {} => Some(AwsError::new("ThrottlingException", "Rate exceeded")),
            Kind::ServerError { status: 503 } => Some(
                AwsError::new("ServiceUnavailableException", "Service Unavailable. Please try again later.").with_status(503),
            ),
            Kind::ServerError { status } => {
                let code = match service {
                    Service::Ecs | Service::Ecr => "ServerException",
                    _ => "InternalFailure",
                };
                let text = "The request processing has failed because of an unknown error, exception or failure.";
                Some(AwsError::new(code, text).with_status(*status))
            }
            Kind::Deny {} => {
                let action = format!("{}:{operation}", prefix(service));
                let text = format!(
                    "User: {} is not authorized to perform: {action} on resource: {} because no identity-based policy \
                     allows the {action} action",
                    state.caller().arn,
                    resource(state, service, body),
                );
                Some(AwsError::new("AccessDeniedException", text))
            }
            Kind::Expire {} => {
                Some(AwsError::new("ExpiredTokenException", "The security token included in the request is expired"))
            }
            Kind::ClockSkew { minutes } => Some(skewed(state, service, *minutes)),
            _ => None,
        }
    }
}

/// What a signature gets whose time lies further behind than the five minutes that AWS allows.
fn skewed(state: &State, service: Service, minutes: u16) -> AwsError {
    let now = state.clock.now();
    let earlier = |minutes: u64| written(Time(now.0.saturating_sub(minutes * 60_000)));
    let text = format!(
        "Signature expired: {} is now earlier than {} ({} - 5 min.)",
        earlier(u64::from(minutes)),
        earlier(5),
        earlier(0),
    );
    match service {
        Service::Elb | Service::Sts | Service::Iam => AwsError::new("SignatureDoesNotMatch", text).with_status(403),
        _ => AwsError::new("InvalidSignatureException", text),
    }
}

/// A time as a signature has it: `20261121T061500Z`.
fn written(time: Time) -> String {
    let millis = i64::try_from(time.0).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The service's name in IAM actions.
fn prefix(service: Service) -> &'static str {
    match service {
        Service::Ecr => "ecr",
        Service::Ecs => "ecs",
        Service::Elb => "elasticloadbalancing",
        Service::Logs => "logs",
        Service::CloudWatch => "cloudwatch",
        Service::Secrets => "secretsmanager",
        Service::Ssm => "ssm",
        Service::Sts => "sts",
        Service::Iam => "iam",
        Service::Events => "events",
        Service::CodeDeploy => "codedeploy",
        Service::CodePipeline => "codepipeline",
    }
}

/// The resource as IAM would name it, as far as the request says.
fn resource(state: &State, service: Service, body: &Value) -> String {
    let text = |name: &str| body[name].as_str();
    let named = match service {
        Service::Ecs => text("service").map(|service| {
            let cluster = text("cluster").unwrap_or("default");
            ("ecs", format!("service/{}/{}", last(cluster), last(service)))
        }),
        Service::Ecr => text("repositoryName").map(|repository| ("ecr", format!("repository/{repository}"))),
        Service::CodeDeploy => text("applicationName").map(|application| {
            (
                "codedeploy",
                match text("deploymentGroupName") {
                    Some(group) => format!("deploymentgroup:{application}/{group}"),
                    None => format!("application:{application}"),
                },
            )
        }),
        Service::Logs => text("logGroupName").map(|group| ("logs", format!("log-group:{group}"))),
        Service::Iam => return text("RoleName").map_or_else(|| "*".to_owned(), |role| format!("role {role}")),
        _ => None,
    };
    let members = body.as_object();
    let arn = || members.into_iter().flatten().find_map(|(_, it)| it.as_str().filter(|it| it.starts_with("arn:")));
    match named {
        Some((service, rest)) => state.arn(service, &rest),
        None => arn().unwrap_or("*").to_owned(),
    }
}

/// The name at the end of an ARN, or the name itself.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_denial_names_who_what_and_on_what() {
        let state = State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into());
        let body = json!({"cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/prod", "service": "web"});
        let error = Kind::Deny {}.error(&state, Service::Ecs, "UpdateService", &body).unwrap();
        assert_eq!(error.code, "AccessDeniedException");
        assert_eq!(
            error.message,
            "User: arn:aws:iam::000000000000:user/sandbox is not authorized to perform: ecs:UpdateService on resource: \
             arn:aws:ecs:us-east-1:000000000000:service/prod/web because no identity-based policy allows the \
             ecs:UpdateService action"
        );
        let body = json!({"LoadBalancerArns": [], "RuleArn": "arn:rule"});
        let error = Kind::Deny {}.error(&state, Service::Elb, "ModifyRule", &body).unwrap();
        assert!(error.message.contains("elasticloadbalancing:ModifyRule on resource: arn:rule because"));
    }

    #[test]
    fn only_server_errors_are_5xx() {
        let state = State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into());
        let status = |kind: Kind| kind.error(&state, Service::Ecs, "ListTasks", &json!({})).map(|error| error.status);
        assert_eq!(status(Kind::Throttle {}), Some(400));
        assert_eq!(status(Kind::Expire {}), Some(400));
        assert_eq!(status(Kind::ServerError { status: 500 }), Some(500));
        assert_eq!(status(Kind::ServerError { status: 503 }), Some(503));
        assert_eq!(status(Kind::Stale { seconds: 1.0 }), None);
    }
}
