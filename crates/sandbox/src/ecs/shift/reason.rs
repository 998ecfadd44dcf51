//! `statusReason` of a service deployment that shifts traffic. Texts in AWS's words where they are published;
//! the others are made after their pattern.

use shipit_scheduler::{Reason, Stage};

use super::super::service::rollout::{Because, given_up};
use super::stage::word;

/// AWS's text for a deployment without an earlier revision that has failed.
pub(super) const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";

/// The service deployment was stopped where it stood.
pub(super) const STOPPED: &str = "Service deployment stopped by user request.";

/// The way back has failed: the earlier revision does not come up again.
pub(super) const SOURCE_IS_GONE: &str =
    "Service deployment rollback failed because the previous service revision did not become healthy.";

/// A shift has failed and stays where it is, for nobody has configured a rollback.
pub(super) fn not_wanted(reason: Reason) -> String {
    match reason {
        Reason::Failed(failure) => given_up(failure, " and no rollback is configured"),
        other => of(other),
    }
}

/// Why a shift goes back, when nothing more exact is known.
pub(super) fn of(reason: Reason) -> String {
    match reason {
        Reason::Failed(failure) => Because::Of(failure).text().to_owned(),
        Reason::Hook(stage) => format!("Service deployment rolled back because {} lifecycle hook(s) failed.", word(stage)),
        Reason::Asked => Because::Asked.text().to_owned(),
        Reason::TimedOut(stage) => {
            format!("Service deployment rolled back because {} did not complete within 24 hours.", word(stage))
        }
    }
}

/// The networking is not as it must be: `what` begins with its punctuation.
pub(super) fn networking(what: &str) -> String {
    format!("Service deployment rolled back because of invalid networking configuration{what}")
}

/// A pause was answered with ROLLBACK.
pub(super) fn pause_failed(stage: Stage) -> String {
    format!("Service deployment rolled back because {} pause hook failed.", word(stage))
}

/// A pause was not answered in time.
pub(super) fn pause_timed_out(stage: Stage) -> String {
    format!("Service deployment rolled back because {} pause hook timed out.", word(stage))
}

/// A function failed a stage.
pub(super) fn function(stage: Stage, what: &str) -> String {
    format!("{} {what}", of(Reason::Hook(stage)))
}
