//! What CloudWatch knows in the fake world: what each target group serves by its weight, unless a script says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use shipit::port::{Metrics, PortError, PortResult, Roles, Watched};
use shipit_core::analysis::{AlarmState, MINUTE, Measured, Minute, Point, Samples};

use super::faults::Op;
use super::world::Fake;

/// What a target group serves in each minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Serves {
    pub requests: u64,
    pub server_errors: u64,
    pub connection_errors: u64,
    /// Seconds.
    pub p50: f64,
    /// Seconds.
    pub p95: f64,
}

impl Serves {
    /// So many requests a minute, all answered well and fast.
    pub fn well(requests: u64) -> Self {
        Self { requests, p50: 0.02, p95: 0.05, ..Self::default() }
    }

    /// The same with so many answers of 5xx among them.
    pub fn with_errors(self, server_errors: u64) -> Self {
        Self { server_errors, ..self }
    }
}

/// The script.
#[derive(Default)]
pub struct Traffic {
    /// By target group ARN: from when on it serves what.
    serves: BTreeMap<String, BTreeMap<Timestamp, Serves>>,
    /// By name of the metric and ARN of the target group: its value in each minute.
    pub levels: BTreeMap<(String, String), f64>,
    pub alarms: BTreeMap<String, AlarmState>,
    /// By ARN: the services that may assume the role.
    pub roles: BTreeMap<String, BTreeSet<String>>,
}

impl Traffic {
    /// From the first full minute at or after this on, the target group serves this.
    pub fn serves(&mut self, group: &str, from: Timestamp, what: Serves) {
        self.serves.entry(group.to_owned()).or_default().insert(from, what);
    }

    fn minutes(&self, group: &str, watched: &Watched<'_>) -> Vec<Minute> {
        let script = self.serves.get(group);
        let at = |start: Timestamp| script?.range(..=start).next_back().map(|(_, serves)| (start, *serves));
        let served = starts(watched).filter_map(at).filter(|(_, serves)| serves.requests > 0);
        served.map(|(start, serves)| minute(start, serves)).collect()
    }

    fn points(&self, metric: &str, group: &str, watched: &Watched<'_>) -> Vec<Point> {
        let value = self.levels.get(&(metric.to_owned(), group.to_owned())).copied();
        starts(watched).filter_map(|start| Some(Point { start, value: value? })).collect()
    }

    fn alarms(&self, names: &[String]) -> BTreeMap<String, AlarmState> {
        names.iter().filter_map(|name| Some((name.clone(), self.alarms.get(name)?.clone()))).collect()
    }
}

/// CloudWatch has no datapoint where nothing was counted.
fn minute(start: Timestamp, serves: Serves) -> Minute {
    let counted = |count: u64| (count > 0).then_some(count);
    let answered = serves.requests > serves.connection_errors;
    Minute {
        start,
        requests: counted(serves.requests),
        server_errors: counted(serves.server_errors),
        connection_errors: counted(serves.connection_errors),
        p50: answered.then_some(serves.p50),
        p95: answered.then_some(serves.p95),
    }
}

/// The beginnings of the minutes of a look.
fn starts(watched: &Watched<'_>) -> impl Iterator<Item = Timestamp> {
    let first = Timestamp::from_second(watched.since.as_second().div_euclid(60) * 60).unwrap();
    let at = watched.at;
    std::iter::successors(Some(first), |start| Some(*start + MINUTE)).take_while(move |start| *start < at)
}

#[async_trait]
impl Metrics for Fake {
    async fn look(&self, watched: &Watched<'_>) -> PortResult<Samples> {
        self.call(Op::GetMetricData, watched.candidate, Value::Null, |world| {
            let traffic = &world.traffic;
            let minutes = |group: &str| match traffic.serves.contains_key(group) {
                true => traffic.minutes(group, watched),
                false => starts(watched).filter_map(|start| world.minute(group, start)).collect(),
            };
            let measured = |name: &str| Measured {
                candidate: traffic.points(name, watched.candidate, watched),
                stable: traffic.points(name, watched.stable, watched),
            };
            Ok(Samples {
                candidate: minutes(watched.candidate),
                stable: minutes(watched.stable),
                metrics: watched.metrics.iter().map(|metric| (metric.name.clone(), measured(&metric.name))).collect(),
                alarms: traffic.alarms(watched.alarms),
                ..Samples::none(watched.at)
            })
        })
        .await
    }

    async fn alarms(&self, names: &[String]) -> PortResult<BTreeMap<String, AlarmState>> {
        self.call(Op::DescribeAlarms, "", Value::Null, |world| Ok(world.traffic.alarms(names))).await
    }
}

#[async_trait]
impl Roles for Fake {
    async fn trusted_services(&self, role: &str) -> PortResult<BTreeSet<String>> {
        self.call(Op::GetRole, role, Value::Null, |world| {
            let found = world.traffic.roles.get(role).cloned();
            found.ok_or_else(|| PortError::NotFound { what: format!("role `{role}`") })
        })
        .await
    }
}

#[tokio::test(start_paused = true)]
async fn the_script_is_what_a_look_shows() {
    let fake = Fake::new();
    let now = fake.lock().clock.now();
    let minutes = |count: i64| now + MINUTE.checked_mul(i32::try_from(count).unwrap()).unwrap();
    {
        let traffic = &mut fake.lock().traffic;
        traffic.serves("stable", now, Serves::well(900));
        traffic.serves("candidate", minutes(2), Serves::well(100).with_errors(7));
        traffic.serves("candidate", minutes(4), Serves::default());
        traffic.alarms.insert("5xx".to_owned(), AlarmState::Ok);
    }
    let alarms = ["5xx".to_owned(), "none".to_owned()];
    let watched = Watched {
        service: "web",
        candidate: "candidate",
        stable: "stable",
        since: minutes(1),
        at: minutes(6),
        metrics: &[],
        alarms: &alarms,
    };
    let seen = fake.ports().metrics.look(&watched).await.unwrap();
    let starts: Vec<Timestamp> = seen.candidate.iter().map(|minute| minute.start).collect();
    assert_eq!(starts, [minutes(2), minutes(3)], "none where nothing is served");
    assert_eq!((seen.candidate[0].errors(), seen.candidate[0].connection_errors), (7, None));
    assert_eq!((seen.stable.len(), seen.stable[0].server_errors), (5, None));
    assert_eq!(seen.alarms, BTreeMap::from([("5xx".to_owned(), AlarmState::Ok)]));
    assert!(matches!(fake.ports().roles.trusted_services("none").await, Err(PortError::NotFound { .. })));
}
