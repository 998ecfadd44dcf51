//! Whether an alarm goes off: a rule against the values of the last periods. Pure
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>).

use serde_json::Value;

use super::params::invalid;
use crate::error::AwsError;

/// How many periods more than the rule looks at are asked for, so that real values are found before missing ones are filled.
const MORE: usize = 2;

/// What an alarm is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) comparison: Comparison,
    pub(super) threshold: f64,
    /// `EvaluationPeriods`
    pub(super) periods: usize,
    /// `DatapointsToAlarm`
    pub(super) to_alarm: usize,
    pub(super) missing: Treat,
}

/// `ComparisonOperator`, of a value with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    GreaterOrEqual,
    Greater,
    Less,
    LessOrEqual,
}

/// `TreatMissingData`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treat {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

/// What an alarm's state is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Alarm,
    Ok,
    InsufficientData,
    /// As it was.
    Retain,
}

impl Rule {
    /// Of PutMetricAlarm's members as they are kept; none for an alarm that the sandbox cannot judge: one on anomalies.
    pub(super) fn of(alarm: &serde_json::Map<String, Value>) -> Option<Self> {
        let number = |member: &str| alarm.get(member).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
        let text = |member: &str| alarm.get(member).and_then(Value::as_str);
        let periods = number("EvaluationPeriods")?;
        Some(Self {
            comparison: Comparison::read(text("ComparisonOperator")?)?,
            threshold: alarm.get("Threshold").and_then(Value::as_f64)?,
            periods,
            to_alarm: number("DatapointsToAlarm").unwrap_or(periods),
            missing: Treat::read(text("TreatMissingData")).ok()?,
        })
    }

    /// How many periods are to be looked at.
    pub(super) fn range(&self) -> usize {
        self.periods + MORE
    }

    fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Greater => value > self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }

    /// Judges the values of the last [`Rule::range`] periods, newest first.
    pub(super) fn judge(&self, values: &[Option<f64>]) -> Verdict {
        let real: Vec<bool> = values.iter().flatten().take(self.periods).map(|value| self.breaches(*value)).collect();
        let breaching = real.iter().filter(|breaches| **breaches).count();
        let unknown = self.periods.saturating_sub(real.len());
        let treated = if unknown == 0 { Treat::NotBreaching } else { self.missing };
        match treated {
            Treat::Breaching if breaching + unknown >= self.to_alarm => Verdict::Alarm,
            _ if breaching >= self.to_alarm => Verdict::Alarm,
            Treat::Breaching | Treat::NotBreaching => Verdict::Ok,
            Treat::Missing if real.is_empty() => Verdict::InsufficientData,
            Treat::Missing if breaching == real.len() && self.is_old(values) => Verdict::Alarm,
            Treat::Missing | Treat::Ignore if breaching < real.len() => Verdict::Ok,
            Treat::Missing | Treat::Ignore => Verdict::Retain,
        }
    }

    /// The oldest value is as old as it takes to alarm: no later one can have been good.
    fn is_old(&self, values: &[Option<f64>]) -> bool {
        let oldest = values.iter().take(self.periods).rposition(Option::is_some);
        oldest.is_some_and(|place| place + 1 >= self.to_alarm)
    }

    /// Why, in CloudWatch's words; `values` as in [`Rule::judge`], `texts` their values with their times.
    pub(super) fn reason(&self, verdict: Verdict, values: &[Option<f64>], texts: &[String]) -> String {
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let real: Vec<bool> = values.iter().flatten().take(self.periods).map(|value| self.breaches(*value)).collect();
        let wanted = verdict == Verdict::Alarm;
        let agreeing = real.iter().filter(|breaches| **breaches == wanted).count();
        let unknown = self.periods - real.len().min(self.periods);
        if verdict == Verdict::InsufficientData {
            let were = if unknown == 1 { "was" } else { "were" };
            return format!("Insufficient Data: {unknown} datapoint{} {were} unknown.", s(unknown));
        }
        if real.is_empty() {
            let treated = if wanted { "Breaching" } else { "NonBreaching" };
            let were = if unknown == 1 { "was" } else { "were" };
            return format!(
                "Threshold Crossed: no datapoints were received for {unknown} period{} and {unknown} missing datapoint{} {were} \
                 treated as [{treated}].",
                s(unknown),
                s(unknown),
            );
        }
        let least = if wanted { self.to_alarm } else { self.periods - self.to_alarm + 1 };
        let (from, to) = if wanted { ("OK", "ALARM") } else { ("ALARM", "OK") };
        let shown: Vec<&str> = texts.iter().take(real.len()).map(String::as_str).collect();
        let (was, not) = (if agreeing == 1 { "was" } else { "were" }, if wanted { "" } else { "not " });
        format!(
            "Threshold Crossed: {agreeing} out of the last {} datapoints [{}] {was} {not}{} the threshold ({:?}) (minimum {least} \
             datapoint{} for {from} -> {to} transition).",
            self.periods,
            shown.join(", "),
            self.comparison.words(),
            self.threshold,
            s(least),
        )
    }
}

