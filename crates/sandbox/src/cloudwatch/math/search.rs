//! `SEARCH('{Namespace,Dimension} Name="value"', 'Sum', 60)`: time series by what they are called
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>).

use std::collections::BTreeSet;

use crate::cloudwatch::catalog::Metric;
use crate::cloudwatch::samples::Stat;

/// What is searched for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cloudwatch) struct Search {
    namespace: String,
    /// Names of the dimensions, all of them.
    dimensions: BTreeSet<String>,
    /// `MetricName` or a dimension, and its value.
    terms: Vec<(String, String)>,
    pub(in crate::cloudwatch) stat: Stat,
    /// Milliseconds.
    pub(in crate::cloudwatch) period: u64,
}

impl Search {
    /// Reads the three arguments.
    ///
    /// # Errors
    /// What is wrong with them, for a person.
    pub(super) fn read(text: &str, stat: &str, seconds: f64) -> Result<Self, String> {
        let (schema, mut rest) = text
            .trim()
            .strip_prefix('{')
            .and_then(|text| text.split_once('}'))
            .ok_or("the sandbox searches within `{Namespace,Dimension,…}` only")?;
        let mut names = schema.split(',').map(|name| name.trim().trim_matches('"').to_owned());
        let namespace = names.next().unwrap_or_default();
        let dimensions = names.collect();
        let mut terms = Vec::new();
        loop {
            rest = rest.trim_start();
            rest = rest.strip_prefix("AND ").unwrap_or(rest).trim_start();
            if rest.is_empty() {
                break;
            }
            let term = rest.split_once("=\"").and_then(|(name, rest)| Some((name, rest.split_once('"')?)));
            let name = |name: &str| !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric());
            let (name, (value, after)) =
                term.filter(|(it, _)| name(it)).ok_or("the sandbox searches by terms of the form `Name=\"value\"` only")?;
            terms.push((name.to_owned(), value.to_owned()));
            rest = after;
        }
        let stat = Stat::read(stat).ok_or_else(|| format!("the sandbox has no statistic {stat}"))?;
        if seconds < 60.0 || seconds % 60.0 != 0.0 {
            return Err("the period of SEARCH must be a multiple of 60".to_owned());
        }
        Ok(Self { namespace, dimensions, terms, stat, period: seconds as u64 * 1000 })
    }

    /// The metric is searched for.
    pub(in crate::cloudwatch) fn finds(&self, metric: &Metric) -> bool {
        let dimensions: BTreeSet<String> = metric.dimensions.iter().map(|(name, _)| name.clone()).collect();
        let has = |(name, value): &(String, String)| match name.as_str() {
            "MetricName" => metric.name == *value,
            name => metric.dimensions.iter().any(|(it, is)| it == name && is == value),
        };
        metric.namespace == self.namespace && dimensions == self.dimensions && self.terms.iter().all(has)
    }
}
