//! `MetricDataQuery`: read, checked, and carried out. Used by GetMetricData and by alarms on expressions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::catalog::{self, Metric};
use super::math::{self, Answer, Expression, World};
use super::params::{MINUTE, refused, required, truth, whole};
use super::samples::Stat;
use super::series::{self, Range, Series};
use crate::error::AwsError;
use crate::state::State;

/// Queries in a request, at most.
const MOST: usize = 500;
/// Expressions that wait for each other, at most.
const DEPTH: usize = 32;

/// One query.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) id: String,
    pub(super) label: Option<String>,
    pub(super) returned: bool,
    pub(super) what: What,
}

/// What a query asks for.
#[derive(Clone, Debug)]
pub(super) enum What {
    Stat {
        metric: Metric,
        stat: Stat,
        /// Milliseconds.
        period: u64,
        /// `Unit`, when it was given.
        unit: Option<String>,
    },
    Expression(Expression),
}

/// A query's result.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) series: Series,
    /// Values that were no numbers were left out.
    pub(super) dropped: bool,
}

/// Reads the queries of a request.
///
/// # Errors
/// `ValidationError`, `MissingParameter`.
pub(super) fn read(list: &Value) -> Result<Vec<Query>, AwsError> {
    let list = list.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| refused("The collection MetricDataQueries must not be empty."))?;
    if list.len() > MOST {
        return Err(refused(format!("The collection MetricDataQueries must not have a size greater than {MOST}.")));
    }
    let queries: Vec<Query> = list.iter().map(one).collect::<Result<_, _>>()?;
    let mut ids = BTreeSet::new();
    for query in &queries {
        if !ids.insert(query.id.as_str()) {
            return Err(refused(format!("The values for parameter id in MetricDataQueries are not unique: {}.", query.id)));
        }
    }
    same_periods(&queries)?;
    Ok(queries)
}

