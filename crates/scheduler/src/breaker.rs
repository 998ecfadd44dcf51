//! The deployment circuit breaker: after how many failed tasks a deployment is given up, and what happens then.

/// `deploymentCircuitBreaker`. Off unless asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    /// `enable: false`: failures are counted and nothing follows.
    #[default]
    Off,
    /// `enable: true`.
    On {
        /// `rollback`.
        rollback: Rollback,
        /// `resetOnHealthyTask`.
        reset: Reset,
        /// `thresholdConfiguration`.
        threshold: Threshold,
    },
}

/// What follows a failed deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// A new PRIMARY with the revision of the newest COMPLETED deployment.
    ToLastCompleted,
    /// It stays PRIMARY and FAILED and starts nothing more.
    Stay,
}

/// Whether a task that becomes healthy clears the count of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// Consecutive failures count (`resetOnHealthyTask: true`, the default).
    #[default]
    OnHealthyTask,
    /// All failures of the deployment count.
    Never,
}

/// `thresholdConfiguration`: how many failures trip the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Percent of the desired count, rounded up, at least 3 and at most 200.
    BoundedPercent(u32),
    /// Percent of the desired count, rounded up.
    UnboundedPercent(u32),
    /// So many.
    Count(u32),
}

impl Default for Threshold {
    /// 50 percent, bounded.
    fn default() -> Self {
        Self::BoundedPercent(50)
    }
}

impl Breaker {
    /// Enabled with rollback, all else as by default.
    pub const fn with_rollback() -> Self {
        Self::On { rollback: Rollback::ToLastCompleted, reset: Reset::OnHealthyTask, threshold: Threshold::BoundedPercent(50) }
    }

    /// Enabled without rollback, all else as by default.
    pub const fn without_rollback() -> Self {
        Self::On { rollback: Rollback::Stay, reset: Reset::OnHealthyTask, threshold: Threshold::BoundedPercent(50) }
    }

    /// How many failures trip it at `desired` tasks; none when it is off.
    pub fn threshold(self, desired: u32) -> Option<u32> {
        match self {
            Self::Off => None,
            Self::On { threshold, .. } => Some(threshold.threshold(desired)),
        }
    }

    /// Whether `failed` failures trip it at `desired` tasks. No failure trips nothing, whatever the threshold.
    pub fn trips(self, failed: u32, desired: u32) -> bool {
        failed > 0 && self.threshold(desired).is_some_and(|threshold| failed >= threshold)
    }

    /// Whether a task that becomes healthy clears the count. So it is when the breaker is off (`failedTasks`).
    pub const fn reset(self) -> Reset {
        match self {
            Self::Off => Reset::OnHealthyTask,
            Self::On { reset, .. } => reset,
        }
    }

    /// What follows when it trips.
    pub const fn rollback(self) -> Rollback {
        match self {
            Self::Off => Rollback::Stay,
            Self::On { rollback, .. } => rollback,
        }
    }
}

impl Threshold {
    /// How many failures trip the breaker at `desired` tasks, the latest desired count.
    pub fn threshold(self, desired: u32) -> u32 {
        let percent = |value: u32| {
            let count = (u64::from(desired) * u64::from(value)).div_ceil(100);
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        match self {
            Self::BoundedPercent(value) => percent(value).clamp(3, 200),
            Self::UnboundedPercent(value) => percent(value),
            Self::Count(count) => count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_threshold_for_every_desired_count_to_400() {
        for desired in 1..=400_u32 {
            // written apart: half of desired with the odd task on top, told by cases
            let expected = match desired {
                1..=6 => 3,
                7..=398 if desired % 2 == 1 => desired / 2 + 1,
                7..=398 => desired / 2,
                _ => 200,
            };
            assert_eq!(Threshold::default().threshold(desired), expected, "desired {desired}");
        }
    }

    #[test]
    fn default_threshold_at_the_published_points() {
        let points = [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (100, 50), (398, 199), (399, 200), (400, 200), (5000, 200)];
        for (desired, expected) in points {
            assert_eq!(Threshold::default().threshold(desired), expected, "desired {desired}");
        }
    }

    #[test]
    fn other_thresholds() {
        assert_eq!(Threshold::UnboundedPercent(50).threshold(1), 1);
        assert_eq!(Threshold::UnboundedPercent(50).threshold(1000), 500);
        assert_eq!(Threshold::UnboundedPercent(33).threshold(10), 4);
        assert_eq!(Threshold::BoundedPercent(100).threshold(10), 10);
        assert_eq!(Threshold::Count(7).threshold(1000), 7);
        assert_eq!(Threshold::UnboundedPercent(100).threshold(u32::MAX), u32::MAX);
    }

    #[test]
    fn no_failure_trips_nothing() {
        let always = Breaker::On { rollback: Rollback::Stay, reset: Reset::Never, threshold: Threshold::Count(0) };
        assert!(!always.trips(0, 4));
        assert!(always.trips(1, 4));
        assert!(!Breaker::Off.trips(1000, 1));
    }
}
