//! A failure as a person reads it: what, because, now, next.

use shipit_core::failure::{Exit, Failure};

use super::Colour;
use super::ink::safe;

/// A failure before a run, which ends with its code's own exit.
pub fn failure(failure: &Failure, colour: Colour) -> String {
    ending(failure, failure.code.exit(), colour)
}

/// The one rendering of a failure. Its first word says whether something was tried (`error`) or not (`refused`).
pub fn ending(failure: &Failure, exit: Exit, colour: Colour) -> String {
    let word = if exit == Exit::Refused { "refused" } else { "error" };
    let head = format!("{word}[{}]", failure.code);
    let head = match colour {
        Colour::Yes => format!("\u{1b}[31;1m{head}\u{1b}[0m"),
        Colour::No => head,
    };
    let mut text = format!("{head}: {}", safe(&failure.what));
    for (label, lines) in [("because", &failure.because), ("now", &failure.now), ("next", &failure.next)] {
        for (at, line) in lines.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let quoted: Vec<String> = line.lines().map(safe).collect();
            text.push_str(&format!("\n  {label:<8} {}", quoted.join("\n           ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use shipit_core::failure::Code;

    use super::*;

    #[test]
    fn four_parts_in_order_and_readable_without_colour() {
        let shown = failure(
            &Failure::new(Code::NeverMoves, "`backend` can never move")
                .because("1 task, 100 to 150 %")
                .now("nothing was touched")
                .next("maximum_percent: 200")
                .next("or 2 tasks"),
            Colour::No,
        );
        insta::assert_snapshot!(shown, @r"
        refused[SHIP117]: `backend` can never move
          because  1 task, 100 to 150 %
          now      nothing was touched
          next     maximum_percent: 200
                   or 2 tasks
        ");
    }

    #[test]
    fn what_it_quotes_commands_nothing() {
        let shown = failure(
            &Failure::new(Code::BuildFailed, "the build failed")
                .because("it printed:\n::stop-commands::x\n\u{1b}[2Jx ##[add-mask]y\r"),
            Colour::No,
        );
        insta::assert_snapshot!(shown, @r"
        error[SHIP304]: the build failed
          because  it printed:
                   : :stop-commands::x
                   x # #[add-mask]y
        ");
    }
}
