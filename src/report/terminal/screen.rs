//! A stream of a terminal as indicatif draws on it: one write a redraw, rows that end where their text ends, and nothing left
//! behind when the width has changed.

use std::io::{self, Write};
use std::sync::Mutex;

use indicatif::TermLike;

use super::super::ink;
use super::locked;

/// Where is drawn; it must be a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// For what was asked for.
    Stdout,
    /// For what is told beside it.
    Stderr,
}

impl Stream {
    /// Columns and rows of its terminal now.
    pub fn size(self) -> (usize, usize) {
        let size = match self {
            Stream::Stdout => terminal_size::terminal_size_of(io::stdout()),
            Stream::Stderr => terminal_size::terminal_size_of(io::stderr()),
        };
        size.map_or((80, 24), |(columns, rows)| (columns.0.into(), rows.0.into()))
    }

    /// Writes at once.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn write(self, text: &str) -> io::Result<()> {
        let all = |out: &mut dyn Write| out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match self {
            Stream::Stdout => all(&mut io::stdout().lock()),
            Stream::Stderr => all(&mut io::stderr().lock()),
        }
    }
}

/// The stream, and what stands on it.
#[derive(Debug)]
pub struct Screen {
    to: Stream,
    drawing: Mutex<Drawing>,
}

impl Screen {
    /// Nothing is drawn yet.
    pub fn new(to: Stream) -> Self {
        Self { to, drawing: Mutex::default() }
    }
}

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
        let columns = self.to.size().0;
        locked(&self.drawing).columns = columns;
        u16::try_from(columns).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.to.size().1).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        locked(&self.drawing).back_to_top(n);
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        locked(&self.drawing).go(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        locked(&self.drawing).go(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        locked(&self.drawing).go(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        locked(&self.drawing).text.push_str(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        locked(&self.drawing).text.push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        locked(&self.drawing).moves.push_str("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = locked(&self.drawing).take();
        self.to.write(&text)
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
