//! The sandbox's STS: who am I.

use crate::dispatch::Table;

/// Its operations.
pub const TABLES: &[Table] = &[];
