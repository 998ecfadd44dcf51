//! The bounds of a rolling deployment: how few healthy tasks, how many tasks in all, and whether it can move.

/// `minimumHealthyPercent` and `maximumPercent` of a service, in percent of the desired count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percents {
    /// `minimumHealthyPercent`: 0 to 100, default 100 for REPLICA.
    pub minimum_healthy: u32,
    /// `maximumPercent`: default 200 for REPLICA.
    pub maximum: u32,
}

impl Default for Percents {
    /// What a REPLICA service has that names neither: 100 and 200.
    fn default() -> Self {
        Self { minimum_healthy: 100, maximum: 200 }
    }
}

/// The percents as tasks, for one desired count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Healthy tasks that no stop may go below; rounded up.
    pub lower: u32,
    /// RUNNING and PENDING tasks that no start may go above; rounded down.
    pub upper: u32,
}

impl Percents {
    /// The two percents.
    pub const fn new(minimum_healthy: u32, maximum: u32) -> Self {
        Self { minimum_healthy, maximum }
    }

    /// The bounds at `desired` tasks: the lower is rounded up, the upper down.
    pub fn bounds(self, desired: u32) -> Bounds {
        let lower = (u64::from(desired) * u64::from(self.minimum_healthy)).div_ceil(100);
        let upper = u64::from(desired) * u64::from(self.maximum) / 100;
        Bounds { lower: tasks(lower), upper: tasks(upper) }
    }

    /// Whether a rolling deployment of `desired` healthy tasks can never end. Nothing is stuck at 0.
    pub fn stuck(self, desired: u32) -> bool {
        desired > 0 && !self.bounds(desired).can_move(desired)
    }
}

impl Bounds {
    /// Whether `desired` healthy tasks can be replaced: one may be stopped or one more started, and the bounds hold
    /// `desired` itself, for a deployment ends there.
    pub const fn can_move(self, desired: u32) -> bool {
        self.lower < self.upper && self.lower <= desired && desired <= self.upper
    }
}

fn tasks(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_the_published_table() {
        // desired, minimum, maximum, lower, upper, stuck: every row of the table of ECS's rounding
        let rows = [
            (1, 100, 200, 1, 2, false),
            (1, 100, 100, 1, 1, true),
            (1, 50, 100, 1, 1, true),
            (1, 100, 150, 1, 1, true),
            (1, 50, 150, 1, 1, true),
            (1, 0, 100, 0, 1, false),
            (2, 75, 100, 2, 2, true),
            (2, 100, 149, 2, 2, true),
            (2, 100, 150, 2, 3, false),
            (2, 50, 100, 1, 2, false),
            (3, 100, 125, 3, 3, true),
            (3, 100, 133, 3, 3, true),
            (3, 100, 134, 3, 4, false),
            (3, 66, 100, 2, 3, false),
            (3, 67, 100, 3, 3, true),
            (4, 50, 100, 2, 4, false),
            (4, 100, 125, 4, 5, false),
            (4, 50, 200, 2, 8, false),
            (5, 100, 110, 5, 5, true),
            (5, 90, 110, 5, 5, true),
            (10, 95, 105, 10, 10, true),
        ];
        for (desired, minimum, maximum, lower, upper, stuck) in rows {
            let percents = Percents::new(minimum, maximum);
            assert_eq!(percents.bounds(desired), Bounds { lower, upper }, "{desired},{minimum},{maximum}");
            assert_eq!(percents.stuck(desired), stuck, "{desired},{minimum},{maximum}");
        }
    }

    #[test]
    fn nothing_is_stuck_at_zero() {
        assert!(!Percents::new(100, 100).stuck(0));
        assert_eq!(Percents::default().bounds(0), Bounds { lower: 0, upper: 0 });
    }

    #[test]
    fn a_bound_beside_desired_is_stuck() {
        assert!(Percents::new(0, 50).stuck(4), "four tasks never fit under an upper bound of two");
        assert!(Percents::new(150, 200).stuck(2), "the last old task never goes when three must stay");
    }

    #[test]
    fn bounds_do_not_overflow() {
        assert_eq!(Percents::new(100, 200).bounds(u32::MAX), Bounds { lower: u32::MAX, upper: u32::MAX });
    }
}
