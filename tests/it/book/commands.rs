//! Every command that README and `docs/` show is parsed by the program's own parser.

use clap::Parser;
use clap::error::ErrorKind;
use regex_lite::Regex;
use shipit::cli::Cli;

use super::{Page, pages};

/// What ends a command, or leads elsewhere what it says.
const ENDS: [&str; 7] = ["|", "||", "&&", ";", ">", ">>", "2>"];

/// The words of a line's shipit command, if there is one: behind variables that are set for it, without its comment.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let words = shlex::split(line)?;
    let start = words.iter().position(|word| !word.contains('='))?;
    let command = words[start..].iter().take_while(|word| !ENDS.contains(&word.as_str())).cloned().collect::<Vec<_>>();
    (command.first().is_some_and(|word| word == "shipit")).then_some(command)
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// In a block, to be typed as it is.
    ToBeTyped,
    /// In a sentence, where what is not spoken of may be missing: `shipit lock`.
    Mentioned,
}

pub(super) fn commands(page: &Page) -> Vec<(Shown, String)> {
    let span = Regex::new("`((?:[A-Z_]+=[^ `]+ )?shipit [^`…]*)`").unwrap();
    let mut commands = Vec::new();
    let mut long = String::new();
    for (inside, line) in page.lines() {
        match inside {
            Some("sh" | "groovy" | "yaml") => {
                let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
                long.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    commands.push((Shown::ToBeTyped, std::mem::take(&mut long)));
                }
            }
            Some(_) => {}
            None => commands.extend(span.captures_iter(line).map(|found| (Shown::Mentioned, found[1].to_owned()))),
        }
    }
    commands.retain(|(_, line)| words(line).is_some());
    commands
}

/// What the parser says against a command; help and versions are answers.
fn complaint(shown: Shown, line: &str) -> Option<String> {
    use ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, InvalidValue, MissingRequiredArgument,
        MissingSubcommand,
    };
    let error = Cli::try_parse_from(words(&line.replace("<command>", "deploy"))?).err()?;
    let told = error.to_string();
    let is_fine = match error.kind() {
        InvalidValue => shown == Shown::Mentioned && told.contains("a value is required"),
        DisplayHelp | DisplayVersion => true,
        DisplayHelpOnMissingArgumentOrSubcommand | MissingRequiredArgument | MissingSubcommand => shown == Shown::Mentioned,
        _ => false,
    };
    (!is_fine).then_some(told)
}

#[test]
fn every_command_is_one_that_shipit_takes() {
    let (mut complaints, mut read) = (Vec::new(), 0);
    for page in pages() {
        for (shown, command) in commands(&page) {
            read += 1;
            complaints.extend(complaint(shown, &command).map(|said| format!("{}: {command}\n{said}", page.name)));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(read > 80, "{read} commands are found");
}

#[test]
fn commands_are_found_where_they_stand_and_wrong_ones_are_refused() {
    let text = "Run `shipit plan --sandbox`, `shipit report …` or `SHIPIT_ENV=a shipit deploy`.\n\
        ```sh\nmake demo  # shipit\nshipit deploy --strategy \\\n  canary   # one\nA=1 shipit schema > x\n```\n\
        ```text\nshipit none\n```\n```yaml\n- run: shipit scan --output sarif > a\n```\n";
    let found = commands(&Page { name: "made up".to_owned(), text: text.to_owned() });
    let expected = [
        (Shown::Mentioned, "shipit plan --sandbox"),
        (Shown::Mentioned, "SHIPIT_ENV=a shipit deploy"),
        (Shown::ToBeTyped, "shipit deploy --strategy canary   # one"),
        (Shown::ToBeTyped, "A=1 shipit schema > x"),
        (Shown::ToBeTyped, "shipit scan --output sarif > a"),
    ];
    assert_eq!(found, expected.map(|(shown, line)| (shown, line.to_owned())));
    assert!(found.iter().all(|(shown, line)| complaint(*shown, line).is_none()));
    for wrong in ["shipit deplyo", "shipit plan --no-such-flag", "shipit deploy --until never", "shipit schema extra"] {
        assert!(complaint(Shown::Mentioned, wrong).is_some(), "{wrong}");
    }
    for part in ["shipit lock", "shipit wait --minutes"] {
        assert!(complaint(Shown::Mentioned, part).is_none() && complaint(Shown::ToBeTyped, part).is_some(), "{part}");
    }
}
