//! A block that redraws while a run goes on, and stays as plain text when it ends.

mod live;
mod screen;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use shipit_core::event::{Event, Stamped};

use super::files::Kept;
use super::view::{Frame, View};
use super::{Colour, Reporter};

pub use live::{Canvas, Live, beside};
pub use screen::Stream;

/// The terminal's face of a run.
pub struct Terminal {
    view: Arc<Mutex<View>>,
    live: Live,
    colour: Colour,
}

impl Terminal {
    /// Draws on stderr, which must be a terminal.
    pub fn new(colour: Colour) -> Self {
        let view = Arc::new(Mutex::new(View::default()));
        let drawn = Arc::clone(&view);
        let live = Live::new(Stream::Stderr, move |canvas| within(locked(&drawn).block(&frame(canvas, colour)), canvas.height));
        Self { view, live, colour }
    }

    /// Leaves the block as plain text, once.
    fn finish(&mut self) {
        let (view, colour) = (&self.view, self.colour);
        self.live.end(|canvas| ended(&locked(view), &frame(canvas, colour)));
    }
}

/// The whole block, and below it how it ended.
pub(super) fn ended(view: &View, frame: &Frame) -> String {
    let mut text = view.block(frame).join("\n");
    let summary = view.summary(frame);
    if !summary.is_empty() {
        text.push_str(&format!("\n\n{}", summary.join("\n")));
    }
    if let Some(failure) = view.failure(frame) {
        text.push_str(&format!("\n\n{failure}"));
    }
    text
}

/// What a canvas is drawn for, now.
pub(super) fn frame(canvas: &Canvas, colour: Colour) -> Frame {
    Frame { width: canvas.width, colour, now: Timestamp::now(), pulse: canvas.pulse }
}

impl Reporter for Terminal {
    fn report(&mut self, event: &Stamped) {
        // The block counts in the time of the person before it; the sandbox's clock runs faster.
        locked(&self.view).apply(&Stamped { at: Timestamp::now(), event: event.event.clone() });
        match event.event {
            Event::RunStarted { .. } => self.live.begin(),
            Event::RunFinished { .. } => self.finish(),
            _ => {}
        }
    }

    fn kept(&mut self, kept: &Kept) {
        locked(&self.view).kept = Some(kept.clone());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.finish();
    }
}

/// No higher than the terminal: the newest is below, and the header stays.
fn within(mut lines: Vec<String>, height: usize) -> Vec<String> {
    if lines.len() > height {
        lines.drain(1..=lines.len() - height);
    }
    lines
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
