//! The judge itself: a good exchange passes, and each kind of breakage is caught.

use serde_json::{Value, json};

use super::differences::ALLOWED;
use super::*;

const ARN: &str = "arn:aws:ecs:us-east-1:123456789012:service/c/s";

fn ecs() -> Value {
    json!({
        "service": "ecs", "operation": "DescribeServices", "protocol": "json", "status": 200,
        "request": {"cluster": "c", "services": ["s"], "include": ["TAGS"]},
        "reply": {"failures": [], "services": [{
            "serviceArn": ARN, "desiredCount": 1, "launchType": "FARGATE", "createdAt": 1790000000.25,
            "deployments": [{"id": "ecs-svc/1", "rolloutState": "COMPLETED"}],
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        }]},
    })
}

fn elb() -> Value {
    let reply = r#"<DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
        <DescribeTargetGroupsResult><TargetGroups><member><TargetGroupName>web &amp; more</TargetGroupName><Port>80</Port>
        <Protocol>HTTP</Protocol><HealthCheckEnabled>true</HealthCheckEnabled><LoadBalancerArns/>
        </member></TargetGroups></DescribeTargetGroupsResult>
        <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeTargetGroupsResponse>"#;
    json!({
        "service": "elbv2", "operation": "DescribeTargetGroups", "protocol": "query", "status": 200,
        "request": {"Names": ["web"], "PageSize": "20"}, "reply": reply.replace("web &amp; more", "web"),
    })
}

fn cloudwatch() -> Value {
    json!({
        "service": "cloudwatch", "operation": "DescribeAlarms", "protocol": "cbor", "status": 200,
        "request": {"AlarmNames": ["five"]},
        "reply": {"CompositeAlarms": [], "MetricAlarms": [{
            "AlarmName": "five", "StateValue": "OK", "Threshold": 5.0, "Period": 60,
            "StateUpdatedTimestamp": {"$timestamp": 1790000000.25},
        }]},
    })
}

