//! A chart: lines over time as inline SVG, its axes and names in HTML so that they stay readable on a phone, and its numbers as a
//! table for whoever does not see it.

use jiff::Timestamp;
use maud::{Markup, html};

use super::text::{clock, since, table};

/// The drawing's own size; the page stretches it.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;
/// Most rows of the table below a chart.
const ROWS: usize = 60;

/// Something measured over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What of.
    pub title: &'static str,
    /// The same in a word.
    pub word: &'static str,
    /// What it shows, in a sentence.
    pub summary: String,
    /// The times at both ends.
    pub span: (Timestamp, Timestamp),
    /// The value at the top; 0 is at the bottom.
    pub top: f64,
    /// How the top is written; half of it in between.
    pub ticks: [String; 2],
    /// What is drawn.
    pub lines: Vec<Drawn>,
    /// Times to be marked, each with what happened.
    pub marks: Vec<Timestamp>,
    /// The same as numbers.
    pub head: Vec<&'static str>,
    /// See `head`; the first cell is the time.
    pub rows: Vec<(Timestamp, Vec<String>)>,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Its name.
    pub name: String,
    /// How it is drawn: a class of the style sheet.
    pub look: Looks,
    /// Its last value.
    pub last: String,
    /// From when to when it had which value.
    pub steps: Vec<(Timestamp, Timestamp, f64)>,
}

/// How a line is drawn: told apart by stroke, not by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// The candidate: solid.
    Candidate,
    /// The candidate, with the area below it.
    Area,
    /// The stable version: dashed.
    Stable,
    /// What is wanted: dotted.
    Wanted,
}

impl Looks {
    fn class(self) -> &'static str {
        match self {
            Looks::Candidate | Looks::Area => "candidate",
            Looks::Stable => "stable",
            Looks::Wanted => "wanted",
        }
    }
}

impl Chart {
    /// As HTML.
    pub fn html(&self) -> Markup {
        let (from, to) = self.span;
        let middle = from + to.duration_since(from) / 2;
        html! {
            figure.chart {
                figcaption {
                    h4 { (self.title) }
                    ul.legend {
                        @for line in &self.lines {
                            li {
                                svg.key viewBox="0 0 24 8" aria-hidden="true" { path class=(line.look.class()) d="M0 4H24" {} }
                                span { (line.name) }
                                @if !line.last.is_empty() { b { (line.last) } }
                            }
                        }
                    }
                }
                div.plot {
                    div.y aria-hidden="true" { @for tick in &self.ticks { span { (tick) } } span { "0" } }
                    svg.drawing viewBox="0 0 1000 200" preserveAspectRatio="none" role="img" aria-label=(self.summary) {
                        path.grid d="M0 0H1000M0 100H1000M0 200H1000" {}
                        @for mark in &self.marks { path.mark d=(format!("M{0:.1} 0V200", self.x(*mark))) {} }
                        @for line in &self.lines {
                            @if line.look == Looks::Area { path.area d=(self.area(&line.steps)) {} }
                            path class=(line.look.class()) d=(self.path(&line.steps)) {}
                        }
                    }
                    div.x aria-hidden="true" {
                        span { (clock(from)) } span { (since(from, middle)) } span { (since(from, to)) }
                    }
                }
                @if !self.rows.is_empty() { (self.numbers()) }
            }
        }
    }

    fn numbers(&self) -> Markup {
        let every = self.rows.len().div_ceil(ROWS).max(1);
        let head: Vec<&str> = std::iter::once("time (UTC)").chain(self.head.iter().copied()).collect();
        let rows: Vec<Vec<Markup>> = self
            .rows
            .iter()
            .step_by(every)
            .map(|(at, cells)| std::iter::once(html! { (clock(*at)) }).chain(cells.iter().map(|cell| html! { (cell) })).collect())
            .collect();
        html! {
            details {
                summary { "Numbers" }
                (table(&format!("{}: numbers", self.title), &head, &rows))
            }
        }
    }

    fn x(&self, at: Timestamp) -> f64 {
        let (from, to) = self.span;
        let all = to.duration_since(from).as_millis_f64();
        if all <= 0.0 { 0.0 } else { (at.duration_since(from).as_millis_f64() / all * WIDTH).clamp(0.0, WIDTH) }
    }

    fn y(&self, value: f64) -> f64 {
        let part = if self.top > 0.0 { (value / self.top).clamp(0.0, 1.0) } else { 0.0 };
        HEIGHT - part * HEIGHT
    }

    /// Steps that touch are one stroke; where nothing is known there is a gap.
    fn path(&self, steps: &[(Timestamp, Timestamp, f64)]) -> String {
        let mut path = String::new();
        let mut end = None;
        for (from, to, value) in steps {
            let (x, y) = (self.x(*from), self.y(*value));
            match end {
                Some(end) if end == *from => path.push_str(&format!("V{y:.1}")),
                _ => path.push_str(&format!("M{x:.1} {y:.1}")),
            }
            path.push_str(&format!("H{:.1}", self.x(*to)));
            end = Some(*to);
        }
        path
    }

    fn area(&self, steps: &[(Timestamp, Timestamp, f64)]) -> String {
        steps
            .iter()
            .filter(|(_, _, value)| *value > 0.0)
            .map(|(from, to, value)| format!("M{0:.1} 200V{1:.1}H{2:.1}V200Z", self.x(*from), self.y(*value), self.x(*to)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn what_is_not_known_is_a_gap_and_nothing_leaves_the_drawing() {
        let chart = Chart {
            title: "Tasks",
            word: "Tasks",
            summary: String::new(),
            span: (at(0), at(100)),
            top: 4.0,
            ticks: ["4".into(), "2".into()],
            lines: Vec::new(),
            marks: Vec::new(),
            head: Vec::new(),
            rows: Vec::new(),
        };
        assert_eq!(chart.path(&[(at(0), at(10), 0.0), (at(10), at(50), 2.0)]), "M0.0 200.0H100.0V100.0H500.0");
        assert_eq!(chart.path(&[(at(0), at(10), 4.0), (at(20), at(30), 4.0)]), "M0.0 0.0H100.0M200.0 0.0H300.0");
        assert_eq!(chart.path(&[(at(-50), at(500), 9.0)]), "M0.0 0.0H1000.0");
        let moment = Chart { span: (at(0), at(0)), top: 0.0, ..chart };
        assert_eq!(moment.path(&[(at(0), at(0), 1.0)]), "M0.0 200.0H0.0");
    }
}