impl Comparison {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "GreaterThanOrEqualToThreshold" => Self::GreaterOrEqual,
            "GreaterThanThreshold" => Self::Greater,
            "LessThanThreshold" => Self::Less,
            "LessThanOrEqualToThreshold" => Self::LessOrEqual,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }
}

impl Treat {
    /// # Errors
    /// `InvalidParameterValue` for a word that CloudWatch does not know.
    pub(super) fn read(text: Option<&str>) -> Result<Self, AwsError> {
        Ok(match text {
            None | Some("missing") => Self::Missing,
            Some("ignore") => Self::Ignore,
            Some("breaching") => Self::Breaching,
            Some("notBreaching") => Self::NotBreaching,
            Some(other) => return Err(invalid(format!("Option {other} is not supported for TreatMissingData."))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(to_alarm: usize, missing: Treat) -> Rule {
        Rule { comparison: Comparison::Greater, threshold: 0.0, periods: 3, to_alarm, missing }
    }

    /// `0 - X`: good, missing, breaching; the newest is the last.
    fn values(text: &str) -> Vec<Option<f64>> {
        let value = |it: &str| match it {
            "0" => Some(0.0),
            "X" => Some(1.0),
            _ => None,
        };
        text.split(' ').rev().map(value).collect()
    }

    /// The tables of the page named above, for 3 out of 3 and 2 out of 3.
    #[test]
    fn missing_data_is_treated_as_aws_s_tables_have_it() {
        use Verdict::{Alarm, InsufficientData, Ok, Retain};
        for (to_alarm, text, missing, ignore, breaching, not_breaching) in [
            (3, "0 - X - X", Ok, Ok, Ok, Ok),
            (3, "- - - - 0", Ok, Ok, Ok, Ok),
            (3, "- - - - -", InsufficientData, Retain, Alarm, Ok),
            (3, "0 X X - X", Alarm, Alarm, Alarm, Alarm),
            (3, "- - X - -", Alarm, Retain, Alarm, Ok),
            (2, "0 - X - X", Alarm, Alarm, Alarm, Alarm),
            (2, "0 0 X 0 X", Alarm, Alarm, Alarm, Alarm),
            (2, "0 - X - -", Ok, Ok, Alarm, Ok),
            (2, "- - - - 0", Ok, Ok, Alarm, Ok),
            (2, "- - - X -", Alarm, Retain, Alarm, Ok),
        ] {
            for (treated, expected) in [
                (Treat::Missing, missing),
                (Treat::Ignore, ignore),
                (Treat::Breaching, breaching),
                (Treat::NotBreaching, not_breaching),
            ] {
                assert_eq!(rule(to_alarm, treated).judge(&values(text)), expected, "{to_alarm} of 3, {text}, {treated:?}");
            }
        }
    }

    #[test]
    fn a_first_bad_value_is_not_enough_where_more_are_wanted() {
        assert_eq!(rule(3, Treat::Missing).judge(&values("- - - - X")), Verdict::Retain);
        assert_eq!(rule(3, Treat::Missing).judge(&values("- - - X -")), Verdict::Retain);
    }

    #[test]
    fn the_threshold_itself_belongs_to_the_words() {
        for (comparison, breaches) in [
            (Comparison::Greater, false),
            (Comparison::GreaterOrEqual, true),
            (Comparison::Less, false),
            (Comparison::LessOrEqual, true),
        ] {
            let rule = Rule { comparison, periods: 1, to_alarm: 1, ..rule(1, Treat::Missing) };
            assert_eq!(rule.judge(&[Some(0.0)]) == Verdict::Alarm, breaches, "{comparison:?}");
        }
    }

    #[test]
    fn reasons_are_cloudwatch_s() {
        let one = Rule { periods: 1, to_alarm: 1, ..rule(1, Treat::NotBreaching) };
        assert_eq!(
            one.reason(Verdict::Alarm, &[Some(5.0)], &["5.0 (21/11/26 09:55:00)".to_owned()]),
            "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (21/11/26 09:55:00)] was greater than the threshold (0.0) \
             (minimum 1 datapoint for OK -> ALARM transition)."
        );
        assert_eq!(
            one.reason(Verdict::Ok, &[None], &[]),
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
        );
        assert_eq!(one.reason(Verdict::InsufficientData, &[None], &[]), "Insufficient Data: 1 datapoint was unknown.");
    }
}
