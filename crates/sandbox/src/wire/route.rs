//! Which service, protocol and operation a request is for, and its answer in the same protocol.

use axum::http::HeaderMap;
use serde_json::Value;

use super::{cbor, json, query};
use crate::dispatch::Service;
use crate::error::AwsError;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// AWS query.
    Query,
    /// Smithy RPC v2 CBOR.
    Cbor,
}

impl Protocol {
    /// As it stands in the record of exchanges.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Json10 | Protocol::Json11 => "json",
            Protocol::Query => "query",
            Protocol::Cbor => "cbor",
        }
    }
}

/// What is needed to answer, known also when the request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its service; none when the sandbox does not have it.
    pub service: Option<Service>,
    /// The operation's name as sent.
    pub operation: String,
}

/// A request that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The request for the handler.
    pub body: Value,
}

/// An answer's status, content type and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content type; none for a reply without a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

struct Names {
    service: Service,
    target: Option<&'static str>,
    version: Option<(&'static str, &'static str)>,
}

/// `X-Amz-Target` prefixes (also the CBOR service names), versions and XML namespaces: from botocore's metadata.
const NAMES: &[Names] = &[
    Names { service: Service::Ecr, target: Some("AmazonEC2ContainerRegistry_V20150921"), version: None },
    Names { service: Service::Ecs, target: Some("AmazonEC2ContainerServiceV20141113"), version: None },
    Names { service: Service::CodePipeline, target: Some("CodePipeline_20150709"), version: None },
    Names { service: Service::CodeDeploy, target: Some("CodeDeploy_20141006"), version: None },
    Names { service: Service::Secrets, target: Some("secretsmanager"), version: None },
    Names { service: Service::Events, target: Some("AWSEvents"), version: None },
    Names { service: Service::Ssm, target: Some("AmazonSSM"), version: None },
    Names { service: Service::Logs, target: Some("Logs_20140328"), version: None },
    Names {
        service: Service::Elb,
        target: None,
        version: Some(("2015-12-01", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")),
    },
    Names { service: Service::Sts, target: None, version: Some(("2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/")) },
    Names { service: Service::Iam, target: None, version: Some(("2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/")) },
    Names {
        service: Service::CloudWatch,
        target: Some("GraniteServiceVersion20100801"),
        version: Some(("2010-08-01", "http://monitoring.amazonaws.com/doc/2010-08-01/")),
    },
];

/// Reads a request.
///
/// # Errors
/// With the answer's envelope: a service or operation that is unknown, or a body that cannot be read.
pub fn read(path: &str, headers: &HeaderMap, body: &[u8]) -> (Envelope, Result<Call, AwsError>) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = header("content-type");
    let target = header("x-amz-target");
    if let Some((service, operation)) = rpc_path(path) {
        let envelope = Envelope::of_target(Protocol::Cbor, service, operation);
        let call = envelope.call(|| cbor::read(body, cbor::Stamps::Plain));
        (envelope, call)
    } else if target.is_empty() && !content_type.starts_with("application/x-amz-json") {
        let form = query::read(body);
        let (action, version) = form.as_ref().map_or(("", ""), |form| (&form.action, &form.version));
        let names = NAMES.iter().find(|names| names.version.is_some_and(|(known, _)| known == version));
        let envelope =
            Envelope { protocol: Protocol::Query, service: names.map(|names| names.service), operation: action.to_owned() };
        let call = match form {
            Ok(form) if form.action.is_empty() => {
                Err(AwsError::new("MissingAction", "The request must contain the parameter Action."))
            }
            Ok(form) if envelope.service.is_none() => {
                let text = format!("Could not find operation {} for version {}", form.action, form.version);
                Err(AwsError::new("InvalidAction", text))
            }
            form => envelope.call(|| form.map(|form| form.parameters)),
        };
        (envelope, call)
    } else {
        let protocol = if content_type.contains("json-1.0") { Protocol::Json10 } else { Protocol::Json11 };
        let (service, operation) = target.rsplit_once('.').unwrap_or((target, ""));
        let envelope = Envelope::of_target(protocol, service, operation);
        let call = envelope.call(|| json::read(body));
        (envelope, call)
    }
}

/// Writes the answer to a request.
pub fn write(envelope: &Envelope, answer: &Result<Value, AwsError>, request_id: &str) -> Reply {
    let status = answer.as_ref().map_or_else(|error| error.status, |_| 200);
    let (content_type, body) = match (envelope.protocol, answer) {
        (Protocol::Json10, Ok(reply)) => ("application/x-amz-json-1.0", json::write(reply)),
        (Protocol::Json11, Ok(reply)) => ("application/x-amz-json-1.1", json::write(reply)),
        (Protocol::Json10, Err(error)) => ("application/x-amz-json-1.0", json::write_error(error)),
        (Protocol::Json11, Err(error)) => ("application/x-amz-json-1.1", json::write_error(error)),
        (Protocol::Query, Ok(reply)) => ("text/xml", query::write(envelope.namespace(), &envelope.operation, reply, request_id)),
        (Protocol::Query, Err(error)) => {
            let error = query::translate(error.clone());
            let body = query::write_error(envelope.namespace(), &error, request_id);
            return Reply { status: error.status, content_type: Some("text/xml"), body };
        }
        (Protocol::Cbor, Ok(reply)) => ("application/cbor", cbor::write(reply)),
        (Protocol::Cbor, Err(error)) => ("application/cbor", cbor::write_error(error)),
    };
    Reply { status, content_type: (!body.is_empty()).then_some(content_type), body }
}

/// `/service/<Name>/operation/<Op>`
fn rpc_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}

