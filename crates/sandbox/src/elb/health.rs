//! A target's health from the outcomes of its checks: pure, by thresholds.

/// What one health check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer matched.
    Passed,
    /// An answer with another status code.
    Code(u16),
    /// No answer within the timeout.
    TimedOut,
    /// No connection, or it broke.
    Failed,
}

/// Where a target stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Registered, not yet judged.
    #[default]
    Initial,
    /// It passed.
    Healthy,
    /// It failed as often in a row as the threshold says.
    Unhealthy,
}

/// Consecutive results that change where a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// `HealthyThresholdCount`: passes in a row from unhealthy to healthy.
    pub healthy: u32,
    /// `UnhealthyThresholdCount`: failures in a row to unhealthy.
    pub unhealthy: u32,
}

/// A target's standing with its run of equal results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Where it stands.
    pub standing: Standing,
    /// The last failure, for the reason that is shown while unhealthy.
    pub failure: Option<Outcome>,
    passes: u32,
    failures: u32,
}

impl Health {
    /// The health after one more check. A new target is healthy after its first pass, later the thresholds count
    /// (ELBv2's CreateTargetGroup).
    #[must_use]
    pub fn after(self, outcome: Outcome, thresholds: Thresholds) -> Self {
        let passed = outcome == Outcome::Passed;
        let passes = if passed { self.passes.saturating_add(1) } else { 0 };
        let failures = if passed { 0 } else { self.failures.saturating_add(1) };
        let standing = match self.standing {
            Standing::Initial if passed => Standing::Healthy,
            Standing::Unhealthy if passes >= thresholds.healthy => Standing::Healthy,
            Standing::Initial | Standing::Healthy if failures >= thresholds.unhealthy => Standing::Unhealthy,
            standing => standing,
        };
        let failure = if passed { self.failure } else { Some(outcome) };
        Self { standing, failure, passes, failures }
    }

    /// At least one check has been made.
    pub fn checked(self) -> bool {
        self.passes > 0 || self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Thresholds = Thresholds { healthy: 5, unhealthy: 2 };

    fn through(outcomes: &[Outcome]) -> Health {
        outcomes.iter().fold(Health::default(), |health, outcome| health.after(*outcome, USUAL))
    }

    #[test]
    fn a_new_target_is_healthy_after_one_pass_and_unhealthy_after_the_threshold() {
        use Outcome::{Code, Failed, Passed};
        assert_eq!(through(&[]).standing, Standing::Initial);
        assert_eq!(through(&[Passed]).standing, Standing::Healthy);
        assert_eq!(through(&[Failed]).standing, Standing::Initial);
        assert_eq!(through(&[Failed, Passed]).standing, Standing::Healthy);
        let unhealthy = through(&[Failed, Code(503)]);
        assert_eq!(unhealthy.standing, Standing::Unhealthy);
        assert_eq!(unhealthy.failure, Some(Code(503)));
    }

    #[test]
    fn a_healthy_target_bears_one_failure_and_comes_back_after_five_passes() {
        use Outcome::{Code, Passed, TimedOut};
        assert_eq!(through(&[Passed, TimedOut]).standing, Standing::Healthy);
        assert_eq!(through(&[Passed, TimedOut, Passed, TimedOut]).standing, Standing::Healthy);
        let down = [Passed, TimedOut, Code(500)];
        assert_eq!(through(&down).standing, Standing::Unhealthy);
        let back = |passes| through(&[&down[..], &vec![Passed; passes]].concat()).standing;
        assert_eq!(back(4), Standing::Unhealthy);
        assert_eq!(back(5), Standing::Healthy);
    }

    proptest! {
        /// The rule in other words: what the longest suffix of equal results and the history before it allow.
        #[test]
        fn standing_changes_only_by_a_full_run(
            passes in proptest::collection::vec(any::<bool>(), 0..60),
            healthy in 2u32..=10,
            unhealthy in 2u32..=10,
        ) {
            let thresholds = Thresholds { healthy, unhealthy };
            let mut health = Health::default();
            let mut run: Vec<bool> = Vec::new();
            for pass in passes {
                let before = health.standing;
                health = health.after(if pass { Outcome::Passed } else { Outcome::Failed }, thresholds);
                run.push(pass);
                let in_a_row = run.iter().rev().take_while(|it| **it == pass).count() as u32;
                match (before, health.standing) {
                    (Standing::Initial, Standing::Healthy) => prop_assert!(pass),
                    (Standing::Unhealthy, Standing::Healthy) => prop_assert!(pass && in_a_row >= healthy),
                    (Standing::Initial | Standing::Healthy, Standing::Unhealthy) => {
                        prop_assert!(!pass);
                        prop_assert_eq!(in_a_row, unhealthy);
                    }
                    (Standing::Healthy, Standing::Healthy) => prop_assert!(pass || in_a_row < unhealthy),
                    (Standing::Unhealthy, Standing::Unhealthy) => prop_assert!(!pass || in_a_row < healthy),
                    (Standing::Initial, Standing::Initial) => prop_assert!(!pass && in_a_row < unhealthy),
                    (_, Standing::Initial) => prop_assert!(false, "nothing goes back to initial"),
                }
            }
        }
    }
}
