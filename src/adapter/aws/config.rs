//! Who calls AWS, from where, and which AWS: credentials as the AWS CLI finds them, or the sandbox's endpoint.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Timestamp;
use shipit_core::failure::{Code, Failure};

use super::github::Job;
use super::http::Web;
use crate::port::{Clock, Secret};

/// How long it may take to have credentials.
const LOAD: Duration = Duration::from_secs(30);
/// How long before their end credentials are had anew.
const AHEAD: Duration = Duration::from_secs(60);

/// Which AWS, and as whom.
#[derive(Clone)]
pub struct Target {
    /// `region:`; else as the AWS CLI finds it.
    pub region: Option<String>,
    /// `--profile`; else `AWS_PROFILE`.
    pub profile: Option<String>,
    /// ARN of the role to assume on top of the credentials found.
    pub assume_role: Option<String>,
    /// `endpoint_url` for every service; else AWS's own, or `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.
    pub endpoint: Option<String>,
    /// Where the credentials come from.
    pub credentials: Credentials,
    /// The target's clock.
    pub clock: Clock,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            assume_role: None,
            endpoint: None,
            credentials: Credentials::Found,
            clock: Clock::starting(Timestamp::now(), 1.0),
        }
    }
}

/// Where credentials come from.
#[derive(Clone, Default)]
pub enum Credentials {
    /// As the AWS CLI finds them: environment, profile, SSO, process, web identity, container, instance; before all of them
    /// the role of a GitHub job, see [`super::github`].
    #[default]
    Found,
    /// These: the sandbox's.
    Static {
        /// The access key id.
        key: String,
        /// The secret access key.
        secret: Secret<String>,
    },
}

/// The SDK's configuration for a target; retries are the SDK's standard ones.
pub(super) async fn load(target: &Target, web: &Web) -> Result<SdkConfig, Failure> {
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60)).build();
    // More tries than the SDK's three, the first of them sooner: a look is a dozen calls, and all of them must come through.
    let retries = RetryConfig::standard().with_max_attempts(6).with_initial_backoff(Duration::from_millis(250));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(web.sdk_client())
        .timeout_config(timeouts)
        .retry_config(retries.with_max_backoff(Duration::from_secs(5)));
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &target.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Credentials::Static { key, secret } = &target.credentials {
        loader = loader.credentials_provider(aws_credential_types::Credentials::new(
            key.clone(),
            secret.reveal().clone(),
            None,
            None,
            "shipit",
        ));
    }
    let mut found = loader.load().await;
    let region = found.region().cloned().ok_or_else(no_region)?;
    if let (Credentials::Found, None) = (&target.credentials, &target.profile)
        && let Some(job) = Job::of(&|name| std::env::var(name).ok())?
    {
        let taken = SharedCredentialsProvider::new(job.credentials(&found, web.clone()));
        // Two requests, and both may be made again; and no look begins with credentials that end during it.
        let kept = IdentityCache::lazy().load_timeout(LOAD).buffer_time(AHEAD);
        found = found.into_builder().credentials_provider(taken).identity_cache(kept.build()).build();
    }
    let Some(role) = &target.assume_role else {
        return Ok(found);
    };
    let provider = AssumeRoleProvider::builder(role).configure(&found).region(region).session_name("shipit").build().await;
    let assumed = SharedCredentialsProvider::new(provider);
    Ok(found.into_builder().credentials_provider(assumed).build())
}

fn no_region() -> Failure {
    Failure::new(Code::NoRegion, "no AWS region is set")
        .because("neither the pipeline file, `AWS_REGION`, nor the AWS profile names one")
        .next("add `region: <region>` to the pipeline file, or `export AWS_REGION=<region>`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_target_beats_the_environment() {
        let target = Target {
            region: Some("ap-northeast-2".to_owned()),
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            credentials: Credentials::Static { key: "sandbox".to_owned(), secret: Secret::new("secret".to_owned()) },
            ..Target::default()
        };
        let sdk = load(&target, &Web::new(super::super::http::Trust::System)).await.unwrap();
        assert_eq!(sdk.region().map(AsRef::as_ref), Some("ap-northeast-2"));
        assert_eq!(sdk.endpoint_url(), Some("http://127.0.0.1:1"));
    }
}
