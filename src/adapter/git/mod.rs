//! The `Source` port: which commit is shipped and how the tree stands to it, from git or, without it, from the CI.

mod ancestry;
mod environment;
#[cfg(test)]
pub(crate) mod forged;
mod index;
mod open;
mod origin;
mod tree;

use std::path::Path;

use async_trait::async_trait;
use git2::{ErrorCode, Repository};
use jiff::Timestamp;
use shipit_core::ancestry::Ancestry;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Image;
use shipit_core::release::{Commit, Source as SourceTree, Tree};

use crate::adapter::docker;
use crate::port::{Dirty, PortResult, Source, SourceWish};
pub use environment::Environment;
pub(crate) use index::{Blob, Tracked, below, stored_as_they_lie};

/// Reads the repository that holds a folder; it is opened anew at every call.
pub struct Git {
    environment: Environment,
}

impl Git {
    /// With the CI's environment, see [`Environment::of_process`].
    pub fn new(environment: Environment) -> Git {
        Git { environment }
    }
}

#[async_trait]
impl Source for Git {
    async fn read(&self, folder: &Path, contexts: &[Image], wish: &SourceWish) -> PortResult<SourceTree> {
        let (environment, folder) = (self.environment.clone(), folder.to_owned());
        let (contexts, wish) = (contexts.to_vec(), wish.clone());
        let read = move || match open::discover(&folder)? {
            Some(repository) => of_repository(&repository, &environment, &contexts, &wish),
            None => of_environment(&folder, &environment, &contexts, &wish),
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(result) => Ok(result?),
            Err(error) => {
                Err(Failure::new(Code::Unexpected, "reading the repository ended early").because(error.to_string()).into())
            }
        }
    }

    async fn ancestry(&self, folder: &Path, ours: &Commit, running: &Commit) -> PortResult<Ancestry> {
        let (folder, ours, running) = (folder.to_owned(), ours.clone(), running.clone());
        match tokio::task::spawn_blocking(move || ancestry::of(&folder, &ours, &running)).await {
            Ok(result) => Ok(result?),
            Err(error) => {
                Err(Failure::new(Code::Unexpected, "reading the repository ended early").because(error.to_string()).into())
            }
        }
    }
}

fn of_repository(
    repository: &Repository,
    environment: &Environment,
    contexts: &[Image],
    wish: &SourceWish,
) -> Result<SourceTree, Failure> {
    let root = repository.workdir().ok_or_else(|| {
        Failure::new(Code::GitUnreadable, format!("`{}` is a bare repository", repository.path().display()))
            .because("it has no working tree to build from")
            .next(format!("git clone {} <folder>", repository.path().display()))
    })?;
    let head = repository.head().and_then(|head| head.peel_to_commit()).map_err(|error| match error.code() {
        ErrorCode::UnbornBranch => Failure::new(Code::NoCommit, "the repository has no commit yet")
            .because(format!("`{}` was initialised, and nothing was committed", root.display()))
            .next("git add . && git commit"),
        _ => open::unreadable(root, &error),
    })?;
    let commit = named_by_head(&head, environment)?;
    if let Some(asked) = &wish.commit {
        let asked = environment::full_hash(asked, "--commit")?;
        if asked != commit {
            return Err(Failure::new(Code::NoCommit, format!("`--commit {asked}` is not the commit of this tree"))
                .because(format!("`{}` is at {}", root.display(), commit))
                .next(format!("git checkout {asked}"))
                .next("or leave `--commit` out: it is for trees without a repository"));
        }
    }
    // Where nothing is built, nothing is built from what differs: the task definition may well have been rendered in place.
    let changes = if contexts.is_empty() { Vec::new() } else { tree::changes_of(repository, root, contexts)? };
    let tree = match (changes.is_empty(), wish.dirty) {
        (true, _) => Tree::Clean,
        (false, Dirty::Allow) => Tree::Dirty { content: tree::fingerprint(root, &changes)?, changed: tree::first(&changes) },
        (false, Dirty::Refuse) => return Err(tree::refusal(&changes, &commit)),
    };
    Ok(SourceTree {
        commit,
        subject: head.summary().ok().flatten().map(str::to_owned),
        committed_at: Timestamp::from_second(head.time().seconds()).ok(),
        origin: origin::of(repository),
        tree,
    })
}

/// HEAD, unless it is the merge commit that GitHub made for a pull request: that commit is on no branch and gone tomorrow, so
/// the pull request's head names the release. The tree that is built is still the checkout's, the head merged into its base;
/// the subject says so, for it is the merge commit's own ("Merge <head> into <base>").
fn named_by_head(head: &git2::Commit<'_>, environment: &Environment) -> Result<Commit, Failure> {
    // The commit as it is written: of a shallow clone libgit2 tells no parents, and that is what GitHub checks out.
    let header = head.raw_header().unwrap_or_default();
    let parents: Vec<&str> = header.lines().filter_map(|line| line.strip_prefix("parent ")).collect();
    let merges = |wanted: &Commit| parents.iter().skip(1).any(|parent| *parent == wanted.0);
    match environment.pull_request_head()? {
        Some(wanted) if merges(&wanted) => Ok(wanted),
        _ => Ok(Commit(head.id().to_string())),
    }
}

fn of_environment(
    folder: &Path,
    environment: &Environment,
    contexts: &[Image],
    wish: &SourceWish,
) -> Result<SourceTree, Failure> {
    let (commit, named_by) = match &wish.commit {
        Some(asked) => (environment::full_hash(asked, "--commit")?, "--commit".to_owned()),
        None => environment.commit()?.ok_or_else(|| environment::nothing_names_it(folder))?,
    };
    let content = docker::fingerprint(contexts)?;
    Ok(SourceTree { commit, subject: None, committed_at: None, origin: None, tree: Tree::NoRepository { content, named_by } })
}

#[cfg(test)]
mod tests;
