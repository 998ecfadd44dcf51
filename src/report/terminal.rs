//! A block that redraws while a run goes on, and stays as plain text when it ends.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike, WeakProgressBar};
use jiff::Timestamp;
use shipit_core::event::{Event, Stamped};

use super::view::{Frame, View};
use super::{Colour, Reporter, ink};

/// Redraws a second, at most.
const HERTZ: u8 = 12;
/// What is under way turns.
const PULSE: [char; 8] = ['⠋', '⠙', '⠹', '⠸', '⠴', '⠦', '⠧', '⠇'];

/// The block that is on the screen now, if any: other lines for a person are written above it.
static LIVE: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Writes to stderr without disturbing the block.
pub fn beside<T>(write: impl FnOnce() -> T) -> T {
    let bar = locked(&LIVE).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The terminal's face of a run.
pub struct Terminal {
    view: Arc<Mutex<View>>,
    bar: ProgressBar,
    colour: Colour,
}

impl Terminal {
    /// Draws on stderr, which must be a terminal.
    pub fn new(colour: Colour) -> Self {
        let view = Arc::new(Mutex::new(View::default()));
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::new(Screen::default()), HERTZ));
        let drawn = Arc::clone(&view);
        let block = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A block that cannot be written is drawn at the next tick.
            let _skipped = out.write_str(&live(&locked(&drawn), state, colour));
        };
        let style = ProgressStyle::with_template("{block}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style.with_key("block", block));
        *locked(&LIVE) = Some(bar.downgrade());
        Self { view, bar, colour }
    }

    /// Leaves the block as plain text, once.
    fn finish(&mut self) {
        if self.bar.is_finished() {
            return;
        }
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        *locked(&LIVE) = None;
        let view = locked(&self.view);
        let frame = Frame { width: size().0.max(1), colour: self.colour, now: Timestamp::now(), pulse: '●' };
        let mut text = view.block(&frame).join("\n");
        let summary = view.summary(&frame);
        if !summary.is_empty() {
            text.push_str(&format!("\n\n{}", summary.join("\n")));
        }
        if let Some(failure) = view.failure(&frame) {
            text.push_str(&format!("\n\n{failure}"));
        }
        text.push('\n');
        // A closed terminal is the reader's wish, not an error.
        let _closed = io::stderr().lock().write_all(text.as_bytes());
    }
}

