//! What may become of a deploy: how it is brought about, and what must come of it.

use serde_json::{Value, json};

use super::application::Version;
use super::place::{PLANNED, Place};
use super::strategy::Strategy;

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new version is well.
    Success,
    /// It ends at once.
    Crash,
    /// Its health check fails.
    Unhealthy,
    /// It is healthy, and answers all other requests with 500: `judge:` by errors, or an alarm where nothing is judged.
    Broken,
    /// The same where all traffic moves at once: an alarm beside the judge.
    BrokenAlarmed,
    /// An alarm goes off once it has traffic.
    Alarm,
    /// Someone stops the service deployment at the console once it has traffic.
    Stopped,
    /// The program is asked to end (SIGTERM) once it has traffic.
    Interrupted,
    /// Nobody answers the pause.
    Unanswered,
    /// The program is killed at each stage and gone on with from another folder.
    Resumed(With),
    /// It is killed, and nobody goes on with it.
    Left(Guard, At),
}

/// What the other folder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// The journal.
    Journal,
    /// Nothing.
    Nothing,
}

/// Whether `judge:` has AWS wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing holds the traffic.
    None,
    /// `judge:` holds it before each step.
    Judge,
}

/// When it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The candidate has no traffic yet.
    ScaleUp,
    /// It has its first share.
    Traffic,
}

/// Which requests may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// None.
    None,
    /// Those that the candidate got, no other, and at most so many.
    OfCandidate(usize),
}

/// What must come of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// How the last process ends; none where it was killed.
    pub exit: Option<i32>,
    /// The number of the revision that serves in the end.
    pub revision: u32,
    /// The candidate's shares, one after the other.
    pub shares: Vec<f64>,
    /// Which requests may fail.
    pub fails: Fails,
}

impl Outcome {
    /// All that the strategy can have.
    pub fn all(strategy: Strategy) -> Vec<Self> {
        let mut all = vec![
            Self::Left(Guard::None, At::ScaleUp),
            Self::Resumed(With::Journal),
            Self::Resumed(With::Nothing),
            Self::Success,
            Self::Crash,
            Self::Unhealthy,
            Self::Broken,
            Self::Alarm,
            Self::Stopped,
            Self::Interrupted,
        ];
        if strategy == Strategy::BlueGreen {
            all.push(Self::BrokenAlarmed);
        }
        if strategy != Strategy::Rolling {
            // Only where traffic moves there is something to hold.
            let guarded = [At::ScaleUp, At::Traffic].map(|at| Self::Left(Guard::Judge, at));
            all.splice(0..0, guarded.into_iter().chain([Self::Unanswered]));
        }
        all
    }

