//! The sandbox's CloudWatch: metric alarms, whose state is set by hand.

mod alarms;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::dispatch::Table;
use crate::state::State;

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[alarms::TABLE];

/// Alarms by name, in the shape of `MetricAlarm`.
#[derive(Debug, Default)]
pub struct CloudWatch {
    alarms: BTreeMap<String, Map<String, Value>>,
}

impl State {
    /// The alarm exists and is in ALARM.
    pub fn alarm_in_alarm(&self, name: &str) -> bool {
        self.cloudwatch.alarms.get(name).is_some_and(|alarm| alarm.get("StateValue").is_some_and(|state| state == "ALARM"))
    }
}
