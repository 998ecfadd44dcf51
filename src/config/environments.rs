//! `environments:`: the chosen one is laid over the rest, the others are checked as far as their text goes.

use std::sync::Arc;

use shipit_core::pipeline::Pipeline;

use super::Overrides;
use super::complaint::{About, Complaint};
use super::interpolate::fill_tree;
use super::merge::{lay_settings, merge, source};
use super::read::{self, Elsewhere, Reading, World, spelling};
use super::source::{Place, Source, SourceKind};
use super::tree::{Content, Entry, Node, parse};

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
        let help = spelling::help(&asked.text, &names, "environments");
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
