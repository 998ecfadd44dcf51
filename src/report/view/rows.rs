//! The rows of the block: one per image, one gate, one for the files, one per further step.

use jiff::Timestamp;
use shipit_core::attest::Attestation;
use shipit_core::event::{Progress, StepResult};
use shipit_core::push::{Because, PushedBy};

use super::super::ink::{Line, Style};
use super::super::words;
use super::{Frame, Seen, State, View, gate, rollout};

/// The label of a rollout's row.
pub(super) const ROLLOUT: &str = "rollout";

/// A row of the block.
pub(super) struct Row {
    pub mark: Mark,
    pub label: String,
    pub text: Line,
    /// Something short that stands in a column of its own: a digest.
    pub detail: String,
    /// How long it has taken, in milliseconds.
    pub took: Option<u64>,
    /// Lines below.
    pub under: Vec<Line>,
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Done,
    NotRun,
    GivenUp,
    Running,
    Back,
    Failed,
}

impl Row {
    pub(super) fn new(mark: Mark, label: &str, text: Line) -> Self {
        Self { mark, label: label.to_owned(), text, detail: String::new(), took: None, under: Vec::new() }
    }

    fn took(mut self, took: Option<u64>) -> Self {
        self.took = took;
        self
    }
}

impl Seen {
    pub(super) fn mark(&self) -> Mark {
        match &self.state {
            State::Waiting => Mark::NotRun,
            State::GivenUp => Mark::GivenUp,
            State::Paused { .. } => Mark::Running,
            State::Reused | State::Done { .. } => Mark::Done,
            State::Running { .. } => Mark::Running,
            State::Failed { .. } | State::NotUndone { .. } => Mark::Failed,
            State::Undoing { .. } | State::Undone { .. } => Mark::Back,
        }
    }

    /// How long it took or has been under way, in milliseconds.
    pub(super) fn took(&self, now: Timestamp) -> Option<u64> {
        match &self.state {
            State::Done { took_ms, .. } | State::Failed { took_ms, .. } | State::Paused { took_ms, .. } => Some(*took_ms),
            State::Running { since, .. } | State::Undoing { since, .. } => {
                Some(u64::try_from(now.duration_since(*since).as_millis()).unwrap_or(0))
            }
            _ => None,
        }
    }
}

/// All rows: images, the gate, the files, then what becomes of the services, in the order of the plan.
pub(super) fn rows(view: &View, frame: &Frame) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut images: Vec<&str> = Vec::new();
    for step in view.steps.iter().filter(|step| is_image(step)) {
        if !images.contains(&step.subject.as_str()) {
            images.push(&step.subject);
            let steps: Vec<&Seen> = view.steps.iter().filter(|other| is_image(other) && other.subject == step.subject).collect();
            rows.push(image(&steps, view, frame));
        }
    }
    let gates = of_verb(view, "gate");
    if !gates.is_empty() {
        rows.push(gate::row(&gates, view.is_finished(), frame));
    }
    let files = of_verb(view, "artefacts");
    if !files.is_empty() {
        rows.push(artefacts(&files, view.is_finished(), frame));
    }
    for step in &view.steps {
        match step.verb.as_str() {
            "build" | "push" | "attest" | "gate" | "artefacts" => {}
            "roll" => rows.push(rollout::row(step, view, frame)),
            "register" => rows.push(single("revision", step, view, frame)),
            verb => rows.push(single(verb, step, view, frame)),
        }
    }
    if view.is_finished() { without_not_run(rows) } else { rows }
}

/// At the end, what was never begun takes one row.
fn without_not_run(rows: Vec<Row>) -> Vec<Row> {
    let (not_run, mut rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.mark == Mark::NotRun);
    rows.extend(in_one(Mark::NotRun, "not run", &not_run));
    rows
}

