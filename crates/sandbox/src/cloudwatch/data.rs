//! GetMetricData.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::params::{MINUTE, refused, time, whole};
use super::query::{self, Found, Query, What};
use super::series::Range;
use crate::clock::Clock;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table = &[("GetMetricData", get_metric_data)];

/// Values in a reply, at most.
const MOST: u64 = 100_800;

/// CloudWatch's words for values that came of a division by zero.
const DROPPED: &str = "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)";

fn get_metric_data(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let queries = query::read(&body["MetricDataQueries"])?;
    let range = range(&body)?;
    let most = match &body["MaxDatapoints"] {
        Value::Null => MOST,
        given => whole("MaxDatapoints", given)?,
    };
    if most > MOST {
        return Err(refused(format!("The parameter MaxDatapoints must be at most {MOST}.")));
    }
    let ascending = match body["ScanBy"].as_str() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            let text = "1 validation error detected: Value '{}' at 'scanBy' failed to satisfy constraint: Member must satisfy enum value set: [TimestampAscending, TimestampDescending]";
            return Err(refused(text.replace("{}", other)));
        }
    };
    let begin = body["NextToken"].as_str().map(Place::read).transpose()?.unwrap_or_default();
    let found = query::carry_out(state, &queries, range)?;
    let mut page = Page { left: usize::try_from(most).unwrap_or(usize::MAX), results: Vec::new(), next: None };
    let returned = queries.iter().zip(&found).filter(|(query, _)| query.returned);
    for (number, (query, found)) in returned.enumerate().skip(begin.query) {
        let mut points: Vec<(u64, f64)> = found.series.iter().map(|(at, value)| (*at, *value)).collect();
        if !ascending {
            points.reverse();
        }
        if let (true, Some(after)) = (number == begin.query, begin.after) {
            points.retain(|(at, _)| if ascending { *at > after } else { *at < after });
        }
        page.put(number, query, label(&queries, query), found, &points);
        if page.next.is_some() {
            break;
        }
    }
    Ok(json!({"MetricDataResults": page.results, "NextToken": page.next.map(|place| place.token()), "Messages": []}))
}

/// `StartTime`, rounded down to the minute, up to `EndTime`.
pub(super) fn range(body: &Value) -> Result<Range, AwsError> {
    let (start, end) = (time(body, "StartTime")?, time(body, "EndTime")?);
    if start >= end {
        return Err(refused("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok(Range { start: start / MINUTE * MINUTE, end })
}

/// The label that was given, else the metric's name, with its dimensions where that would not tell it apart.
fn label(queries: &[Query], query: &Query) -> String {
    if let Some(label) = &query.label {
        return label.clone();
    }
    let What::Stat { metric, .. } = &query.what else {
        return query.id.clone();
    };
    let same = |other: &&Query| matches!(&other.what, What::Stat { metric: it, .. } if it.name == metric.name);
    if queries.iter().filter(|other| other.returned).filter(same).count() < 2 {
        return metric.name.clone();
    }
    let values = metric.dimensions.iter().map(|(_, value)| value.as_str());
    values.chain([metric.name.as_str()]).collect::<Vec<_>>().join(" ")
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    /// Number of the query among those that are returned.
    query: usize,
    /// The last time shown of it.
    after: Option<u64>,
}

impl Place {
    fn token(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.query, self.after.map(|at| at.to_string()).unwrap_or_default()))
    }

    fn read(token: &str) -> Result<Self, AwsError> {
        let wrong = || AwsError::new("InvalidNextToken", "The NextToken is not valid.");
        let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        let (query, after) = text.split_once(':').ok_or_else(wrong)?;
        let after = match after {
            "" => None,
            after => Some(after.parse().map_err(|_| wrong())?),
        };
        Ok(Self { query: query.parse().map_err(|_| wrong())?, after })
    }
}

struct Page {
    left: usize,
    results: Vec<Value>,
    next: Option<Place>,
}

impl Page {
    fn put(&mut self, number: usize, query: &Query, label: String, found: &Found, points: &[(u64, f64)]) {
        let shown = &points[..points.len().min(self.left)];
        let whole = shown.len() == points.len();
        self.left -= shown.len();
        if !whole {
            let after = shown.last().map(|(at, _)| *at);
            self.next = Some(Place { query: number, after });
            if shown.is_empty() {
                return;
            }
        }
        let times: Vec<f64> = shown.iter().map(|(at, _)| Clock::seconds(shipit_scheduler::Time(*at))).collect();
        let values: Vec<f64> = shown.iter().map(|(_, value)| *value).collect();
        let messages = match found.dropped {
            true => json!([{"Code": "ArithmeticError", "Value": DROPPED}]),
            false => Value::Null,
        };
        self.results.push(json!({
            "Id": query.id,
            "Label": label,
            "Timestamps": times,
            "Values": values,
            "StatusCode": if whole { "Complete" } else { "PartialData" },
            "Messages": messages,
        }));
    }
}
