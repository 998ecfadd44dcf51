//! The sandbox's load balancer: ELBv2's operations, and a real HTTP data plane behind them.

pub mod targets;

use crate::dispatch::Table;

/// Load balancers, listeners, rules, target groups and their targets.
#[derive(Debug, Default)]
pub struct Elb {}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[];
