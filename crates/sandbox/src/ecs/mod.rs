//! The sandbox's ecs: state and operation tables.

use crate::dispatch::Table;

/// What ecs knows.
#[derive(Debug, Default)]
pub struct Ecs {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];
