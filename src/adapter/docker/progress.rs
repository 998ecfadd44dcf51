//! What a builder tells while it works, folded to steps: how many ran, which one failed, what it printed last.

use std::collections::VecDeque;

use bollard::moby::buildkit::v1::StatusResponse;
use shipit_core::event::Progress;

use super::mask::Mask;
use crate::port::Tell;

/// Lines kept of each step's output.
const TAIL: usize = 20;

/// The steps seen so far.
pub(super) struct Watch<'a> {
    tell: Tell<'a>,
    mask: Mask,
    steps: Vec<Step>,
}

/// One step of the build.
pub(super) struct Step {
    id: String,
    /// `[2/4] RUN make`, `[internal] load metadata for …`.
    pub(super) name: String,
    pub(super) state: State,
    /// The last lines that it printed.
    pub(super) tail: VecDeque<String>,
    partial: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
    Ran,
    Cached,
    /// With the builder's words.
    Failed(String),
}

impl<'a> Watch<'a> {
    /// Tells what is seen, without what the mask hides.
    pub(super) fn new(tell: Tell<'a>, mask: Mask) -> Self {
        Watch { tell, mask, steps: Vec::new() }
    }

    /// BuildKit's trace: vertexes, and what they print.
    pub(super) fn trace(&mut self, status: StatusResponse) {
        for vertex in status.vertexes {
            let state = if !vertex.error.is_empty() {
                State::Failed(vertex.error)
            } else if vertex.completed.is_some() {
                if vertex.cached { State::Cached } else { State::Ran }
            } else if vertex.started.is_some() {
                State::Running
            } else {
                State::Waiting
            };
            let at = self.at(&vertex.digest);
            let step = &mut self.steps[at];
            step.name = self.mask.text(vertex.name);
            if step.state != state {
                step.state = state;
                self.moved(at);
            }
        }
        for log in status.logs {
            let at = self.at(&log.vertex);
            self.print(at, &String::from_utf8_lossy(&log.msg));
        }
    }

    /// A piece of the classic builder's text.
    pub(super) fn text(&mut self, text: &str) {
        if let Some((number, instruction)) = text.strip_prefix("Step ").and_then(|rest| rest.split_once(" : ")) {
            self.end_last(State::Ran);
            let at = self.at(number);
            self.steps[at].name = format!("[{number}] {}", instruction.trim_end());
            self.steps[at].state = State::Running;
            self.moved(at);
        } else if text.trim_end() == " ---> Using cache" {
            self.end_last(State::Cached);
        } else if text.starts_with("Successfully built ") {
            self.end_last(State::Ran);
        } else if !text.starts_with(" ---> ")
            && !text.starts_with("Removing intermediate container ")
            && let Some(last) = self.steps.len().checked_sub(1)
        {
            self.print(last, text);
        }
    }

    /// The classic builder names no failing step: it is the one it was at.
    pub(super) fn failed_here(&mut self, why: &str) {
        self.end_last(State::Failed(why.to_owned()));
    }

    /// Steps that ran and steps in all: those that make a layer, the base image not counted.
    pub(super) fn counts(&self) -> (u32, u32) {
        let of = |wanted: &dyn Fn(&Step) -> bool| {
            u32::try_from(self.steps.iter().filter(|step| step.makes_layer() && wanted(step)).count()).unwrap_or(u32::MAX)
        };
        (of(&|step| step.state == State::Ran), of(&|_| true))
    }

    /// The step that failed; one that was only cancelled because of it is not it.
    pub(super) fn failing(&self) -> Option<&Step> {
        // An image whose cache was asked for may be gone: the build goes on without.
        let is_cache = |step: &Step| step.name.starts_with("importing cache manifest from ");
        let failed =
            |step: &&Step| matches!(&step.state, State::Failed(why) if !why.contains("context canceled")) && !is_cache(step);
        self.steps.iter().find(failed)
    }

    fn at(&mut self, id: &str) -> usize {
        if let Some(at) = self.steps.iter().position(|step| step.id == id) {
            return at;
        }
        self.steps.push(Step {
            id: id.to_owned(),
            name: String::new(),
            state: State::Waiting,
            tail: VecDeque::new(),
            partial: String::new(),
        });
        self.steps.len() - 1
    }

    fn end_last(&mut self, state: State) {
        if let Some(last) = self.steps.last_mut()
            && last.state == State::Running
        {
            last.state = state;
        }
    }

