//! GetCallerIdentity, AssumeRole, AssumeRoleWithWebIdentity.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Caller;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// Its operations.
pub const TABLE: Table = &[
    ("GetCallerIdentity", get_caller_identity),
    ("AssumeRole", assume_role),
    ("AssumeRoleWithWebIdentity", assume_role_with_web_identity),
];

fn get_caller_identity(state: &mut State, _: Value) -> Result<Value, AwsError> {
    let caller = state.caller();
    Ok(json!({"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account}))
}

fn assume_role(state: &mut State, body: Value) -> Result<Value, AwsError> {
    session(state, &body)
}

fn assume_role_with_web_identity(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let token = required(&body, "WebIdentityToken")?;
    let claims = claims(token);
    let subject = claims["sub"].as_str().unwrap_or("sandbox").to_owned();
    let mut reply = session(state, &body)?;
    reply["SubjectFromWebIdentityToken"] = subject.into();
    reply["Audience"] = match &claims["aud"] {
        Value::String(audience) => audience.clone().into(),
        _ => "sts.amazonaws.com".into(),
    };
    reply["Provider"] = claims["iss"].as_str().unwrap_or("sandbox").into();
    Ok(reply)
}

/// Gives out credentials of the role's own account, and remembers whose they are.
fn session(state: &mut State, body: &Value) -> Result<Value, AwsError> {
    let role_arn = required(body, "RoleArn")?;
    let name = required(body, "RoleSessionName")?;
    let invalid = || AwsError::new("ValidationError", format!("{role_arn} is invalid"));
    let (account, role) = role_of(role_arn).ok_or_else(invalid)?;
    let seconds = match &body["DurationSeconds"] {
        Value::Null => 3600,
        given => given
            .as_str()
            .and_then(|it| it.parse().ok())
            .filter(|it| (900..=43_200).contains(it))
            .ok_or_else(|| AwsError::new("ValidationError", "The requested DurationSeconds is not between 900 and 43200."))?,
    };
    let number = state.next();
    let role_id = format!("AROA{}", letters(role_arn, 17));
    let caller = Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        user_id: format!("{role_id}:{name}"),
    };
    let access_key = format!("ASIA{}", letters(&format!("{role_arn}/{name}/{number}"), 16));
    let secret = STANDARD.encode(Sha256::digest(&access_key));
    let reply = json!({
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": secret,
            "SessionToken": format!("sandbox-{number}-{secret}"),
            "Expiration": state.now_seconds() + f64::from(seconds),
        },
        "AssumedRoleUser": {"AssumedRoleId": caller.user_id, "Arn": caller.arn},
    });
    state.sts.sessions.insert(access_key, caller);
    Ok(reply)
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, AwsError> {
    let missing = || {
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        AwsError::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ),
        )
    };
    body[name].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// Account and name of `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &[_, _, "iam", _, account, resource] = parts.as_slice() else {
        return None;
    };
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty()).then_some((account, name))
}

/// The claims of a JSON web token, unchecked; null when it is not one.
fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok());
    claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
}

/// Capital letters and digits that stand for a text, as in AWS's ids.
fn letters(text: &str, count: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    Sha256::digest(text).iter().take(count).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn state() -> State {
        State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into())
    }

    #[test]
    fn any_key_is_the_sandbox_s_own_account() {
        let mut state = state();
        state.call_as("AKIAANYTHING");
        let reply = get_caller_identity(&mut state, json!({})).unwrap();
        assert_eq!(reply["Account"], "000000000000");
        assert_eq!(reply["Arn"], "arn:aws:iam::000000000000:user/sandbox");
    }

    #[test]
    fn an_assumed_role_is_of_its_own_account() {
        let mut state = state();
        let body = json!({"RoleArn": "arn:aws:iam::123456789012:role/ci/deploy", "RoleSessionName": "me"});
        let reply = assume_role(&mut state, body).unwrap();
        let access_key = reply["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
        assert_eq!(access_key.len(), 20);
        state.call_as(&access_key);
        let caller = get_caller_identity(&mut state, json!({})).unwrap();
        assert_eq!(caller["Account"], "123456789012");
        assert_eq!(caller["Arn"], "arn:aws:sts::123456789012:assumed-role/deploy/me");
        assert_eq!(caller["Arn"], reply["AssumedRoleUser"]["Arn"]);
        state.call_as("AKIAANYTHING");
        assert_eq!(state.caller().account, "000000000000");
    }

    #[test]
    fn a_web_identity_tells_its_subject() {
        let mut state = state();
        let claims = URL_SAFE_NO_PAD.encode(br#"{"sub":"repo:org/shop:ref:refs/heads/main","aud":"sts.amazonaws.com"}"#);
        let body = json!({
            "RoleArn": "arn:aws:iam::123456789012:role/deploy",
            "RoleSessionName": "me",
            "WebIdentityToken": format!("e30.{claims}.x"),
        });
        let reply = assume_role_with_web_identity(&mut state, body).unwrap();
        assert_eq!(reply["SubjectFromWebIdentityToken"], "repo:org/shop:ref:refs/heads/main");
    }

    #[test]
    fn what_is_no_role_is_refused() {
        for body in [
            json!({}),
            json!({"RoleArn": "arn:aws:iam::123456789012:user/x", "RoleSessionName": "me"}),
            json!({"RoleArn": "arn:aws:iam::1:role/x", "RoleSessionName": "me"}),
            json!({"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "me", "DurationSeconds": "1"}),
        ] {
            assert_eq!(assume_role(&mut state(), body).unwrap_err().code, "ValidationError");
        }
    }
}
