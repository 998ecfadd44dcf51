//! `shipit explain`: what a code means, what usually causes it, what to do.

use clap::Args;
use shipit_core::failure::{CODES, Code, Exit, Failure};

use super::session::refuse;
use crate::report::{self, Colour, catalogue};

/// Say what a code means, or list all codes.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The code, e.g. `SHIP503` or `503`; without it all are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// All codes as the page `docs/errors.md`
    #[arg(long, conflicts_with = "code")]
    markdown: bool,
}

/// Says it on stdout.
pub fn run(args: &Explain) -> Exit {
    let text = match (&args.code, args.markdown) {
        (_, true) => catalogue::markdown().trim_end().to_owned(),
        (None, false) => catalogue::list(Colour::of_stdout()),
        (Some(asked), false) => match find(asked) {
            Some(code) => catalogue::one(code, Colour::of_stdout()),
            None => return refuse(&[unknown(asked)]),
        },
    };
    report::data(&text);
    Exit::Done
}

/// The code meant by `SHIP503`, `ship503`, `503` or `error[SHIP503]`.
fn find(asked: &str) -> Option<Code> {
    let digits: String = asked.chars().filter(char::is_ascii_digit).collect();
    let number: u16 = digits.parse().ok()?;
    CODES.iter().copied().find(|code| code.number() == number)
}

fn unknown(asked: &str) -> Failure {
    Failure::new(Code::Usage, format!("`{asked}` is not a code of shipit"))
        .because("codes look like `SHIP503`")
        .next("`shipit explain` lists all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_as_it_is_copied() {
        for asked in ["SHIP503", "ship503", "503", "error[SHIP503]:"] {
            assert_eq!(find(asked), Some(Code::Denied), "{asked}");
        }
        assert_eq!(find("SHIP001"), Some(Code::Config));
        for asked in ["SHIP999", "", "SHIP", "99999999999"] {
            assert_eq!(find(asked), None, "{asked}");
        }
    }
}
