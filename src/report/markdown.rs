//! A Markdown page made of parts, most important first, that is never longer than its reader takes.

use std::borrow::Cow;

use shipit_core::failure::Failure;

use super::ink;
use super::safe::markdown::{block, code, prose};

/// Characters of one foreign line that are told.
const LONG: usize = 1_000;
/// What stands at the end of a page that was cut.
const CUT: &str = "_There is more than fits here: the run's folder below `.shipit/runs` has all of it._\n";
/// Lines of one part of a failure that are told.
const LINES: usize = 20;

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A paragraph, a heading or a block: whole or not at all.
    Text(String),
    /// Rows below a head, of which the last may be left out; without rows there is nothing.
    Rows {
        /// What stands above them.
        head: String,
        /// They.
        rows: Vec<String>,
    },
}

impl Part {
    /// A paragraph, a heading or a block.
    pub fn of(text: impl Into<String>) -> Self {
        Part::Text(text.into())
    }

    /// A list under its title.
    pub fn list(title: &str, rows: impl IntoIterator<Item = String>) -> Self {
        Part::Rows { head: format!("**{title}**\n"), rows: rows.into_iter().map(|row| format!("- {row}")).collect() }
    }

    /// A table; the cells are safe already.
    pub fn table<const N: usize>(names: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let head = format!("{}\n|{}", row(&names.map(str::to_owned)), "---|".repeat(N));
        Part::Rows { head, rows: rows.into_iter().map(|cells| row(&cells)).collect() }
    }

    /// What stands together, piece by piece: a head is nothing without its first row.
    fn pieces(&self) -> Vec<Cow<'_, str>> {
        match self {
            Part::Text(text) => vec![text.into()],
            Part::Rows { head, rows } => match rows.split_first() {
                None => Vec::new(),
                Some((first, rest)) => {
                    let head = format!("{head}\n{first}").into();
                    std::iter::once(head).chain(rest.iter().map(Into::into)).collect()
                }
            },
        }
    }
}

/// The page, of at most so many bytes.
pub fn page(parts: &[Part], most: usize) -> String {
    let whole = fitting(parts, usize::MAX);
    if whole.len() <= most {
        return whole;
    }
    let cut = fitting(parts, most.saturating_sub(CUT.len()));
    if cut.len() + CUT.len() <= most { cut + CUT } else { String::new() }
}

/// As many lines as fit, the first before all others.
fn fitting(parts: &[Part], most: usize) -> String {
    let mut page = String::new();
    for part in parts {
        let before = page.len();
        for piece in part.pieces() {
            // A piece, its end, and the empty line behind its part.
            if page.len() + piece.len() + 2 > most {
                break;
            }
            page.push_str(&piece);
            page.push('\n');
        }
        if page.len() > before {
            page.push('\n');
        }
    }
    page
}

/// A failure in its four parts, under its heading.
pub fn failure(failure: &Failure) -> Vec<Part> {
    let mut parts = vec![Part::of(format!("### {}: {}", failure.code, prose(&clip(&failure.what))))];
    for (title, lines) in [("because", &failure.because), ("now", &failure.now), ("next", &failure.next)] {
        let left = lines.len().saturating_sub(LINES);
        let more = (left > 0).then(|| format!("and {left} more"));
        let told = lines.iter().take(LINES).filter(|line| !line.trim().is_empty());
        parts.push(Part::list(title, told.map(|line| item(line)).chain(more)));
    }
    parts
}

/// One line as a sentence, or as what can be typed; several as a sentence with a block.
fn item(text: &str) -> String {
    const PROGRAMS: [&str; 4] = ["shipit ", "aws ", "docker ", "git "];
    match text.split_once('\n') {
        Some((first, rest)) => {
            let rest: Vec<String> = rest.lines().take(LINES).map(clip).collect();
            format!("{}\n\n  {}", prose(&clip(first)), block("", &rest).replace('\n', "\n  "))
        }
        None if is_command(text, &PROGRAMS) => code(&clip(text)),
        None => prose(&clip(text)),
    }
}

/// What is only to be typed: a known program, and no sentence around it.
fn is_command(text: &str, programs: &[&str]) -> bool {
    programs.iter().any(|program| text.starts_with(program)) && ![", ", ": ", "; ", "`"].iter().any(|sign| text.contains(sign))
}

/// A line that is not too long.
pub fn clip(text: &str) -> String {
    ink::fit(text, LONG)
}

#[cfg(test)]
mod tests {
    use shipit_core::failure::Code;

    use super::*;

    #[test]
    fn a_page_is_never_too_long_and_loses_its_end_first() {
        let rows = (0..50).map(|n| [format!("row {n}"), "x".repeat(40)]);
        let parts = [Part::of("## head"), Part::table(["a", "b"], rows), Part::of("y".repeat(400)), Part::of("end")];
        let whole = page(&parts, usize::MAX);
        assert!(!whole.contains("more than fits"));
        for most in 0..whole.len() + 100 {
            let page = page(&parts, most);
            assert!(page.len() <= most, "{} > {most}", page.len());
            assert_eq!(page.contains("more than fits"), (CUT.len()..whole.len()).contains(&most), "{most}: {page}");
            assert!(most < 100 || page.starts_with("## head\n"));
            assert!(!page.contains("---|\n\n"), "{page}");
        }
    }

    #[test]
    fn a_failure_in_four_parts() {
        let told = Failure::new(Code::Denied, "`frontend` <b>fails</b>")
            .because("it said: a|b")
            .now("nothing was touched")
            .next("shipit resume 1 -f 'a b.yaml'")
            .next("add to the role's policy:\n{\n  \"Action\": \"```\"\n}");
        insta::assert_snapshot!(page(&failure(&told), 10_000), @r#"
        ### SHIP503: `frontend` \<b\>fails\</b\>

        **because**

        - it said: a&#124;b

        **now**

        - nothing was touched

        **next**

        - `shipit resume 1 -f 'a b.yaml'`
        - add to the role's policy:

          ````
          {
            "Action": "```"
          }
          ````
        "#);
    }
}
