//! What a step says to the runner: workflow commands in its log, and the files of `GITHUB_OUTPUT`, `GITHUB_ENV`, `GITHUB_PATH`.

use std::collections::BTreeMap;

/// A workflow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `error`, `warning`, `notice`, `add-mask`, `group`, …
    pub name: String,
    /// Its properties, e.g. `file`, `line`, `title`.
    pub properties: BTreeMap<String, String>,
    /// What stands behind it.
    pub data: String,
}

/// The command of a line, if it is one: the runner takes spaces before it, and the older spelling `##[name]`.
pub fn command(line: &str) -> Option<Command> {
    let line = line.trim_start();
    let (head, data) = match line.strip_prefix("::") {
        Some(rest) => rest.split_once("::")?,
        None => line.split_once("##[")?.1.split_once(']')?,
    };
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
    let properties = pairs.map(|(key, value)| (key.trim().to_owned(), unescaped(value))).collect();
    Some(Command { name: name.to_owned(), properties, data: unescaped(data) })
}

fn unescaped(text: &str) -> String {
    [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// `name=value`, or `name<<END` and lines until `END`; anything else fails the step, as on GitHub.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(at), None) => pairs.push((line[..at].to_owned(), line[at + 1..].to_owned())),
            (Some(at), Some(other)) if at < other => pairs.push((line[..at].to_owned(), line[at + 1..].to_owned())),
            (_, Some(at)) => {
                let end = &line[at + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                let closed = text.lines().filter(|line| *line == end).count() > 0;
                if !closed || end.is_empty() {
                    return Err(format!("Matching delimiter not found '{end}'"));
                }
                pairs.push((line[..at].to_owned(), value.join("\n")));
            }
            (None, None) => return Err(format!("Invalid format '{line}'")),
        }
    }
    Ok(pairs)
}
