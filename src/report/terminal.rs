//! A block that redraws while a run goes on, and stays as plain text when it ends.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike, WeakProgressBar};
use jiff::Timestamp;
use shipit_core::event::{Event, Stamped};

use super::view::{Frame, View};
use super::{Colour, Reporter};

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
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new()), HERTZ));
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
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// stderr as indicatif draws on it: one write a redraw, and nothing left behind when the width has changed.
#[derive(Debug)]
struct Screen {
    pending: Mutex<String>,
    /// Columns at the last redraw.
    drawn: AtomicU16,
}

impl Screen {
    fn new() -> Self {
        Self { pending: Mutex::new(String::new()), drawn: AtomicU16::new(0) }
    }

    fn push(&self, text: &str) -> io::Result<()> {
        locked(&self.pending).push_str(text);
        Ok(())
    }

    fn columns(&self) -> u16 {
        u16::try_from(size().0).unwrap_or(u16::MAX)
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.columns()
    }

    fn height(&self) -> u16 {
        u16::try_from(size().1).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        let now = self.columns();
        let drawn = self.drawn.swap(now, Ordering::Relaxed);
        if drawn == now || drawn == 0 {
            return if n == 0 { Ok(()) } else { self.push(&format!("\u{1b}[{n}A")) };
        }
        let rows = reflowed(n + 1, drawn, now);
        if rows > 1 {
            self.push(&format!("\u{1b}[{}A", rows - 1))?;
        }
        self.push("\r\u{1b}[J")?;
        // indicatif goes on as if it stood `n` rows above; it comes back the same way.
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.push(&format!("\u{1b}[{n}B")) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.push(&format!("\u{1b}[{n}C")) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.push(&format!("\u{1b}[{n}D")) }
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text)?;
        self.push("\r\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *locked(&self.pending));
        let mut err = io::stderr().lock();
        err.write_all(text.as_bytes())?;
        err.flush()
    }
}

/// Rows that a block of so many full rows takes after the terminal has rewrapped it.
fn reflowed(rows: usize, before: u16, now: u16) -> usize {
    (rows * usize::from(before)).div_ceil(usize::from(now.max(1)))
}
