//! The charts of the report as lines of a terminal: how high each cell is filled says how much there was then.

use jiff::Timestamp;

use super::super::ink::{self, Line, Style};
use super::super::page::chart::{Chart, Drawn, Looks};
use super::super::page::rollout::drawn;
use super::super::page::step::Step;
use super::super::page::text::{between, clock};

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A line has no more cells than this, however wide the terminal is.
const CELLS: usize = 60;
/// From this width on two charts stand beside each other.
const TWO: usize = 150;
/// Columns before a chart, between two, of its word, of the last value.
const EDGE: usize = 4;
const BETWEEN: usize = 4;
const WORD: usize = 9;
const LAST: usize = 12;
/// Fewer cells show nothing.
const FEWEST: usize = 8;

/// The charts of a rollout, at most so many; none where there is no room for them, or too little to show.
pub(super) fn lines(step: &Step, width: usize, most: usize) -> Vec<Line> {
    let charts: Vec<Chart> = drawn(step).into_iter().take(most).collect();
    let Some(first) = charts.first() else { return Vec::new() };
    let two = width >= TWO;
    let room = if two { (width - EDGE - BETWEEN) / 2 } else { width.saturating_sub(EDGE) };
    let name = charts.iter().flat_map(|chart| &chart.lines).map(|line| ink::width(&line.name)).max().unwrap_or(0).min(24);
    let cells = room.saturating_sub(WORD + name + 2 + LAST).min(CELLS);
    if cells < FEWEST {
        return Vec::new();
    }
    let (from, to) = first.span;
    let over = format!("{} over {}, since {} UTC", step.subject, between(from, to), clock(from));
    let mut lines = vec![Line::plain("  ").add(Style::Dim, over)];
    let blocks: Vec<Vec<Line>> = charts.iter().map(|chart| chart_lines(chart, name, cells)).collect();
    let begin = |line: &Line| Line::plain(" ".repeat(EDGE)).join(line.clone());
    if two {
        for pair in blocks.chunks(2) {
            let empty = Vec::new();
            let right = pair.get(1).unwrap_or(&empty);
            for at in 0..pair[0].len().max(right.len()) {
                let left = pair[0].get(at).map_or_else(Line::new, begin).to(EDGE + room + BETWEEN);
                lines.push(right.get(at).map_or_else(|| left.clone(), |line| left.clone().join(line.clone())));
            }
        }
    } else {
        lines.extend(blocks.iter().flatten().map(begin));
    }
    lines
}

/// `traffic  measured in requests  ▁▁▁▂▂▂  9.8%`, and below the word how much the top is.
fn chart_lines(chart: &Chart, name: usize, cells: usize) -> Vec<Line> {
    // What is wanted of tasks stands beside their count already.
    let shown = chart.lines.iter().filter(|line| line.name != "wanted");
    let line = |(at, line): (usize, &Drawn)| {
        let word = match at {
            0 => chart.word.to_owned(),
            1 => format!("to {}", chart.ticks[0]),
            _ => String::new(),
        };
        let style = match line.look {
            Looks::Candidate | Looks::Area => Style::Live,
            Looks::Stable | Looks::Wanted => Style::Plain,
        };
        let word = Line::new().add(if at == 0 { Style::Plain } else { Style::Dim }, ink::fit(&word, WORD - 1)).to(WORD);
        let named = word.add(Style::Plain, ink::fit(&ink::safe(&line.name), name)).to(WORD + name + 2);
        let curve = curve(&line.steps, chart.span, chart.top, cells);
        named.add(style, curve).add(Style::Plain, format!("  {}", ink::fit(&line.last, LAST - 2)))
    };
    shown.enumerate().map(line).collect()
}

/// The last value in each cell's time; blank where nothing is known.
fn curve(steps: &[(Timestamp, Timestamp, f64)], (from, to): (Timestamp, Timestamp), top: f64, cells: usize) -> String {
    let all = to.duration_since(from).as_millis_f64();
    let place = |at: Timestamp| at.duration_since(from).as_millis_f64() / all * cells as f64;
    let mut curve = vec![' '; cells];
    for (begin, end, value) in steps {
        // A cell belongs to whatever reaches into it last.
        let first = place(*begin).clamp(0.0, cells as f64) as usize;
        let past = (place(*end).clamp(0.0, cells as f64).ceil() as usize).max(first + 1).min(cells);
        curve.iter_mut().take(past).skip(first).for_each(|cell| *cell = level(*value, top));
    }
    curve.into_iter().collect()
}

/// Nothing is the lowest, anything more is seen to be more.
fn level(value: f64, top: f64) -> char {
    let most = LEVELS.len() - 1;
    let filled = if value > 0.0 && top > 0.0 { ((value / top) * most as f64).ceil().clamp(1.0, most as f64) as usize } else { 0 };
    LEVELS[filled]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_cell_is_filled_as_high_as_there_was_then() {
        let steps = [(at(0), at(40), 0.0), (at(40), at(60), 10.0), (at(80), at(100), 100.0)];
        assert_eq!(curve(&steps, (at(0), at(100)), 100.0, 10), "▁▁▁▁▂▂  ██");
        assert_eq!(curve(&[(at(99), at(100), 1.0)], (at(0), at(100)), 1.0, 4), "   █");
        assert_eq!(curve(&[], (at(0), at(100)), 1.0, 3), "   ");
        assert_eq!(level(0.1, 100.0), '▂', "a little is seen");
        assert_eq!(level(7.0, 0.0), '▁');
    }
}
