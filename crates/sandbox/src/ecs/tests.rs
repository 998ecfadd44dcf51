//! ECS through its own operations, as a client sees it; the world is told by hand.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::dispatch::{Service as Aws, call as dispatch};
use crate::error::AwsError;
use crate::state::State;

/// An account with a cluster `prod`.
pub(super) fn state() -> State {
    let mut state = State::new("123456789012".into(), "us-east-1".into(), Clock::start(1.0), "/nowhere".into());
    state.address = "127.0.0.1:4566".into();
    call(&mut state, "CreateCluster", json!({"clusterName": "prod"}));
    state
}

/// The reply of an operation that must succeed.
pub(super) fn call(state: &mut State, operation: &str, body: Value) -> Value {
    match dispatch(state, Aws::Ecs, operation, body.clone()) {
        Ok(reply) => reply,
        Err(error) => panic!("{operation} {body}: {error:?}"),
    }
}

/// The error of an operation that must not.
pub(super) fn refused(state: &mut State, operation: &str, body: Value) -> AwsError {
    match dispatch(state, Aws::Ecs, operation, body.clone()) {
        Ok(reply) => panic!("{operation} {body} was not refused: {reply}"),
        Err(error) => error,
    }
}
