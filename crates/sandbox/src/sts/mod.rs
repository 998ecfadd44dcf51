//! The sandbox's STS: who am I, and who may I become. Signatures and sessions' ends are not checked.

mod operations;

use std::collections::HashMap;

use crate::dispatch::Table;
use crate::state::State;

pub use operations::TABLE;

/// Its operations.
pub const TABLES: &[Table] = &[TABLE];

/// Who calls, and the sessions that AssumeRole has given out.
#[derive(Debug, Default)]
pub struct Sts {
    access_key: String,
    sessions: HashMap<String, Caller>,
}

/// What GetCallerIdentity says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account of the credentials.
    pub account: String,
    /// The user or the assumed role.
    pub arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub user_id: String,
}

impl State {
    /// The calls that follow are made with this access key; empty for an unsigned call.
    pub fn call_as(&mut self, access_key: &str) {
        access_key.clone_into(&mut self.sts.access_key);
    }

    /// Who calls: the session of the access key, else the user that owns the sandbox's account.
    pub fn caller(&self) -> Caller {
        self.sts.sessions.get(&self.sts.access_key).cloned().unwrap_or_else(|| Caller {
            account: self.account.clone(),
            arn: format!("arn:aws:iam::{}:user/sandbox", self.account),
            user_id: "AIDASANDBOXSANDBOX000".to_owned(),
        })
    }
}
