//! AWS's time: the wall's own against AWS, faster in the sandbox. The only thing in shipit that knows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Maps wall time to AWS's time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    at: Instant,
    factor: f64,
}

impl Clock {
    /// AWS's time is `start` now and runs `factor` times as fast as the wall.
    pub fn starting(start: Timestamp, factor: f64) -> Self {
        Self { start, at: Instant::now(), factor }
    }

    /// AWS's time now.
    pub fn now(&self) -> Timestamp {
        self.start.saturating_add(self.during(self.at.elapsed())).unwrap_or(self.start)
    }

    /// How long a span of AWS's time is on the wall.
    pub fn wall(&self, span: Duration) -> Duration {
        span.div_f64(self.factor)
    }

    /// How much of AWS's time passes in a span on the wall.
    pub fn during(&self, wall: Duration) -> SignedDuration {
        SignedDuration::from_secs_f64(wall.as_secs_f64() * self.factor)
    }

    /// Waits for a span of AWS's time.
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.wall(span)).await;
    }
}
