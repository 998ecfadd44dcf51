//! What the program said, without what is different each time.

use regex_lite::Regex;
use serde_json::Value;

use super::super::deployed::program::Ended;

/// With placeholders for moments, runs and ids.
pub fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d{8}T\d{6}-[0-9a-f]+", "RUN"),
        (r"ecs-pause-[A-Za-z0-9_-]+", "HOOK"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// It ended with this exit; what it said.
#[track_caller]
pub fn ends(ended: Ended, exit: i32) -> String {
    assert_eq!(ended.exit, Some(exit), "{}", ended.said);
    steady(&ended.said)
}

/// The failure alone.
#[track_caller]
pub fn failure(ended: Ended, exit: i32) -> String {
    let said = ends(ended, exit);
    let begin = said.find("error[").or(said.find("refused[")).unwrap_or_else(|| panic!("no failure: {said}"));
    said[begin..].to_owned()
}

/// The line of JSON.
#[track_caller]
pub fn json(ended: Ended) -> Value {
    let said = ends(ended, 0);
    let line = said.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no JSON: {said}"));
    serde_json::from_str(line).unwrap()
}

/// The commands below `next`, as they are typed.
pub fn commands(failure: &str) -> Vec<String> {
    let next = failure.find("\n  next ").map_or("", |at| &failure[at..]);
    let lines = next.lines().map(|line| line.trim_start().trim_start_matches("next").trim());
    lines.filter_map(|line| line.strip_prefix("shipit ")).map(str::to_owned).collect()
}
