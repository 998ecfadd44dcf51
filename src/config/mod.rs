//! The pipeline file: text -> tree -> layers -> pipeline, or all complaints at once.

pub mod complaint;
mod compose;
mod environments;
mod given;
pub mod interpolate;
pub mod merge;
pub mod origin;
mod read;
pub mod schema;
pub mod source;
pub mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shipit_core::pipeline::{Pipeline, Service, Strategy};

pub use complaint::{Complaint, Complaints, Paint};
pub use given::Given;
pub use origin::Origin;

use read::World;
use source::{Place, Source, SourceKind};

/// Whether the command builds anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contexts {
    /// It may: contexts and Dockerfiles must be there.
    #[default]
    Needed,
    /// It goes by what is registered, from anywhere.
    NotNeeded,
}

/// What the command line lays over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--env`: which of the `environments:` to lay over the rest; also `SHIPIT_ENV`.
    pub environment: Option<String>,
    /// `--region`; also `SHIPIT_REGION`.
    pub region: Option<String>,
    /// `--cluster`; also `SHIPIT_CLUSTER`.
    pub cluster: Option<String>,
    /// `--account`; also `SHIPIT_ACCOUNT`.
    pub account: Option<String>,
    /// `--assume-role`; also `SHIPIT_ASSUME_ROLE`.
    pub assume_role: Option<String>,
    /// `--strategy`, for every service; also `SHIPIT_STRATEGY`.
    pub strategy: Option<String>,
    /// `--fail-on`; also `SHIPIT_FAIL_ON`.
    pub fail_on: Option<String>,
    /// `--on-interrupt`; also `SHIPIT_ON_INTERRUPT`.
    pub on_interrupt: Option<String>,
    /// Whether the contexts of the images must be there.
    pub contexts: Contexts,
}

/// A pipeline that was read without a complaint.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Where every value came from: its path, e.g. `services.backend.smoke.within`, and its origin; in the order of reading.
    pub origins: Vec<(String, Origin)>,
    /// The files that were read, the pipeline file first; absolute.
    pub files: Vec<PathBuf>,
    /// `--strategy` or `SHIPIT_STRATEGY`, if one of them chose the strategy.
    strategy_by: Option<&'static str>,
}

impl Loaded {
    /// What a strategy that was asked for by flag or variable came to for each service: its own block, or the default.
    pub fn strategies(&self) -> Vec<String> {
        let Some(by) = self.strategy_by else { return Vec::new() };
        let one = |service: &Service| {
            let (name, strategy) = (&service.name, &service.strategy);
            let path = format!("services.{name}.strategy");
            if self.origin(&path).is_some() {
                return match strategy {
                    Strategy::Rolling { .. } => format!("`{name}`: rolling by `{by}`, with the percents that the service has"),
                    Strategy::Shift(_) => {
                        format!("`{name}`: {strategy} by `{by}`, the documented default: the file has no block of that name")
                    }
                };
            }
            let inside = |of: &str| of.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'));
            let place = self.origins.iter().find(|(of, origin)| inside(of) && *origin != Origin::Default);
            let stands = place.map(|(_, origin)| format!(", {origin}")).unwrap_or_default();
            format!("`{name}`: {strategy} by `{by}`, as the file's own block says{stands}")
        };
        self.pipeline.services.iter().map(one).collect()
    }

    /// Where the value at that path came from, if there is one.
    pub fn origin(&self, path: &str) -> Option<&Origin> {
        self.origins.iter().find(|(of, _)| of == path).map(|(_, origin)| origin)
    }
}

/// Reads a pipeline file and what it names, with its layers.
///
/// `env` looks up an environment variable.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path, overrides: &Overrides, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Complaints> {
    let file = path.display().to_string();
    let (absolute, text) = read_text(path).map_err(|text| {
        let source = Arc::new(Source { kind: SourceKind::File, name: file.clone(), text: String::new() });
        let complaint = Complaint::of_the_world(Place::start_of(&source), text);
        let complaint = if path.is_file() { complaint } else { complaint.help(ANOTHER_FILE) };
        Complaints::new(&file, vec![complaint])
    })?;
    let source = Arc::new(Source { kind: SourceKind::File, name: file.clone(), text });
    let world = World {
        folder: absolute.parent().unwrap_or(&absolute).to_owned(),
        shown_folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        env,
        contexts: overrides.contexts,
    };
    let (reading, pipeline) =
        environments::read(&source, overrides, &world).map_err(|complaints| Complaints::new(&file, complaints))?;
    let mut files = vec![absolute];
    files.extend(reading.files);
    Ok(Loaded { pipeline, origins: reading.origins, files, strategy_by: strategy_by(overrides, env) })
}

/// The pipeline that flags say, with its layers. Paths are relative to `folder`, which is absolute.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load_given(
    given: &Given,
    folder: &Path,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Complaints> {
    let world = World { folder: folder.to_owned(), shown_folder: PathBuf::new(), env, contexts: overrides.contexts };
    let (reading, pipeline) = environments::of_tree(given.tree(), &given.source(), overrides, &world, Vec::new())
        .map_err(|complaints| Complaints::new("--service", complaints))?;
    Ok(Loaded { pipeline, origins: reading.origins, files: reading.files, strategy_by: strategy_by(overrides, env) })
}

fn strategy_by(overrides: &Overrides, env: &dyn Fn(&str) -> Option<String>) -> Option<&'static str> {
    let variable = || env("SHIPIT_STRATEGY").filter(|text| !text.is_empty()).map(|_| "SHIPIT_STRATEGY");
    overrides.strategy.as_ref().map(|_| "--strategy").or_else(variable)
}

/// The absolute path of a text file and its content, or why it cannot be had.
const ANOTHER_FILE: &str = "`-f FILE` or `SHIPIT_FILE` names another; `shipit schema --markdown` says what one holds";

fn read_text(path: &Path) -> Result<(PathBuf, String), String> {
    let absolute = path.canonicalize().map_err(|error| why_unreadable(&error))?;
    let bytes = std::fs::read(&absolute).map_err(|error| why_unreadable(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text".to_owned())?;
    Ok((absolute, text))
}

fn why_unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    }
}
