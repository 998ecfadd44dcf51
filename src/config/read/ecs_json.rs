//! ECS's own JSON, or the same as YAML, that the pipeline file names: read, filled in, never modelled.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::field::Field;
use super::{At, Reading, value};
use crate::config::complaint::Complaint;
use crate::config::interpolate::fill_json;
use crate::config::read_text;
use crate::config::source::{Place, Source, SourceKind};

/// A JSON file.
pub(super) struct EcsJson {
    /// As it stands in the pipeline file.
    pub(super) path: PathBuf,
    /// An object, with its `${env:…}` filled in.
    pub(super) value: Value,
    /// Its text.
    pub(super) source: Arc<Source>,
    /// Where the pipeline file names it.
    pub(super) named_at: Place,
}

pub(super) fn ecs_json(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<EcsJson> {
    let At { value: text, place: named_at } = field.read(reading, value::line)?;
    let path = PathBuf::from(text);
    let (absolute, text) = match read_text(&reading.world.folder.join(&path)) {
        Ok(read) => read,
        Err(why) => {
            let complaint = Complaint::of_the_world(named_at, format!("`{}`: {why}", path.display()));
            reading.complain(complaint.help("paths are relative to the folder of the pipeline file"));
            return None;
        }
    };
    let name = shown(&reading.world.shown_folder.join(&path));
    let source = Arc::new(Source { kind: SourceKind::File, name, text });
    let parsed = match is_yaml(&path) {
        true => serde_saphyr::from_str(&source.text).map_err(|error| not_yaml(&source, &error)),
        false => serde_json::from_str(&source.text).map_err(|error| not_json(&source, &error)),
    };
    let mut value: Value = match parsed {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => {
            let complaint = Complaint::of_the_world(Place::start_of(&source), "must be a JSON object");
            reading.complain(complaint.help("what `aws ecs … --cli-input-json` takes"));
            return None;
        }
        Err(complaint) => {
            reading.complain(complaint);
            return None;
        }
    };
    fill_json(&mut value, &source, reading.world.env, &mut reading.complaints);
    if !reading.files.contains(&absolute) {
        reading.files.push(absolute);
    }
    Some(EcsJson { path, value, source, named_at })
}

/// The same members as YAML, as AWS's deploy action takes them too.
fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn not_yaml(source: &Arc<Source>, error: &serde_saphyr::Error) -> Complaint {
    let why = error.to_string();
    Complaint::of_the_world(Place::start_of(source), format!("not YAML: {}", why.lines().next().unwrap_or_default()))
}

fn not_json(source: &Arc<Source>, error: &serde_json::Error) -> Complaint {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
    let before: usize = source.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = before + error.column().saturating_sub(1);
    Complaint::of_the_world(Place::new(source, at..at), format!("not JSON: {why}"))
}

/// `pipelines/../fixtures/x.json` as a person would write it.
fn shown(path: &Path) -> String {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (part, _) => parts.push(part),
        }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}