    /// As a service is named after it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Crash => "crash",
            Self::Unhealthy => "unhealthy",
            Self::Broken => "5xx",
            Self::BrokenAlarmed => "5xx-alarm",
            Self::Alarm => "alarm",
            Self::Stopped => "stopped",
            Self::Interrupted => "sigterm",
            Self::Unanswered => "no-answer",
            Self::Resumed(With::Journal) => "resumed",
            Self::Resumed(With::Nothing) => "by-sight",
            Self::Left(Guard::None, _) => "left",
            Self::Left(Guard::Judge, At::ScaleUp) => "judge-left",
            Self::Left(Guard::Judge, At::Traffic) => "judge-cut",
        }
    }

    /// What is deployed.
    pub fn version(self) -> Version {
        let kind = match self {
            Self::Crash => "crash",
            Self::Unhealthy => "unhealthy",
            Self::Broken | Self::BrokenAlarmed => "broken",
            _ => "fine",
        };
        Version { number: 2, kind }
    }

    /// Lines of the service in the pipeline file.
    pub fn lines(self, strategy: Strategy, name: &str) -> String {
        let line = match self {
            // It goes back before its time is over.
            Self::Broken | Self::BrokenAlarmed | Self::Alarm | Self::Stopped | Self::Interrupted => strategy.baking("20m", "20m"),
            Self::Resumed(_) => strategy.baking("1m", "5m"),
            _ => strategy.line(),
        };
        let desk = |patience: &str| format!("    judge: {{ errors: ~, alarms: [{name}-desk], patience: {patience} }}\n");
        let more = match (self, strategy) {
            (_, Strategy::Rolling) => String::new(),
            (Self::BrokenAlarmed, _) => format!("    judge: {{ errors: ~, alarms: [{name}-5xx] }}\n"),
            (Self::Broken, _) => "    judge: { errors: { worse_by: 5%, at_least: 20 requests } }\n".to_owned(),
            (Self::Alarm | Self::Resumed(_), _) => desk("20m"),
            (Self::Left(Guard::Judge, At::ScaleUp), _) => desk("1m"),
            // It can neither pass nor be given up before it is killed, however slow the machine is.
            (Self::Left(Guard::Judge, At::Traffic), _) => {
                "    judge: { errors: { at_least: 1000000 requests }, patience: 5m }\n".to_owned()
            }
            (Self::Unanswered, _) => format!("    pause: {{ at: [{}], timeout: 1m }}\n", pause(strategy)),
            _ => String::new(),
        };
        line + &more
    }

    /// What is laid over the service's deployment configuration: a rolling update has no judge, only ECS's own alarms.
    pub fn configuration(self, strategy: Strategy, name: &str) -> Value {
        let alarm = match (self, strategy) {
            (Self::Broken, Strategy::Rolling) => "5xx",
            (Self::Alarm, Strategy::Rolling) => "desk",
            _ => return json!({}),
        };
        let alarms = json!({"alarmNames": [format!("{name}-{alarm}")], "enable": true, "rollback": true});
        json!({"alarms": alarms, "bakeTimeInMinutes": 2})
    }

    /// The most requests that may meet a version that fails them all: the client's 40 a second at the candidate's share, for
    /// the 10 minutes of AWS's time that a verdict may take, the 2 of an alarm.
    fn most_broken(self, strategy: Strategy) -> usize {
        match (self, strategy) {
            (Self::BrokenAlarmed, _) | (_, Strategy::Rolling) => 40 * 6,
            (_, Strategy::BlueGreen) => 40 * 30,
            (_, Strategy::Canary) => 4 * 30,
            (_, Strategy::Linear) => 16 * 30,
        }
    }

    /// What must come of it.
    pub fn expected(self, strategy: Strategy) -> Expected {
        let back = |exit, shares| Expected { exit, revision: 1, shares, fails: Fails::None };
        let nothing = || strategy.shares().first().copied().into_iter().collect();
        match self {
            Self::Success | Self::Resumed(_) => {
                Expected { exit: Some(0), revision: 2, shares: strategy.shares().to_vec(), fails: Fails::None }
            }
            Self::Left(Guard::None, _) => {
                Expected { exit: None, revision: 2, shares: strategy.shares().to_vec(), fails: Fails::None }
            }
            Self::Crash | Self::Unhealthy => back(Some(4), nothing()),
            Self::Broken | Self::BrokenAlarmed => {
                Expected { fails: Fails::OfCandidate(self.most_broken(strategy)), ..back(Some(4), strategy.there_and_back()) }
            }
            Self::Alarm | Self::Stopped => back(Some(4), strategy.there_and_back()),
            Self::Interrupted => back(Some(130), strategy.there_and_back()),
            Self::Unanswered if pause(strategy) == AFTER => back(Some(4), strategy.all_and_back()),
            Self::Unanswered => back(Some(4), nothing()),
            Self::Left(Guard::Judge, At::ScaleUp) => back(None, nothing()),
            Self::Left(Guard::Judge, At::Traffic) => back(None, strategy.there_and_back()),
        }
    }
}

const AFTER: &str = "after-production";

/// Each strategy pauses elsewhere.
fn pause(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::BlueGreen => "test-traffic",
        Strategy::Linear => AFTER,
        Strategy::Canary | Strategy::Rolling => "before-production",
    }
}

/// Where a run is killed, in order. Without its journal nobody can go on with one that has not begun, nor with one that AWS
/// has ended.
pub fn stages(strategy: Strategy, with: With) -> Vec<Place> {
    let mut places = vec![Place::new("SCALE_UP", 0.0)];
    for share in strategy.shares().iter().filter(|share| **share < 100.0) {
        if *share > 0.0 {
            places.push(Place::new("PRODUCTION_TRAFFIC_SHIFT", *share));
        }
        places.push(Place::new("PRE_PRODUCTION_TRAFFIC_SHIFT", *share));
    }
    if strategy != Strategy::Rolling {
        places.extend(["POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"].map(|stage| Place::new(stage, 100.0)));
    }
    if with == With::Journal {
        places.insert(0, Place::new(PLANNED, 0.0));
        places.push(Place::new("CLEAN_UP", strategy.shares().last().copied().unwrap_or(0.0)));
    }
    places
}
