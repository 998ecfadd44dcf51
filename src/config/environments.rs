//! `environments:`: the chosen one is laid over the rest, the others are checked as far as their text goes.

use std::sync::Arc;

use shipit_core::pipeline::Pipeline;

use super::Overrides;
use super::complaint::{About, Complaint};
use super::compose::parse;
use super::interpolate::fill_tree;
use super::merge::{lay_settings, merge, source};
use super::read::{self, Elsewhere, Reading, World, spelling};
use super::source::{Place, Source, SourceKind};
use super::tree::{Content, Entry, Node};

/// The variable that chooses an environment where `--env` does not.
const VARIABLE: &str = "SHIPIT_ENV";

/// Reads a pipeline file's text.
///
/// # Errors
/// Everything that is wrong with it; never nothing.
pub(super) fn read<'w>(
    source: &Arc<Source>,
    overrides: &Overrides,
    world: &'w World<'w>,
) -> Result<(Reading<'w>, Pipeline), Vec<Complaint>> {
    let mut complaints = Vec::new();
    let root = match parse(source, &mut complaints) {
        Ok(root) => root,
        Err(fatal) => {
            complaints.push(fatal);
            return Err(complaints);
        }
    };
    of_tree(root, source, overrides, world, complaints)
}

/// The same for a tree; its complaints come after those that there are.
///
/// # Errors
/// Everything that is wrong with it; never nothing.
pub(super) fn of_tree<'w>(
    root: Node,
    source: &Arc<Source>,
    overrides: &Overrides,
    world: &'w World<'w>,
    mut complaints: Vec<Complaint>,
) -> Result<(Reading<'w>, Pipeline), Vec<Complaint>> {
    let (base, environments) = split(root, &mut complaints);
    let chosen = choose(&environments, source, overrides, world, &mut complaints);
    for environment in &environments {
        if chosen.is_none_or(|chosen| chosen.key != environment.key) {
            complaints.extend(check(&base, environment, world));
        }
    }
    let mut reading = Reading::new(world);
    let mut root = base;
    match chosen {
        Some(Entry { key, value }) => {
            root = merge(root, value.clone());
            reading.environment = Some((key.text.clone(), value.place.clone()));
        }
        None => reading.elsewhere = elsewhere(&environments),
    }
    root = lay_settings(root, overrides, world.env);
    fill_tree(&mut root, world.env, &mut reading.complaints);
    let pipeline = read::pipeline(&root, &mut reading);
    complaints.append(&mut reading.complaints);
    match pipeline {
        Some(pipeline) if complaints.is_empty() => Ok((reading, pipeline)),
        Some(_) => Err(complaints),
        None if complaints.is_empty() => Err(vec![Complaint::new(
            Place::start_of(source),
            "the file cannot be read, and shipit cannot say why: a defect in it",
        )]),
        None => Err(complaints),
    }
}

/// The file without its environments, and those of them that are maps.
fn split(mut root: Node, complaints: &mut Vec<Complaint>) -> (Node, Vec<Entry>) {
    let mut environments = Vec::new();
    if let Some(entries) = root.entries_mut() {
        for entry in entries.extract_if(.., |entry| entry.key.text == "environments") {
            let place = entry.key.place;
            match entry.value.content {
                Content::Map(each) => environments.extend(each),
                _ if entry.value.is_null() => {}
                _ => complaints.push(Complaint::new(place, format!("`environments` must be a map, not {}", entry.value.kind()))),
            }
        }
    }
    environments.retain_mut(|environment| sound(environment, complaints));
    (root, environments)
}

/// It can be laid over a pipeline; an empty one changes nothing.
fn sound(Entry { key, value }: &mut Entry, complaints: &mut Vec<Complaint>) -> bool {
    if value.is_null() {
        value.content = Content::Map(Vec::new());
    }
    let Some(entries) = value.entries_mut() else {
        let text = format!("`environments.{}` must be a map, not {}", key.text, value.kind());
        complaints.push(Complaint::new(key.place.clone(), text));
        return false;
    };
    for foreign in entries.extract_if(.., |entry| matches!(entry.key.text.as_str(), "environments" | "pipeline")) {
        let text = format!("an environment cannot have `{}`", foreign.key.text);
        complaints.push(Complaint::new(foreign.key.place, text).help("it is the same pipeline in every environment"));
    }
    true
}