/// What is done takes one row, what is to come another; a rollout that is to come keeps its own.
pub(super) fn folded(rows: Vec<Row>) -> Vec<Row> {
    let of = |mark| move |row: &Row| row.mark == mark && (mark == Mark::Done || row.label != ROLLOUT);
    let (done, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(of(Mark::Done));
    let (to_come, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(of(Mark::NotRun));
    let (done, to_come) = (in_one(Mark::Done, "done", &done), in_one(Mark::NotRun, "to come", &to_come));
    done.into_iter().chain(rows).chain(to_come).collect()
}

/// One row that names them, each once.
fn in_one(mark: Mark, label: &str, rows: &[Row]) -> Option<Row> {
    let mut labels: Vec<&str> = Vec::new();
    for row in rows {
        if !labels.contains(&row.label.as_str()) {
            labels.push(&row.label);
        }
    }
    (!labels.is_empty()).then(|| Row::new(mark, label, Line::new().add(Style::Dim, words::list(&labels))))
}

fn is_image(step: &Seen) -> bool {
    matches!(step.verb.as_str(), "build" | "push" | "attest")
}

fn of_verb<'a>(view: &'a View, verb: &str) -> Vec<&'a Seen> {
    view.steps.iter().filter(|step| step.verb == verb).collect()
}

/// The words of a step that has not ended well or not begun; none when it is under way or done.
pub(super) fn plight(step: &Seen, is_finished: bool) -> Option<Line> {
    match &step.state {
        State::Waiting if is_finished => Some(Line::new().add(Style::Dim, "not run")),
        State::Waiting => Some(Line::new().add(Style::Dim, &step.because)),
        State::GivenUp => Some(Line::new().add(Style::Dim, "given up")),
        State::Failed { failure, .. } => Some(Line::new().add(Style::Bad, &failure.what)),
        State::NotUndone { failure } => Some(Line::new().add(Style::Bad, &failure.what)),
        State::Paused { what, .. } => Some(Line::new().add(Style::Warn, what)),
        State::Undoing { doing, .. } => Some(Line::new().add(Style::Warn, doing)),
        State::Undone { now } => Some(Line::new().add(Style::Warn, now)),
        State::Reused | State::Running { .. } | State::Done { .. } => None,
    }
}

/// How several steps stand as one: the worst, then what is under way, then what is to come.
pub(super) fn mark_of(steps: &[&Seen], is_finished: bool) -> Mark {
    let marks: Vec<Mark> = steps.iter().map(|step| step.mark()).collect();
    let worst = marks.iter().copied().max().unwrap_or(Mark::NotRun);
    // Between two steps of one row something is under way, unless the run has ended.
    let begun = marks.contains(&Mark::Done) && worst == Mark::NotRun && !is_finished;
    if begun { Mark::Running } else { worst }
}

/// Building and pushing an image, in one row.
fn image(steps: &[&Seen], view: &View, frame: &Frame) -> Row {
    let name = steps.first().map_or("", |step| step.subject.as_str());
    let mark = mark_of(steps, view.is_finished());
    let told: Vec<&Seen> = steps.iter().copied().filter(|step| !matches!(step.state, State::Waiting)).collect();
    let bad = steps.iter().find(|step| matches!(step.mark(), Mark::Failed | Mark::Back) || matches!(step.state, State::GivenUp));
    let text = match (bad, told.is_empty()) {
        (Some(step), _) => plight(step, view.is_finished()).unwrap_or_default(),
        (None, true) => steps.first().and_then(|step| plight(step, view.is_finished())).unwrap_or_default(),
        (None, false) => Line::plain(told.iter().map(|step| image_words(step)).collect::<Vec<_>>().join(", ")),
    };
    let times: Vec<u64> = steps.iter().filter_map(|step| step.took(frame.now)).collect();
    let mut row = Row::new(mark, name, text)
        .took((!times.is_empty()).then(|| times.iter().fold(0, |sum: u64, took| sum.saturating_add(*took))));
    if mark != Mark::Failed {
        row.detail = digest(steps, view, name);
    }
    if let Some(step) = bad {
        row.under = step.output().iter().map(|line| Line::new().add(Style::Dim, "│ ").add(Style::Plain, line)).collect();
    }
    row
}

