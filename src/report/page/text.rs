//! Pieces of text in HTML: backticks as code, times, tables. Whatever is quoted is escaped.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::super::words;

/// A line in which what stands between backticks can be typed; a line that is a command as a whole is one.
pub fn rich(line: &str) -> Markup {
    let is_command = !line.contains('`') && line.starts_with("shipit ");
    html! {
        @if is_command {
            code.command { (line) }
        } @else {
            @for (at, part) in line.split('`').enumerate() {
                @if at % 2 == 1 { code { (part) } } @else { (part) }
            }
        }
    }
}

/// How long from one time to another, as a person says it.
pub fn between(from: Timestamp, to: Timestamp) -> String {
    words::duration(u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0))
}

/// `08:46:40`, in UTC.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// `18 Nov 2026, 08:46:40 UTC`.
pub fn date(at: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.0}")) { (at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()) } }
}

/// `+3m 12s` since a time.
pub fn since(start: Timestamp, at: Timestamp) -> String {
    let ms = at.duration_since(start).max(SignedDuration::ZERO).as_millis();
    format!("+{}", words::duration(u64::try_from(ms).unwrap_or(0)))
}

/// A table that scrolls by itself where it is wider than the page.
pub fn table(label: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table {
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}

/// Lines of a log, each of its own, numbered.
pub fn log<'a>(label: &str, lines: impl IntoIterator<Item = &'a str>) -> Markup {
    html! {
        ol.log tabindex="0" aria-label=(label) { @for line in lines { li { code { (line) } } } }
    }
}
