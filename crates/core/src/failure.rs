//! What a person reads when something went wrong: what, because, now, next; a stable code; an exit code for CI.

use serde::{Deserialize, Serialize};

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
}

impl Failure {
    /// A failure of that code; the other parts are added by [`Failure::because`], [`Failure::now`], [`Failure::next`].
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), because: Vec::new(), now: Vec::new(), next: Vec::new() }
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
    /// Stopped at the scan gate; service untouched.
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

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal => $exit:ident;)*) => {
        /// Every failure shipit knows. The hundreds say where it comes from: 0 usage and config, 1 plan, 2 rollout,
        /// 3 source and build, 4 registry and gate, 5 AWS, 6 this machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        /// All codes, in order.
        pub const CODES: &[Code] = &[$(Code::$name),*];

        impl Code {
            /// The number behind `SHIP`.
            pub fn number(self) -> u16 {
                match self { $(Code::$name => $number,)* }
            }

            /// The exit code that a run with this failure ends with.
            pub fn exit(self) -> Exit {
                match self { $(Code::$name => Exit::$exit,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// the pipeline file has complaints
    Config = 1 => Refused;
    /// the command line asks for something that does not fit
    Usage = 2 => Refused;
    /// the credentials belong to another account than the pipeline file names
    WrongAccount = 101 => Refused;
    /// the service does not exist in the cluster
    ServiceMissing = 102 => Refused;
    /// the repository does not exist in the registry
    RepositoryMissing = 103 => Refused;
    /// the cluster does not exist
    ClusterMissing = 104 => Refused;
    /// a container named in the pipeline file is not in the task definition
    ContainerMissing = 105 => Refused;
    /// an image of the task definition is on a moving tag
    MovingTag = 106 => Refused;
    /// another deployment of the service is in progress
    DeploymentInProgress = 107 => Refused;
    /// the service is not active
    ServiceNotActive = 108 => Refused;
    /// the service's deployment controller cannot do what the pipeline wants
    ControllerMismatch = 109 => Refused;
    /// the tag exists with other content
    TagTaken = 110 => Refused;
    /// the plan can never move: the percents leave no room at this number of tasks
    NeverMoves = 117 => Refused;
    /// the rollout failed and the service is back on the revision it had
    RolloutTurnedBack = 201 => TurnedBack;
    /// the rollout failed and turning back failed too, or there is nothing to go back to
    RolloutStuck = 202 => Stuck;
    /// the smoke request was not answered as expected
    SmokeFailed = 203 => TurnedBack;
    /// the rollout did not progress within its deadline and was turned back
    RolloutStalled = 205 => TurnedBack;
    /// another deployment took over
    Superseded = 206 => Superseded;
    /// the wait ended before the rollout did
    StillRunning = 207 => Running;
    /// interrupted, policy carried out
    Interrupted = 208 => Interrupted;
    /// there is no revision to go back to
    NothingToRollBackTo = 209 => Refused;
    /// the working tree differs from its commit
    DirtyTree = 301 => Refused;
    /// there is no commit to name the images by
    NoCommit = 302 => Refused;
    /// git refuses or cannot read the repository
    GitUnreadable = 303 => Refused;
    /// the build failed
    BuildFailed = 304 => Failed;
    /// the build context cannot be read
    ContextUnreadable = 305 => Refused;
    /// no Docker Engine answers
    EngineUnreachable = 306 => Failed;
    /// a base image cannot be had
    BaseImage = 307 => Failed;
    /// the push failed
    PushFailed = 401 => Failed;
    /// the registry does not accept the login
    RegistryLogin = 402 => Failed;
    /// findings at or above the threshold
    GateBlocked = 411 => Gate;
    /// there is no usable scan result
    GateUnknown = 412 => Gate;
    /// no AWS credentials were found
    NoCredentials = 501 => Refused;
    /// the AWS credentials have expired
    ExpiredCredentials = 502 => Failed;
    /// AWS denies an operation
    Denied = 503 => Refused;
    /// AWS cannot be reached
    Unreachable = 504 => Failed;
    /// AWS throttles for longer than is sensible to wait
    Throttled = 505 => Failed;
    /// AWS refuses the request
    AwsRefused = 506 => Failed;
    /// no region is set
    NoRegion = 507 => Refused;
    /// a file cannot be written or read
    FileTrouble = 601 => Failed;
    /// the sandbox is not running, or did not start
    Sandbox = 602 => Failed;
    /// another run holds the lock
    Locked = 603 => Refused;
    /// a defect in shipit
    Unexpected = 699 => Failed;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SHIP{:03}", self.number())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for Code {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        CODES.iter().copied().find(|code| code.to_string() == text).ok_or(format!("`{text}` is not a code of shipit"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_reads_back() {
        let mut numbers: Vec<u16> = CODES.iter().map(|code| code.number()).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len(), "codes are in order and unique");
        assert!(numbers.is_sorted());
        for code in CODES {
            assert_eq!(Code::try_from(code.to_string()), Ok(*code));
            assert!(!code.meaning().is_empty());
        }
    }
}
