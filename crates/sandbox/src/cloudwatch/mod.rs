//! The sandbox's CloudWatch: the load balancers' metrics out of the data plane's own counts, and alarms on them.
//!
//! Reading order: [`catalog`] (which metrics there are), [`samples`] and [`series`] (their statistics over time), [`math`]
//! (expressions), [`query`] and [`data`] (GetMetricData), [`statistics`]; then [`alarms`] (the operations), [`judge`] (when
//! one goes off), [`evaluation`] (each minute).

mod alarms;
mod catalog;
mod data;
mod evaluation;
mod judge;
mod math;
mod params;
mod query;
mod samples;
mod series;
mod statistics;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::dispatch::Table;

pub use evaluation::start;

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[alarms::TABLE, data::TABLE, statistics::TABLE];

/// Alarms by name.
#[derive(Debug, Default)]
pub struct CloudWatch {
    alarms: BTreeMap<String, evaluation::Alarm>,
    /// How often an alarm's state was entered anew.
    transitions: u64,
}
