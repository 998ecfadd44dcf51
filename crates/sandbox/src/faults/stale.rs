//! Stale reads: for a while after a write, a read answers what the same read answered before it.

use std::collections::HashMap;

use serde_json::Value;
use shipit_scheduler::{Span, Time};

use super::Faults;
use crate::dispatch::Service;

/// More different reads than this are forgotten together: a client that never repeats itself sees nothing stale.
const REMEMBERED: usize = 1000;

/// A read: service, operation, request.
pub type Read = (Service, String, String);

/// What reads have answered, and when each service was last written to.
#[derive(Debug, Default)]
pub(super) struct Lag {
    answers: HashMap<Read, Value>,
    written: HashMap<Service, Time>,
}

impl Faults {
    /// A write to the service has been carried out.
    pub fn wrote(&mut self, service: Service, now: Time) {
        self.lag.written.insert(service, now);
    }

    /// What the read answers: the earlier answer while the service was written to less than `seconds` ago, else the fresh
    /// one, which is remembered.
    pub fn stale(&mut self, read: Read, fresh: Value, seconds: f64, now: Time) -> Value {
        let lag = Span((seconds * 1000.0) as u64);
        if let Some(&written) = self.lag.written.get(&read.0)
            && now - written < lag
            && let Some(earlier) = self.lag.answers.get(&read)
        {
            return earlier.clone();
        }
        if self.lag.answers.len() >= REMEMBERED {
            self.lag.answers.clear();
        }
        self.lag.answers.insert(read, fresh.clone());
        fresh
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_read_lags_behind_a_write_and_catches_up() {
        let mut faults = Faults::default();
        let read = || (Service::Ecs, "DescribeServices".to_owned(), "{}".to_owned());
        assert_eq!(faults.stale(read(), json!(1), 5.0, Time(0)), json!(1));
        faults.wrote(Service::Ecs, Time(1000));
        assert_eq!(faults.stale(read(), json!(2), 5.0, Time(2000)), json!(1));
        assert_eq!(faults.stale(read(), json!(2), 5.0, Time(5999)), json!(1));
        assert_eq!(faults.stale(read(), json!(2), 5.0, Time(6000)), json!(2));
    }

    #[test]
    fn another_service_s_write_and_a_new_read_are_fresh() {
        let mut faults = Faults::default();
        let read = || (Service::Ecs, "ListTasks".to_owned(), "{}".to_owned());
        assert_eq!(faults.stale(read(), json!(1), 5.0, Time(0)), json!(1));
        faults.wrote(Service::Elb, Time(0));
        assert_eq!(faults.stale(read(), json!(2), 5.0, Time(1)), json!(2));
        faults.wrote(Service::Ecs, Time(1));
        let other = (Service::Ecs, "ListTasks".to_owned(), r#"{"family":"web"}"#.to_owned());
        assert_eq!(faults.stale(other, json!(3), 5.0, Time(2)), json!(3));
    }
}
