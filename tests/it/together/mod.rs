//! Real processes that deploy at once: against the detached sandbox, with real containers.

mod same_folder;
mod stage;
mod two_clones;
mod variants;
