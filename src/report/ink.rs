//! A line of text in styles: cut to a width, painted or plain, and harmless whatever it quotes.

use unicode_width::UnicodeWidthChar;

use super::Colour;
pub use super::safe::line as safe;

/// How a piece of text looks. Nothing is said by style alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Bold,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Look twice.
    Warn,
    /// It is happening.
    Live,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Dim => "2",
            Style::Bold => "1",
            Style::Good => "32",
            Style::Bad => "31;1",
            Style::Warn => "33",
            Style::Live => "36",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(Vec<(Style, String)>);

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of plain text.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::new().add(Style::Plain, text)
    }

    /// The line with more text at its end.
    #[must_use]
    pub fn add(mut self, style: Style, text: impl AsRef<str>) -> Self {
        self.0.push((style, safe(text.as_ref())));
        self
    }

    /// The line followed by another.
    #[must_use]
    pub fn join(mut self, other: Line) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The line with spaces at its end, so that the next text begins at this column at the earliest.
    #[must_use]
    pub fn to(mut self, column: usize) -> Self {
        let width = self.width();
        self.0.push((Style::Plain, " ".repeat(column.saturating_sub(width))));
        self
    }

    /// Columns it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// The line within so many columns, `…` where it was cut.
    #[must_use]
    pub fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns;
        let mut kept = Vec::new();
        let mut pieces = self.0.into_iter();
        for (style, text) in pieces.by_ref() {
            let wide = width(&text);
            // One column stays free for the `…`.
            if wide < left {
                left -= wide;
                kept.push((style, text));
            } else {
                kept.push((style, fit(&format!("{text}……"), left)));
                break;
            }
        }
        Self(kept)
    }

    /// As text of at most so many columns, without spaces at its end.
    pub fn paint(&self, columns: usize, colour: Colour) -> String {
        let mut line = self.clone();
        while let Some((_, last)) = line.0.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            line.0.pop();
        }
        let mut text = String::new();
        for (style, piece) in line.cut(columns).0 {
            match colour {
                Colour::Yes if style != Style::Plain && !piece.is_empty() => {
                    text.push_str(&format!("\u{1b}[{}m{piece}\u{1b}[0m", style.code()));
                }
                Colour::Yes | Colour::No => text.push_str(&piece),
            }
        }
        text
    }
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// A text within so many columns, `…` where it was cut.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut left = columns.saturating_sub(1);
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// A text broken at spaces into lines of so many columns; a longer word is cut.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in safe(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, columns)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_with_a_mark() {
        let line = Line::plain("abc").add(Style::Good, "defgh").add(Style::Plain, "ij");
        for (columns, shown) in [
            (20, "abcdefghij"),
            (10, "abcdefghij"),
            (9, "abcdefgh…"),
            (8, "abcdefg…"),
            (4, "abc…"),
            (3, "ab…"),
            (1, "…"),
            (0, ""),
        ] {
            assert_eq!(line.paint(columns, Colour::No), shown, "{columns} columns");
        }
        assert_eq!(line.paint(5, Colour::Yes), "abc\u{1b}[32md…\u{1b}[0m");
        assert_eq!(Line::plain("漢字").paint(3, Colour::No), "漢…");
    }

    #[test]
    fn words_are_wrapped() {
        assert_eq!(wrap("one two  three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("overlong", 5), ["over…"]);
        assert!(wrap("x y", 0).iter().all(String::is_empty));
    }
}
