//! What came of a deploy: the exit, the outcome, and everything that was asked and written down, in order.

use jiff::SignedDuration;
use shipit_core::event::{Event, Outcome, ServiceOutcome};
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::journal::Entry;

use super::faults::Op;
use super::world::{Call, Line};

/// What came of a deploy.
pub struct Run {
    pub exit: Exit,
    /// None when it was refused before it began.
    pub outcome: Option<Outcome>,
    pub refusals: Vec<Failure>,
    pub events: Vec<Event>,
    /// Calls and facts of this run, in order.
    pub lines: Vec<Line>,
    /// In AWS's time.
    pub took: SignedDuration,
}

impl Run {
    /// Calls of an operation that took effect or failed, in order.
    pub fn calls(&self, operation: Op) -> Vec<&Call> {
        self.all_calls().filter(|call| call.operation == operation).collect()
    }

    /// All calls, in order.
    pub fn all_calls(&self) -> impl Iterator<Item = &Call> {
        self.lines.iter().filter_map(|line| match line {
            Line::Call(call) => Some(call),
            Line::Fact(_) => None,
        })
    }

    /// Everything that changed something outside this machine: operation and subject.
    pub fn writes(&self) -> Vec<(Op, &str)> {
        self.all_calls().filter(|call| call.operation.is_write()).map(|call| (call.operation, call.subject.as_str())).collect()
    }

    /// Everything that changed what a service runs.
    pub fn touches(&self) -> Vec<(Op, &str)> {
        self.writes().into_iter().filter(|(operation, _)| operation.touches_a_service()).collect()
    }

    /// Facts as they stand on disk.
    pub fn facts(&self) -> Vec<&Entry> {
        let facts = self.lines.iter().filter_map(|line| match line {
            Line::Call(_) => None,
            Line::Fact(entry) => Some(entry),
        });
        facts.collect()
    }

    /// The failure of the run.
    pub fn failure(&self) -> &Failure {
        let of_run = self.outcome.as_ref().and_then(|outcome| outcome.failure.as_ref());
        of_run.or(self.refusals.first()).expect("the run failed")
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.failure().code
    }

    /// All its lines.
    pub fn words(&self) -> String {
        let failure = self.failure();
        let parts = [std::slice::from_ref(&failure.what), &failure.because, &failure.now, &failure.next];
        parts.concat().join("\n")
    }

    /// How a service stands in the end.
    pub fn stands(&self, name: &str) -> &ServiceOutcome {
        &self.outcome.as_ref().expect("the run began").services[name]
    }

    /// The service runs this revision, `family:number`, deployed by this run.
    #[track_caller]
    pub fn deployed(&self, name: &str, revision: &str) {
        let stands = self.stands(name);
        let deployed = matches!(stands, ServiceOutcome::Deployed { revision: found, .. } if found.short() == revision);
        assert!(deployed, "`{name}` {stands:?}");
    }

    /// The service is back on this revision.
    #[track_caller]
    pub fn turned_back(&self, name: &str, revision: &str) {
        let stands = self.stands(name);
        let back = matches!(stands, ServiceOutcome::TurnedBack { to } if to.short() == revision);
        assert!(back, "`{name}` {stands:?}");
    }
}
