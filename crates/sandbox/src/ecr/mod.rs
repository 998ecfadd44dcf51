//! The sandbox's ecr: state and operation tables.

use crate::dispatch::Table;

/// What ecr knows.
#[derive(Debug, Default)]
pub struct Ecr {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];
