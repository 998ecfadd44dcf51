//! The commands of a page's blocks, as they are typed, each block with the scene that it names behind its fence:
//! `sh scene=deployed`. A comment `# exit 10` says how a command ends; else it ends well.

use regex_lite::Regex;

use super::Page;
use crate::pipelines::groovy::bodies;

/// A block that shows commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// `docs/stuck.md:12`, the line of its fence.
    pub place: String,
    /// What it says of the scene.
    pub scene: Option<String>,
    pub commands: Vec<Typed>,
}

/// What is typed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed {
    pub text: String,
    pub exit: i32,
}

impl Typed {
    fn new(text: &str) -> Self {
        let told = Regex::new(r"# .*\bexit ([0-9]+)").unwrap();
        let exit = told.captures(text).map_or(0, |found| found[1].parse().unwrap());
        Self { text: text.to_owned(), exit }
    }
}

/// The page's blocks that show commands.
pub(super) fn blocks(page: &Page) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, Vec<&str>)> = None;
    for (number, line) in page.text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some((start, info, lines))) => {
                let mut words = info.split_whitespace();
                let commands = commands(words.next().unwrap_or_default(), lines);
                if !commands.is_empty() {
                    let scene = words.find_map(|word| word.strip_prefix("scene=")).map(str::to_owned);
                    blocks.push(Block { place: format!("{}:{}", page.name, *start + 1), scene, commands });
                }
                open = None;
            }
            (Some(info), None) => open = Some((number, info, Vec::new())),
            (None, Some((_, _, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks
}

fn commands(language: &str, lines: &[&str]) -> Vec<Typed> {
    match language {
        "sh" | "bash" | "shell" | "console" => shell(lines),
        "groovy" => bodies(&lines.join("\n")).iter().map(|body| Typed::new(&body.script)).collect(),
        "yaml" => lines.iter().filter_map(|line| run(line)).map(Typed::new).collect(),
        _ => Vec::new(),
    }
}

/// What a step of a workflow runs.
fn run(line: &str) -> Option<&str> {
    line.trim().trim_start_matches("- ").strip_prefix("run: ")
}

/// A command a line, unless a line says that it goes on.
fn shell(lines: &[&str]) -> Vec<Typed> {
    let (mut commands, mut long) = (Vec::new(), String::new());
    for line in lines {
        long.push_str(line);
        if line.ends_with('\\') {
            long.push('\n');
            continue;
        }
        let text = std::mem::take(&mut long);
        if !text.trim().is_empty() && !text.starts_with('#') {
            commands.push(Typed::new(&text));
        }
    }
    commands
}

#[test]
fn commands_are_found_with_their_scene_and_their_exit() {
    let text = "```sh scene=deployed\n# so:\nshipit plan --detailed-exitcode   # exit 10: there are changes\n\nA=1 shipit \\\n  deploy\n```\n\
        ```text\nshipit none\n```\n```yaml\n- run: shipit scan > a\n- uses: b\n```\n```yaml\na: b\n```\n\
        ```groovy scene=script\nstage('a') { steps { sh 'shipit deploy' } }\n```\n";
    let found = blocks(&Page { name: "a.md".to_owned(), text: text.to_owned() });
    let shown: Vec<_> = found
        .iter()
        .map(|block| {
            let commands = block.commands.iter().map(|typed| (typed.text.as_str(), typed.exit)).collect::<Vec<_>>();
            (block.place.as_str(), block.scene.as_deref(), commands)
        })
        .collect();
    let plan = "shipit plan --detailed-exitcode   # exit 10: there are changes";
    assert_eq!(
        shown,
        [
            ("a.md:1", Some("deployed"), vec![(plan, 10), ("A=1 shipit \\\n  deploy", 0)]),
            ("a.md:11", None, vec![("shipit scan > a", 0)]),
            ("a.md:18", Some("script"), vec![("shipit deploy", 0)]),
        ]
    );
}
