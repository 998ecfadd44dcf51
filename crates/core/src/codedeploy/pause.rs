//! Where CodeDeploy waits for a person: nowhere but at Ready, and only where the deployment group says so.

use super::{CodeDeploySeen, Ready, update_group};
use crate::pipeline::{Pause, PauseAt};
use shipit_scheduler::Span;

/// A minute, in milliseconds.
const MINUTE: u64 = 60_000;

/// Why CodeDeploy cannot pause as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPause {
    /// It waits nowhere but before production traffic moves.
    There {
        /// Where it was wanted.
        at: PauseAt,
    },
    /// The deployment group goes on at once.
    NotOfGroup {
        /// `aws deploy update-deployment-group …`, with a wait as long as the one wanted.
        command: String,
    },
}

impl CodeDeploySeen {
    /// Where a deployment pauses: at Ready, where the group waits there, asked for or not, for as long as the group waits.
    ///
    /// # Errors
    /// The file wants a pause that CodeDeploy has not.
    pub fn pauses(&self, wanted: Option<&Pause>) -> Result<Option<Pause>, NoPause> {
        if let Some(at) = wanted.and_then(|pause| pause.at.iter().find(|at| **at != PauseAt::BeforeProduction)) {
            return Err(NoPause::There { at: *at });
        }
        match (self.ready, wanted) {
            (Ready::Waits { minutes }, _) => {
                Ok(Some(Pause { at: vec![PauseAt::BeforeProduction], timeout: Span(u64::from(minutes) * MINUTE) }))
            }
            (Ready::GoesOn, None) => Ok(None),
            (Ready::GoesOn, Some(pause)) => {
                let minutes = u32::try_from(pause.timeout.0.div_ceil(MINUTE)).unwrap_or(u32::MAX);
                Err(NoPause::NotOfGroup { command: update_group(self, Ready::Waits { minutes }, self.terminate) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    fn pause(at: PauseAt) -> Pause {
        Pause { at: vec![at], timeout: Span(90 * MINUTE) }
    }

    #[test]
    fn it_waits_where_and_for_as_long_as_the_group_says() {
        let waits = Pause { at: vec![PauseAt::BeforeProduction], timeout: Span(30 * MINUTE) };
        for wanted in [None, Some(pause(PauseAt::BeforeProduction))] {
            assert_eq!(seen().pauses(wanted.as_ref()), Ok(Some(waits.clone())));
        }
        let at_once = CodeDeploySeen { ready: Ready::GoesOn, ..seen() };
        assert_eq!(at_once.pauses(None), Ok(None));
    }

    #[test]
    fn what_it_cannot_is_refused_with_what_to_change() {
        for at in [PauseAt::ScaledUp, PauseAt::TestTraffic, PauseAt::AfterProduction] {
            assert_eq!(seen().pauses(Some(&pause(at))), Err(NoPause::There { at }));
        }
        let at_once = CodeDeploySeen { ready: Ready::GoesOn, ..seen() };
        let refused = at_once.pauses(Some(&pause(PauseAt::BeforeProduction))).unwrap_err();
        let NoPause::NotOfGroup { command } = refused else { panic!("{refused:?}") };
        assert!(command.contains("actionOnTimeout=STOP_DEPLOYMENT,waitTimeInMinutes=90"), "{command}");
        assert!(command.contains("terminationWaitTimeInMinutes=5"), "the rest stays: {command}");
    }
}
