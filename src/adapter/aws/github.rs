//! A role taken by GitHub's own tokens, without static keys. Each time credentials are asked for there is a fresh token, so
//! that a rollout may outlive the session, which ends after an hour.

use std::fmt;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use serde_json::Value;
use shipit_core::failure::{Code, Failure};

use super::http::Web;
use crate::port::Secret;

/// The `aud` that IAM's identity provider for GitHub expects ("Configuring OpenID Connect in Amazon Web Services").
const AUDIENCE: &str = "sts.amazonaws.com";
/// AWS takes no longer session name.
const LONGEST_NAME: usize = 64;

/// Looks up an environment variable.
type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// What a job knows: where its tokens are, and which role they are for.
pub struct Job {
    address: String,
    bearer: Secret<String>,
    role: String,
    session: String,
}

impl Job {
    /// By the environment: `AWS_ROLE_ARN` in a job that may ask for tokens. None where no role is named, or where another
    /// token for it lies in a file.
    ///
    /// # Errors
    /// `NoCredentials`: a role is named, and the job may not ask for tokens.
    pub fn of(env: Env<'_>) -> std::result::Result<Option<Self>, Failure> {
        let get = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let Some(role) = get("AWS_ROLE_ARN").filter(|_| get("AWS_WEB_IDENTITY_TOKEN_FILE").is_none()) else { return Ok(None) };
        if get("GITHUB_ACTIONS").is_none() {
            return Ok(None);
        }
        let tokens = get("ACTIONS_ID_TOKEN_REQUEST_URL").zip(get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
        let (address, bearer) = tokens.ok_or_else(|| may_not_ask(&role))?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@-_".contains(letter);
        let session = get("AWS_ROLE_SESSION_NAME").or_else(|| Some(format!("shipit-{}", get("GITHUB_RUN_ID")?)));
        let session = session.unwrap_or_else(|| "shipit".to_owned());
        let session = session.chars().filter(|letter| allowed(*letter)).take(LONGEST_NAME).collect();
        Ok(Some(Self { address, bearer: Secret::new(bearer), role, session }))
    }

    /// Its credentials; `sdk` says which STS.
    pub(super) fn credentials(self, sdk: &SdkConfig, web: Web) -> GitHub {
        let mut unsigned = sdk.to_builder();
        unsigned.set_credentials_provider(None);
        GitHub { job: self, sts: aws_sdk_sts::Client::new(&unsigned.build()), web }
    }
}

fn may_not_ask(role: &str) -> Failure {
    Failure::new(Code::NoCredentials, format!("this job cannot take the role `{role}`"))
        .because("GitHub gives it no token: `ACTIONS_ID_TOKEN_REQUEST_URL` is not set")
        .next("add `permissions: { id-token: write, contents: read }` to the job")
        .next("or unset `AWS_ROLE_ARN`, where the keys in its environment are meant")
}

/// Takes the role whenever credentials are asked for.
pub(super) struct GitHub {
    job: Job,
    sts: aws_sdk_sts::Client,
    web: Web,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role {} by GitHub's tokens", self.job.role)
    }
}

impl ProvideCredentials for GitHub {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.take())
    }
}

impl GitHub {
    async fn take(&self) -> Result {
        let token =
            self.token().await.map_err(|why| CredentialsError::provider_error(format!("GitHub gives no token: {why}")))?;
        let asked = self.sts.assume_role_with_web_identity().role_arn(&self.job.role).role_session_name(&self.job.session);
        let reply = asked.web_identity_token(token.reveal()).send().await.map_err(CredentialsError::provider_error)?;
        let unreadable = || CredentialsError::provider_error("STS answers no credentials");
        let given = reply.credentials.ok_or_else(unreadable)?;
        let until = SystemTime::try_from(given.expiration).map_err(CredentialsError::provider_error)?;
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), Some(until), "GitHub"))
    }

    /// A fresh one; it lives for minutes.
    async fn token(&self) -> std::result::Result<Secret<String>, String> {
        let mut address = reqwest::Url::parse(&self.job.address).map_err(|error| error.to_string())?;
        address.query_pairs_mut().append_pair("audience", AUDIENCE);
        let answer = self.web.get(address.as_str(), Some(&format!("bearer {}", self.job.bearer.reveal()))).await?;
        let status = answer.status;
        let body = answer.bytes().await?;
        if status != 200 {
            return Err(format!("its token endpoint answers {status}"));
        }
        let reply: Value = serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())?;
        let token = reply["value"].as_str().ok_or("its answer has no token")?;
        Ok(Secret::new(token.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAY_ASK: [(&str, &str); 3] = [
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token?job=7"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"),
    ];

    fn job(variables: &[(&str, &str)]) -> std::result::Result<Option<Job>, Failure> {
        Job::of(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_role_is_taken_by_tokens_only_where_it_is_named() {
        let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci");
        assert!(job(&MAY_ASK).unwrap().is_none(), "no role is named");
        assert!(job(&[role]).unwrap().is_none(), "this is not GitHub");
        let in_file = [&MAY_ASK[..], &[role, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")]].concat();
        assert!(job(&in_file).unwrap().is_none(), "the SDK reads it");
        let failure = job(&[role, ("GITHUB_ACTIONS", "true")]).err().unwrap();
        assert_eq!(failure.code, Code::NoCredentials);
        assert!(failure.next[0].contains("id-token: write"), "{failure:?}");
        let run = ("GITHUB_RUN_ID", "7");
        let named = job(&[&MAY_ASK[..], &[role, run]].concat()).unwrap().unwrap();
        assert_eq!((named.role.as_str(), named.session.as_str()), (role.1, "shipit-7"));
        let session = job(&[&MAY_ASK[..], &[role, run, ("AWS_ROLE_SESSION_NAME", "web shop/7")]].concat()).unwrap().unwrap();
        assert_eq!(session.session, "webshop7", "as AWS takes it");
    }
}
