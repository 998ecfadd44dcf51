//! Plain lines, for logs of CI: every event that matters, progress when it means something, the summary at the end.
//!
//! Every line begins with a name of the pipeline, so that a quoted build line cannot command the CI that reads the log.

use std::collections::HashMap;
use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use shipit_core::analysis::Verdict;
use shipit_core::event::{Event, Progress, RolloutSeen, Shifting, Stamped, Work};
use shipit_core::failure::Kind;
use shipit_core::plan::StepId;

use super::files::Kept;
use super::ink::{self, Line, Style};
use super::view::{Frame, View, cause_words, compared_words, header, result_words};
use super::{Colour, Reporter, words};

/// Columns of a log line: its readers scroll, and a sentence of ours has its point at the end.
const WIDTH: usize = 400;
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
    compared: HashMap<StepId, Comparison>,
    /// The cause that was told last of a rollout that goes wrong.
    causes: HashMap<StepId, Kind>,
    /// Columns of the names, widened by the plan.
    names: usize,
}

/// What was last said of a step's progress.
struct Told {
    at: Timestamp,
    text: String,
    level: u64,
}

/// What was last said of how both versions compare.
struct Comparison {
    at: Timestamp,
    text: String,
    verdict: Verdict,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W, colour: Colour) -> Self {
        Self {
            out,
            colour,
            clock: |_| Timestamp::now(),
            view: View::default(),
            told: HashMap::new(),
            compared: HashMap::new(),
            causes: HashMap::new(),
            names: 0,
        }
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

    /// A line that no event tells.
    pub(super) fn about(&mut self, name: &str, verb: &str, words: &str) {
        self.names = self.names.max(ink::width(name).min(24));
        self.tell(name, verb, Style::Plain, words);
    }

    fn of_step(&mut self, step: &StepId, style: Style, words: &str) {
        let (name, verb) = self.view.names(step);
        self.tell(&name, &verb, style, words);
    }

    fn progress(&mut self, at: Timestamp, step: &StepId, progress: &Progress) {
        self.compared(at, step, progress);
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

    /// A line of its own whenever the verdict is another, and for new numbers now and then.
    fn compared(&mut self, at: Timestamp, step: &StepId, progress: &Progress) {
        let Progress::Rollout(RolloutSeen { shift: Some(Shifting { compared: Some(compared), .. }), .. }) = progress else {
            return;
        };
        let text = compared_words(compared);
        if let Some(told) = self.compared.get(step) {
            let since = at.duration_since(told.at);
            if told.text == text || (told.verdict == compared.verdict && since < SELDOM) {
                return;
            }
        }
        let style = if compared.verdict == Verdict::Worse { Style::Bad } else { Style::Plain };
        self.of_step(step, style, &text);
        self.compared.insert(step.clone(), Comparison { at, text, verdict: compared.verdict });
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
            Event::StepPaused { step, what, took_ms } => {
                self.of_step(step, Style::Warn, &format!("● {what}  {}", words::duration(*took_ms)));
            }
            Event::StepFailed { step, failure, took_ms } => {
                for line in self.view.output(step) {
                    self.of_step(step, Style::Plain, &format!("│ {line}"));
                }
                self.of_step(step, Style::Bad, &format!("✗ {}  {}", failure.what, words::duration(*took_ms)));
            }
            Event::Dossier { step, cause, .. } => {
                let before = self.causes.insert(step.clone(), cause.cause);
                // Where versions are compared, the comparison says why.
                let silent = cause.cause == Kind::Unknown && self.compared.contains_key(step);
                if before != Some(cause.cause) && !silent {
                    self.of_step(step, Style::Bad, &format!("! {}", cause_words(cause)));
                }
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

    fn kept(&mut self, kept: &Kept) {
        self.view.kept = Some(kept.clone());
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
        Progress::BuildOutput { .. } | Progress::Served { .. } | Progress::Judged { .. } => return None,
        Progress::Push { total: 0, .. } => return None,
        Progress::Push { sent, total, .. } => (format!("{} of {}", words::bytes(*sent), words::bytes(*total)), 0),
        Progress::Scan { status } => (status.clone(), 0),
        Progress::Smoke { last } => (last.clone(), 0),
        Progress::Rollout(seen) => (rollout_words(seen), rollout_level(seen)),
        _ => return None,
    })
}

fn rollout_words(seen: &RolloutSeen) -> String {
    let number = |n: u32| words::number(u64::from(n));
    let mut text = seen.shift.as_ref().map_or_else(String::new, |shift| {
        let share = shift.share.map_or_else(|| "?%".to_owned(), |share| share.to_string());
        format!("{share} of the traffic at {}; ", shift.stage)
    });
    text += &format!("{} {}/{} tasks", seen.candidate.revision.short(), number(seen.candidate.running), number(seen.desired));
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
    let traffic = seen.shift.as_ref().map_or(0, |shift| {
        let stage = shift.stage.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        stage.wrapping_add(shift.share.map_or(0, |share| u64::from(share.0) + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    traffic ^ (failed << 48) ^ (stable << 24) ^ twentieths(seen.candidate.running)
}

#[cfg(test)]
mod tests {
    use shipit_core::plan::StepId;

    use super::super::stories::{Story, building, id, look};
    use super::*;

    fn told(events: &[Stamped]) -> String {
        let mut out = Vec::new();
        let mut lines = Lines { clock: |stamped| stamped.at, ..Lines::new(&mut out, Colour::No) };
        events.iter().for_each(|event| lines.report(event));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_whole_run() {
        insta::assert_snapshot!(told(&Story::success().events), @r#"
        storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)
        backend     build      reused: sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs
        backend     roll       reused: backend:17 runs already
        storefront  plan       8 steps
        frontend    build      started
        frontend    build      [2/2] RUN npm run build
        frontend    build      ✓ built 1 of 2 steps  3.1s
        frontend    push       started
        frontend    push       1.2 MB of 3.1 MB
        frontend    push       ✓ pushed 3.1 MB by shipit  1.1s
        backend     gate       started
        backend     gate       ✓ 0 critical, 0 high, 2 medium, 1 waived  0.2s
        frontend    gate       started
        frontend    gate       ✓ 0 critical, 0 high, 1 medium, 1 waived  1.9s
        frontend    artefacts  started
        frontend    artefacts  ✓ 3 files  0.0s
        frontend    register   started
        frontend    register   ✓ frontend:42 → frontend:43   image, +1 env  0.2s
        frontend    roll       started
        frontend    roll       frontend:43 0/2 tasks, 2 starting; frontend:42 2 tasks; waiting for 2 more tasks to run
        frontend    roll       frontend:43 2/2 tasks; frontend:42 2 tasks; waiting for 2 old tasks to drain
        frontend    roll       frontend:43 2/2 tasks; waiting for ECS to call the deployment successful
        frontend    roll       ✓ rolled out frontend:43, 2 tasks running  1m 12s
        frontend    smoke      started
        frontend    smoke      it answered 503
        frontend    smoke      ✓ 200 from http://storefront-1.elb.amazonaws.com/health  0.3s

          ✓ deployed 4f2a91c in 1m 31s
            backend    backend:17   unchanged
            frontend   frontend:43  was frontend:42
            run        .shipit/runs/20261118T084640-abc0
        "#);
    }

    #[test]
    fn a_run_that_is_turned_back() {
        let told = told(&Story::turned_back().events);
        let (_, end) = told.split_once("roll       started\n").unwrap();
        insta::assert_snapshot!(end, @r"
        frontend    roll       frontend:43 0/2 tasks, 1 starting, 2 failed; frontend:42 2 tasks; waiting for 2 more tasks to run
        frontend    roll       ✗ `frontend` was turned back to frontend:42  1m 04s

          ✗ turned back after 1m 23s (exit 4)
            backend    backend:17   unchanged
            frontend   frontend:42  turned back
            run        .shipit/runs/20261118T084640-abc0

        error[SHIP201]: `frontend` was turned back to frontend:42
          because  task 3f2a91c0 stopped: Essential container in task exited (web exited with 1)
                   its last log lines: connect ECONNREFUSED backend:3333 | exiting
                   ECS: tasks failed to start.
          now      `frontend` serves frontend:42 again
          next     fix the cause, then deploy again
        ");
    }

    #[test]
    fn progress_is_thinned_but_what_it_means_is_told() {
        let mut story = Story::new();
        story.planned();
        let planned = told(&story.events).lines().count();
        let rest = |story: &Story| told(&story.events).lines().count() - planned;
        for done in 0..9 {
            story.progress("build frontend", Progress::Build { current: format!("[{done}/9] RUN"), done, total: 9 });
        }
        assert_eq!(rest(&story), 1, "nine steps of a build in nine seconds");
        story.pass(10).progress("build frontend", building());
        assert_eq!(rest(&story), 2, "another step, ten seconds later");
        story.pass(20).progress("build frontend", building());
        assert_eq!(rest(&story), 2, "nothing new");
        story.pass(60).progress("build frontend", building());
        assert_eq!(rest(&story), 3, "a sign of life");
        for running in [0, 1, 2, 2, 2] {
            story.progress("roll frontend", Progress::Rollout(look(running, 0, 2)));
        }
        assert_eq!(rest(&story), 6, "tasks that run are told at once");
        story.progress("roll frontend", Progress::Rollout(RolloutSeen { failed_tasks: 1, ..look(2, 0, 2) }));
        assert_eq!(rest(&story), 7, "a failed task is told at once");
    }

    #[test]
    fn every_stage_and_share_of_the_traffic_is_told_at_once() {
        let mut story = Story::new();
        story.planned();
        let planned = told(&story.events).lines().count();
        let stops =
            [("PRE_PRODUCTION_TRAFFIC_SHIFT", 0), ("PRODUCTION_TRAFFIC_SHIFT", 100), ("PRE_PRODUCTION_TRAFFIC_SHIFT", 100)];
        for (stage, share) in stops.into_iter().flat_map(|stop| [stop, stop]) {
            let shift = shipit_core::event::Shifting {
                stage: stage.to_owned(),
                share: Some(shipit_core::pipeline::Share(share)),
                left_ms: None,
                compared: None,
            };
            story.progress("roll frontend", Progress::Rollout(RolloutSeen { shift: Some(shift), ..look(2, 0, 2) }));
        }
        let lines = told(&story.events);
        assert_eq!(lines.lines().count() - planned, 3, "{lines}");
        let last = lines.lines().last().unwrap();
        assert!(last.contains("10% of the traffic at PRE_PRODUCTION_TRAFFIC_SHIFT; frontend:43 2/2 tasks"), "{last}");
    }

    #[test]
    fn another_verdict_is_told_at_once_and_new_numbers_now_and_then() {
        use shipit_core::analysis::Needs;
        use shipit_core::event::Compared;

        let mut story = Story::new();
        story.planned();
        let looks = [
            (0, Verdict::Inconclusive, "one"),
            (2, Verdict::Inconclusive, "two"),
            (2, Verdict::Worse, "three"),
            (20, Verdict::Worse, "three"),
            (20, Verdict::Worse, "four"),
        ];
        for (seconds, verdict, found) in looks {
            let compared = Compared { verdict, needs: Needs::NOTHING, sides: None, found: found.to_owned() };
            let compared = Some(Box::new(compared));
            let shift = Shifting { stage: "BAKE_TIME".into(), share: None, left_ms: None, compared };
            let seen = RolloutSeen { shift: Some(shift), ..look(2, 0, 2) };
            story.pass(seconds).progress("roll frontend", Progress::Rollout(seen));
        }
        let lines = told(&story.events);
        let compared: Vec<&str> = lines.lines().filter(|line| line.contains("so far")).collect();
        insta::assert_snapshot!(compared.join("\n"), @r"
        frontend    roll       inconclusive so far: one
        frontend    roll       worse so far: three
        frontend    roll       worse so far: four
        ");
    }

    #[test]
    fn a_large_service_does_not_flood_the_log() {
        let mut story = Story::new();
        story.planned();
        let planned = told(&story.events).lines().count();
        for running in 0..=2000 {
            let mut seen = RolloutSeen { desired: 2000, stable: None, ..look(0, 0, 0) };
            seen.candidate.running = running;
            story.pass(-1).progress("roll frontend", Progress::Rollout(seen));
        }
        assert_eq!(told(&story.events).lines().count() - planned, 21);
    }

    #[test]
    fn no_line_commands_the_ci_that_reads_it() {
        let evil = "::set-output name=x::y\n::error::z ##[add-mask]a ##vso[task.x]b \u{1b}]0;t\u{7}";
        let mut story = Story::of(evil);
        story.tell(Event::Notice { message: evil.into() });
        for step in [evil, "build ::x::", "roll \n::error::"] {
            let step = StepId(step.to_owned());
            story.tell(Event::StepStarted { step: step.clone() });
            story.tell(Event::StepProgress { step: step.clone(), progress: Progress::BuildOutput { line: evil.into() } });
            let failure = shipit_core::failure::Failure::new(shipit_core::failure::Code::BuildFailed, evil).because("x");
            story.tell(Event::StepFailed { step, failure, took_ms: 1 });
        }
        story.tell(Event::UndoStarted { step: id("roll x"), doing: evil.into() });
        let failure =
            shipit_core::failure::Failure::new(shipit_core::failure::Code::BuildFailed, evil).because(evil).now(evil).next(evil);
        let untouched = shipit_core::event::ServiceOutcome::Stuck { why: evil.into() };
        story.finish(shipit_core::failure::Exit::Failed, Some(failure), untouched, 1);
        for line in told(&story.events).lines() {
            assert!(!line.trim_start().starts_with("::") && !line.contains("##"), "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
