//! The sandbox's ecr: state and operation tables.

use tokio::task::JoinHandle;

use crate::dispatch::Table;
use crate::loops::Loops;

/// What ecr knows.
#[derive(Debug, Default)]
pub struct Ecr {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];

/// Starts what scans pushed images; each task ends by itself when `loops.stop` is cancelled.
pub fn start(_loops: &Loops) -> Vec<JoinHandle<()>> {
    Vec::new()
}
