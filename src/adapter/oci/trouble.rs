//! What a registry answers that is no success, by what can be done about it.

use std::time::Duration;

use serde_json::Value;

use crate::adapter::aws::http::Reply;
use crate::port::PortError;

/// What a registry could not do, or would not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer, a connection that broke, or a 5xx: trying again later may help.
    #[error("the registry `{registry}` cannot be reached: {message}")]
    Unreachable {
        /// Which.
        registry: String,
        /// The cause.
        message: String,
        /// How long the registry asks to wait.
        wait: Option<Duration>,
    },
    /// 429: trying again later helps.
    #[error("the registry throttles `{action}`")]
    Throttled {
        /// The IAM action.
        action: &'static str,
        /// How long the registry asks to wait.
        wait: Option<Duration>,
    },
    /// It has no space left: that does not pass by itself.
    #[error("{message}")]
    Full {
        /// The IAM action.
        action: &'static str,
        /// The registry's words.
        message: String,
    },
    /// The login has ended.
    #[error("{message}")]
    Expired {
        /// The registry's words.
        message: String,
    },
    /// 401: the registry does not know the login.
    #[error("{message}")]
    Stranger {
        /// The registry's words.
        message: String,
    },
    /// The login may not do that.
    #[error("{message}")]
    Denied {
        /// The IAM action.
        action: &'static str,
        /// The registry's words.
        message: String,
    },
    /// Refused for another reason.
    #[error("{message}")]
    Refused {
        /// The IAM action.
        action: &'static str,
        /// OCI's code, or HTTP's status.
        code: String,
        /// The registry's words.
        message: String,
    },
}

impl Trouble {
    /// Reads a reply.
    pub(super) async fn of(registry: &str, action: &'static str, reply: Reply) -> Self {
        let status = reply.status;
        let wait = reply.header("retry-after").and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap_or_default()).unwrap_or_default();
        let text = |place: &str| body.pointer(place).and_then(Value::as_str).map(str::to_owned);
        let message = text("/errors/0/message").unwrap_or_else(|| format!("the registry answers HTTP {status}"));
        let code = text("/errors/0/code").unwrap_or_else(|| status.to_string());
        let ended = message.to_lowercase().contains("token has expired");
        match status {
            401 => Trouble::Stranger { message },
            403 if ended => Trouble::Expired { message },
            403 => Trouble::Denied { action, message },
            429 => Trouble::Throttled { action, wait },
            // Some registries have no status of its own for it.
            507 => Trouble::Full { action, message },
            500.. if message.to_lowercase().contains("no space left on device") => Trouble::Full { action, message },
            500.. => Trouble::Unreachable { registry: registry.to_owned(), message, wait },
            _ => Trouble::Refused { action, code, message },
        }
    }

    /// Trying again may help, after this long where the registry says so.
    pub fn passes(&self) -> Option<Option<Duration>> {
        match self {
            Trouble::Unreachable { wait, .. } | Trouble::Throttled { wait, .. } => Some(*wait),
            Trouble::Full { .. }
            | Trouble::Expired { .. }
            | Trouble::Stranger { .. }
            | Trouble::Denied { .. }
            | Trouble::Refused { .. } => None,
        }
    }
}

impl Trouble {
    /// In one line, as Docker's tools say it: what it is, then the registry's words.
    pub fn words(&self) -> String {
        match self {
            Trouble::Stranger { message } => format!("unauthorized: {message}"),
            Trouble::Expired { message } | Trouble::Denied { message, .. } => format!("denied: {message}"),
            Trouble::Full { message, .. } => format!("insufficient storage: {message}"),
            Trouble::Refused { code, message, .. } => format!("{}: {message}", code.to_lowercase().replace('_', " ")),
            other => other.to_string(),
        }
    }
}

impl From<Trouble> for PortError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unreachable { registry, message, .. } => {
                PortError::Unreachable { what: format!("the registry `{registry}`"), message }
            }
            Trouble::Throttled { action, .. } => PortError::Throttled { action: action.to_owned() },
            Trouble::Expired { message } | Trouble::Stranger { message } => PortError::Expired { message },
            Trouble::Denied { action, message } => PortError::Denied { action: action.to_owned(), message },
            Trouble::Full { action, message } => {
                PortError::Refused { action: action.to_owned(), code: "507".to_owned(), message }
            }
            Trouble::Refused { action, code, message } => PortError::Refused { action: action.to_owned(), code, message },
        }
    }
}
