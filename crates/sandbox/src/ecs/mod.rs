//! The sandbox's ecs: state and operation tables.

use tokio::task::JoinHandle;

use crate::dispatch::Table;
use crate::loops::Loops;

/// What ecs knows.
#[derive(Debug, Default)]
pub struct Ecs {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];

/// Starts what keeps services at their desired count; each task ends by itself when `loops.stop` is cancelled.
pub fn start(_loops: &Loops) -> Vec<JoinHandle<()>> {
    Vec::new()
}