fn refusal(status: u16, code: &str, members: Value) -> Value {
    let mut body = json!({"__type": code, "message": "no"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let mut exchange = ecs();
    exchange.as_object_mut().unwrap().remove("reply");
    exchange["status"] = status.into();
    exchange["error"] = json!({"code": code, "body": body});
    exchange
}

fn query_refusal(status: u16, kind: &str, code: &str) -> Value {
    let body = format!(
        r#"<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>{kind}</Type>
        <Code>{code}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
    );
    let mut exchange = elb();
    exchange.as_object_mut().unwrap().remove("reply");
    exchange["status"] = status.into();
    exchange["error"] = json!({"code": code, "body": body});
    exchange
}

fn abouts(exchange: &Value) -> Vec<String> {
    complaints(exchange).into_iter().map(|complaint| complaint.about).collect()
}

#[test]
fn good_exchanges_pass_in_every_protocol() {
    let mut namespaced = refusal(400, "com.amazonaws.ecs#ClusterNotFoundException", json!({}));
    namespaced["error"]["code"] = "ClusterNotFoundException".into();
    for exchange in [
        ecs(),
        elb(),
        cloudwatch(),
        namespaced,
        refusal(400, "ThrottlingException", json!({})),
        refusal(500, "ServerException", json!({})),
        query_refusal(400, "Sender", "TargetGroupNotFound"),
        query_refusal(403, "Sender", "AccessDenied"),
        query_refusal(503, "Receiver", "ServiceUnavailable"),
        json!({"service": null, "operation": "X", "protocol": "json", "request": {}, "status": 400, "error": {"code": "X", "body": {}}}),
    ] {
        assert_eq!(complaints(&exchange), [], "{exchange}");
    }
}

#[test]
fn every_breakage_of_json_is_caught() {
    let service = "/reply/services/0";
    for (place, value, about) in [
        (format!("{service}/colour"), json!("red"), "ecs Service member colour"),
        (format!("{service}/desiredCount"), json!("1"), "ecs Integer is not a integer"),
        (format!("{service}/desiredCount"), json!(1.5), "ecs Integer is not a integer"),
        (format!("{service}/desiredCount"), json!(1_i64 << 40), "ecs Integer is not a integer"),
        (format!("{service}/desiredCount"), Value::Null, "ecs Integer is not a integer"),
        (format!("{service}/serviceArn"), json!(1), "ecs String is not a string"),
        (format!("{service}/launchType"), json!("fargate"), "ecs LaunchType enum fargate"),
        (format!("{service}/createdAt"), json!("2026-01-01T00:00:00Z"), "ecs Timestamp is not a timestamp"),
        (format!("{service}/deployments"), json!({}), "ecs Deployments is not a list"),
        (format!("{service}/deployments/0"), json!([]), "ecs Deployment is not a structure"),
        (
            format!("{service}/deploymentConfiguration/deploymentCircuitBreaker/enable"),
            json!("true"),
            "ecs Boolean is not a boolean",
        ),
        (
            format!("{service}/deploymentConfiguration/deploymentCircuitBreaker"),
            json!({"enable": true}),
            "ecs DeploymentCircuitBreaker without rollback",
        ),
        ("/request/services".to_owned(), Value::Null, "ecs StringList is not a list"),
        ("/request".to_owned(), json!({}), "ecs DescribeServicesRequest without services"),
        ("/request/include/0".to_owned(), json!("tags"), "ecs ServiceField enum tags"),
        ("/status".to_owned(), json!(201), "ecs a reply without status 200"),
        ("/operation".to_owned(), json!("DescribeEverything"), "ecs the model does not have the operation"),
        ("/protocol".to_owned(), json!("xml"), "ecs the protocol is unknown"),
    ] {
        let mut exchange = ecs();
        put(&mut exchange, &place, value);
        assert_eq!(abouts(&exchange), [about], "{place}");
    }
}

#[test]
fn lengths_ranges_and_patterns_are_caught() {
    let ecr = |request: Value| json!({"service": "ecr", "operation": "DescribeImages", "protocol": "json", "status": 200, "request": request, "reply": {}});
    assert_eq!(abouts(&ecr(json!({"repositoryName": "shop/web", "maxResults": 1000}))), [""; 0]);
    assert_eq!(abouts(&ecr(json!({"repositoryName": "shop/web", "maxResults": 1001}))), ["ecr MaxResults max 1000"]);
    assert_eq!(abouts(&ecr(json!({"repositoryName": "shop/web", "imageIds": []}))), ["ecr ImageIdentifierList min 1"]);
    let wrong = abouts(&ecr(json!({"repositoryName": "W"})));
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert_eq!(wrong[0], "ecr RepositoryName min 2");
    assert!(wrong[1].starts_with("ecr RepositoryName pattern "), "{wrong:?}");
}

#[test]
fn every_breakage_of_query_is_caught() {
    for (from, to, about) in [
        ("<Port>80<", "<Port>eighty<", "elbv2 Port is not a integer"),
        ("<Port>80<", "<Port>0<", "elbv2 Port min 1"),
        (">true<", ">yes<", "elbv2 HealthCheckEnabled is not a boolean"),
        (">HTTP<", ">http<", "elbv2 ProtocolEnum enum http"),
        ("<LoadBalancerArns/>", "<LoadBalancerArns><item>x</item></LoadBalancerArns>", "elbv2 LoadBalancerArns is not a list"),
        ("<LoadBalancerArns/>", "<LoadBalancerArns>x</LoadBalancerArns>", "elbv2 LoadBalancerArns is not a list"),
        ("<LoadBalancerArns/>", "<Colour/>", "elbv2 TargetGroup member Colour"),
        ("<Port>80</Port>", "<Port>80</Port><Port>81</Port>", "elbv2 Port is not a integer"),
        ("<RequestId>1</RequestId>", "", "elbv2 no RequestId in its ResponseMetadata"),
        ("doc/2015-12-01/", "doc/2012-06-01/", "instead of a response of"),
        ("DescribeTargetGroupsResult>", "Result>", "elbv2 the element Result beside"),
        ("</DescribeTargetGroupsResponse>", "", "elbv2 it is not one element"),
    ] {
        let mut exchange = elb();
        exchange["reply"] = exchange["reply"].as_str().unwrap().replace(from, to).into();
        let found = abouts(&exchange);
        assert!(found.len() == 1 && found[0].contains(about), "{to}: {found:?}");
    }
    let mut exchange = elb();
    exchange["request"]["PageSize"] = "twenty".into();
    assert_eq!(abouts(&exchange), ["elbv2 PageSize is not a integer"]);
}

#[test]
fn a_timestamp_in_cbor_is_a_tag() {
    let mut exchange = cloudwatch();
    exchange["reply"]["MetricAlarms"][0]["StateUpdatedTimestamp"] = json!(1790000000.25);
    assert_eq!(abouts(&exchange), ["cloudwatch Timestamp is not a timestamp"]);
}

#[test]
fn errors_are_those_of_the_operation_in_the_protocols_shape() {
    for (exchange, about) in [
        (refusal(400, "TaskSetNotFoundException", json!({})), "ecs error TaskSetNotFoundException is not declared"),
        (refusal(404, "ClusterNotFoundException", json!({})), "ecs error ClusterNotFoundException has status 400"),
        (refusal(400, "ServerException", json!({})), "ecs error ServerException has status 500"),
        (refusal(400, "ClusterNotFoundException", json!({"colour": 1})), "ecs ClusterNotFoundException member colour"),
        (refusal(400, "ThrottlingException", json!({"message": null})), "ecs an error without a message"),
        (
            query_refusal(400, "Sender", "TargetGroupNotFoundException"),
            "elbv2 error TargetGroupNotFoundException is not declared",
        ),
        (query_refusal(400, "Sender", "AccessDenied"), "elbv2 error AccessDenied has status 403"),
        (query_refusal(400, "Receiver", "Throttling"), "elbv2 the error's Type is Some(\"Receiver\") instead of Sender"),
    ] {
        assert_eq!(abouts(&exchange), [about], "{exchange}");
    }
    let mut unknown = refusal(400, "UnknownOperationException", json!({}));
    unknown["operation"] = "DescribeEverything".into();
    assert_eq!(abouts(&unknown), [""; 0]);
    let mut answered = json!({"service": null, "operation": "X", "protocol": "json", "status": 200, "reply": {}});
    assert_eq!(abouts(&answered), ["record a request to no service was not refused"]);
    answered["status"] = 500.into();
    assert_eq!(complaints(&answered).len(), 1);
}

#[test]
fn a_request_is_judged_unless_it_was_refused() {
    for (code, judged) in
        [("ThrottlingException", true), ("ClusterNotFoundException", true), ("InvalidParameterException", false)]
    {
        let mut exchange = refusal(400, code, json!({}));
        exchange["request"] = json!({});
        assert_eq!(!complaints(&exchange).is_empty(), judged, "{code}");
    }
}

#[test]
fn the_requests_of_a_seed_are_judged() {
    assert_eq!(complaints_of_request("elbv2", "DescribeListeners", &json!({"PageSize": 20})), []);
    let found = complaints_of_request("elbv2", "DescribeListeners", &json!({"PageSize": "20"}));
    assert_eq!(found[0].about, "elbv2 PageSize is not a integer");
}

#[test]
fn equal_complaints_of_a_record_are_told_once_and_a_broken_line_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("exchanges.jsonl");
    let mut broken = ecs();
    broken["reply"]["services"][0]["launchType"] = "fargate".into();
    std::fs::write(&record, format!("{}\n{broken}\n{broken}\n{{\n", ecs())).unwrap();
    let abouts: Vec<String> = complaints_of_record(&record).into_iter().map(|complaint| complaint.about).collect();
    assert_eq!(abouts.len(), 2, "{abouts:?}");
    assert_eq!(abouts[0], "ecs LaunchType enum fargate");
    assert!(abouts[1].starts_with("record the line is not JSON"), "{abouts:?}");
}

#[test]
fn every_pattern_of_the_models_can_be_judged() {
    for service in ["ecs", "ecr", "elbv2", "logs", "cloudwatch", "sts", "iam"] {
        let model = model::of(service);
        // An account's alias looks ahead, and no operation of the sandbox knows it.
        for pattern in model.shapes().filter(|name| *name != "accountAliasType").filter_map(|name| model.shape(name).pattern()) {
            model::compiled(pattern);
        }
    }
}

/// An entry that the pinned models have caught up with has to go.
#[test]
fn the_models_still_differ_where_they_may() {
    for difference in ALLOWED {
        let words: Vec<&str> = difference.about.split(' ').collect();
        let [service, shape, kind, value] = words.as_slice() else { panic!("{}", difference.about) };
        let model = model::of(service);
        let shape = model.shape(shape);
        let differs = match *kind {
            "enum" => shape.words().is_some_and(|words| !words.contains(value)),
            "member" => shape.member(value).is_none(),
            "without" => shape.required().any(|name| name == *value),
            "min" | "max" => shape.bound(kind).map(|bound| bound.to_string()).as_deref() == Some(*value),
            _ => false,
        };
        assert!(differs, "{} need not be allowed any more", difference.about);
        assert!(difference.source.len() > 20, "{} has no source", difference.about);
        for on in difference.on {
            let operation = on.split(' ').nth(1).unwrap();
            assert!(model.operation(operation).is_some(), "{on}");
        }
    }
}

/// Puts a value at a JSON pointer; the last step may be new.
fn put(value: &mut Value, pointer: &str, new: Value) {
    let (above, last) = pointer.rsplit_once('/').unwrap();
    let above = value.pointer_mut(above).unwrap();
    match last.parse::<usize>() {
        Ok(index) => above[index] = new,
        Err(_) => above[last] = new,
    }
}
