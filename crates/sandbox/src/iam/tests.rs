use serde_json::{Value, json};

use super::document::encoded;
use crate::clock::Clock;
use crate::dispatch::{Service, call};
use crate::error::AwsError;
use crate::state::State;
use crate::wire::query::strings;

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;

fn state() -> State {
    State::new("123456789012".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into())
}

fn iam(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
    call(state, Service::Iam, operation, strings(body))
}

#[test]
fn a_role_is_made_read_and_deleted() {
    let mut state = state();
    let body = json!({"RoleName": "infra", "Path": "/ecs/", "AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 7200});
    let made = iam(&mut state, "CreateRole", body.clone()).unwrap();
    assert_eq!(made["Role"]["Arn"], "arn:aws:iam::123456789012:role/ecs/infra");
    assert_eq!(iam(&mut state, "CreateRole", body).unwrap_err().code, "EntityAlreadyExists");
    let seen = iam(&mut state, "GetRole", json!({"RoleName": "infra"})).unwrap();
    assert_eq!(seen["Role"]["AssumeRolePolicyDocument"], encoded(TRUST));
    assert_eq!(seen["Role"]["MaxSessionDuration"], 7200);
    let other = TRUST.replace("ecs.", "codedeploy.");
    iam(&mut state, "UpdateAssumeRolePolicy", json!({"RoleName": "infra", "PolicyDocument": other})).unwrap();
    let seen = iam(&mut state, "GetRole", json!({"RoleName": "infra"})).unwrap();
    assert_eq!(seen["Role"]["AssumeRolePolicyDocument"], encoded(&other));

    let policy = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers";
    let attach = json!({"RoleName": "infra", "PolicyArn": policy});
    iam(&mut state, "AttachRolePolicy", attach.clone()).unwrap();
    let listed = iam(&mut state, "ListAttachedRolePolicies", json!({"RoleName": "infra"})).unwrap();
    assert_eq!(listed["AttachedPolicies"][0]["PolicyName"], "AmazonECSInfrastructureRolePolicyForLoadBalancers");
    let role = json!({"RoleName": "infra"});
    assert_eq!(iam(&mut state, "DeleteRole", role.clone()).unwrap_err().code, "DeleteConflict");
    iam(&mut state, "DetachRolePolicy", attach.clone()).unwrap();
    assert_eq!(iam(&mut state, "DetachRolePolicy", attach).unwrap_err().code, "NoSuchEntity");
    iam(&mut state, "DeleteRole", role.clone()).unwrap();
    let error = iam(&mut state, "GetRole", role).unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("NoSuchEntity", 404));
    assert_eq!(error.message, "The role with name infra cannot be found.");
}

#[test]
fn a_document_is_percent_encoded() {
    assert_eq!(encoded(r#"{"a": "ü/b-c_d.e~f"}"#), "%7B%22a%22%3A%20%22%C3%BC%2Fb-c_d.e~f%22%7D");
}

#[test]
fn what_is_wrong_is_refused() {
    let mut state = state();
    let with = |document: &str| json!({"RoleName": "x", "AssumeRolePolicyDocument": document});
    for (operation, body, code) in [
        ("CreateRole", json!({}), "ValidationError"),
        ("CreateRole", json!({"RoleName": "a b", "AssumeRolePolicyDocument": TRUST}), "ValidationError"),
        ("CreateRole", json!({"RoleName": "x", "Path": "x", "AssumeRolePolicyDocument": TRUST}), "ValidationError"),
        ("CreateRole", json!({"RoleName": "x", "MaxSessionDuration": 1, "AssumeRolePolicyDocument": TRUST}), "ValidationError"),
        ("CreateRole", with("{"), "MalformedPolicyDocument"),
        ("CreateRole", with("{}"), "MalformedPolicyDocument"),
        ("CreateRole", with(&TRUST.replace("Allow", "Maybe")), "MalformedPolicyDocument"),
        ("CreateRole", with(&TRUST.replace("Principal", "Resource")), "MalformedPolicyDocument"),
        ("GetRole", json!({"RoleName": "none"}), "NoSuchEntity"),
        ("ListAttachedRolePolicies", json!({"RoleName": "none"}), "NoSuchEntity"),
        ("AttachRolePolicy", json!({"RoleName": "none", "PolicyArn": "arn:aws:iam::aws:policy/x"}), "NoSuchEntity"),
    ] {
        assert_eq!(iam(&mut state, operation, body.clone()).unwrap_err().code, code, "{operation} {body}");
    }
    iam(&mut state, "CreateRole", with(TRUST)).unwrap();
    let body = json!({"RoleName": "x", "PolicyArn": "arn:aws:iam::123456789012:policy/none"});
    assert_eq!(iam(&mut state, "AttachRolePolicy", body).unwrap_err().code, "NoSuchEntity");
}
