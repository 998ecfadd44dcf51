//! What can be asked of the world, and how an answer goes wrong: refused before anything happens, or lost on its way back.

use shipit::port::PortError;
use shipit_core::failure::{Code, Failure};
use shipit_scheduler::{Span, Time};

/// One thing that a port can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    ReadSource,
    HashInputs,
    /// How layers can be had.
    AskEngine,
    Build,
    SearchImage,
    Push,
    /// A tag added in the registry.
    Tag,
    /// An index put into the registry.
    Join,
    DescribeRepository,
    /// What an index names.
    ReadIndex,
    Login,
    DescribeScan,
    ListReferrers,
    ReadReferrer,
    Attach,
    ReadLayers,
    DescribeService,
    ListInstances,
    ReadRevision,
    FindRevision,
    RegisterTaskDefinition,
    DeregisterTaskDefinition,
    CreateService,
    UpdateService,
    /// UpdateService with nothing but a deployment configuration.
    Configure,
    Follow,
    Current,
    StopServiceDeployment,
    ContinueServiceDeployment,
    DescribeStoppedTasks,
    DescribeTaskDefinition,
    DescribeTargetHealth,
    GetLogEvents,
    GetMetricData,
    DescribeAlarms,
    GetRole,
    GetCallerIdentity,
    OpenRun,
    ReadRun,
    Record,
    WriteArtefact,
    Probe,
}

impl Op {
    /// It changes something outside this machine.
    pub fn is_write(self) -> bool {
        use Op::{Attach, Configure, Join, Push, RegisterTaskDefinition, Tag};
        self.touches_a_service() || matches!(self, Push | Tag | Join | Attach | RegisterTaskDefinition | Configure)
    }

    /// It changes what a service runs.
    pub fn touches_a_service(self) -> bool {
        use Op::{ContinueServiceDeployment, CreateService, StopServiceDeployment, UpdateService};
        matches!(self, CreateService | UpdateService | StopServiceDeployment | ContinueServiceDeployment)
    }

    /// AWS answers it: it can be throttled, and it is gone when the network is.
    pub fn is_aws(self) -> bool {
        use Op::{
            AskEngine, Build, HashInputs, OpenRun, Probe, ReadLayers, ReadRun, ReadSource, Record, SearchImage, WriteArtefact,
        };
        !matches!(
            self,
            ReadSource
                | AskEngine
                | HashInputs
                | Build
                | ReadLayers
                | SearchImage
                | OpenRun
                | ReadRun
                | Record
                | WriteArtefact
                | Probe
        )
    }
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before anything has happened.
    Before,
    /// After everything has happened: the reply is lost.
    After,
}

/// Which calls fail.
#[derive(Clone, Debug)]
enum Which {
    /// The next so many of an operation.
    Next(Op, usize),
    /// The call of this number, counted from 0.
    Number(usize),
}

/// All that goes wrong.
#[derive(Default)]
pub struct Faults {
    set: Vec<(Which, When, PortError)>,
    asked: usize,
    throttled: Option<(u32, u64)>,
    outage: Option<Time>,
}

impl Faults {
    pub fn fail_next(&mut self, operation: Op, times: usize, when: When, error: PortError) {
        self.set.push((Which::Next(operation, times), when, error));
    }

    pub fn fail_number(&mut self, number: usize, when: When, error: PortError) {
        self.set.push((Which::Number(number), when, error));
    }

    /// So many percent of the calls to AWS are throttled; the seed says which.
    pub fn throttle(&mut self, percent: u32, seed: u64) {
        self.throttled = Some((percent, seed));
    }

    /// Nothing of AWS is reached for so long.
    pub fn outage(&mut self, now: Time, length: Span) {
        self.outage = Some(now + length);
    }

    /// What becomes of this call.
    pub fn of(&mut self, operation: Op, now: Time) -> Option<(When, PortError)> {
        let number = self.asked;
        self.asked += 1;
        if operation.is_aws() && self.outage.is_some_and(|until| now < until) {
            return Some((When::Before, unreachable()));
        }
        if let Some((percent, state)) = &mut self.throttled
            && operation.is_aws()
        {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (*state >> 33) % 100 < u64::from(*percent) {
                return Some((When::Before, throttled(operation)));
            }
        }
        let hit = self.set.iter().position(|(which, ..)| match which {
            Which::Next(wanted, times) => *wanted == operation && *times > 0,
            Which::Number(wanted) => *wanted == number,
        })?;
        let (which, when, error) = &mut self.set[hit];
        let (when, error) = (*when, error.clone());
        match which {
            Which::Next(_, times) => *times -= 1,
            Which::Number(_) => {
                self.set.remove(hit);
            }
        }
        Some((when, error))
    }
}

pub fn unreachable() -> PortError {
    PortError::Unreachable { what: "AWS".into(), message: "connection reset by peer".into() }
}

pub fn throttled(operation: Op) -> PortError {
    PortError::Throttled { action: format!("{operation:?}") }
}

pub fn denied(operation: Op) -> PortError {
    PortError::Denied { action: format!("{operation:?}"), message: "no identity-based policy allows it".into() }
}

pub fn disk_full() -> PortError {
    Failure::new(Code::FileTrouble, "the journal cannot be written").because("no space left on device").into()
}

pub fn refused(operation: Op) -> PortError {
    PortError::Refused {
        action: format!("{operation:?}"),
        code: "InvalidParameterException".into(),
        message: "not like this".into(),
    }
}
