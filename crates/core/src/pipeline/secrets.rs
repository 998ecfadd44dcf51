//! What a build is given that must not stay in the image, and what in an image is none of that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The secrets of one image's build. Only where they come from: values are read when the build begins, and kept nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// `secrets:`, by the id in `RUN --mount=type=secret,id=…`.
    pub from: BTreeMap<String, SecretSource>,
    /// `ssh:`.
    pub agent: Agent,
    /// `not_secret:`.
    pub exceptions: Vec<NotSecret>,
}

impl Secrets {
    /// The build needs a session in which it is given something.
    pub fn are_used(&self) -> bool {
        !self.from.is_empty() || self.agent == Agent::Forwarded
    }
}

/// Where the value of a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
}

/// What `RUN --mount=type=ssh` reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// Nothing.
    #[default]
    None,
    /// The SSH agent of `SSH_AUTH_SOCK`.
    Forwarded,
}

/// Something in the image that looks like a secret and is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSecret {
    /// The file in the image, with `*` and `**`; or `ENV NAME`, `LABEL NAME`.
    pub path: String,
    /// The rule, where not all patterns are meant. Only a rule that is named covers the value of a secret.
    pub rule: Option<String>,
    /// Why it is none.
    pub reason: String,
}
