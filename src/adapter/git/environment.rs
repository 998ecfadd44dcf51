//! The commit as the CI's environment names it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use shipit_core::failure::{Code, Failure};
use shipit_core::release::Commit;

/// Variables that name a commit, in the order in which they are asked.
const NAMES: [&str; 4] = ["CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA", "GIT_COMMIT", "CI_COMMIT_SHA"];
const EVENT: &str = "GITHUB_EVENT_NAME";
const EVENT_PATH: &str = "GITHUB_EVENT_PATH";

/// The variables of the CI that name what is built.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// As the process was started with it; nothing but the variables that name a commit is kept.
    pub fn of_process() -> Environment {
        let named = NAMES.into_iter().chain([EVENT, EVENT_PATH]);
        named.filter_map(|name| std::env::var(name).ok().map(|value| (name.to_owned(), value))).collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The commit, and what named it.
    pub(super) fn commit(&self) -> Result<Option<(Commit, String)>, Failure> {
        for name in NAMES {
            let Some(value) = self.get(name) else { continue };
            if name == "GITHUB_SHA"
                && let Some(head) = self.pull_request_head()?
            {
                return Ok(Some((head, "the pull request's head".to_owned())));
            }
            return Ok(Some((full_hash(value, name)?, name.to_owned())));
        }
        Ok(None)
    }

    /// The head of the pull request that this workflow runs for: there `GITHUB_SHA` is a merge commit that is on no branch.
    pub(super) fn pull_request_head(&self) -> Result<Option<Commit>, Failure> {
        if self.get(EVENT) != Some("pull_request") {
            return Ok(None);
        }
        let unusable = |why: String| {
            Failure::new(Code::NoCommit, "the head of the pull request is not known")
                .because(why)
                .now("`GITHUB_SHA` is the merge commit that GitHub made; it is on no branch")
                .next("shipit deploy --commit ${{ github.event.pull_request.head.sha }}")
        };
        let path = self.get(EVENT_PATH).ok_or_else(|| unusable(format!("`{EVENT_PATH}` is not set")))?;
        let text = std::fs::read_to_string(path).map_err(|error| unusable(format!("`{path}`: {error}")))?;
        let event: Value = serde_json::from_str(&text).map_err(|error| unusable(format!("`{path}`: {error}")))?;
        let head = event.pointer("/pull_request/head/sha").and_then(Value::as_str);
        let head = head.ok_or_else(|| unusable(format!("`{path}` has no `pull_request.head.sha`")))?;
        full_hash(head, "pull_request.head.sha").map(Some)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Environment(variables.into_iter().collect())
    }
}

/// A commit's full hash; anything shorter, or a name, could mean something else tomorrow.
pub(super) fn full_hash(text: &str, said_by: &str) -> Result<Commit, Failure> {
    let text = text.trim();
    if matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Commit(text.to_ascii_lowercase()));
    }
    let failure = Failure::new(Code::NoCommit, format!("`{text}` ({said_by}) is not a commit's full hash"))
        .because("an image tag must name one commit for ever: 40 or 64 hex digits");
    Err(match said_by {
        "--commit" => failure.next(format!("git rev-parse {text}^{{commit}}")).next("and give that to `--commit`"),
        _ => failure.next("shipit deploy --commit <full hash>"),
    })
}

pub(super) fn nothing_names_it(folder: &Path) -> Failure {
    Failure::new(Code::NoCommit, "no commit names this tree")
        .because(format!("`{}` is in no git repository", folder.display()))
        .because(format!("none of {} is set", NAMES.map(|name| format!("`{name}`")).join(", ")))
        .next("run from a clone")
        .next("or: shipit deploy --commit <full hash>")
}
