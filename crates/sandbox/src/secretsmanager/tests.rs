//! Secrets as a client sees them.

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::dispatch::{Service, call as dispatch};

fn state() -> State {
    State::new("123456789012".into(), "eu-west-1".into(), Clock::start(1.0), "/nowhere".into())
}

fn call(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
    dispatch(state, Service::Secrets, operation, body)
}

#[test]
fn a_secret_is_found_by_its_name_and_by_its_arn() {
    let mut state = state();
    let made = call(&mut state, "CreateSecret", json!({"Name": "shop/db", "SecretString": "s3cret"})).unwrap();
    let arn = made["ARN"].as_str().unwrap().to_owned();
    assert!(arn.starts_with("arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-"), "{arn}");
    let short = arn.rsplit_once('-').unwrap().0.to_owned();
    for id in ["shop/db", &arn, &short] {
        assert_eq!(call(&mut state, "GetSecretValue", json!({"SecretId": id})).unwrap()["SecretString"], "s3cret");
    }
    let error = call(&mut state, "GetSecretValue", json!({"SecretId": "shop"})).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    );
    let again = call(&mut state, "CreateSecret", json!({"Name": "shop/db", "SecretString": "other"})).unwrap_err();
    assert_eq!(again.code, "ResourceExistsException");
    assert!(!format!("{state:?}").contains("s3cret"), "a secret is not shown");
    call(&mut state, "DeleteSecret", json!({"SecretId": "shop/db"})).unwrap();
    assert!(call(&mut state, "DescribeSecret", json!({"SecretId": "shop/db"})).is_err());
}

#[test]
fn the_newest_version_is_current_and_the_one_before_can_be_read() {
    let mut state = state();
    let empty = call(&mut state, "CreateSecret", json!({"Name": "db"})).unwrap();
    assert_eq!(empty["VersionId"], Value::Null);
    let error = call(&mut state, "GetSecretValue", json!({"SecretId": "db"})).unwrap_err();
    assert_eq!(error.message, "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
    let mut ids = Vec::new();
    for value in ["one", "two", "three"] {
        let put = call(&mut state, "PutSecretValue", json!({"SecretId": "db", "SecretString": value})).unwrap();
        ids.push(put["VersionId"].clone());
    }
    let mut read = |which: Value| call(&mut state, "GetSecretValue", which).map(|reply| reply["SecretString"].clone());
    assert_eq!(read(json!({"SecretId": "db"})).unwrap(), "three");
    assert_eq!(read(json!({"SecretId": "db", "VersionStage": "AWSPREVIOUS"})).unwrap(), "two");
    assert_eq!(read(json!({"SecretId": "db", "VersionId": ids[0]})).unwrap(), "one");
    assert!(read(json!({"SecretId": "db", "VersionId": ids[0], "VersionStage": "AWSCURRENT"})).is_err());
    let shown = call(&mut state, "DescribeSecret", json!({"SecretId": "db"})).unwrap();
    assert_eq!(shown["VersionIdsToStages"].as_object().unwrap().len(), 2);
}
