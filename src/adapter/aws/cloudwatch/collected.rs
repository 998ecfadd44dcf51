//! Datapoints by query, and the minutes and metrics made of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};
use jiff::Timestamp;
use shipit_core::analysis::{Measured, Metric, Minute, Point};

use super::queries::{ASKED, further, id_of};
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult};

/// Datapoints by query id.
#[derive(Debug, Default)]
pub struct Collected {
    series: BTreeMap<String, BTreeMap<Timestamp, f64>>,
    /// Queries that answered two values for one minute.
    several: BTreeSet<String>,
}

impl Collected {
    /// Takes a result; a query may come in parts.
    ///
    /// # Errors
    /// CloudWatch could not carry the query out.
    pub fn take(&mut self, result: &MetricDataResult) -> PortResult<()> {
        let said = || {
            let said = result
                .messages()
                .iter()
                .map(|message| [message.code(), message.value()].into_iter().flatten().collect::<Vec<_>>().join(": "));
            said.collect::<Vec<_>>().join("; ")
        };
        let action = operation::GET_METRIC_DATA.action();
        match result.status_code() {
            None | Some(StatusCode::Complete | StatusCode::PartialData) => {}
            Some(StatusCode::Forbidden) => return Err(PortError::Denied { action, message: said() }),
            Some(other) => {
                let what = format!("AWS (`{action}`)");
                return Err(PortError::Unreachable { what, message: format!("{} {}", other.as_str(), said()) });
            }
        }
        let id = result.id().unwrap_or_default();
        let series = self.series.entry(id.to_owned()).or_default();
        for (at, value) in result.timestamps().iter().zip(result.values()) {
            let Ok(at) = Timestamp::from_second(at.secs()) else { continue };
            if series.insert(at, *value).is_some() {
                self.several.insert(id.to_owned());
            }
        }
        Ok(())
    }

    /// Both together; the queries are others.
    pub fn and(mut self, other: Self) -> Self {
        self.series.extend(other.series);
        self.several.extend(other.several);
        self
    }

    /// The minutes of a side in which anything was measured, oldest first.
    pub fn minutes(&self, letter: char) -> Vec<Minute> {
        let of = |id: &str| self.series.get(&id_of(letter, id));
        let starts: BTreeSet<Timestamp> = ASKED.iter().filter_map(|(id, ..)| of(id)).flat_map(BTreeMap::keys).copied().collect();
        let minute = |start: Timestamp| {
            let value = |id: &str| of(id).and_then(|series| series.get(&start)).copied();
            let count = |id: &str| value(id).filter(|value| *value >= 0.0).map(|value| value.round() as u64);
            Minute {
                start,
                requests: count("requests"),
                server_errors: count("errors"),
                connection_errors: count("unconnected"),
                p50: value("p50"),
                p95: value("p95"),
            }
        };
        starts.into_iter().map(minute).collect()
    }

    /// The further metrics, by name.
    ///
    /// # Errors
    /// A query that does not come to one time series.
    pub fn metrics(&self, metrics: &[Metric]) -> PortResult<BTreeMap<String, Measured>> {
        let points = |letter: char, place: usize, metric: &Metric| {
            let id = further(letter, place);
            if self.several.contains(&id) {
                return Err(PortError::Refused {
                    action: operation::GET_METRIC_DATA.action(),
                    code: "SeveralTimeSeries".to_owned(),
                    message: format!(
                        "the query of the metric `{}` finds several time series: put it into `SUM(…)`, `AVG(…)`, `MAX(…)` or `MIN(…)`",
                        metric.name
                    ),
                });
            }
            let series = self.series.get(&id).into_iter().flatten();
            Ok(series.map(|(start, value)| Point { start: *start, value: *value }).collect())
        };
        let measured = |(place, metric): (usize, &Metric)| {
            let measured = Measured { candidate: points('c', place, metric)?, stable: points('s', place, metric)? };
            Ok((metric.name.clone(), measured))
        };
        metrics.iter().enumerate().map(measured).collect()
    }
}
