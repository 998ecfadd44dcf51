//! The reader: tree -> what was meant, with its places -> pipeline. It goes on after every mistake.

mod attest;
mod cross;
mod ecs_json;
mod field;
mod gate;
mod image;
mod judge;
mod lines;
mod notify;
mod pipeline;
mod secrets;
mod service;
pub(super) mod shape;
mod shift;
pub(super) mod spelling;
mod steps;
mod strategy;
mod traffic;
mod value;

use std::path::PathBuf;

use super::Contexts;
use super::complaint::Complaint;
use super::interpolate::Env;
use super::origin::Origin;
use super::source::Place;

pub(super) use pipeline::pipeline;

/// What the reading depends on besides the file.
pub(super) struct World<'w> {
    /// The pipeline file's folder, absolute.
    pub(super) folder: PathBuf,
    /// The same as a person gave it.
    pub(super) shown_folder: PathBuf,
    /// Environment variables.
    pub(super) env: Env<'w>,
    /// Whether the contexts of the images must be there.
    pub(super) contexts: Contexts,
}

/// What is gathered while reading.
pub(super) struct Reading<'w> {
    world: &'w World<'w>,
    /// What was wrong so far.
    pub(super) complaints: Vec<Complaint>,
    /// Where every value came from.
    pub(super) origins: Vec<(String, Origin)>,
    /// ECS JSON files that were read, absolute.
    pub(super) files: Vec<PathBuf>,
    /// The environment that is laid over the file, and its block.
    pub(super) environment: Option<(String, Place)>,
    /// Keys that only environments have.
    pub(super) elsewhere: Vec<Elsewhere>,
}

/// An environment that was not chosen has this key.
pub(super) struct Elsewhere {
    /// The environment.
    pub(super) environment: String,
    /// The key.
    pub(super) key: String,
}

impl<'w> Reading<'w> {
    /// Nothing read yet.
    pub(super) fn new(world: &'w World<'w>) -> Self {
        let (complaints, origins, files, elsewhere) = Default::default();
        Self { world, complaints, origins, files, environment: None, elsewhere }
    }

    fn complain(&mut self, complaint: Complaint) {
        self.complaints.push(complaint);
    }

    fn came_from(&mut self, path: &str, place: &Place, variables: &[String]) {
        let environment = self.environment.as_ref().map(|(name, block)| (name.as_str(), block));
        self.origins.push((path.to_owned(), Origin::of(place, environment, variables)));
    }

    fn is_default(&mut self, path: String) {
        self.origins.push((path, Origin::Default));
    }
}

/// Something and where it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct At<T> {
    value: T,
    place: Place,
}