fn image_words(step: &Seen) -> String {
    match &step.state {
        State::Reused => "unchanged, reused".to_owned(),
        State::Running { progress: Some(Progress::Build { current, .. }), .. } if current.starts_with('[') => current.clone(),
        State::Running { progress: Some(Progress::Build { current, done, total }), .. } => format!("[{done}/{total}] {current}"),
        State::Running { progress: Some(Progress::Push { sent, total, layers_reused, layers }), .. } => {
            let there = if *layers_reused > 0 { format!(", {layers_reused} of {layers} layers reused") } else { String::new() };
            format!("pushing {} of {}{there}", words::bytes(*sent), words::bytes(*total))
        }
        State::Running { .. } if step.verb == "build" => "building".to_owned(),
        State::Running { .. } if step.verb == "attest" => "attesting".to_owned(),
        State::Running { .. } => "pushing".to_owned(),
        State::Done { result, .. } => result_words(result),
        _ => String::new(),
    }
}

/// Who pushed it, and why the Engine, where it did.
fn by_whom(by: &PushedBy) -> String {
    match by {
        PushedBy::Shipit { .. } => " by shipit".to_owned(),
        PushedBy::Engine { because: Because::SmallIsNew } => " by the Engine: it remembers the large layers".to_owned(),
        PushedBy::Engine { because: Because::Archive } => " by the Engine: its files cannot be read here".to_owned(),
        PushedBy::Engine { because: Because::Store } => " by the Engine: its store gives out no plain layers".to_owned(),
        PushedBy::Engine { because: Because::Fallback } => " by the Engine: its layers could not be read otherwise".to_owned(),
        PushedBy::Engine { because: Because::Alone } => " by the Engine".to_owned(),
    }
}

/// What came of a step, in a few words.
pub(in crate::report) fn result_words(result: &StepResult) -> String {
    match result {
        StepResult::Built { ran, steps, builder } => {
            let how = if builder == "BuildKit" { String::new() } else { format!(" ({builder})") };
            match ran {
                0 => format!("built from the cache{how}"),
                ran => format!("built {ran} of {}{how}", words::count(u64::from(*steps), "step")),
            }
        }
        StepResult::Pushed { sent: 0, .. } => "every layer was there".to_owned(),
        StepResult::Pushed { sent, by, .. } => format!("pushed {}{}", words::bytes(*sent), by_whom(by)),
        StepResult::Reused { pushed_at: Some(at), .. } => format!("unchanged since {}, reused", at.strftime("%Y-%m-%d")),
        StepResult::Reused { pushed_at: None, .. } => "unchanged, reused".to_owned(),
        StepResult::Tagged { .. } => "unchanged, reused under this tag".to_owned(),
        StepResult::Attested { made, there } => attested_words(made, there),
        StepResult::Verified { required } => format!("has {}", words::list(required)),
        StepResult::Gate { record } => gate::record_words(record),
        StepResult::Written { files } => words::count(files.len() as u64, "file"),
        StepResult::Registered { before: Some(before), revision, change, .. } => {
            format!("{} → {}   {change}", before.short(), revision.short())
        }
        StepResult::Registered { before: None, revision, change, .. } => format!("{}   {change}", revision.short()),
        StepResult::Unchanged { revision } => format!("unchanged: {} runs already", revision.short()),
        StepResult::RolledOut { revision, running: 0, .. } => format!("{} is set, nothing runs", revision.short()),
        StepResult::RolledOut { revision, running, evidence } => {
            let sure = if evidence == "service deployment" { String::new() } else { format!(" ({evidence})") };
            format!("rolled out {}, {} running{sure}", revision.short(), words::count(u64::from(*running), "task"))
        }
        StepResult::Shifted { revision, baking_until: Some(until) } => {
            format!("all traffic goes to {}, baking until {until:.0}", revision.short())
        }
        StepResult::Shifted { revision, baking_until: None } => format!("all traffic goes to {}, baking", revision.short()),
        StepResult::Smoked { url, status } => format!("{status} from {url}"),
        _ => "done".to_owned(),
    }
}

