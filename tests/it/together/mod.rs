//! Real processes, several at once or killed: against the detached sandbox, with real containers.

mod kills;
mod same_folder;
pub mod stage;
mod two_clones;
mod variants;