    fn moved(&self, at: usize) {
        let step = &self.steps[at];
        let classic = step.id.split_once('/').and_then(|(done, all)| Some((done.parse::<u32>().ok()?, all.parse().ok()?)));
        let (done, total) = match classic {
            Some((at, all)) => (at.saturating_sub(1), all),
            None if step.makes_layer() => {
                let done = |step: &&Step| step.makes_layer() && matches!(step.state, State::Ran | State::Cached);
                (u32::try_from(self.steps.iter().filter(done).count()).unwrap_or(u32::MAX), self.counts().1)
            }
            None => return,
        };
        (self.tell)(Progress::Build { current: step.name.clone(), done, total });
    }

    fn print(&mut self, at: usize, text: &str) {
        let step = &mut self.steps[at];
        step.partial.push_str(text);
        while let Some(end) = step.partial.find('\n') {
            let line: String = step.partial.drain(..=end).collect();
            // What a terminal would show: a progress bar writes over its own line.
            let line = line.trim_end().rsplit('\r').next().unwrap_or_default().to_owned();
            if line.is_empty() {
                continue;
            }
            let line = self.mask.text(line);
            if step.tail.len() == TAIL {
                step.tail.pop_front();
            }
            step.tail.push_back(line.clone());
            (self.tell)(Progress::BuildOutput { line });
        }
    }
}

impl Step {
    fn makes_layer(&self) -> bool {
        let keyword = self.name.split_once("] ").map_or("", |(_, text)| text.split_whitespace().next().unwrap_or_default());
        self.name.starts_with('[')
            && !self.name.starts_with("[internal]")
            && ["RUN", "COPY", "ADD", "WORKDIR"].iter().any(|one| keyword.eq_ignore_ascii_case(one))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bollard::moby::buildkit::v1::{Vertex, VertexLog};

    use super::*;

    fn vertex(digest: &str, name: &str) -> Vertex {
        Vertex { digest: digest.into(), name: name.into(), ..Vertex::default() }
    }

    fn status(vertexes: Vec<Vertex>) -> StatusResponse {
        StatusResponse { vertexes, statuses: Vec::new(), logs: Vec::new(), warnings: Vec::new() }
    }

    #[test]
    fn buildkit_is_folded() {
        let told = Mutex::new(Vec::new());
        let tell = |progress| told.lock().unwrap().push(progress);
        let mut watch = Watch::new(&tell, Mask::default());
        let now = Some(Default::default());
        watch.trace(status(vec![
            vertex("i", "[internal] load build context"),
            vertex("f", "[1/3] FROM docker.io/library/a"),
            vertex("a", "[2/3] COPY . /"),
            vertex("b", "[3/3] RUN make"),
        ]));
        watch.trace(status(vec![Vertex { started: now, completed: now, cached: true, ..vertex("a", "[2/3] COPY . /") }]));
        watch.trace(status(vec![Vertex { started: now, ..vertex("b", "[3/3] RUN make") }]));
        let log = |text: &str| VertexLog { vertex: "b".into(), timestamp: None, stream: 1, msg: text.as_bytes().to_vec() };
        watch.trace(StatusResponse { logs: vec![log("on"), log("e\n10%\r20%\rtwo\nthr")], ..status(Vec::new()) });
        watch.trace(status(vec![Vertex { started: now, completed: now, ..vertex("b", "[3/3] RUN make") }]));
        assert_eq!(watch.counts(), (1, 2));
        assert!(watch.failing().is_none());
        let lines: Vec<_> = told
            .lock()
            .unwrap()
            .iter()
            .filter_map(|one| match one {
                Progress::BuildOutput { line } => Some(line.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(told.lock().unwrap().last(), Some(&Progress::Build { current: "[3/3] RUN make".into(), done: 2, total: 2 }));
    }

    #[test]
    fn the_classic_builder_is_folded() {
        let tell = |_| ();
        let mut watch = Watch::new(&tell, Mask::default());
        for text in [
            "Step 1/4 : FROM a\n",
            " ---> 1234\n",
            "Step 2/4 : COPY . /\n",
            " ---> Using cache\n",
            " ---> 99\n",
            "Step 3/4 : ENV A=1\n",
            " ---> Running in 12\n",
            "Removing intermediate container 12\n",
            " ---> 13\n",
            "Step 4/4 : RUN make\n",
            " ---> Running in 14\n",
            "ma",
            "de\n",
        ] {
            watch.text(text);
        }
        assert_eq!(watch.counts(), (0, 2));
        watch.failed_here("returned a non-zero code: 1");
        let failing = watch.failing().unwrap();
        assert_eq!(
            (failing.name.as_str(), failing.tail.iter().map(String::as_str).collect::<Vec<_>>()),
            ("[4/4] RUN make", vec!["made"])
        );
    }
}