/// The environment that was asked for.
fn choose<'e>(
    environments: &'e [Entry],
    file: &Arc<Source>,
    overrides: &Overrides,
    world: &World<'_>,
    complaints: &mut Vec<Complaint>,
) -> Option<&'e Entry> {
    let asked = match &overrides.environment {
        Some(name) => source(SourceKind::Flag, "--env", name.clone()),
        None => source(SourceKind::Variable, VARIABLE, (world.env)(VARIABLE).filter(|name| !name.is_empty())?),
    };
    let found = environments.iter().find(|environment| environment.key.text == asked.text);
    if found.is_none() {
        let names: Vec<&str> = environments.iter().map(|environment| environment.key.text.as_str()).collect();
        let text = format!("`{}` has no environment `{}`", file.name, asked.text);
        let help = spelling::help(&asked.text, &names, "environments").or(Some("it has no `environments:`".to_owned()));
        complaints.push(Complaint { help, ..Complaint::of_the_world(Place::all_of(&asked), text) });
    }
    found
}

/// What is wrong with the text of an environment that was not chosen. Files, variables and days do not matter for it.
fn check(base: &Node, environment: &Entry, world: &World<'_>) -> Vec<Complaint> {
    let block = &environment.value.place;
    let mut root = merge(base.clone(), environment.value.clone());
    let mut reading = Reading::new(world);
    fill_tree(&mut root, world.env, &mut reading.complaints);
    read::pipeline(&root, &mut reading);
    let mut complaints = reading.complaints;
    complaints.retain(|complaint| complaint.about == About::Form && complaint.place.is_in(block));
    complaints
}

/// Which environments have which keys, for the help on a missing one.
fn elsewhere(environments: &[Entry]) -> Vec<Elsewhere> {
    let mut found = Vec::new();
    for environment in environments {
        let keys = environment.value.entries().iter().map(|entry| entry.key.text.clone());
        found.extend(keys.map(|key| Elsewhere { environment: environment.key.text.clone(), key }));
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Contexts;
    use crate::config::complaint::{Complaints, Paint};

    /// A file that uses every key.
    const GOOD: &str = include_str!("../../tests/it/config/good/shop.yaml");

    fn complaints_of(text: &str) -> Vec<Complaint> {
        let source = source(SourceKind::File, "shop.yaml", text.to_owned());
        let env = |name: &str| (name == "STAGE").then(|| "staging".to_owned());
        let folder = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/config/good"));
        let world = World { folder, shown_folder: "".into(), env: &env, contexts: Contexts::Needed };
        match read(&source, &Overrides::default(), &world) {
            Ok(_) => Vec::new(),
            Err(complaints) => {
                assert!(!complaints.is_empty(), "refused without a reason: {text}");
                complaints
            }
        }
    }

    fn sound(text: &str) {
        let complaints = complaints_of(text);
        for complaint in complaints.iter().filter(|complaint| complaint.place.source.name == "shop.yaml") {
            assert!(complaint.place.bytes.end <= text.len());
            assert!(text.get(complaint.place.bytes.clone()).is_some(), "a place cuts a character: {complaint}");
        }
        if !complaints.is_empty() {
            assert!(!Complaints::new("shop.yaml", complaints).render(Paint::Plain, 100).is_empty());
        }
    }

    #[test]
    fn the_file_that_uses_every_key_is_good() {
        assert_eq!(complaints_of(GOOD), []);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_complained_about(text in "[ -~äß\\n\\t]{0,200}") {
            sound(&text);
        }

        #[test]
        fn any_yaml_like_text_is_read_or_complained_about(
            parts in prop::collection::vec(prop::sample::select(vec![
                "pipeline", "services", "images", "environments", "needs", "&a ", "*a", "<<", ": ", "- ", "{", "}", "[", "]", ", ", "\n", "\n  ",
                "? ", "| ", "> ", "\"", "'", "!x ", "#", "---\n", "ä", "${env:A}", "~", "running", "\r\n", "\u{feff}",
            ]), 0..40)
        ) {
            sound(&parts.concat());
        }

        #[test]
        fn a_good_file_with_a_piece_changed_is_read_or_complained_about(
            at in any::<prop::sample::Index>(), length in 0usize..30, piece in "[ -~ä\\n]{0,8}"
        ) {
            let start = at.index(GOOD.len());
            let end = (start + length).min(GOOD.len());
            prop_assume!(GOOD.is_char_boundary(start) && GOOD.is_char_boundary(end));
            sound(&format!("{}{piece}{}", &GOOD[..start], &GOOD[end..]));
        }
    }
}
