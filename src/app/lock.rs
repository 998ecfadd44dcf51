//! The lock of a pipeline's folder, looked at and given back from outside of a run.

use std::path::Path;

use shipit_core::failure::Failure;

use crate::adapter::files::{self, FOLDER, LOCK};

pub use crate::adapter::files::{Force, Standing};

/// How the lock of the pipeline in this folder stands.
///
/// # Errors
/// It cannot be read (`SHIP601`).
pub fn standing(folder: &Path) -> Result<Standing, Failure> {
    files::standing(&folder.join(FOLDER).join(LOCK))
}

/// The same as its note tells it, without touching the lock.
pub fn noted(folder: &Path) -> Standing {
    files::noted(&folder.join(FOLDER).join(LOCK))
}

/// Gives it back in place of its holder; answers how it stood.
///
/// # Errors
/// Its process lives, and nobody forces it (`SHIP603`), or the file cannot be removed (`SHIP601`).
pub fn release(folder: &Path, force: Force) -> Result<Standing, Failure> {
    files::release(&folder.join(FOLDER).join(LOCK), force)
}
