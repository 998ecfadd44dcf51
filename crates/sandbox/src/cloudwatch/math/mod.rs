//! Metric math: an expression over time series, as far as deploys use it
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).

mod evaluate;
mod parse;
mod search;
#[cfg(test)]
mod tests;

pub(super) use evaluate::{Answer, World, evaluate};
pub(super) use parse::parse;
pub(super) use search::Search;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// Another query's result.
    Id(String),
    /// `METRICS()`: all metrics of the request.
    Metrics,
    /// `[m1, m2]`
    List(Vec<Expression>),
    /// `-m1`
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Vec<Expression>),
    /// `REPEAT`, for FILL.
    Repeat,
    /// `SEARCH(…)`: the metrics that are called so.
    Search(Search),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// A function of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    Average,
    Minimum,
    Maximum,
    Fill,
    If,
    Absolute,
    Ceiling,
    Floor,
}

impl Function {
    const ALL: &[(&str, Function)] = &[
        ("SUM", Function::Sum),
        ("AVG", Function::Average),
        ("MIN", Function::Minimum),
        ("MAX", Function::Maximum),
        ("FILL", Function::Fill),
        ("IF", Function::If),
        ("ABS", Function::Absolute),
        ("CEIL", Function::Ceiling),
        ("FLOOR", Function::Floor),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// How many arguments it takes, least and most.
    fn arity(self) -> (usize, usize) {
        match self {
            Function::Fill => (2, 2),
            Function::If => (2, 3),
            _ => (1, 1),
        }
    }
}
