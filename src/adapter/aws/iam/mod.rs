//! Whom a role trusts: IAM's GetRole, in the envelope of STS, whose client is there anyway and speaks the same protocol.

mod trust;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_sdk_sts::config::Builder;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SigningName;
use aws_types::service_config::ServiceConfigKey;

use super::error::{AwsError, Kind};
use super::{operation, tap};
use crate::port::{PortError, PortResult, Roles};

/// What STS's client reads in place of IAM's reply.
const INSTEAD: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                       </GetCallerIdentityResult></GetCallerIdentityResponse>";

/// IAM of the account, by its one endpoint of the partition.
pub struct Iam {
    sts: aws_sdk_sts::Client,
}

impl Iam {
    /// Of the account of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        let (endpoint, region) = global(sdk.region().map(AsRef::as_ref).unwrap_or_default());
        let endpoint = configured(sdk).or_else(|| sdk.endpoint_url().map(str::to_owned)).unwrap_or_else(|| endpoint.to_owned());
        let config = Builder::from(sdk).endpoint_url(endpoint).region(Region::from_static(region));
        Self { sts: aws_sdk_sts::Client::from_conf(config.build()) }
    }

    /// IAM's reply to GetRole, as XML.
    async fn role(&self, name: &str) -> Result<String, AwsError> {
        let body = format!("Action=GetRole&Version=2010-05-08&RoleName={}", trust::encoded(name));
        let mut config = Builder::new();
        let reply = self.sts.config().http_client().map(|inner| {
            let (tapped, reply) = tap::tapped(inner, INSTEAD);
            config.set_http_client(Some(tapped));
            reply
        });
        let sent = self
            .sts
            .get_caller_identity()
            .customize()
            .interceptor(SignedAsIam)
            .mutate_request(move |request| {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.clone());
            })
            .config_override(config)
            .send()
            .await;
        sent.map_err(|error| AwsError::of(operation::GET_ROLE, &error))?;
        let bytes = reply.map(|reply| reply.take()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[async_trait]
impl Roles for Iam {
    async fn trusted_services(&self, role: &str) -> PortResult<BTreeSet<String>> {
        let name = role.rsplit('/').next().unwrap_or(role);
        let reply = self.role(name).await.map_err(|error| match error.code() {
            Some("NoSuchEntity") => PortError::NotFound { what: format!("role `{name}`") },
            _ => error.into(),
        })?;
        trust::document(&reply).map(|document| trust::services(&document)).ok_or_else(|| {
            let message = "the reply names no trust policy".to_owned();
            let kind = Kind::Answered { status: 200, code: "UnreadableReply".to_owned(), message };
            AwsError { operation: operation::GET_ROLE, kind }.into()
        })
    }
}

/// `AWS_ENDPOINT_URL_IAM`, or the profile's.
fn configured(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("IAM").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    sdk.service_config()?.load_config(key)
}

/// IAM's endpoint, and the region that its requests are signed for
/// (<https://docs.aws.amazon.com/general/latest/gr/iam-service.html>).
fn global(region: &str) -> (&'static str, &'static str) {
    match region {
        it if it.starts_with("cn-") => ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        it if it.starts_with("us-gov-") => ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
        _ => ("https://iam.amazonaws.com", "us-east-1"),
    }
}

/// The request is signed for IAM.
#[derive(Debug)]
struct SignedAsIam;

impl Intercept for SignedAsIam {
    fn name(&self) -> &'static str {
        "SignedAsIam"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SigningName::from_static("iam"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::adapter::aws::canned::{Canned, Reply};

    #[tokio::test]
    async fn a_role_is_asked_for_in_iam_s_own_words_and_signed_for_iam_also_after_throttling() {
        let times = std::sync::atomic::AtomicU32::new(0);
        let error =
            |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
        let server = Canned::start(move |asked| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::status(400, error("Throttling")),
            _ if asked.body.ends_with("none") => Reply::status(404, error("NoSuchEntity")),
            _ => Reply::ok(
                "<GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C\
                 %22Action%22%3A%22sts%3AAssumeRole%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ecs.amazonaws.com%22%7D%7D%7D\
                 </AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>",
            ),
        })
        .await;
        let iam = Iam::new(&server.sdk(3));
        let services = iam.trusted_services("arn:aws:iam::123456789012:role/deploys/a@b").await.unwrap();
        assert_eq!(services, BTreeSet::from(["ecs.amazonaws.com".to_owned()]));
        let asked = server.asked();
        assert_eq!(asked.len(), 2);
        for asked in asked {
            assert_eq!(asked.body, "Action=GetRole&Version=2010-05-08&RoleName=a%40b");
            assert!(asked.header("authorization").contains("/us-east-1/iam/aws4_request"), "{asked:?}");
        }
        let missing = iam.trusted_services("none").await.unwrap_err();
        assert!(matches!(&missing, PortError::NotFound { what } if what == "role `none`"), "{missing}");
    }

    #[test]
    fn each_partition_has_its_own_endpoint() {
        for (region, endpoint, signed) in [
            ("eu-west-1", "https://iam.amazonaws.com", "us-east-1"),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ] {
            assert_eq!(global(region), (endpoint, signed));
        }
    }
}
