//! When to look again: quick at the start and near the expected end, slower in between, jittered, backing off when throttled.

use std::time::Duration;

use crate::port::{Clock, PortError, PortResult};

/// The shortest and the longest pause between two looks, in AWS's time.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// The longest pause while AWS throttles or cannot be reached.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How long one call is tried while AWS throttles it or cannot be reached, in AWS's time.
const PATIENCE: Duration = Duration::from_secs(300);

/// Asks again while the error is one that `passes`, for a while.
///
/// # Errors
/// The last error, when the patience has ended or the error is another.
pub async fn patiently<T>(
    clock: Clock,
    seed: &str,
    passes: impl Fn(&PortError) -> bool,
    mut call: impl AsyncFnMut() -> PortResult<T>,
) -> PortResult<T> {
    let started = clock.now();
    let mut pace = Pace::new(None, seed);
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let elapsed = clock.now().duration_since(started).unsigned_abs();
        if !passes(&error) || elapsed > PATIENCE {
            return Err(error);
        }
        pace.refused();
        clock.sleep(pace.next(elapsed)).await;
    }
}

/// The rhythm of the looks at one thing that takes time.
#[derive(Clone, Debug)]
pub struct Pace {
    expected: Option<Duration>,
    refused: u32,
    jitter: Jitter,
}

impl Pace {
    /// A pace for something that should take about `expected`; `seed` tells several waits apart.
    pub fn new(expected: Option<Duration>, seed: &str) -> Self {
        Self { expected, refused: 0, jitter: Jitter::new(seed) }
    }

    /// The last look was answered.
    pub fn answered(&mut self) {
        self.refused = 0;
    }

    /// The last look was throttled or not answered.
    pub fn refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// How long to wait before the next look, `elapsed` after the start.
    pub fn next(&mut self, elapsed: Duration) -> Duration {
        let base = if self.refused > 0 {
            SHORTEST.saturating_mul(2u32.saturating_pow(self.refused.min(10))).min(LONGEST_BACKOFF)
        } else {
            between(elapsed, self.expected)
        };
        base.mul_f64(self.jitter.next())
    }
}

/// A tenth of the distance to the nearer of start and expected end; past the expected end it grows again.
fn between(elapsed: Duration, expected: Option<Duration>) -> Duration {
    let from_end = expected.map_or(Duration::MAX, |expected| expected.abs_diff(elapsed));
    (elapsed.min(from_end) / 10).clamp(SHORTEST, LONGEST)
}

/// Factors between 0.8 and 1.2, so that many waits do not look in step; the same seed gives the same row.
#[derive(Clone, Debug)]
struct Jitter(u64);

impl Jitter {
    fn new(seed: &str) -> Self {
        Self(seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        0.8 + 0.4 * ((self.0 >> 40) as f64 / f64::from(1u32 << 24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_dense_at_the_start_and_near_the_expected_end() {
        let expected = Some(Duration::from_secs(300));
        for (elapsed, seconds) in [(0, 1), (10, 1), (50, 5), (150, 10), (290, 1), (300, 1), (350, 5), (900, 10)] {
            assert_eq!(between(Duration::from_secs(elapsed), expected), Duration::from_secs(seconds), "after {elapsed} s");
        }
        assert_eq!(between(Duration::from_secs(900), None), LONGEST);
    }

    #[test]
    fn it_backs_off_while_refused_and_is_quick_again_after() {
        let mut pace = Pace::new(None, "backend");
        let mut last = Duration::ZERO;
        for _ in 0..4 {
            pace.refused();
            let next = pace.next(Duration::ZERO);
            assert!(next > last, "{next:?} after {last:?}");
            last = next;
        }
        for _ in 0..40 {
            pace.refused();
            assert!(pace.next(Duration::ZERO) <= LONGEST_BACKOFF.mul_f64(1.2));
        }
        pace.answered();
        assert!(pace.next(Duration::ZERO) <= SHORTEST.mul_f64(1.2));
    }
}
