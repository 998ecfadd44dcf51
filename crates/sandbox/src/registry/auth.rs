//! Who may use the registry: the user `AWS` with a password of GetAuthorizationToken that has not expired.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Registry;
use super::refusal::Refusal;
use crate::ecr::token::{Password, USER};

impl Registry {
    /// Lets a request in.
    ///
    /// # Errors
    /// 401 with a challenge when nobody knows the password, 403 when it has expired.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let state = self.shared.lock();
        let worth = match password(headers) {
            Some(password) => state.password(&password, state.clock.now()),
            None => Password::Unknown,
        };
        match worth {
            Password::Good => Ok(()),
            Password::Expired => Err(Refusal::expired()),
            Password::Unknown => Err(Refusal::unauthorized(&state.address)),
        }
    }
}

fn password(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let decoded = STANDARD.decode(token.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    (scheme.eq_ignore_ascii_case("basic") && user == USER).then(|| password.to_owned())
}
