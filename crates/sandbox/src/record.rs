//! The record of exchanges, for whoever checks them against AWS's models: JSON lines, values as they stood on the wire.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::dispatch::Service;
use crate::error::AwsError;
use crate::sealed;
use crate::wire::{Envelope, Protocol, Reply, cbor, json, query};

/// A file that grows by one line an exchange.
#[derive(Debug)]
pub(crate) struct Recorder(Mutex<File>);

impl Recorder {
    /// Opens the file, making it where it is missing.
    pub(crate) fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Appends one exchange. A record that cannot be written must not change what is recorded: the reader misses the line.
    pub(crate) fn write(&self, exchange: &Value) {
        let line = format!("{exchange}\n");
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

/// `{"service", "operation", "protocol", "request", "status", "reply"}`, or `"error": {"code", "body"}` for `reply`.
///
/// JSON: bodies as they are. Query: the form's parameters as a tree of strings, the reply as XML text. CBOR: decoded, with
/// timestamps as `{"$timestamp": seconds}`. An empty reply body is null. Secrets are not recorded: `***` stands for them.
pub(crate) fn exchange(envelope: &Envelope, request: &[u8], answer: &Result<Value, AwsError>, reply: &Reply) -> Value {
    let request = match envelope.protocol {
        Protocol::Json10 | Protocol::Json11 => json::read(request).ok(),
        Protocol::Query => query::read(request).ok().map(|form| form.parameters),
        Protocol::Cbor => cbor::read(request, cbor::Stamps::Marked).ok(),
    };
    let body = match envelope.protocol {
        _ if reply.body.is_empty() => None,
        Protocol::Json10 | Protocol::Json11 => json::read(&reply.body).ok(),
        Protocol::Query => Some(String::from_utf8_lossy(&reply.body).into()),
        Protocol::Cbor => cbor::read(&reply.body, cbor::Stamps::Marked).ok(),
    };
    let mut exchange = json!({
        "service": envelope.service.map(crate::dispatch::Service::name),
        "operation": envelope.operation,
        "protocol": envelope.protocol.name(),
        "request": request,
        "status": reply.status,
    });
    match answer {
        Ok(_) => exchange["reply"] = body.unwrap_or_default(),
        Err(error) => exchange["error"] = json!({"code": error.code, "body": body}),
    }
    if matches!(envelope.service, Some(Service::Secrets | Service::Ssm | Service::CodePipeline)) {
        sealed::mask(&mut exchange);
    }
    exchange
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::wire;

    #[test]
    fn an_exchange_is_recorded_as_it_stood_on_the_wire() {
        let body = b"Action=DescribeRules&Version=2015-12-01&RuleArns.member.1=a";
        let (envelope, _) = wire::read("/", &HeaderMap::new(), body);
        let answer = Ok(json!({"Rules": []}));
        let line = exchange(&envelope, body, &answer, &wire::write(&envelope, &answer, "id"));
        assert_eq!(line["request"], json!({"RuleArns": ["a"]}));
        assert_eq!((&line["service"], &line["protocol"], &line["status"]), (&json!("elbv2"), &json!("query"), &json!(200)));
        assert!(line["reply"].as_str().unwrap().starts_with("<DescribeRulesResponse"));

        let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        let (envelope, _) = wire::read(path, &HeaderMap::new(), b"");
        let answer = Ok(json!({"MetricAlarms": [{"StateUpdatedTimestamp": 1.5}]}));
        let line = exchange(&envelope, b"", &answer, &wire::write(&envelope, &answer, "id"));
        assert_eq!(line["reply"], json!({"MetricAlarms": [{"StateUpdatedTimestamp": {"$timestamp": 1.5}}]}));

        let answer = Err(AwsError::new("ResourceNotFound", "no"));
        let line = exchange(&envelope, b"", &answer, &wire::write(&envelope, &answer, "id"));
        assert_eq!(line["error"], json!({"code": "ResourceNotFound", "body": {"__type": "ResourceNotFound", "message": "no"}}));
        assert_eq!(line.get("reply"), None);
    }

    #[test]
    fn secrets_are_not_recorded() {
        for (target, body, reply) in [
            ("secretsmanager.PutSecretValue", r#"{"SecretId": "a", "SecretString": "s3cret"}"#, json!({"Name": "a"})),
            ("secretsmanager.GetSecretValue", r#"{"SecretId": "a"}"#, json!({"Name": "a", "SecretBinary": "s3cret"})),
            ("AmazonSSM.PutParameter", r#"{"Name": "a", "Value": "s3cret"}"#, json!({"Version": 1})),
            ("AmazonSSM.GetParameters", r#"{"Names": ["a"]}"#, json!({"Parameters": [{"Name": "a", "Value": "s3cret"}]})),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-target", target.parse().unwrap());
            headers.insert("content-type", "application/x-amz-json-1.1".parse().unwrap());
            let (envelope, call) = wire::read("/", &headers, body.as_bytes());
            assert!(call.is_ok(), "{target}");
            let answer = Ok(reply);
            let line = exchange(&envelope, body.as_bytes(), &answer, &wire::write(&envelope, &answer, "id")).to_string();
            assert!(line.contains("***") && !line.contains("s3cret"), "{line}");
        }
    }

    #[test]
    fn lines_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exchanges.jsonl");
        for number in 0..2 {
            Recorder::append_to(&path).unwrap().write(&json!({ "number": number }));
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"number\":0}\n{\"number\":1}\n");
    }
}
