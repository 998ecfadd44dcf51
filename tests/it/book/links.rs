//! What mdBook would complain of, and what it would pass over: pages that are not listed, links and anchors to nothing.

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

use super::{Page, home, page, pages};

/// `[words](target)` outside of code.
fn links(page: &Page) -> Vec<String> {
    let (code, link) = (Regex::new("`[^`]*`").unwrap(), Regex::new(r"\]\(([^)\s]+)\)").unwrap());
    let prose = page.prose().collect::<Vec<_>>().join("\n");
    let without_code = code.replace_all(&prose, "");
    link.captures_iter(&without_code).map(|found| found[1].to_owned()).collect()
}

/// What GitHub and mdBook call a heading: small letters, dashes for blanks, no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// What does not lead anywhere.
fn broken(page: &Page) -> Vec<String> {
    let mut broken = Vec::new();
    let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
    for link in links(page).into_iter().filter(|link| !link.contains("://")) {
        let (target, wanted) = link.split_once('#').map_or((link.as_str(), None), |(target, anchor)| (target, Some(anchor)));
        let place = if target.is_empty() { Path::new(&page.name).to_path_buf() } else { folder.join(target) };
        if !home().join(&place).exists() {
            broken.push(format!("{}: {link} is not there", page.name));
        } else if let Some(wanted) = wanted
            && !anchors(&super::page(place.to_str().unwrap())).contains(wanted)
        {
            broken.push(format!("{}: {link} has no such heading", page.name));
        }
    }
    broken
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let broken: Vec<String> = pages.iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(pages.iter().map(|page| links(page).len()).sum::<usize>() > 40, "the links are found");
}

#[test]
fn every_page_is_in_the_book_once() {
    let listed = links(&page("docs/SUMMARY.md"));
    let once: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "{listed:?}");
    let there: BTreeSet<String> =
        pages().into_iter().filter_map(|page| page.name.strip_prefix("docs/").map(str::to_owned)).collect();
    let wanted: BTreeSet<&String> = there.iter().filter(|name| *name != "SUMMARY.md").collect();
    assert_eq!(once, wanted);
}

#[test]
fn pages_of_the_book_link_to_files_that_the_book_has() {
    for page in pages().iter().filter(|page| page.name.starts_with("docs/")) {
        let outside: Vec<String> = links(page).into_iter().filter(|link| link.starts_with("..")).collect();
        assert!(outside.is_empty(), "{}: {outside:?} is not in the book", page.name);
    }
}

#[test]
fn a_link_to_nothing_is_seen() {
    let text = "# One `two`\n[a](#one-two) [b](errors.md#ship503) [c](none.md) `[d](none.md)`\n```\n[e](none.md)\n```\n";
    let made_up = Page { name: "docs/made_up.md".to_owned(), text: text.to_owned() };
    assert_eq!(links(&made_up), ["#one-two", "errors.md#ship503", "none.md"]);
    assert_eq!(anchors(&made_up), BTreeSet::from(["one-two".to_owned()]));
    assert_eq!(
        broken(&Page { name: "docs/errors.md".to_owned(), text: text.to_owned() }),
        [
            "docs/errors.md: #one-two has no such heading",
            "docs/errors.md: errors.md#ship503 has no such heading",
            "docs/errors.md: none.md is not there"
        ]
    );
}

/// Headings by depth, commands, first cells of tables, targets of links: what does not change with the language.
fn bones(page: &Page) -> Vec<String> {
    let shell = page.lines().into_iter().filter(|(inside, _)| *inside == Some("sh")).map(|(_, line)| line);
    let commands = shell.map(|line| line.split(" #").next().unwrap_or_default().trim_end().to_owned());
    let word = Regex::new("`[^`]+`|^[0-9]+$").unwrap();
    let cells = page.prose().filter(|line| line.starts_with('|')).filter_map(|line| {
        let cell = line.split('|').nth(1).unwrap_or_default().trim();
        let words: Vec<&str> = word.find_iter(cell).map(|found| found.as_str()).collect();
        (!words.is_empty()).then(|| words.join(" "))
    });
    let targets = links(page).into_iter().filter(|link| !link.starts_with("README"));
    commands.chain(cells).chain(targets).filter(|bone| !bone.is_empty()).collect()
}

#[test]
fn the_korean_readme_says_what_the_english_one_does() {
    let (english, korean) = (page("README.md"), page("README.ko.md"));
    let depths = |page: &Page| -> Vec<usize> {
        page.prose().filter(|line| line.starts_with('#')).map(|line| line.chars().take_while(|c| *c == '#').count()).collect()
    };
    assert_eq!(depths(&korean), depths(&english), "the same headings in the same order");
    let (said, of_english) = (bones(&korean), bones(&english));
    let more: Vec<&String> = said.iter().filter(|bone| !of_english.contains(bone)).collect();
    let less: Vec<&String> = of_english.iter().filter(|bone| !said.contains(bone)).collect();
    assert!(more.is_empty() && less.is_empty(), "more: {more:#?}, less: {less:#?}");
    assert!(said.len() > 50, "{said:#?}");
}
