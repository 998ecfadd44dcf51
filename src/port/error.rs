//! What a port could not do: the kind for the engine, four parts for a person.

use shipit_core::failure::{Code, Failure};

use super::denied;

/// What a port could not do. The engine acts on the kind; a person reads it as a [`Failure`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum PortError {
    /// The thing asked about does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// What, with its name.
        what: String,
    },
    /// AWS denies the operation.
    #[error("AWS denies `{action}`: {message}")]
    Denied {
        /// The IAM action, e.g. `ecs:UpdateService`.
        action: String,
        /// AWS's text.
        message: String,
    },
    /// The credentials have expired or are not valid.
    #[error("the credentials are not accepted: {message}")]
    Expired {
        /// AWS's text.
        message: String,
    },
    /// AWS throttles; trying again later may help.
    #[error("AWS throttles `{action}`")]
    Throttled {
        /// The IAM action.
        action: String,
    },
    /// No answer, or a 5xx; trying again later may help.
    #[error("{what} cannot be reached: {message}")]
    Unreachable {
        /// What.
        what: String,
        /// The cause.
        message: String,
    },
    /// The request was understood and refused.
    #[error("`{action}` was refused: {code}: {message}")]
    Refused {
        /// The IAM action or operation.
        action: String,
        /// AWS's error code.
        code: String,
        /// AWS's text.
        message: String,
    },
    /// The adapter knows exactly what to tell a person.
    #[error("{}", .0.what)]
    Failed(Box<Failure>),
}

impl PortError {
    /// Trying the same again later may help.
    pub fn is_passing(&self) -> bool {
        self.is_throttled() || matches!(self, PortError::Unreachable { .. })
    }

    /// What was shown as proof of who asks has ended; with a newer one the same may succeed.
    pub fn is_expired(&self) -> bool {
        match self {
            PortError::Expired { .. } => true,
            PortError::Failed(failure) => failure.code == Code::ExpiredCredentials,
            _ => false,
        }
    }

    /// AWS has not even looked at the request.
    pub fn is_throttled(&self) -> bool {
        matches!(self, PortError::Throttled { .. })
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        PortError::Failed(Box::new(failure))
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let what = error.to_string();
        match error {
            PortError::Failed(failure) => *failure,
            PortError::NotFound { .. } => Failure::new(Code::AwsRefused, what),
            PortError::Denied { action, message } => denied::failure(&action, &message),
            PortError::Expired { message } => Failure::new(Code::ExpiredCredentials, "the AWS credentials are not accepted")
                .because(message)
                .next("renew them: `aws sso login`, or the session of the CI's role")
                .next("then run the same command again: what is done is not done twice"),
            PortError::Throttled { action } => Failure::new(Code::Throttled, format!("AWS throttles `{action}`"))
                .because("the account's request rate was exceeded for longer than shipit retries")
                .next("run the same command again: what is done is not done twice"),
            PortError::Unreachable { what, message } => Failure::new(Code::Unreachable, format!("{what} cannot be reached"))
                .because(message)
                .next("check the network, the proxy and the region, then run the same command again"),
            PortError::Refused { code, message, action } => {
                Failure::new(Code::AwsRefused, format!("`{action}` was refused")).because(format!("{code}: {message}"))
            }
        }
    }
}
