//! A pipeline without a file: one service and its task definition, as flags say it. The file can say the same.

use std::sync::Arc;

use shipit_core::pipeline::WhenSame;

use super::merge::source;
use super::source::{Place, Source, SourceKind};
use super::tree::{Content, Entry, Key, Node};

/// What an ECS cluster is called where nobody names one.
const CLUSTER: &str = "default";

/// What the flags say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `--service`: the ECS service's name, and the pipeline's.
    pub service: String,
    /// `--task-definition`: a file of ECS's JSON or YAML; else the one that runs.
    pub task_definition: Option<String>,
    /// `--force-new-deployment`.
    pub when_same: WhenSame,
}

impl Given {
    /// The text that stands for the file in complaints.
    pub(super) fn source(&self) -> Arc<Source> {
        source(SourceKind::Flag, "--service", self.service.clone())
    }

    /// The tree that a file would be which says the same; the cluster comes by its own flag or variable.
    pub(super) fn tree(&self) -> Node {
        let text = |flag: &str, text: &str| Node::text(&source(SourceKind::Flag, flag, text.to_owned()));
        let definition = self.task_definition.as_deref().unwrap_or("running");
        let mut service = vec![entry("task_definition", text("--task-definition", definition))];
        if self.when_same == WhenSame::RollOut {
            service.push(entry("force_new_deployment", text("--force-new-deployment", "true")));
        }
        let place = Place::all_of(&self.source());
        let map = |entries| Node { place: place.clone(), content: Content::Map(entries) };
        map(vec![
            entry("pipeline", text("--service", &self.service)),
            entry("cluster", text("--cluster", CLUSTER)),
            entry("services", map(vec![entry(&self.service, map(service))])),
        ])
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: Key { text: key.to_owned(), place: value.place.clone() }, value }
}
