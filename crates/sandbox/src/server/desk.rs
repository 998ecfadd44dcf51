//! Where a call is carried out: faults first, then the handler, then the word to the loops.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use super::accept::Dropped;
use crate::dispatch::{self, Service};
use crate::error::AwsError;
use crate::faults::Kind;
use crate::loops::Loops;
use crate::record::Recorder;
use crate::{admin, registry};

/// Everything a request may need.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) loops: Loops,
    pub(super) registry: Router,
    pub(super) admin: Router,
    pub(super) recorder: Option<Recorder>,
}

impl Desk {
    pub(super) fn new(loops: Loops, recorder: Option<Recorder>) -> Self {
        let registry = registry::router(Arc::clone(&loops.shared));
        let admin = admin::router(loops.clone());
        Self { loops, registry, admin, recorder }
    }

    /// Carries out a call of this access key, or lets a fault have it.
    pub(super) fn call(
        &self,
        service: Service,
        operation: &str,
        body: Value,
        access_key: &str,
    ) -> Result<Result<Value, AwsError>, Dropped> {
        let mut state = self.loops.shared.lock();
        state.call_as(access_key);
        let stale = match state.faults.on_call(service, operation) {
            Some(Kind::Drop {}) => return Err(Dropped),
            Some(Kind::Stale { seconds }) => Some(seconds),
            Some(kind) => match kind.error(&state, service, operation, &body) {
                Some(error) => return Ok(Err(error)),
                None => None,
            },
            None => None,
        };
        let read = dispatch::is_read(operation);
        let key = (read && state.faults.can_be_stale()).then(|| (service, operation.to_owned(), body.to_string()));
        let answer = dispatch::call(&mut state, service, operation, body);
        let now = state.clock.now();
        if !read {
            state.faults.wrote(service, now);
            drop(state);
            self.loops.shared.ring();
            return Ok(answer);
        }
        Ok(match (key, answer) {
            (Some(key), Ok(fresh)) => Ok(state.faults.stale(key, fresh, stale.unwrap_or_default(), now)),
            (_, answer) => answer,
        })
    }
}

/// A request id as AWS gives it: a random UUID.
pub(super) fn request_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let id = request_id();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
        assert_ne!(id, request_id());
    }
}
