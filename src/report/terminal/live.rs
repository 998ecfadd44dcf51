//! Lines that are drawn again and again at one place of a terminal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, WeakProgressBar};

use super::locked;
use super::screen::{Screen, Stream};

/// Redraws a second, at most.
const HERTZ: u8 = 12;
/// What is under way turns.
const PULSE: [char; 8] = ['⠋', '⠙', '⠹', '⠸', '⠴', '⠦', '⠧', '⠇'];

/// What is on the screen now, if anything is: other lines for a person are written above it.
static LIVE: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Writes to stderr without disturbing what is drawn.
pub fn beside<T>(write: impl FnOnce() -> T) -> T {
    let bar = locked(&LIVE).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The room there is for a drawing.
#[derive(Clone, Copy, Debug)]
pub struct Canvas {
    /// Columns of the terminal.
    pub width: usize,
    /// Lines that can be drawn: one less than the terminal has.
    pub height: usize,
    /// The sign of what is under way.
    pub pulse: char,
}

/// A place of a terminal that is drawn anew all the time. The cursor is never hidden, and keys are left alone.
pub struct Live {
    to: Stream,
    bar: ProgressBar,
}

impl Live {
    /// Draws what `draw` answers, no more lines than the canvas has and none wider, once it begins.
    pub fn new(to: Stream, draw: impl Fn(&Canvas) -> Vec<String> + Send + Sync + 'static) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new(to)), HERTZ);
        let bar = ProgressBar::with_draw_target(None, target);
        let draw = Arc::new(draw);
        let lines = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let turn = state.elapsed().as_millis() / 100 % PULSE.len() as u128;
            // Lines that cannot be written are drawn at the next tick.
            let _skipped = out.write_str(&draw(&canvas(to, PULSE[usize::try_from(turn).unwrap_or(0)])).join("\n"));
        };
        let style = ProgressStyle::with_template("{lines}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style.with_key("lines", lines));
        *locked(&LIVE) = Some(bar.downgrade());
        Self { to, bar }
    }

    /// Begins to draw.
    pub fn begin(&self) {
        self.bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(HERTZ)));
    }

    /// Takes the drawing away and leaves a text in its place, once.
    pub fn end(&self, text: impl FnOnce(&Canvas) -> String) {
        if self.bar.is_finished() {
            return;
        }
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        *locked(&LIVE) = None;
        // A closed terminal is the reader's wish, not an error.
        let _closed = self.to.write(&format!("{}\n", text(&canvas(self.to, '●'))));
    }
}

fn canvas(to: Stream, pulse: char) -> Canvas {
    let (width, height) = to.size();
    Canvas { width, height: height.saturating_sub(1).max(1), pulse }
}
