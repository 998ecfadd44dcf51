//! One JSON object a line, the events as they are.

use std::io::Write;

use shipit_core::event::Stamped;

use super::Reporter;

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
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            // A closed pipe is the reader's wish, not an error.
            let _closed = self.0.write_all(&line).and_then(|()| self.0.flush());
        }
    }
}
