//! A watch laid out for a terminal: what goes wrong and what moves first, less of what is done the smaller it is.

use shipit_core::failure::Failure;
use shipit_core::gate::Verdict;

use super::super::ink::{self, Line, Style};
use super::super::page::step::{Gate, State, Step};
use super::super::view::{Extent, Frame, View, WIDEST, header};
use super::super::words;
use super::{Place, Story, Watch, curves, services};

/// The last lines of a container's log that are quoted.
const LOG: usize = 4;

/// So many findings of an image are named.
const FINDINGS: usize = 4;

/// How much is told.
#[derive(Clone, Copy, Debug)]
struct Detail {
    extent: Extent,
    /// Charts of a rollout.
    charts: usize,
    /// Last lines of a log.
    log: usize,
}

const DETAILS: [Detail; 5] = [
    Detail { extent: Extent::Whole, charts: 4, log: LOG },
    Detail { extent: Extent::UnderWay, charts: 4, log: LOG },
    Detail { extent: Extent::UnderWay, charts: 3, log: 1 },
    Detail { extent: Extent::UnderWay, charts: 2, log: 1 },
    Detail { extent: Extent::UnderWay, charts: 0, log: 1 },
];

impl Watch {
    /// As it stands: no line is wider than the frame, and no more of them than `height`.
    pub fn draw(&self, frame: &Frame, height: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for detail in DETAILS {
            lines = self.lines(frame, detail);
            if lines.len() <= height {
                break;
            }
        }
        if lines.len() > height {
            let more = lines.len() - height.saturating_sub(1);
            lines.truncate(height.saturating_sub(1));
            let more = words::count(more as u64, "more line");
            lines.push(Line::plain("  ").add(Style::Dim, format!("… {more}: the window is not high enough")));
        }
        lines.iter().map(|line| line.paint(frame.width, frame.colour)).collect()
    }

    /// What is left on the screen when the run has ended.
    pub fn ending(&self, frame: &Frame) -> Vec<String> {
        let lines = services::table(&self.services, frame.width);
        lines.iter().map(|line| line.paint(frame.width, frame.colour)).collect()
    }

    /// The rows of the run that this watch is about, if one has been told of.
    pub(super) fn run_view(&self) -> Option<&View> {
        self.run.as_ref().map(|run| &run.view)
    }

    fn lines(&self, frame: &Frame, detail: Detail) -> Vec<Line> {
        let beside = self.beside();
        let mut lines = vec![self.header(frame.width)];
        lines.extend(self.who(frame.width));
        let mut parts = Vec::new();
        if let Some(run) = &self.run {
            match self.live() {
                Some(run) => {
                    if detail.extent == Extent::Whole {
                        lines.extend(run.view.remarks(frame));
                    }
                    parts.push(run.view.rows(frame, detail.extent));
                }
                None => parts.push(ended(run, frame)),
            }
        }
        parts.push(beside.view.rows(frame, detail.extent));
        for (step, gate) in self.live().map(|run| run.model.gates()).unwrap_or_default() {
            parts.push(stopped(step, gate, frame.width));
        }
        for story in self.live().into_iter().chain([&beside]) {
            for step in story.model.rollouts() {
                if step.state == State::Running {
                    parts.push(curves::lines(&self.counted(step), frame.width, detail.charts));
                }
                parts.push(wrong(step, frame.width, detail.log));
            }
        }
        parts.push(services::table(&self.services, frame.width));
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            lines.push(Line::new());
            lines.extend(part);
        }
        lines
    }

    /// With the minutes that looks at AWS have counted: a run that nothing judges tells none.
    fn counted(&self, step: &Step) -> Step {
        let mut counted = step.clone();
        let looked = self.seen.model.steps.iter().find(|known| known.id == step.id);
        for (start, minute) in looked.iter().flat_map(|looked| &looked.course.minutes) {
            counted.course.minutes.entry(*start).or_insert(*minute);
        }
        counted
    }

    /// The run's own header, else that of the pipeline.
    fn header(&self, width: usize) -> Line {
        if let Some(head) = self.run.as_ref().and_then(|run| run.view.head()) {
            return header(head, width);
        }
        let about = &self.about;
        let environment = about.environment.as_ref().map_or_else(String::new, |environment| format!(" ({environment})"));
        Line::new()
            .add(Style::Bold, format!("{}{environment}", about.pipeline))
            .add(Style::Plain, format!("  → {} ({})", about.cluster, about.region))
    }

    /// Who works here, and whether AWS answers.
    fn who(&self, width: usize) -> Vec<Line> {
        let run = self.run.as_ref().and_then(|run| run.view.head());
        let (style, text) = match (&self.place, run) {
            (Place::Free, None) => (Style::Dim, "no run of shipit is under way here; the services as AWS tells them".to_owned()),
            (Place::Free, Some(head)) => (Style::Dim, format!("run {} has ended; the next one is waited for", head.run)),
            (Place::Begins(who) | Place::Runs(who), _) => (Style::Dim, who.clone()),
            (Place::Cut, None) => (Style::Warn, "a run was cut off here before it told anything".to_owned()),
            (Place::Cut, Some(head)) => {
                let resume = Some(&head.resume).filter(|resume| !resume.is_empty());
                let resume = resume.map_or_else(|| format!("shipit resume {}", head.run), Clone::clone);
                (Style::Warn, format!("run {} was cut off, AWS goes on by itself; to go on with it: {resume}", head.run))
            }
        };
        let told = |style: Style, text: &str| -> Vec<Line> {
            let room = width.min(WIDEST).saturating_sub(2);
            ink::wrap(text, room).into_iter().map(|part| Line::plain("  ").add(style, part)).collect()
        };
        let mut lines = told(style, &text);
        if let Some((since, why)) = &self.silent {
            lines.extend(told(Style::Warn, &format!("AWS has not answered since {} UTC: {why}", since.strftime("%H:%M:%S"))));
        }
        lines
    }
}

