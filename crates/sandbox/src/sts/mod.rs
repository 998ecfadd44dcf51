//! The sandbox's STS: who am I, and who may I become.

use crate::dispatch::Table;

/// Who calls, and the sessions that AssumeRole has given out.
#[derive(Debug, Default)]
pub struct Sts {}

/// Its operations.
pub const TABLES: &[Table] = &[];
