//! What a person reads when something went wrong: what, because, now, next; a stable code; an exit code for CI.

pub mod cause;
pub mod classify;
mod codes;

use serde::{Deserialize, Serialize};

pub use cause::{Again, Cause, KINDS, Kind, SAME_CAUSE_STOPS, Stops};
pub use classify::{classify, tally};
pub use codes::{CODES, Code};

/// One failure, made where the knowledge is, rendered in one place, stored in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its stable code, e.g. `SHIP204`.
    pub code: Code,
    /// What happened, in one line.
    pub what: String,
    /// Why, most telling first.
    pub because: Vec<String>,
    /// How things stand.
    pub now: Vec<String>,
    /// What to do, ready to be typed where possible.
    pub next: Vec<String>,
    /// The line at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Box<Line>>,
}

/// A line of a file of the source tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The file, as it was named: relative to where shipit was started, or absolute.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Failure {
    /// A failure of that code; the other parts are added by [`Failure::because`], [`Failure::now`], [`Failure::next`].
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), because: Vec::new(), now: Vec::new(), next: Vec::new(), at: None }
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, line: impl Into<String>) -> Self {
        self.because.push(line.into());
        self
    }

    /// Adds how things stand.
    #[must_use]
    pub fn now(mut self, line: impl Into<String>) -> Self {
        self.now.push(line.into());
        self
    }

    /// With all four parts: where whoever made it left one open, how things stand is told by the caller, who knows, and the
    /// rest by the catalogue.
    #[must_use]
    pub fn in_full(mut self, now: impl IntoIterator<Item = String>) -> Self {
        let usual = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        if self.because.is_empty() {
            self.because = usual(self.code.causes());
        }
        if self.now.is_empty() {
            self.now = now.into_iter().collect();
        }
        if self.next.is_empty() {
            self.next = usual(self.code.remedies());
        }
        self
    }

    /// Says which line is at fault, unless a closer one is known.
    #[must_use]
    pub fn at(mut self, line: Option<Line>) -> Self {
        self.at = self.at.or(line.map(Box::new));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn next(mut self, line: impl Into<String>) -> Self {
        self.next.push(line.into());
        self
    }
}

/// What the process answers to its caller (design: verbs and exit codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Deployed, or nothing to do.
    Done,
    /// Failed before the service was touched, or unexpected.
    Failed,
    /// Refused before anything was done.
    Refused,
    /// Stopped at the gate, by a scan or by `verify:`; service untouched.
    Gate,
    /// Rollout failed; the service is back on the revision it had.
    TurnedBack,
    /// A person is needed.
    Stuck,
    /// Still running when the wait ended, or paused.
    Running,
    /// Someone else's deployment took over.
    Superseded,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// Interrupted, policy carried out.
    Interrupted,
}

impl Exit {
    /// All of them, by their number.
    pub const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Failed,
        Exit::Refused,
        Exit::Gate,
        Exit::TurnedBack,
        Exit::Stuck,
        Exit::Running,
        Exit::Superseded,
        Exit::Changes,
        Exit::Interrupted,
    ];

    /// What it means for the caller, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "deployed, or nothing to do",
            Exit::Failed => "failed, and no service was changed",
            Exit::Refused => "refused before anything was done",
            Exit::Gate => "stopped at the gate, by a scan or by `verify:`; no service was touched",
            Exit::TurnedBack => "the rollout failed; the service is back on the revision it had",
            Exit::Stuck => "stuck: a person is needed",
            Exit::Running => "still running; the command that goes on is shown",
            Exit::Superseded => "someone else's deployment took over; nothing of theirs is undone",
            Exit::Changes => "there are changes",
            Exit::Interrupted => "interrupted, policy carried out",
        }
    }

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::Gate => 3,
            Exit::TurnedBack => 4,
            Exit::Stuck => 5,
            Exit::Running => 6,
            Exit::Superseded => 7,
            Exit::Changes => 10,
            Exit::Interrupted => 130,
        }
    }
}