/// How a run has ended, and why.
fn ended(run: &Story, frame: &Frame) -> Vec<Line> {
    let mut lines = run.view.summary_lines();
    let failure = run.model.ended.as_ref().and_then(|(_, outcome)| outcome.failure.as_ref());
    lines.extend(failure.iter().flat_map(|failure| parts(failure, frame.width)));
    lines
}

fn parts(failure: &Failure, width: usize) -> Vec<Line> {
    let mut lines = labelled("error", Style::Bad, std::slice::from_ref(&failure.what), width);
    lines.extend(labelled("because", Style::Plain, &failure.because, width));
    lines.extend(labelled("next", Style::Plain, &failure.next, width));
    lines
}

/// What stops an image at the gate.
fn stopped(step: &Step, gate: &Gate, width: usize) -> Vec<Line> {
    let Gate::Stopped(verdict) = gate else { return Vec::new() };
    let Verdict::Block { blocking, .. } = &**verdict else { return Vec::new() };
    let told = blocking.iter().take(FINDINGS).map(|finding| format!("{}: {finding}", step.subject));
    let mut told: Vec<String> = told.collect();
    told.extend(Some(blocking.len().saturating_sub(FINDINGS)).filter(|more| *more > 0).map(|more| format!("and {more} more")));
    labelled("stopped", Style::Bad, &told, width)
}

/// What is known of a rollout that goes wrong: the cause in full, what helps, the last words of a task.
fn wrong(step: &Step, width: usize, log: usize) -> Vec<Line> {
    let Some((cause, dossier)) = step.dossier.as_ref().filter(|_| !matches!(step.state, State::Done)) else { return Vec::new() };
    let because = format!("{}: {}", step.subject, super::super::view::cause_words(cause));
    let mut lines = labelled("wrong", Style::Bad, &[because], width);
    lines.extend(labelled("next", Style::Plain, std::slice::from_ref(&cause.next), width));
    for (at, said) in
        dossier.log.iter().flat_map(|log| &log.lines).rev().take(log).collect::<Vec<_>>().into_iter().rev().enumerate()
    {
        let label = if at == 0 { "log" } else { "" };
        lines.push(Line::plain(format!("  {label:<9}")).add(Style::Dim, "│ ").add(Style::Plain, said));
    }
    lines
}

/// Lines that stand below each other behind a word, as wide as there is room.
fn labelled(label: &str, style: Style, texts: &[String], width: usize) -> Vec<Line> {
    let room = width.min(WIDEST).saturating_sub(11);
    let texts = texts.iter().filter(|text| !text.is_empty()).flat_map(|text| ink::wrap(text, room));
    let line = |(at, text): (usize, String)| {
        let label = if at == 0 { label } else { "" };
        Line::plain("  ").add(style, format!("{label:<9}")).add(Style::Plain, text)
    };
    texts.enumerate().map(line).collect()
}
