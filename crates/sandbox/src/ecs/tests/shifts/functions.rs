//! Hooks that are functions: what they are told, and what their replies do.

use std::sync::{Arc, Mutex};

use axum::routing::post;
use serde_json::{Value, json};

use super::super::super::shift;
use super::*;
use crate::state::Shared;

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:check";

fn function(stages: &[&str]) -> Value {
    json!({"hookTargetArn": ARN, "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": stages,
           "hookDetails": {"bucket": "b"}})
}

/// A function that gives these replies, one after another, and notes what it was told.
struct Function {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Function {
    async fn replying(replies: Vec<Value>) -> Self {
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (note, left) = (Arc::clone(&told), Arc::new(Mutex::new(replies)));
        let answer = move |body: String| async move {
            note.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            left.lock().unwrap().remove(0).to_string()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/", post(answer));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, told, serving }
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }
}

/// The calls that are due are made, and what follows happens.
async fn called(shared: &Arc<Shared>) -> usize {
    let calls = {
        let mut state = shared.lock();
        rest(&mut state);
        shift::due(&mut state)
    };
    let count = calls.len();
    for call in calls {
        shift::carry_out(Arc::clone(shared), call).await;
    }
    rest(&mut shared.lock());
    count
}

/// A blue/green deployment with this function at these stages has begun.
async fn begun(stages: &[&str], function_of: Option<&Function>) -> (Arc<Shared>, Wiring) {
    let (mut state, wiring) = shifted(blue_green(json!([])));
    if let Some(function) = function_of {
        state.functions.register(ARN, &function.url).unwrap();
    }
    let hooks = json!({"lifecycleHooks": [function(stages)]});
    update(&mut state, json!({"taskDefinition": "web:2", "deploymentConfiguration": hooks}));
    (Arc::new(Shared::new(state)), wiring)
}

#[tokio::test]
async fn a_function_is_told_what_the_developer_guide_says() {
    let passed = || json!({"hookStatus": "SUCCEEDED"});
    let function = Function::replying(vec![passed(), passed(), passed()]).await;
    let stages = ["PRE_SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"];
    let (shared, _) = begun(&stages, Some(&function)).await;
    for _ in stages {
        assert_eq!(called(&shared).await, 1);
    }
    let mut state = shared.lock();
    assert_eq!(stage(&mut state), "BAKE_TIME");
    let newest = newest(&mut state);
    let (target, source) = (text(&newest["targetServiceRevision"]["arn"]), text(&newest["sourceServiceRevisions"][0]["arn"]));
    let shares = json!({target.clone(): 100, source: 0});
    let told = function.told();
    let weights = [(json!({}), json!({})), (shares.clone(), json!({})), (json!({}), shares)];
    for ((told, stage), (test, production)) in told.iter().zip(stages).zip(weights) {
        let execution = text(&told["executionId"]);
        assert_eq!(execution.len(), 36);
        let expected = json!({
            "executionId": execution, "lifecycleStage": stage, "resourceArn": newest["serviceDeploymentArn"],
            "executionDetails": {
                "serviceArn": newest["serviceArn"], "targetServiceRevisionArn": target,
                "testTrafficWeights": test, "productionTrafficWeights": production,
            },
            "hookDetails": {"bucket": "b"},
        });
        assert_eq!(*told, expected);
    }
}

#[tokio::test]
async fn a_function_that_is_not_done_is_called_again_with_what_it_said() {
    let again = json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 60, "hookDetails": {"seen": 1}});
    let function = Function::replying(vec![again, json!({"hookStatus": "SUCCEEDED"})]).await;
    let (shared, _) = begun(&["POST_SCALE_UP"], Some(&function)).await;
    assert_eq!(called(&shared).await, 1);
    {
        let mut state = shared.lock();
        let details = newest(&mut state)["lifecycleHookDetails"][0].clone();
        assert_eq!(
            (&details["status"], &details["targetType"], &details["targetArn"]),
            (&json!("IN_PROGRESS"), &json!("AWS_LAMBDA"), &json!(ARN))
        );
        pass(&mut state, 58);
    }
    assert_eq!(called(&shared).await, 0, "the delay has not passed");
    pass(&mut shared.lock(), 3);
    assert_eq!(called(&shared).await, 1);
    assert_eq!(function.told()[1]["hookDetails"], json!({"bucket": "b", "seen": 1}));
    assert_eq!(stage(&mut shared.lock()), "BAKE_TIME");
}

#[tokio::test]
async fn a_function_that_fails_sends_back_and_is_asked_again_on_the_way() {
    let failed = json!({"hookStatus": "FAILED"});
    let function = Function::replying(vec![json!({"hookStatus": "SUCCEEDED"}), failed, json!({"hookStatus": "SUCCEEDED"})]).await;
    let (shared, wiring) = begun(&["TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT"], Some(&function)).await;
    for _ in 0..3 {
        assert_eq!(called(&shared).await, 1);
    }
    let mut state = shared.lock();
    is_back(&mut state, &wiring);
    let why = format!(
        "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. Lifecycle hook target {ARN} returned FAILED status."
    );
    let newest = newest(&mut state);
    assert_eq!(newest["statusReason"], why);
    let back = &function.told()[2];
    assert_eq!(back["lifecycleStage"], "TEST_TRAFFIC_SHIFT");
    let target = text(&newest["targetServiceRevision"]["arn"]);
    assert_eq!(back["executionDetails"]["testTrafficWeights"][target], 0);
}

#[tokio::test]
async fn a_function_that_nobody_has_registered_cannot_be_invoked() {
    let (shared, wiring) = begun(&["PRE_SCALE_UP"], None).await;
    assert_eq!(called(&shared).await, 1);
    let mut state = shared.lock();
    is_back(&mut state, &wiring);
    let why = format!(
        "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. ECS was unable to invoke hook target {ARN} due to Function not found: {ARN}"
    );
    assert_eq!(newest(&mut state)["statusReason"], why);
}
