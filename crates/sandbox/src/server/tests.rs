use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::endpoints::{Endpoints, Presence};

/// A sandbox without an Engine, and a client of it.
struct Stage {
    folder: TempDir,
    running: Running,
    http: Client<HttpConnector, Body>,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path(), "stage");
        change(&mut options);
        let running = serve(options).await.unwrap();
        Self { folder, running, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Option<(StatusCode, Vec<u8>)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.running.endpoint()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = self.http.request(request.body(body.into()).unwrap()).await.ok()?;
        let status = reply.status();
        if !path.starts_with("/_sandbox") {
            assert!(reply.headers().contains_key("x-amzn-requestid"));
        }
        Some((status, reply.into_body().collect().await.ok()?.to_bytes().to_vec()))
    }

    async fn json(&self, target: &str, body: Value) -> Option<(StatusCode, Value)> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let (status, body) = self.send("POST", "/", &headers, body.to_string()).await?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    async fn query(&self, form: &str, access_key: &str) -> Option<(StatusCode, String)> {
        let authorization = format!("AWS4-HMAC-SHA256 Credential={access_key}/20260921/us-east-1/sts/aws4_request, Signature=0");
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization.as_str())];
        let (status, body) = self.send("POST", "/", &headers, form.to_owned()).await?;
        Some((status, String::from_utf8(body).unwrap()))
    }

    async fn fault(&self, fault: Value) {
        let (status, _) = self.send("POST", "/_sandbox/faults", &[], fault.to_string()).await.unwrap();
        assert_eq!(status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn it_is_found_by_its_file_and_ends_on_request() {
    let stage = Stage::new(|_| ()).await;
    let endpoints = Endpoints::read(stage.folder.path()).unwrap().unwrap();
    assert_eq!(endpoints.endpoint, stage.running.endpoint());
    assert_eq!(endpoints.account, "000000000000");
    assert_eq!(presence(&endpoints).await, Presence::Answers);
    assert_eq!(presence(&Endpoints { id: "other".to_owned(), ..endpoints.clone() }).await, Presence::Gone);
    // Somebody listens there, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = mute.local_addr().unwrap().to_string();
    assert_eq!(presence(&Endpoints { registry, ..endpoints.clone() }).await, Presence::Silent);

    let (status, _) = stage.send("POST", "/_sandbox/down", &[], "").await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED);
    stage.running.ended().await;
    stage.running.shutdown().await.unwrap();
    assert_eq!(Endpoints::read(stage.folder.path()).unwrap(), None);
    assert_eq!(presence(&endpoints).await, Presence::Gone);
}

async fn presence(endpoints: &Endpoints) -> Presence {
    let endpoints = endpoints.clone();
    tokio::task::spawn_blocking(move || endpoints.presence()).await.unwrap()
}

#[tokio::test]
async fn it_ends_when_nobody_asks() {
    let idle = Duration::from_millis(50);
    let stage = Stage::new(|options| options.idle = Some(idle)).await;
    stage.running.ended().await;
    assert!(stage.running.shared.quiet_for() >= idle);
}

#[tokio::test]
async fn the_caller_is_whose_key_it_is() {
    let stage = Stage::new(|_| ()).await;
    let me = "Action=GetCallerIdentity&Version=2011-06-15";
    let (_, xml) = stage.query(me, "AKIAX").await.unwrap();
    assert!(xml.contains("<Account>000000000000</Account>"), "{xml}");
    let role = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x&RoleSessionName=me";
    let (_, xml) = stage.query(role, "AKIAX").await.unwrap();
    let (_, rest) = xml.split_once("<AccessKeyId>").unwrap();
    let (access_key, _) = rest.split_once('<').unwrap();
    let (_, xml) = stage.query(me, access_key).await.unwrap();
    assert!(xml.contains("<Account>123456789012</Account>"), "{xml}");
}

#[tokio::test]
async fn faults_have_their_way_and_are_recorded_except_for_the_dropped() {
    let stage = Stage::new(|options| options.record = Some(options.folder.join("exchanges.jsonl"))).await;
    let describe = || stage.json("Logs_20140328.DescribeLogGroups", json!({}));
    stage.fault(json!({"match": {"service": "logs"}, "kind": "throttle", "times": 1})).await;
    let (status, body) = describe().await.unwrap();
    assert_eq!((status, &body["__type"]), (StatusCode::BAD_REQUEST, &json!("ThrottlingException")));
    stage.fault(json!({"kind": "server_error", "status": 503, "times": 1})).await;
    assert_eq!(describe().await.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
    stage.fault(json!({"kind": "drop", "times": 1})).await;
    assert_eq!(describe().await, None);
    assert_eq!(describe().await, Some((StatusCode::OK, json!({"logGroups": []}))));

    let record = std::fs::read_to_string(stage.folder.path().join("exchanges.jsonl")).unwrap();
    let lines: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<&Value> = lines.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [400, 503, 200]);
    assert_eq!(lines[0]["error"]["code"], "ThrottlingException");
    assert_eq!(lines[2]["reply"], json!({"logGroups": []}));
}

#[tokio::test]
async fn reads_lag_behind_a_write_when_told_to() {
    let stage = Stage::new(|_| ()).await;
    let names = async || {
        let (_, body) = stage.json("Logs_20140328.DescribeLogGroups", json!({})).await.unwrap();
        body["logGroups"].as_array().unwrap().len()
    };
    stage.fault(json!({"match": {"service": "logs"}, "kind": "stale", "seconds": 3600})).await;
    assert_eq!(names().await, 0);
    stage.json("Logs_20140328.CreateLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(names().await, 0);
    stage.send("DELETE", "/_sandbox/faults", &[], "").await.unwrap();
    assert_eq!(names().await, 1);
}

#[tokio::test]
async fn the_admin_api_refuses_in_its_own_shape() {
    let stage = Stage::new(|_| ()).await;
    for (method, path, body) in [
        ("GET", "/_sandbox/nothing", ""),
        ("GET", "/_sandbox/down", ""),
        ("POST", "/_sandbox/faults", "{}"),
        ("POST", "/_sandbox/faults", "no json"),
        ("DELETE", "/_sandbox/faults/x", ""),
        ("POST", "/_sandbox/seed", "{}"),
        ("POST", "/_sandbox/seed", r#"[{"service": "s3", "operation": "X"}]"#),
    ] {
        let (status, body) = stage.send(method, path, &[], body).await.unwrap();
        assert!(status.is_client_error(), "{method} {path}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["error"].is_string(), "{method} {path}");
    }
    let (status, body) = stage.send("GET", "/_sandbox/status", &[], "").await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["services"], json!([]));
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let stage = Stage::new(|_| ()).await;
    let body = vec![b'a'; 33 << 20];
    // Refused before all of it was sent: the client sees the answer or that nobody listens any more.
    if let Some((status, _)) = stage.send("POST", "/", &[], body).await {
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert!(stage.query("Action=GetCallerIdentity&Version=2011-06-15", "A").await.is_some());
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = |change: fn(&mut Options)| {
        let mut options = Options::new(folder.path(), "bad");
        change(&mut options);
        options
    };
    for (options, complaint) in [
        (options(|options| options.factor = 0.0), "the clock factor 0 is not a positive number"),
        (options(|options| options.factor = f64::NAN), "is not a positive number"),
        (options(|options| "12".clone_into(&mut options.account)), "the account `12` is not 12 digits"),
        (options(|options| options.docker = Some("unix:///nowhere".to_owned())), "no Docker Engine answers at"),
        (options(|options| options.folder = "/dev/null/x".into()), "cannot write `/dev/null/x`"),
    ] {
        let error = serve(options).await.unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

/// Whatever comes, the answer is AWS's own 4xx, never a 5xx, and the server lives on.
#[tokio::test(flavor = "multi_thread")]
async fn junk_never_makes_a_5xx() {
    let stage = Arc::new(Stage::new(|_| ()).await);
    let handle = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let targets = prop_oneof![
            Just("AmazonEC2ContainerServiceV20141113.UpdateService".to_owned()),
            Just("AmazonEC2ContainerRegistry_V20150921.PutImage".to_owned()),
            Just("Logs_20140328.GetLogEvents".to_owned()),
            Just("GraniteServiceVersion20100801.PutMetricAlarm".to_owned()),
            "[A-Za-z._]{0,12}",
        ];
        let forms = "(Action=(CreateRule|ModifyListener|AssumeRole|X)&Version=(2015-12-01|2011-06-15|x))?[a-z&=.%0-9]{0,20}";
        let bodies = prop_oneof![forms, r#"[{]("[a-zA-Z]{1,8}":(null|1|""|\[\]|[{][}]),?){0,3}[}]"#, ".{0,20}"];
        let paths = prop_oneof![
            Just("/".to_owned()),
            Just("/service/GraniteServiceVersion20100801/operation/DescribeAlarms".to_owned()),
            "/[a-z]{0,5}",
        ];
        let types = prop_oneof![Just("application/x-amz-json-1.1"), Just("application/x-www-form-urlencoded"), Just("x")];
        let mut runner = TestRunner::new(ProptestConfig::with_cases(500));
        let result = runner.run(&(paths, targets, types, bodies), |(path, target, content_type, body)| {
            let headers = [("content-type", content_type), ("x-amz-target", target.as_str())];
            let answer = handle.block_on(stage.send("POST", &path, &headers, body));
            let (status, _) = answer.ok_or_else(|| TestCaseError::fail("no answer"))?;
            prop_assert!(!status.is_server_error(), "{}", status);
            Ok(())
        });
        result.unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_file_follows_the_state() {
    let stage = Stage::new(|_| ()).await;
    "eu-west-1".clone_into(&mut stage.running.shared.lock().region);
    stage.running.shared.ring();
    let followed = async {
        while Endpoints::read(stage.folder.path()).unwrap().unwrap().region != "eu-west-1" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), followed).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn nothing_is_left_in_the_engine_however_it_ends() {
    const HOST: &str = "unix:///var/run/docker.sock";
    let docker = engine::connect(HOST).await.unwrap();
    for end in ["shutdown", "drop"] {
        let name = format!("server-test-{end}-{}", std::process::id());
        let stage = Stage::new(|options| {
            options.docker = Some(HOST.to_owned());
            options.id.clone_from(&name);
        })
        .await;
        let labels = Some(stage.running.owner.labels());
        let request = bollard::models::NetworkCreateRequest { name: name.clone(), labels, ..Default::default() };
        docker.create_network(request).await.unwrap();
        match end {
            "shutdown" => stage.running.shutdown().await.unwrap(),
            _ => drop(stage),
        }
        let there = docker.inspect_network(&name, None).await;
        assert!(there.is_err(), "{name} is still there");
    }
}
