//! The block: header, remarks, rows, laid out for a width.

use super::super::ink::{self, Line, Style};
use super::super::words;
use super::rows::{Mark, Row, folded, rows};
use super::{Frame, Head, View};

/// The block is not wider than this, however wide the terminal is.
pub(in crate::report) const WIDEST: usize = 110;
/// `sha256:` and four digits.
const DETAIL: usize = 12;
/// `59m 59s`.
const TOOK: usize = 7;

/// How much of a run is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Extent {
    /// A row for each step.
    Whole,
    /// One row for what is done, one for what is to come.
    UnderWay,
}

impl View {
    /// The run as it stands: header, remarks, rows. No line is wider than the frame.
    pub fn block(&self, frame: &Frame) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(head) = &self.head {
            lines.push(header(head, frame.width));
        }
        lines.extend(self.remarks(frame));
        let rows = self.rows(frame, Extent::Whole);
        if !rows.is_empty() {
            lines.push(Line::new());
        }
        lines.extend(rows);
        lines.iter().map(|line| line.paint(frame.width, frame.colour)).collect()
    }

    /// The rows alone.
    pub(in crate::report) fn rows(&self, frame: &Frame, extent: Extent) -> Vec<Line> {
        let rows = match extent {
            Extent::Whole => rows(self, frame),
            Extent::UnderWay => folded(rows(self, frame)),
        };
        let label = rows.iter().map(|row| ink::width(&row.label)).max().unwrap_or(0).clamp(9, 20);
        rows.iter().flat_map(|row| row.lines(label, frame)).collect()
    }

    /// What a person should know, each with a sign before it.
    pub(in crate::report) fn remarks(&self, frame: &Frame) -> Vec<Line> {
        let mut lines = Vec::new();
        for note in &self.notes {
            for (at, part) in ink::wrap(note, frame.width.min(WIDEST).saturating_sub(4)).into_iter().enumerate() {
                let sign = if at == 0 { "  ! " } else { "    " };
                lines.push(Line::new().add(Style::Warn, sign).add(Style::Plain, part));
            }
        }
        lines
    }
}

/// `storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)`; the subject gives way first.
pub(in crate::report) fn header(head: &Head, width: usize) -> Line {
    let pipeline = match &head.environment {
        Some(environment) => format!("{} ({environment})", head.pipeline),
        None => head.pipeline.clone(),
    };
    let front = Line::new().add(Style::Bold, pipeline).add(Style::Plain, "  ").join(tag(&head.tag));
    let to = Line::plain(format!("  → {} ({})", head.cluster, head.region));
    let left = width.saturating_sub(front.width() + to.width() + 3);
    match &head.subject {
        Some(subject) if left >= 8 => front.add(Style::Plain, format!(" \"{}\"", ink::fit(&ink::safe(subject), left))).join(to),
        _ => front.join(to),
    }
}

/// A tag as people say it: seven digits; a dirty tree is named as such.
pub(in crate::report) fn tag(tag: &str) -> Line {
    let short = |text: &str| text.chars().take(7).collect::<String>();
    match tag.split_once("-dirty-") {
        Some((commit, content)) => Line::plain(short(commit)).add(Style::Warn, format!("-dirty-{}", short(content))),
        None if tag.len() == 40 && tag.chars().all(|c| c.is_ascii_hexdigit()) => Line::plain(short(tag)),
        None => Line::plain(ink::fit(tag, 24)),
    }
}

impl Row {
    fn lines(&self, label: usize, frame: &Frame) -> Vec<Line> {
        let (sign, style) = match self.mark {
            Mark::Done => ('✓', Style::Good),
            Mark::NotRun | Mark::GivenUp => ('○', Style::Dim),
            Mark::Running => (frame.pulse, Style::Live),
            Mark::Back => ('←', Style::Warn),
            Mark::Failed => ('✗', Style::Bad),
        };
        let begin = 4 + label + 2;
        let head = Line::plain("  ")
            .add(style, sign.to_string())
            .add(Style::Plain, " ")
            .add(
                if matches!(self.mark, Mark::NotRun | Mark::GivenUp) { Style::Dim } else { Style::Plain },
                ink::fit(&self.label, label),
            )
            .to(begin);
        let mut lines = vec![self.ends(head, begin, frame)];
        lines.extend(self.under.iter().map(|under| Line::new().to(begin).join(under.clone())));
        lines
    }

    /// The text, and at the right the detail and the time where there is room for them.
    fn ends(&self, head: Line, begin: usize, frame: &Frame) -> Line {
        let width = frame.width.min(WIDEST);
        let took = self.took.map_or_else(String::new, words::duration);
        let time = width.saturating_sub(TOOK);
        let detail = time.saturating_sub(DETAIL + 1);
        if detail < begin + 16 {
            return head.join(self.text.clone());
        }
        let end = if self.detail.is_empty() { time } else { detail };
        let mut line = head.join(self.text.clone()).cut(end.saturating_sub(1)).to(end);
        if !self.detail.is_empty() {
            line = line.add(Style::Dim, ink::fit(&self.detail, DETAIL)).to(time);
        }
        line.add(Style::Dim, format!("{took:>TOOK$}"))
    }
}
