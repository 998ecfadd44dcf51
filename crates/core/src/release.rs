//! What is shipped: a commit, the tag made of it, image digests, task definition revisions.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The source tree as it is shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The commit's full hash.
    pub commit: Commit,
    /// First line of the commit message, where there is a repository to ask.
    pub subject: Option<String>,
    /// The commit's time: `org.opencontainers.image.created`.
    pub committed_at: Option<Timestamp>,
    /// The `origin` remote without credentials: `org.opencontainers.image.source`.
    pub origin: Option<String>,
    /// What stands beside the commit.
    pub tree: Tree,
}

/// How the working tree stands to its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Tree {
    /// Exactly the commit.
    Clean,
    /// Differs from the commit; allowed by `--allow-dirty`.
    Dirty {
        /// First 12 hex digits of the hash over what differs.
        content: String,
        /// A few of the changed paths, for the message.
        changed: Vec<String>,
    },
    /// There is no repository; the commit was named by `--commit` or the CI.
    NoRepository {
        /// First 12 hex digits of the hash over the files of the contexts.
        content: String,
        /// Where the commit came from, e.g. `GITHUB_SHA`.
        named_by: String,
    },
}

impl Source {
    /// The image tag: the commit hash, or `<hash>-dirty-<content hash>`.
    pub fn tag(&self) -> Tag {
        match &self.tree {
            Tree::Clean | Tree::NoRepository { .. } => Tag(self.commit.0.clone()),
            Tree::Dirty { content, .. } => Tag(format!("{}-dirty-{content}", self.commit.0)),
        }
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// A commit's full hash, lower-case hex.
    Commit
);
text!(
    /// An image tag: never `latest`.
    Tag
);
text!(
    /// A content digest, `sha256:<64 hex>`.
    Digest
);
text!(
    /// A task definition revision's ARN.
    Revision
);
text!(
    /// `ecs-svc/<digits>`: a deployment as UpdateService's reply names it.
    DeploymentId
);
text!(
    /// One run of shipit; it names the journal's folder and is a tag on the revision (`shipit:run`).
    RunId
);

impl Commit {
    /// First seven digits, as people say it.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl Digest {
    /// `sha256:` and the first twelve digits.
    pub fn short(&self) -> &str {
        self.0.get(..19).unwrap_or(&self.0)
    }
}

impl Revision {
    /// `family:number`, the end of the ARN.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The family's name.
    pub fn family(&self) -> &str {
        self.short().split(':').next().unwrap_or_default()
    }
}
