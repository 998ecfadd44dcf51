//! Foreign text made harmless: one function for each way in which it is written. Commit messages, logs of builds and tasks,
//! names and findings come from outside; whoever shows one takes it through here.

pub mod markdown;

use std::fmt::Write as _;

/// One line on a terminal or in a log: it cannot move the cursor, reorder what is read, or command the CI that reads the log.
/// GitHub takes `::command::` at the start of a line and `##[command]` anywhere, Azure and TeamCity `##name[`.
pub fn line(text: &str) -> String {
    let shown = shown(text);
    let mut clean = String::with_capacity(shown.len());
    for character in shown.chars() {
        // What was between two of them is gone by now.
        if character == '#' && clean.ends_with('#') {
            clean.push(' ');
        }
        clean.push(character);
    }
    if clean.trim_start().starts_with("::") {
        return clean.replacen("::", ": :", 1);
    }
    clean
}

/// JSON as it was serialised, with the same value: what is hidden, and what commands a CI, is written as an escape. Only strings
/// can have it.
pub fn json(serialised: &str) -> String {
    let mut clean = String::with_capacity(serialised.len());
    let mut before = ' ';
    for character in serialised.chars() {
        let commands = character == '#' && before == '#';
        if commands || (character != '\n' && (character.is_control() || is_hidden(character))) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _never = write!(clean, "\\u{unit:04x}");
            }
        } else {
            clean.push(character);
        }
        before = character;
    }
    clean
}

/// The message of a GitHub workflow command: lines stay lines.
pub fn message(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|text| line(text).replace('%', "%25")).collect();
    lines.join("%0A")
}

/// A property of a GitHub workflow command.
pub fn property(text: &str) -> String {
    line(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

/// What has a shape, without the sequences that a terminal obeys.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => escape(&mut rest),
            '\t' | '\n' => shown.push(' '),
            hidden if hidden.is_control() || is_hidden(hidden) => {}
            other => shown.push(other),
        }
    }
    shown
}

/// Swallows what follows an ESC: a sequence with parameters up to its last letter, or one character.
fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if rest.next() == Some('[') {
        while rest.next_if(|c| !('@'..='~').contains(c)).is_some() {}
        rest.next();
    }
}

/// Characters without a shape: direction marks, joiners, variation selectors, tags, the byte order mark.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_line_is_harmless() {
        for (quoted, shown) in [
            ("plain `text`, ünï 漢", "plain `text`, ünï 漢"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("a\rb\u{7}c\td\ne", "abc d e"),
            ("::error::x", ": :error::x"),
            ("  ::set-output name=a::b", "  : :set-output name=a::b"),
            ("\u{feff}::error::x", ": :error::x"),
            ("a ::b", "a ::b"),
            ("x ##[add-mask]y", "x # #[add-mask]y"),
            ("##vso[task] ###[x]", "# #vso[task] # # #[x]"),
            ("#\u{200b}#[add-mask]", "# #[add-mask]"),
            ("#\u{1b}[m#[add-mask]", "# #[add-mask]"),
            ("\u{202e}abc\u{2066}\u{e0041}", "abc"),
            ("\u{1b}\u{1b}[", "["),
        ] {
            assert_eq!(line(quoted), shown, "{quoted:?}");
        }
    }

    #[test]
    fn json_keeps_its_value() {
        for text in ["##[x] ###", "\u{9b}31m\u{202e}\u{feff}", "\u{e0041}", "plain ünï 漢 #1", "a\nb\u{1b}[0m"] {
            let clean = json(&serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<String>(&clean).unwrap(), text, "{clean}");
            assert!(!clean.contains("##") && !clean.chars().any(|c| c.is_control() || is_hidden(c)), "{clean:?}");
        }
    }

    #[test]
    fn a_workflow_command_ends_where_it_should() {
        assert_eq!(message("50% of\r\n::error::x\n\u{1b}[2Ky"), "50%25 of%0A: :error::x%0Ay");
        assert_eq!(property("a::b,line=3\n%0A"), "a%3A%3Ab%2Cline=3 %250A");
    }
}