fn one(query: &Value) -> Result<Query, AwsError> {
    let id = required(query, "Id")?.to_owned();
    let mut letters = id.bytes();
    let begins = letters.next().is_some_and(|it| it.is_ascii_lowercase());
    if !begins || !letters.all(|it| it.is_ascii_alphanumeric() || it == b'_') {
        return Err(refused(format!(
            "The value {id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    let what = match (&query["MetricStat"], query["Expression"].as_str()) {
        (stat @ Value::Object(_), None) => stat_of(stat)?,
        (Value::Null, Some(text)) => {
            let wrong = |why| refused(format!("Error in expression '{id}' [Syntax error: {why}]"));
            What::Expression(math::parse(text).map_err(wrong)?)
        }
        _ => return Err(refused(format!("Exactly one of MetricStat and Expression must be given in the query {id}."))),
    };
    if query["AccountId"].is_string() {
        return Err(refused("the sandbox has no metrics of other accounts: AccountId cannot be given"));
    }
    Ok(Query {
        label: query["Label"].as_str().map(str::to_owned),
        returned: truth(&query["ReturnData"]).unwrap_or(true),
        id,
        what,
    })
}

fn stat_of(stat: &Value) -> Result<What, AwsError> {
    let metric = Metric::read(&stat["Metric"])?;
    let text = required(stat, "Stat")?;
    let known = Stat::read(text).ok_or_else(|| {
        refused(format!("The value {text} for parameter Stat is not supported: the sandbox has SampleCount, Average, Sum, Minimum, Maximum and pNN"))
    })?;
    let unit = stat["Unit"].as_str().map(str::to_owned);
    Ok(What::Stat { metric, stat: known, period: period(&stat["Period"])?, unit })
}

/// A period in milliseconds; metrics are kept by the minute.
pub(super) fn period(value: &Value) -> Result<u64, AwsError> {
    let seconds = whole("Period", value)?;
    if seconds % 60 != 0 || seconds > 86_400 {
        return Err(refused(format!(
            "The parameter Period must be a multiple of 60 up to 86400: the sandbox has no metrics of {seconds} s"
        )));
    }
    Ok(seconds * 1000)
}

/// The one period of all metrics, where expressions need it.
fn same_periods(queries: &[Query]) -> Result<(), AwsError> {
    let expressions = queries.iter().any(|query| matches!(query.what, What::Expression(_)));
    let periods: BTreeSet<u64> = queries.iter().filter_map(Query::period).collect();
    if expressions && periods.len() > 1 {
        return Err(refused("the sandbox evaluates expressions over metrics of one period only"));
    }
    Ok(())
}

/// The period of the queries: of their metrics, else a minute.
pub(super) fn period_of(queries: &[Query]) -> u64 {
    queries.iter().find_map(Query::period).unwrap_or(MINUTE)
}

impl Query {
    fn period(&self) -> Option<u64> {
        match &self.what {
            What::Stat { period, .. } => Some(*period),
            What::Expression(_) => None,
        }
    }
}

/// The results of all queries in a range, in their order.
///
/// # Errors
/// `ValidationError`: an expression that refers to nothing or to itself, or does not come to a time series.
pub(super) fn carry_out(state: &State, queries: &[Query], range: Range) -> Result<Vec<Found>, AwsError> {
    let now = state.clock.now().0;
    let past = Range { end: range.end.min(now + 1), ..range };
    let carrying = Carrying { state, queries, range: past, done: RefCell::default() };
    queries.iter().map(|query| carrying.query(query, &mut Vec::new())).collect()
}

struct Carrying<'a> {
    state: &'a State,
    queries: &'a [Query],
    range: Range,
    /// Each query is carried out once, however many refer to it.
    done: RefCell<BTreeMap<String, Found>>,
}

impl Carrying<'_> {
    /// `above` are the expressions that wait for this one.
    fn query(&self, query: &Query, above: &mut Vec<String>) -> Result<Found, AwsError> {
        if let Some(found) = self.done.borrow().get(&query.id) {
            return Ok(found.clone());
        }
        let found = self.query_anew(query, above)?;
        self.done.borrow_mut().insert(query.id.clone(), found.clone());
        Ok(found)
    }

    fn query_anew(&self, query: &Query, above: &mut Vec<String>) -> Result<Found, AwsError> {
        let expression = match &query.what {
            What::Stat { metric, unit, .. } if unit.is_some() && unit.as_deref() != metric.unit() => {
                return Ok(Found::default());
            }
            What::Stat { metric, stat, period, .. } => {
                let series = series::read(self.state, metric, *stat, *period, self.range);
                return Ok(Found { series, dropped: false });
            }
            What::Expression(expression) => expression,
        };
        let wrong = |why: String| refused(format!("Error in expression '{}' [{why}]", query.id));
        if above.contains(&query.id) {
            return Err(wrong("it refers to itself".to_owned()));
        }
        if above.len() == DEPTH {
            return Err(wrong(format!("more than {DEPTH} expressions refer to each other in a row")));
        }
        above.push(query.id.clone());
        let mut seen = BTreeMap::new();
        for id in named(expression) {
            let other = self.queries.iter().find(|other| other.id == id);
            let other = other.ok_or_else(|| wrong(format!("there is no query `{id}`")))?;
            seen.insert(id.to_owned(), self.query(other, above)?.series);
        }
        above.pop();
        let mut metrics = Vec::new();
        for other in self.queries.iter().filter(|other| matches!(other.what, What::Stat { .. })) {
            metrics.push(self.query(other, above)?.series);
        }
        let periods = self.range.periods(period_of(self.queries)).collect();
        let search = |search: &math::Search| {
            let found = catalog::all(&self.state.elb).into_iter().filter(|metric| search.finds(metric));
            let read = |metric: Metric| series::read(self.state, &metric, search.stat, search.period, self.range);
            found.map(read).filter(|series| !series.is_empty()).collect()
        };
        let world = World { series: &|id| seen.get(id).cloned(), metrics, search: &search, periods };
        match math::evaluate(expression, &world).map_err(wrong)? {
            Answer::Series(series) => {
                let count = series.len();
                let series: Series = series.into_iter().filter(|(_, value)| value.is_finite()).collect();
                Ok(Found { dropped: series.len() < count, series })
            }
            Answer::Scalar(_) => Err(wrong("The expression does not return a time series".to_owned())),
            Answer::Many(_) => Err(wrong("the sandbox returns one time series for an expression".to_owned())),
        }
    }
}

/// The ids in an expression.
fn named(expression: &Expression) -> BTreeSet<&str> {
    match expression {
        Expression::Id(id) => BTreeSet::from([id.as_str()]),
        Expression::Negative(operand) => named(operand),
        Expression::Binary(_, left, right) => named(left).into_iter().chain(named(right)).collect(),
        Expression::List(items) | Expression::Call(_, items) => items.iter().flat_map(named).collect(),
        Expression::Number(_) | Expression::Metrics | Expression::Search(_) | Expression::Repeat => BTreeSet::new(),
    }
}