fn attested_words(made: &[Attestation], there: &[Attestation]) -> String {
    let named = |those: &[Attestation]| words::list(&those.iter().map(|one| one.word()).collect::<Vec<_>>());
    match (made, there) {
        ([], []) => "not attested".to_owned(),
        ([], there) => format!("{} there", named(there)),
        (made, _) => format!("{} attached", named(made)),
    }
}

/// The image's digest, shortened: of the push, of the outcome, or as the plan names it first.
fn digest(steps: &[&Seen], view: &View, image: &str) -> String {
    let told = steps.iter().find_map(|step| match &step.state {
        State::Done {
            result: StepResult::Pushed { digest, .. } | StepResult::Tagged { digest, .. } | StepResult::Reused { digest, .. },
            ..
        } => Some(digest.as_str()),
        State::Reused => step.because.split(' ').find(|word| word.starts_with("sha256:")),
        _ => None,
    });
    let known = view.outcome.as_ref().and_then(|outcome| outcome.images.get(image)).map(|digest| digest.as_str());
    told.or(known).map_or_else(String::new, |digest| format!("{}…", digest.chars().take("sha256:".len() + 4).collect::<String>()))
}

fn artefacts(steps: &[&Seen], is_finished: bool, frame: &Frame) -> Row {
    let mark = mark_of(steps, is_finished);
    let bad = steps.iter().find(|step| step.mark() == Mark::Failed);
    let mut folders: Vec<&str> = Vec::new();
    let mut files = 0;
    for step in steps {
        let State::Done { result: StepResult::Written { files: written }, .. } = &step.state else { continue };
        for file in written {
            files += 1;
            let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    let text = match bad {
        Some(step) => plight(step, is_finished).unwrap_or_default(),
        None if files > 0 => Line::plain(format!("{} in {}", words::count(files, "file"), words::list(&folders))),
        None => steps.first().and_then(|step| plight(step, is_finished)).unwrap_or_default(),
    };
    Row::new(mark, "artefacts", text).took(steps.iter().filter_map(|step| step.took(frame.now)).max())
}

/// A step with a row of its own.
fn single(label: &str, step: &Seen, view: &View, frame: &Frame) -> Row {
    let before = format!("{:<width$}  ", step.subject, width = services_width(view));
    let named = |text: String| Line::plain(format!("{before}{text}"));
    let plight = match &step.state {
        State::Waiting | State::GivenUp if step.verb != "register" => None,
        _ => plight(step, view.is_finished()),
    };
    let text = plight.unwrap_or_else(|| match &step.state {
        State::Waiting => Line::plain(&before).add(Style::Dim, &step.because),
        State::GivenUp => Line::plain(&before).add(Style::Dim, "given up"),
        State::Reused => Line::plain(&step.because),
        State::Running { progress: Some(Progress::Smoke { last }), .. } => named(last.clone()),
        State::Running { .. } if step.verb == "register" => Line::plain(format!("registering, {}", step.because)),
        State::Running { .. } => named(step.because.clone()),
        State::Done { result: result @ (StepResult::Smoked { .. } | StepResult::Verified { .. }), .. } => {
            named(result_words(result))
        }
        State::Done { result, .. } => Line::plain(result_words(result)),
        _ => Line::new(),
    });
    Row::new(step.mark(), label, text).took(step.took(frame.now))
}

/// The longest name of a service, in columns.
pub(super) fn services_width(view: &View) -> usize {
    let services = view.steps.iter().filter(|step| matches!(step.verb.as_str(), "roll" | "smoke"));
    services.map(|step| super::super::ink::width(&step.subject)).max().unwrap_or(0).min(24)
}
