//! Finding and opening a repository, and what to type when git cannot.

use std::path::Path;

use git2::{ErrorCode, Repository};
use shipit_core::failure::{Code, Failure};

/// The repository that holds the folder; none when there is none.
pub(super) fn discover(folder: &Path) -> Result<Option<Repository>, Failure> {
    match Repository::discover(folder) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == ErrorCode::NotFound => match with_git(folder) {
            // A worktree or submodule whose repository is elsewhere (a copied folder, a container's mount) is not "no repository".
            Some(place) => Err(elsewhere(place, &error)),
            None => Ok(None),
        },
        Err(error) => Err(unreadable(with_git(folder).unwrap_or(folder), &error)),
    }
}

fn with_git(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|place| place.join(".git").symlink_metadata().is_ok())
}

fn elsewhere(place: &Path, error: &git2::Error) -> Failure {
    let failure =
        Failure::new(Code::GitUnreadable, format!("`{}` is not a repository git can open", place.join(".git").display()));
    let failure = match std::fs::read_to_string(place.join(".git")) {
        Ok(pointer) => {
            failure.because(format!("it is a worktree or submodule and says `{}`, which is not there", pointer.trim()))
        }
        Err(_) => failure.because(error.message()),
    };
    failure.next("git worktree repair").next("or run from a full clone")
}

/// What git says, and what to type.
pub(super) fn unreadable(place: &Path, error: &git2::Error) -> Failure {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    let place = place.display();
    if error.code() == ErrorCode::Owner {
        return Failure::new(Code::GitUnreadable, format!("git does not trust `{place}`"))
            .because("dubious ownership: it belongs to another user than the one who runs this")
            .next(format!("git config --global --add safe.directory {place}"));
    }
    Failure::new(Code::GitUnreadable, format!("the repository at `{place}` cannot be read"))
        .because(error.message())
        .next(format!("git -C {place} fsck"))
}
