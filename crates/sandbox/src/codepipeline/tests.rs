//! A job's life: offered with a nonce, taken once, answered once.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::dispatch::{Service, call};
use crate::state::State;

fn state() -> State {
    State::new("123456789012".into(), "eu-west-1".into(), Clock::start(1.0), std::env::temp_dir())
}

fn action() -> Value {
    json!({"category": "Deploy", "owner": "Custom", "provider": "shipit", "version": "1"})
}

fn queued(state: &mut State, configuration: Value) -> String {
    let inputs = json!([{"name": "built", "bucketName": "artefacts", "objectKey": "a/b.zip"}]);
    state.queue_job(&json!({"actionTypeId": action(), "configuration": configuration, "inputArtifacts": inputs})).unwrap()
}

fn ask(state: &mut State, operation: &str, body: Value) -> Result<Value, String> {
    call(state, Service::CodePipeline, operation, body).map_err(|error| error.code)
}

fn offered(state: &mut State, more: Value) -> Vec<Value> {
    let mut body = json!({"actionTypeId": action(), "maxBatchSize": 9});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    ask(state, "PollForJobs", body).unwrap()["jobs"].as_array().unwrap().clone()
}

#[test]
fn a_job_is_taken_by_the_last_who_was_offered_it_and_answered_once() {
    let mut state = state();
    let id = queued(&mut state, json!({}));
    let first = offered(&mut state, json!({}));
    let second = offered(&mut state, json!({}));
    assert_eq!((first.len(), &second[0]["id"]), (1, &json!(id)));
    let take = |nonce: &Value| json!({"jobId": id, "nonce": nonce});
    assert_eq!(ask(&mut state, "AcknowledgeJob", take(&first[0]["nonce"])), Err("InvalidNonceException".into()));
    assert_eq!(ask(&mut state, "PutJobSuccessResult", json!({"jobId": id})), Err("InvalidJobStateException".into()));
    assert_eq!(ask(&mut state, "AcknowledgeJob", take(&second[0]["nonce"])), Ok(json!({"status": "InProgress"})));
    assert!(offered(&mut state, json!({})).is_empty(), "it is somebody's");

    let later = json!({"jobId": id, "continuationToken": "run-1"});
    assert_eq!(ask(&mut state, "PutJobSuccessResult", later), Ok(Value::Null));
    let again = offered(&mut state, json!({}));
    assert_eq!(again[0]["data"]["continuationToken"], "run-1");
    ask(&mut state, "AcknowledgeJob", take(&again[0]["nonce"])).unwrap();
    assert_eq!(ask(&mut state, "PutJobSuccessResult", json!({"jobId": id})), Ok(Value::Null));
    let fails = json!({"jobId": id, "failureDetails": {"type": "JobFailed", "message": "no"}});
    assert_eq!(ask(&mut state, "PutJobFailureResult", fails), Err("InvalidJobStateException".into()));
    assert_eq!(state.jobs()[0]["status"], "Succeeded");
}

#[test]
fn only_what_was_asked_for_is_offered() {
    let mut state = state();
    let unknown = ask(&mut state, "PollForJobs", json!({"actionTypeId": action()}));
    assert_eq!(unknown, Err("ActionTypeNotFoundException".into()));
    queued(&mut state, json!({"Application": "shop"}));
    let other = queued(&mut state, json!({"Application": "blog"}));
    let offered = offered(&mut state, json!({"queryParam": {"Application": "blog"}}));
    assert_eq!(offered.iter().map(|job| &job["id"]).collect::<Vec<_>>(), [&json!(other)]);
}

#[test]
fn a_job_s_credentials_open_its_artefacts_and_nothing_else() {
    let mut state = state();
    queued(&mut state, json!({}));
    let credentials = offered(&mut state, json!({}))[0]["data"]["artifactCredentials"].clone();
    let (key, token) = (credentials["accessKeyId"].as_str().unwrap(), credentials["sessionToken"].as_str().unwrap());
    assert_eq!(state.job_may_read(key, token, "artefacts", "a/b.zip"), Some(true));
    assert_eq!(state.job_may_read(key, token, "artefacts", "a/c.zip"), Some(false));
    assert_eq!(state.job_may_read(key, "", "artefacts", "a/b.zip"), Some(false));
    assert_eq!(state.job_may_read("AKIAX", token, "artefacts", "a/b.zip"), None);
}