impl Envelope {
    fn of_target(protocol: Protocol, target: &str, operation: &str) -> Self {
        let names = NAMES.iter().find(|names| names.target == Some(target));
        Self { protocol, service: names.map(|names| names.service), operation: operation.to_owned() }
    }

    fn call(&self, body: impl FnOnce() -> Result<Value, AwsError>) -> Result<Call, AwsError> {
        match self.service {
            Some(service) if !self.operation.is_empty() => Ok(Call { service, body: body()? }),
            _ => Err(AwsError::new("UnknownOperationException", "the sandbox does not have this service")),
        }
    }

    fn namespace(&self) -> &'static str {
        let names = NAMES.iter().find(|names| Some(names.service) == self.service);
        names.and_then(|names| names.version).map_or("http://webservices.amazon.com/AWSFault/2005-15-09", |(_, it)| it)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        HeaderMap::from_iter(pairs)
    }

    #[test]
    fn finds_json_services_by_target() {
        let headers = headers(&[
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeServices"),
        ]);
        let (envelope, call) = read("/", &headers, br#"{"services": ["web"]}"#);
        assert_eq!(envelope.operation, "DescribeServices");
        assert_eq!(call, Ok(Call { service: Service::Ecs, body: json!({"services": ["web"]}) }));
        let reply = write(&envelope, &Ok(json!({"services": []})), "id");
        assert_eq!(reply.body, br#"{"services":[]}"#);
        assert_eq!((reply.status, reply.content_type), (200, Some("application/x-amz-json-1.1")));
    }

    #[test]
    fn finds_query_services_by_version() {
        for (version, service) in [("2015-12-01", Service::Elb), ("2011-06-15", Service::Sts), ("2010-05-08", Service::Iam)] {
            let body = format!("Action=X&Version={version}&A=1");
            let (envelope, call) = read("/", &HeaderMap::new(), body.as_bytes());
            assert_eq!(call, Ok(Call { service, body: json!({"A": "1"}) }));
            assert_eq!(envelope.protocol, Protocol::Query);
        }
    }

    #[test]
    fn finds_cloudwatch_in_all_its_protocols() {
        let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        let (envelope, call) = read(path, &HeaderMap::new(), b"\xa0");
        assert_eq!((envelope.protocol, call.unwrap().service), (Protocol::Cbor, Service::CloudWatch));
        let headers = headers(&[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms"),
        ]);
        let (envelope, call) = read("/", &headers, b"{}");
        assert_eq!((envelope.protocol, call.unwrap().service), (Protocol::Json10, Service::CloudWatch));
        let (envelope, call) = read("/", &HeaderMap::new(), b"Action=DescribeAlarms&Version=2010-08-01");
        assert_eq!((envelope.protocol, call.unwrap().service), (Protocol::Query, Service::CloudWatch));
    }

    #[test]
    fn refuses_what_it_does_not_know_in_the_request_s_own_protocol() {
        let json = headers(&[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "DynamoDB_20120810.GetItem")]);
        for (path, headers, body, code) in [
            ("/", json, &b"{}"[..], r#""__type":"UnknownOperationException""#),
            ("/", HeaderMap::new(), b"Action=RunInstances&Version=2016-11-15", "<Code>InvalidAction</Code>"),
            ("/", HeaderMap::new(), b"", "<Code>MissingAction</Code>"),
            ("/service/Other/operation/X", HeaderMap::new(), b"", "UnknownOperationException"),
            ("/", HeaderMap::new(), b"\xff\x00", "<Code>MissingAction</Code>"),
        ] {
            let (envelope, call) = read(path, &headers, body);
            let reply = write(&envelope, &Err(call.unwrap_err()), "id");
            assert_eq!(reply.status, 400);
            assert!(String::from_utf8_lossy(&reply.body).contains(code), "{code}");
        }
    }

    #[test]
    fn query_has_its_own_error_codes() {
        let (envelope, _) = read("/", &HeaderMap::new(), b"Action=X&Version=2015-12-01");
        let reply = write(&envelope, &Err(AwsError::new("AccessDeniedException", "no")), "id");
        assert_eq!(reply.status, 403);
        assert!(String::from_utf8(reply.body).unwrap().contains("<Code>AccessDenied</Code>"));
    }
}
