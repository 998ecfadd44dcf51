//! The commands of the pages that are not run as they stand, each with the reason; and that no other one is left out.

use regex_lite::Regex;

use super::blocks::{Block, blocks};
use super::scenes::Scene;
use super::{home, page, pages};

/// How a command begins, and why no scene runs it.
const ELSEWHERE: [(&str, &str); 7] = [
    ("make demo", "`demo.rs` runs its script"),
    ("make test", "it is what runs this"),
    ("cargo install --locked --path .", "it builds for minutes; the target that it installs is run all over"),
    ("rustup target add ", "it downloads a target"),
    (
        "CC_x86_64_unknown_linux_musl=musl-gcc cargo build ",
        "it builds for minutes; the jobs of a release run in `releases/made.rs`",
    ),
    ("gh attestation verify ", "GitHub alone knows what it has attested"),
    ("docker run --rm --volume ", "the image is GitHub's once there is a release; `releases/made.rs` runs one made here"),
];

/// Why a command is not run, if it is not.
pub(super) fn reason(command: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(start, _)| command.starts_with(start)).map(|(_, reason)| *reason)
}

/// All blocks that show commands. Those of the Korean README are the English one's.
pub(super) fn all() -> Vec<Block> {
    pages().iter().filter(|page| page.name != "README.ko.md").flat_map(blocks).collect()
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let blocks = all();
    let known: Vec<&str> = Scene::QUICK.iter().chain(&Scene::SLOW).map(|scene| scene.word()).collect();
    let mut complaints = Vec::new();
    for block in &blocks {
        let all_elsewhere = block.commands.iter().all(|typed| reason(&typed.text).is_some());
        match &block.scene {
            None if all_elsewhere => {}
            Some(scene) if known.contains(&scene.as_str()) && !all_elsewhere => {}
            scene => complaints.push(format!("{}: {scene:?} is none of {known:?}", block.place)),
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    let commands = || blocks.iter().flat_map(|block| &block.commands);
    for (start, _) in ELSEWHERE {
        assert!(commands().any(|typed| typed.text.starts_with(start)), "no page shows `{start}`");
    }
    for scene in known {
        assert!(blocks.iter().any(|block| block.scene.as_deref() == Some(scene)), "no page plays in `{scene}`");
    }
    assert!(commands().count() > 50, "{}", commands().count());
}

#[test]
fn the_korean_readme_has_the_commands_of_the_english_one() {
    let typed = |name: &str| -> Vec<(Option<String>, Vec<String>)> {
        let bare = |text: &str| text.split(" #").next().unwrap_or_default().trim_end().to_owned();
        let of = |block: Block| (block.scene, block.commands.iter().map(|typed| bare(&typed.text)).collect());
        blocks(&page(name)).into_iter().map(of).collect()
    };
    assert_eq!(typed("README.ko.md"), typed("README.md"));
}

#[test]
fn every_target_of_make_is_there() {
    let makefile = std::fs::read_to_string(home().join("Makefile")).unwrap();
    let named = Regex::new(r"(?m)(?:`|^)make ([a-z-]+)").unwrap();
    let mut seen = 0;
    for page in pages() {
        for found in named.captures_iter(&page.text) {
            assert!(makefile.contains(&format!("\n{}:", &found[1])), "{}: make {}", page.name, &found[1]);
            seen += 1;
        }
    }
    assert!(seen > 4, "{seen}");
}
