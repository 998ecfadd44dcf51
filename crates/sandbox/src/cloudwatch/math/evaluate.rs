//! Expressions to values: scalars, time series, lists of time series.

use std::collections::BTreeSet;

use super::{Expression, Function, Operator, Search};
use crate::cloudwatch::series::Series;

/// What an expression can see.
pub(in crate::cloudwatch) struct World<'a> {
    /// The result of another query.
    pub(in crate::cloudwatch) series: &'a dyn Fn(&str) -> Option<Series>,
    /// All metrics of the request, without expressions.
    pub(in crate::cloudwatch) metrics: Vec<Series>,
    /// The metrics that a search finds.
    pub(in crate::cloudwatch) search: &'a dyn Fn(&Search) -> Vec<Series>,
    /// The beginnings of all periods of the request.
    pub(in crate::cloudwatch) periods: Vec<u64>,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cloudwatch) enum Answer {
    Scalar(f64),
    Series(Series),
    Many(Vec<Series>),
}

/// Evaluates an expression. Where one of two series has no value, the result has none; functions over lists take what there is.
///
/// # Errors
/// What is wrong with it, for a person.
pub(in crate::cloudwatch) fn evaluate(expression: &Expression, world: &World<'_>) -> Result<Answer, String> {
    Ok(match expression {
        Expression::Number(number) => Answer::Scalar(*number),
        Expression::Id(id) => Answer::Series((world.series)(id).ok_or_else(|| format!("there is no query `{id}`"))?),
        Expression::Metrics => Answer::Many(world.metrics.clone()),
        Expression::Search(search) => Answer::Many((world.search)(search)),
        Expression::Repeat => return Err("REPEAT is for FILL only".to_owned()),
        Expression::Negative(operand) => each(evaluate(operand, world)?, |it| -it),
        Expression::List(items) => {
            let mut all = Vec::new();
            for item in items {
                match evaluate(item, world)? {
                    Answer::Series(series) => all.push(series),
                    Answer::Many(many) => all.extend(many),
                    Answer::Scalar(_) => return Err("a list holds time series only".to_owned()),
                }
            }
            Answer::Many(all)
        }
        Expression::Binary(operator, left, right) => binary(*operator, evaluate(left, world)?, evaluate(right, world)?)?,
        Expression::Call(function, arguments) => call(*function, arguments, world)?,
    })
}

fn each(answer: Answer, of: impl Fn(f64) -> f64) -> Answer {
    let over = |series: Series| -> Series { series.into_iter().map(|(at, value)| (at, of(value))).collect() };
    match answer {
        Answer::Scalar(value) => Answer::Scalar(of(value)),
        Answer::Series(series) => Answer::Series(over(series)),
        Answer::Many(many) => Answer::Many(many.into_iter().map(over).collect()),
    }
}

fn binary(operator: Operator, left: Answer, right: Answer) -> Result<Answer, String> {
    let of = |left, right| operate(operator, left, right);
    Ok(match (left, right) {
        (Answer::Scalar(left), right) => each(right, |right| of(left, right)),
        (left, Answer::Scalar(right)) => each(left, |left| of(left, right)),
        (Answer::Series(left), Answer::Series(right)) => {
            let both = left.into_iter().filter_map(|(at, left)| Some((at, of(left, *right.get(&at)?))));
            Answer::Series(both.collect())
        }
        (Answer::Many(_), _) | (_, Answer::Many(_)) => {
            return Err("a list of time series is for SUM, AVG, MIN and MAX".to_owned());
        }
    })
}

fn operate(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |it: bool| f64::from(u8::from(it));
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
    }
}

fn call(function: Function, arguments: &[Expression], world: &World<'_>) -> Result<Answer, String> {
    let argument = |place: usize| evaluate(&arguments[place], world);
    Ok(match function {
        Function::Absolute => each(argument(0)?, f64::abs),
        Function::Ceiling => each(argument(0)?, f64::ceil),
        Function::Floor => each(argument(0)?, f64::floor),
        Function::Sum | Function::Average | Function::Minimum | Function::Maximum => fold(function, argument(0)?)?,
        Function::Fill => {
            let filling = match &arguments[1] {
                Expression::Repeat => None,
                other => match evaluate(other, world)? {
                    Answer::Scalar(number) => Some(number),
                    _ => return Err("FILL fills with a number or REPEAT".to_owned()),
                },
            };
            match argument(0)? {
                Answer::Series(series) => Answer::Series(filled(&series, filling, &world.periods)),
                Answer::Many(many) => Answer::Many(many.iter().map(|series| filled(series, filling, &world.periods)).collect()),
                Answer::Scalar(_) => return Err("FILL fills a time series".to_owned()),
            }
        }
        Function::If => {
            let otherwise = arguments.get(2).map(|otherwise| evaluate(otherwise, world)).transpose()?;
            choose(&argument(0)?, &argument(1)?, otherwise.as_ref(), &world.periods)?
        }
    })
}

/// Of one series: over all its values, a scalar. Of a list: at each time over those that have a value, a series.
fn fold(function: Function, over: Answer) -> Result<Answer, String> {
    let one = |values: &[f64]| -> Option<f64> {
        let sum: f64 = values.iter().sum();
        match function {
            _ if values.is_empty() => None,
            Function::Average => Some(sum / values.len() as f64),
            Function::Minimum => values.iter().copied().reduce(f64::min),
            Function::Maximum => values.iter().copied().reduce(f64::max),
            _ => Some(sum),
        }
    };
    Ok(match over {
        Answer::Scalar(value) => Answer::Scalar(value),
        // A scalar of nothing has no value, as 0/0.
        Answer::Series(series) => Answer::Scalar(one(&series.values().copied().collect::<Vec<_>>()).unwrap_or(f64::NAN)),
        Answer::Many(many) => {
            let times: BTreeSet<u64> = many.iter().flat_map(|series| series.keys().copied()).collect();
            let at = |time: u64| {
                let values: Vec<f64> = many.iter().filter_map(|series| series.get(&time).copied()).collect();
                Some((time, one(&values)?))
            };
            Answer::Series(times.into_iter().filter_map(at).collect())
        }
    })
}

/// `filling` of none repeats the value before; there is nothing before the first.
fn filled(series: &Series, filling: Option<f64>, periods: &[u64]) -> Series {
    let mut last = None;
    let mut fill = |at: &u64| {
        last = series.get(at).copied().or(last);
        let value = series.get(at).copied().or(filling).or(last)?;
        Some((*at, value))
    };
    periods.iter().filter_map(&mut fill).collect()
}

fn choose(condition: &Answer, then: &Answer, otherwise: Option<&Answer>, periods: &[u64]) -> Result<Answer, String> {
    let at = |answer: &Answer, time: u64| match answer {
        Answer::Scalar(value) => Ok(Some(*value)),
        Answer::Series(series) => Ok(series.get(&time).copied()),
        Answer::Many(_) => Err("IF takes time series and numbers".to_owned()),
    };
    let mut chosen = Series::new();
    for time in periods {
        let value = match at(condition, *time)? {
            Some(truth) if truth != 0.0 => at(then, *time)?,
            Some(_) => otherwise.map(|otherwise| at(otherwise, *time)).transpose()?.flatten(),
            None => None,
        };
        chosen.extend(value.map(|value| (*time, value)));
    }
    Ok(Answer::Series(chosen))
}