impl Reporter for Terminal {
    fn report(&mut self, event: &Stamped) {
        // The block counts in the time of the person before it; the sandbox's clock runs faster.
        locked(&self.view).apply(&Stamped { at: Timestamp::now(), event: event.event.clone() });
        match event.event {
            Event::RunStarted { .. } => self.bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(HERTZ))),
            Event::RunFinished { .. } => self.finish(),
            _ => {}
        }
    }

    fn kept(&mut self, report: &'static str) {
        locked(&self.view).report = Some(report);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The block as it is drawn now: as wide as the terminal, and no higher.
fn live(view: &View, state: &ProgressState, colour: Colour) -> String {
    let (width, height) = size();
    let turn = state.elapsed().as_millis() / 100 % PULSE.len() as u128;
    let pulse = PULSE[usize::try_from(turn).unwrap_or(0)];
    let mut lines = view.block(&Frame { width, colour, now: Timestamp::now(), pulse });
    let height = height.saturating_sub(1).max(1);
    if lines.len() > height {
        // The newest is below; the header stays.
        lines.drain(1..=lines.len() - height);
    }
    lines.join("\n")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Columns and rows of the terminal on stderr.
fn size() -> (usize, usize) {
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((columns, rows)) => (columns.0.into(), rows.0.into()),
        None => (80, 24),
    }
}

/// stderr as indicatif draws on it: one write a redraw, rows that end where their text ends, and nothing left behind
/// when the width has changed.
#[derive(Debug, Default)]
struct Screen(Mutex<Drawing>);

#[derive(Debug, Default)]
struct Drawing {
    /// Columns of the terminal, as this redraw takes them.
    columns: usize,
    /// Moves and clears.
    moves: String,
    /// Text, each row filled with spaces up to the last column.
    text: String,
    /// Columns of each row on the screen now.
    rows: Vec<usize>,
    /// Columns of the terminal when they were drawn.
    drawn: usize,
}

impl Drawing {
    fn back_to_top(&mut self, n: usize) {
        if self.rows.is_empty() || self.drawn == self.columns {
            return self.go(n, 'A');
        }
        // The terminal has rewrapped what was drawn for another width.
        let rows: usize = self.rows.iter().map(|wide| (*wide).max(1).div_ceil(self.columns.max(1))).sum();
        // Row by row: terminals keep a copy of a screen that is cleared at once.
        for row in 0..rows {
            self.moves.push_str("\r\u{1b}[2K");
            self.go(usize::from(row + 1 < rows), 'A');
        }
        self.drawn = self.columns;
        self.rows.clear();
    }

    fn go(&mut self, n: usize, way: char) {
        if n > 0 {
            self.moves.push_str(&format!("\u{1b}[{n}{way}"));
        }
    }

    /// What is to be written for this redraw.
    fn take(&mut self) -> String {
        let rows = rows(&std::mem::take(&mut self.text), self.columns);
        self.rows = rows.iter().map(|row| ink::width(&ink::safe(row))).collect();
        self.drawn = self.columns;
        format!("{}{}", std::mem::take(&mut self.moves), rows.join("\u{1b}[K\r\n"))
    }
}

/// The rows of a text that fills each up to the last column, without the filling.
fn rows(text: &str, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut row = String::new();
    let mut wide = 0;
    let mut in_escape = false;
    for character in text.chars() {
        row.push(character);
        match character {
            '\u{1b}' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if in_escape => {}
            shown => wide += ink::width(shown.encode_utf8(&mut [0; 4])),
        }
        if wide >= columns {
            rows.push(row.trim_end().to_owned());
            row.clear();
            wide = 0;
        }
    }
    match rows.last_mut() {
        // A style that ends with the row.
        Some(last) if wide == 0 => last.push_str(&row),
        _ if row.is_empty() => {}
        _ => rows.push(row.trim_end().to_owned()),
    }
    rows
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let columns = size().0;
        locked(&self.0).columns = columns;
        u16::try_from(columns).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(size().1).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        locked(&self.0).back_to_top(n);
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        locked(&self.0).go(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        locked(&self.0).go(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        locked(&self.0).go(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        locked(&self.0).text.push_str(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        locked(&self.0).text.push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        locked(&self.0).moves.push_str("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = locked(&self.0).take();
        let mut err = io::stderr().lock();
        err.write_all(text.as_bytes())?;
        err.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_where_its_text_ends() {
        let text = format!("{:<10}{}{:<8}", "one", "\u{1b}[32m漢\u{1b}[0m", "two");
        assert_eq!(rows(&text, 10), ["one", "\u{1b}[32m漢\u{1b}[0mtwo"]);
        assert_eq!(rows("\u{1b}[32mfull\u{1b}[0m", 4), ["\u{1b}[32mfull\u{1b}[0m"]);
        assert_eq!(rows("", 4), [""; 0]);
    }

    #[test]
    fn after_a_resize_the_block_is_taken_back_as_the_terminal_has_rewrapped_it() {
        let mut drawing = Drawing { columns: 10, ..Drawing::default() };
        drawing.text = format!("{:<10}{:<10}", "longer row", "short");
        assert_eq!(drawing.take(), "longer row\u{1b}[K\r\nshort");
        drawing.back_to_top(1);
        assert_eq!(drawing.moves, "\u{1b}[1A", "the same width");
        drawing.moves.clear();
        drawing.columns = 4;
        drawing.back_to_top(1);
        assert_eq!(drawing.moves.matches("\u{1b}[1A").count(), 4, "3 rows and 2 rows now");
        assert_eq!(drawing.moves.matches("\u{1b}[2K").count(), 5);
    }
}
