//! Which of two commits is the newer one.

use std::path::Path;

use git2::{Oid, Repository};
use jiff::Timestamp;
use shipit_core::ancestry::{Ancestry, CommitSeen};
use shipit_core::failure::Failure;
use shipit_core::release::Commit;

use super::open;

/// How `running` stands to `ours` in the repository that holds the folder.
pub(super) fn of(folder: &Path, ours: &Commit, running: &Commit) -> Result<Ancestry, Failure> {
    if ours == running {
        return Ok(Ancestry::Same);
    }
    let unknown = |why: &str| Ok(Ancestry::Unknown { running: running.clone(), why: why.to_owned() });
    let Some(repository) = open::discover(folder)? else {
        return unknown("there is no git repository here");
    };
    let missing = if repository.is_shallow() {
        "this clone is shallow; `git fetch --unshallow` gets the rest"
    } else {
        "this repository does not hold both; `git fetch --all` may get them"
    };
    let (Some(old), Some(new)) = (find(&repository, running), find(&repository, ours)) else {
        return unknown(missing);
    };
    let (running_seen, ours_seen) = (seen(&old), seen(&new));
    let after = repository.graph_descendant_of(old.id(), new.id());
    let before = repository.graph_descendant_of(new.id(), old.id());
    Ok(match (after, before) {
        (Ok(true), _) => Ancestry::After { running: running_seen, ours: ours_seen },
        (_, Ok(true)) => Ancestry::Before,
        // Where a shallow clone ends, two lines look apart that are not.
        (Ok(false), Ok(false)) if !repository.is_shallow() => Ancestry::Apart { running: running_seen },
        _ => return unknown(missing),
    })
}

fn find<'r>(repository: &'r Repository, commit: &Commit) -> Option<git2::Commit<'r>> {
    Oid::from_str(commit.as_str()).ok().and_then(|id| repository.find_commit(id).ok())
}

fn seen(commit: &git2::Commit<'_>) -> CommitSeen {
    CommitSeen {
        commit: Commit(commit.id().to_string()),
        subject: commit.summary().ok().flatten().unwrap_or_default().to_owned(),
        at: Timestamp::from_second(commit.time().seconds()).ok(),
    }
}
