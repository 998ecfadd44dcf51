//! The sandbox's cloudwatch: state and operation tables.

use crate::dispatch::Table;

/// What cloudwatch knows.
#[derive(Debug, Default)]
pub struct CloudWatch {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];
