//! The sandbox's clock: virtual time runs `factor` times as fast as wall time. It shortens waits, never real I/O.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use shipit_scheduler::{Span, Time};

/// `now = virtual0 + (wall - wall0) * factor`; the three numbers stand in the endpoints file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Wall time at the start, milliseconds since 1970.
    pub wall0: u64,
    /// Virtual time at the start, milliseconds since 1970.
    pub virtual0: u64,
    /// How many virtual seconds pass in a wall second; 1 is real time.
    pub factor: f64,
}

impl Clock {
    /// A clock that starts at the wall's time.
    pub fn start(factor: f64) -> Self {
        let wall0 = wall_millis();
        Self { wall0, virtual0: wall0, factor }
    }

    /// Virtual time now, in milliseconds since 1970.
    pub fn now(&self) -> Time {
        let passed = wall_millis().saturating_sub(self.wall0) as f64 * self.factor;
        Time(self.virtual0 + passed as u64)
    }

    /// How long a virtual wait is on the wall.
    pub fn wall(&self, span: Span) -> Duration {
        Duration::from_secs_f64(span.0 as f64 / 1000.0 / self.factor)
    }

    /// How much virtual time passes while real work is given `real`: what a program or a socket does is not faster than it is.
    pub fn during(&self, real: Duration) -> Span {
        Span((real.as_secs_f64() * 1000.0 * self.factor) as u64)
    }

    /// A wire timestamp: virtual epoch seconds with a fraction.
    pub fn seconds(time: Time) -> f64 {
        time.0 as f64 / 1000.0
    }
}

fn wall_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
