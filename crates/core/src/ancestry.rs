//! How the commit that runs stands to the one that is to be deployed, and what follows from it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure};
use crate::release::{Commit, Revision};

/// A commit as people know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitSeen {
    /// Its hash.
    pub commit: Commit,
    /// The first line of its message.
    pub subject: String,
    /// Its time.
    pub at: Option<Timestamp>,
}

impl std::fmt::Display for CommitSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} \"{}\"", self.commit.short(), self.subject)?;
        self.at.map_or(Ok(()), |at| write!(f, " of {}", at.strftime("%Y-%m-%d %H:%MZ")))
    }
}

/// How the commit that runs stands to ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "running_is", rename_all = "snake_case")]
pub enum Ancestry {
    /// The same commit.
    Same,
    /// An ancestor of ours: we go forward.
    Before,
    /// A descendant of ours: we would go back.
    After {
        /// What runs.
        running: CommitSeen,
        /// What is to be deployed.
        ours: CommitSeen,
    },
    /// On another line: each has what the other lacks.
    Apart {
        /// What runs.
        running: CommitSeen,
    },
    /// They cannot be compared.
    Unknown {
        /// What runs.
        running: Commit,
        /// Why not.
        why: String,
    },
}

/// An older commit may replace a newer one, because a person says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// What the person says; it goes into the journal and on the revision (`shipit:reason`).
    pub reason: String,
}

/// What there is to say before a service is deployed; an error where it must not be.
///
/// # Errors
/// An older commit would replace a newer one, and nobody forces it.
pub fn check(service: &str, runs: &Revision, ancestry: &Ancestry, forced: Option<&Forced>) -> Result<Option<String>, Failure> {
    match (ancestry, forced) {
        (Ancestry::Same | Ancestry::Before, _) => Ok(None),
        (Ancestry::After { running, ours }, Some(Forced { reason })) => {
            Ok(Some(format!("by force ({reason}): `{service}` goes back from {running} to the older {ours}")))
        }
        (Ancestry::After { running, ours }, None) => {
            Err(Failure::new(Code::OlderCommit, format!("`{service}` runs a newer commit than {}", ours.commit.short()))
                .because(format!("running: {running} ({})", runs.short()))
                .because(format!("to be deployed: {ours}, which is an ancestor of it"))
                .now("nothing was touched")
                .next(format!("`git checkout {}` or newer, then run the same command again", running.commit.short()))
                .next(format!("shipit rollback {service}, if going back is what is wanted"))
                .next("shipit deploy --force --reason TEXT, to deploy the older commit"))
        }
        (Ancestry::Apart { running }, _) => Ok(Some(format!(
            "`{service}` runs {running}, which is on another line: what it has and this commit lacks goes with it"
        ))),
        (Ancestry::Unknown { running, why }, _) => Ok(Some(format!(
            "`{service}` runs {}; whether that is newer than this commit could not be compared: {why}",
            running.short()
        ))),
    }
}
