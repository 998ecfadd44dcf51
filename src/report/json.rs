//! One JSON object a line, the events as they are.

use std::io::Write;

use serde_json::Value;
use shipit_core::event::Stamped;

use super::{Reporter, safe};

/// A value on one line, for stdout.
pub fn compact(value: &Value) -> String {
    safe::json(&value.to_string())
}

/// A value on many lines, for stdout.
pub fn pretty(value: &Value) -> String {
    safe::json(&format!("{value:#}"))
}

/// JSON lines.
pub struct Json<W>(W);

impl<W: Write + Send> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write + Send> Reporter for Json<W> {
    fn report(&mut self, event: &Stamped) {
        if let Ok(line) = serde_json::to_string(event) {
            // A closed pipe is the reader's wish, not an error.
            let _closed = self.0.write_all(format!("{}\n", safe::json(&line)).as_bytes()).and_then(|()| self.0.flush());
        }
    }
}
