//! Plain lines, for logs of CI: every event that matters, progress when it means something, the summary at the end.
//!
//! Every line begins with a name of the pipeline, so that a quoted build line cannot command the CI that reads the log.

use std::collections::HashMap;
use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use shipit_core::event::{Event, Progress, RolloutSeen, Stamped, Work};
use shipit_core::plan::StepId;

use super::ink::{self, Line, Style};
use super::view::{Frame, View, header, result_words};
use super::{Colour, Reporter, words};

/// Columns of a log line; its readers scroll.
const WIDTH: usize = 160;
/// Columns of the summary.
const SUMMARY: usize = 110;
/// Progress that means little is told this often at most.
const SELDOM: SignedDuration = SignedDuration::from_secs(10);
/// Progress that does not change is told this often, for CI that ends silent jobs.
const ALIVE: SignedDuration = SignedDuration::from_secs(60);

/// Plain lines.
pub struct Lines<W> {
    out: W,
    colour: Colour,
    /// The clock of thinning; by default the wall, for a log is read in its time.
    clock: fn(&Stamped) -> Timestamp,
    view: View,
    told: HashMap<StepId, Told>,
    /// Columns of the names, widened by the plan.
    names: usize,
}

/// What was last said of a step's progress.
struct Told {
    at: Timestamp,
    text: String,
    level: u64,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W, colour: Colour) -> Self {
        Self { out, colour, clock: |_| Timestamp::now(), view: View::default(), told: HashMap::new(), names: 0 }
    }

    fn say(&mut self, line: &Line, width: usize) {
        let mut text = line.paint(width, self.colour);
        text.push('\n');
        // A closed pipe is the reader's wish, not an error.
        let _closed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// `backend     build     started`
    fn tell(&mut self, name: &str, verb: &str, style: Style, words: &str) {
        let start = Line::plain(ink::fit(name, 24)).to(self.names + 2).add(Style::Dim, verb).to(self.names + 13);
        self.say(&start.add(style, words), WIDTH);
    }

    fn of_step(&mut self, step: &StepId, style: Style, words: &str) {
        let (name, verb) = self.view.names(step);
        self.tell(&name, &verb, style, words);
    }

    fn progress(&mut self, at: Timestamp, step: &StepId, progress: &Progress) {
        let Some((text, level)) = progress_words(progress) else { return };
        if let Some(told) = self.told.get(step) {
            let since = at.duration_since(told.at);
            let worth = level != told.level || (text != told.text && since >= SELDOM) || since >= ALIVE;
            if !worth {
                return;
            }
        }
        self.of_step(step, Style::Plain, &text);
        self.told.insert(step.clone(), Told { at, text, level });
    }

    fn finish(&mut self, frame: &Frame) {
        self.say(&Line::new(), WIDTH);
        let mut text = self.view.summary(frame).join("\n");
        text.push('\n');
        if let Some(failure) = self.view.failure(frame) {
            text.push_str(&format!("\n{failure}\n"));
        }
        let _closed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write + Send> Reporter for Lines<W> {
    fn report(&mut self, stamped: &Stamped) {
        self.view.apply(stamped);
        let at = (self.clock)(stamped);
        match &stamped.event {
            Event::RunStarted { pipeline, .. } => {
                self.names = self.names.max(ink::width(pipeline).min(24));
                if let Some(line) = self.view.head().map(|head| header(head, WIDTH)) {
                    self.say(&line, WIDTH);
                }
            }
            Event::Planned { steps, notes } => {
                self.names = steps.iter().map(|step| ink::width(&step.subject).min(24)).max().unwrap_or(0).max(self.names);
                for step in steps.iter().filter(|step| step.work == Work::Reused) {
                    self.tell(&step.subject, &step.verb, Style::Plain, &format!("reused: {}", step.because));
                }
                let work = steps.iter().filter(|step| step.work == Work::ToDo).count();
                self.own("plan", Style::Plain, &words::count(work as u64, "step"));
                for note in notes {
                    self.own("note", Style::Warn, note);
                }
            }
            Event::StepStarted { step } => self.of_step(step, Style::Plain, "started"),
            Event::StepProgress { step, progress } => self.progress(at, step, progress),
            Event::StepSucceeded { step, result, took_ms } => {
                self.of_step(step, Style::Good, &format!("✓ {}  {}", result_words(result), words::duration(*took_ms)));
            }
            Event::StepFailed { step, failure, took_ms } => {
                for line in self.view.output(step) {
                    self.of_step(step, Style::Plain, &format!("│ {line}"));
                }
                self.of_step(step, Style::Bad, &format!("✗ {}  {}", failure.what, words::duration(*took_ms)));
            }
            Event::UndoStarted { step, doing } => self.of_step(step, Style::Warn, &format!("← {doing}")),
            Event::Undone { step, now } => self.of_step(step, Style::Warn, &format!("← {now}")),
            Event::UndoFailed { step, failure } => self.of_step(step, Style::Bad, &format!("✗ {}", failure.what)),
            Event::Notice { message } => self.own("note", Style::Warn, message),
            Event::RunFinished { .. } => {
                self.finish(&Frame { width: SUMMARY, colour: self.colour, now: stamped.at, pulse: '●' });
            }
            // An event of a later version says nothing here.
            _ => {}
        }
    }
}

impl<W: Write + Send> Lines<W> {
    /// A line about the run itself.
    fn own(&mut self, verb: &str, style: Style, words: &str) {
        let name = self.view.head().map_or_else(|| "shipit".to_owned(), |head| head.pipeline().to_owned());
        self.tell(&name, verb, style, words);
    }
}

/// The words of a progress, and a number that changes when it means something; nothing for what is not told.
fn progress_words(progress: &Progress) -> Option<(String, u64)> {
    Some(match progress {
        Progress::Build { current, .. } if current.starts_with('[') => (current.clone(), 0),
        Progress::Build { current, done, total } => (format!("[{done}/{total}] {current}"), 0),
        Progress::BuildOutput { .. } => return None,
        Progress::Push { sent, total, .. } => (format!("{} of {}", words::bytes(*sent), words::bytes(*total)), 0),
        Progress::Scan { status } => (status.clone(), 0),
        Progress::Smoke { last } => (last.clone(), 0),
        Progress::Rollout(seen) => (rollout_words(seen), rollout_level(seen)),
        _ => return None,
    })
}

fn rollout_words(seen: &RolloutSeen) -> String {
    let number = |n: u32| words::number(u64::from(n));
    let mut text =
        format!("{} {}/{} tasks", seen.candidate.revision.short(), number(seen.candidate.running), number(seen.desired));
    if seen.candidate.pending > 0 {
        text.push_str(&format!(", {} starting", number(seen.candidate.pending)));
    }
    if seen.failed_tasks > 0 {
        text.push_str(&format!(", {} failed", number(seen.failed_tasks)));
    }
    if let Some(stable) = seen.stable.as_ref().filter(|stable| stable.running + stable.pending > 0) {
        text.push_str(&format!("; {} {}", stable.revision.short(), words::count(u64::from(stable.running), "task")));
    }
    format!("{text}; waiting for {}", seen.waiting_for)
}

/// Tasks in twentieths of those desired, and failures in powers of two: a large service does not flood the log.
fn rollout_level(seen: &RolloutSeen) -> u64 {
    let twentieths = |tasks: u32| u64::from(tasks) * 20 / u64::from(seen.desired.max(1));
    let failed = u64::from(u32::BITS - seen.failed_tasks.leading_zeros());
    let stable = seen.stable.as_ref().map_or(0, |stable| twentieths(stable.running));
    (failed << 48) ^ (stable << 24) ^ twentieths(seen.candidate.running)
}
