//! Who the credentials are.

use async_trait::async_trait;
use aws_config::SdkConfig;

use super::error::AwsError;
use super::operation;
use crate::port::{Account, PortError, PortResult};

/// Asks STS.
pub struct Caller {
    sts: aws_sdk_sts::Client,
    region: String,
}

impl Caller {
    /// For a configuration that names a region.
    pub fn new(sdk: &SdkConfig) -> Self {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        Self { sts: aws_sdk_sts::Client::new(sdk), region }
    }
}

#[async_trait]
impl Account for Caller {
    async fn whoami(&self) -> PortResult<(String, String)> {
        let operation = operation::GET_CALLER_IDENTITY;
        let identity =
            self.sts.get_caller_identity().send().await.map_err(|error| PortError::from(AwsError::of(operation, &error)))?;
        let account = identity.account.ok_or_else(|| PortError::Refused {
            action: operation.action(),
            code: "UnreadableReply".to_owned(),
            message: "the reply names no account".to_owned(),
        })?;
        Ok((account, self.region.clone()))
    }
}
