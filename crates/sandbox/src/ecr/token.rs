//! GetAuthorizationToken, and whether a password is good.

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shipit_scheduler::{Span, Time};

use super::request::{length, read};
use crate::clock::Clock;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::registry::store::hex;
use crate::state::State;

/// GetAuthorizationToken.
pub const TABLE: Table = &[("GetAuthorizationToken", get_authorization_token)];

/// How long a token is good, in virtual time.
pub const VALID: Span = Span::seconds(12 * 3600);

/// The user name of every token.
pub const USER: &str = "AWS";

/// What a password is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// Given out and not expired.
    Good,
    /// Given out too long ago.
    Expired,
    /// Never given out.
    Unknown,
}

impl State {
    /// Gives out a password for the registry's user `AWS`.
    pub fn registry_password(&mut self) -> String {
        let now = self.clock.now();
        // Expired ones are kept for a while: they get another answer than unknown ones.
        self.ecr.tokens.retain(|_, until| *until + VALID > now);
        let count = self.next();
        let mut hash = Sha256::new();
        for salt in 0..4_u64 {
            hash.update(RandomState::new().hash_one((salt, count)).to_le_bytes());
        }
        let password = hex(&hash.finalize());
        self.ecr.tokens.insert(password.clone(), now + VALID);
        password
    }

    /// Is a password good at a time?
    pub fn password(&self, password: &str, now: Time) -> Password {
        match self.ecr.tokens.get(password) {
            Some(until) if *until > now => Password::Good,
            Some(_) => Password::Expired,
            None => Password::Unknown,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Get {
    registry_ids: Option<Vec<String>>,
}

/// AWS's endpoint is `https`; the sandbox's registry is plain HTTP on the loopback, which Docker accepts.
fn get_authorization_token(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Get = read(body)?;
    let registries = match request.registry_ids {
        None => 1,
        Some(ids) => {
            length("registryIds", &ids, 10)?;
            ids.len()
        }
    };
    let expires = state.clock.now() + VALID;
    let data: Vec<Value> = (0..registries)
        .map(|_| {
            let token = STANDARD.encode(format!("{USER}:{}", state.registry_password()));
            json!({
                "authorizationToken": token,
                "expiresAt": Clock::seconds(expires),
                "proxyEndpoint": format!("http://{}", state.address),
            })
        })
        .collect();
    Ok(json!({"authorizationData": data}))
}
