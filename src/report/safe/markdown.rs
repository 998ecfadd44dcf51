//! Foreign text in Markdown, as GitHub renders it: text, code and blocks that cannot become markup, a link, a mention or a cell.
//! Each works anywhere in a line: in a table's cell, in a list, in a heading.

use super::line;

/// A sentence. What it has between backticks is code, all else is text.
pub fn prose(sentence: &str) -> String {
    let sentence = line(sentence);
    let parts: Vec<&str> = sentence.trim().split('`').collect();
    let mut told = String::new();
    for (at, part) in parts.iter().enumerate() {
        let is_paired = at + 1 < parts.len();
        match at % 2 {
            0 => told.push_str(&text(part, at == 0)),
            _ if is_paired && !part.trim().is_empty() => told.push_str(&code(part)),
            _ => {
                told.push_str("\\`");
                told.push_str(&text(part, false));
                told.push_str(if is_paired { "\\`" } else { "" });
            }
        }
    }
    told
}

/// A piece of code within a line.
pub fn code(text: &str) -> String {
    let text = line(text);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    // Within backticks nothing can be escaped, and a table counts the bars first.
    if !text.contains(['`', '|', '\\']) {
        return format!("`{text}`");
    }
    let escaped: String = text.chars().map(|c| if c.is_ascii_punctuation() { entity(c) } else { c.to_string() }).collect();
    format!("<code>{escaped}</code>")
}

/// Lines as they are, with the word for their language.
pub fn block<T: AsRef<str>>(language: &str, lines: &[T]) -> String {
    let lines: Vec<String> = lines.iter().flat_map(|text| text.as_ref().lines().map(line)).collect();
    let longest = lines.iter().flat_map(|line| line.split(|c| c != '`').map(str::len)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", lines.join("\n"))
}

/// Text that stays text. A zero-width space parts what GitHub would link, as Dependabot's comments have it.
fn text(part: &str, begins: bool) -> String {
    const APART: &str = "&#8203;";
    let mut told = String::with_capacity(part.len());
    let digits = part.chars().take_while(char::is_ascii_digit).count();
    for (at, character) in part.char_indices() {
        let next = part[at + character.len_utf8()..].chars().next();
        let is_word = next.is_some_and(char::is_alphanumeric);
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '$' | '&' => told.extend(['\\', character]),
            '|' => told.push_str(&entity('|')),
            '#' => told.push_str(if is_word { "\\#&#8203;" } else { "\\#" }),
            '@' if is_word => told.extend(['@'].into_iter().chain(APART.chars())),
            ':' if part[at..].starts_with("://") => told.extend([':'].into_iter().chain(APART.chars())),
            '.' if told.to_ascii_lowercase().ends_with("www") => told.extend(['.'].into_iter().chain(APART.chars())),
            '-' if told.to_ascii_lowercase().ends_with("gh") => told.extend(['-'].into_iter().chain(APART.chars())),
            '-' | '+' | '=' if begins && at == 0 => told.extend(['\\', character]),
            '.' | ')' if begins && digits > 0 && at == digits => told.extend(['\\', character]),
            ':' if begins && at == 0 => told.push_str("\\:"),
            other => told.push(other),
        }
    }
    told
}

fn entity(character: char) -> String {
    format!("&#{};", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_keeps_its_code_and_nothing_else() {
        for (sentence, told) in [
            ("`frontend` was turned back to frontend:42", "`frontend` was turned back to frontend:42"),
            ("see `web/Dockerfile:3`", "see `web/Dockerfile:3`"),
            ("<script> & **b** [x](http://y) a|b", "\\<script\\> \\& \\*\\*b\\*\\* \\[x\\](http:&#8203;//y) a&#124;b"),
            ("@all fixes #12 of GH-7, www.x.y", "@&#8203;all fixes \\#&#8203;12 of GH-&#8203;7, www.&#8203;x.y"),
            ("1. no list", "1\\. no list"),
            ("- no list", "\\- no list"),
            ("one ` alone", "one \\` alone"),
            ("two `` alone", "two \\`\\` alone"),
            ("a `b|c` d", "a <code>b&#124;c</code> d"),
            ("a\n\n# b", "a  \\# b"),
        ] {
            assert_eq!(prose(sentence), told, "{sentence:?}");
        }
    }

    #[test]
    fn a_block_ends_behind_its_last_line() {
        assert_eq!(block("text", &["a", "```", "::error::x\n````b"]), "`````text\na\n```\n: :error::x\n````b\n`````");
        assert_eq!(block("sh", &["a"]), "```sh\na\n```");
    }
}
