//! A run as test cases: a pure fold of its events, those before it was cut and resumed too.

use jiff::Timestamp;
use shipit_core::event::{Event, Outcome, PlannedStep, Progress, RolloutSeen, Shifting, Stamped, Work};
use shipit_core::failure::{Cause, Exit, Failure};
use shipit_core::plan::StepId;

use super::super::ink;
use super::super::view::{cause_words, result_words};
use super::{Case, Suite, Verdict, class, failed_by};

/// A run so far.
#[derive(Debug, Default)]
pub(super) struct Run {
    pipeline: String,
    began: Option<Timestamp>,
    properties: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Step {
    id: StepId,
    verb: String,
    subject: String,
    stages: Vec<Stage>,
    cause: Option<Cause>,
    end: End,
    back: Option<Back>,
}

#[derive(Debug)]
enum End {
    NotRun,
    Reused { because: String },
    Begun,
    Passed { said: String, took_ms: u64 },
    Waits { what: String, took_ms: u64 },
    Failed { failure: Failure, took_ms: u64 },
}

/// A stage of a rollout, from its first sight to its last.
#[derive(Debug)]
struct Stage {
    name: String,
    since: Timestamp,
    until: Timestamp,
}

/// How it was undone.
#[derive(Debug)]
enum Back {
    Begun { doing: String },
    Done { now: String },
    Failed { failure: Failure },
}

impl Run {
    pub(super) fn apply(&mut self, stamped: &Stamped) {
        let at = stamped.at;
        match &stamped.event {
            Event::RunStarted { run, pipeline, environment, tag, subject, cluster, region, .. } => {
                self.began.get_or_insert(at);
                self.pipeline.clone_from(pipeline);
                let told = [
                    ("run", Some(run.to_string())),
                    ("environment", environment.clone()),
                    ("image tag", Some(tag.clone())),
                    ("commit message", subject.clone()),
                    ("cluster", Some(cluster.clone())),
                    ("region", Some(region.clone())),
                ];
                self.properties = told.into_iter().filter_map(|(name, value)| Some((name, ink::safe(&value?)))).collect();
            }
            Event::Planned { steps, .. } => steps.iter().for_each(|step| self.planned(step)),
            Event::StepStarted { step } => self.step(step).end = End::Begun,
            Event::StepProgress {
                step,
                progress: Progress::Rollout(RolloutSeen { shift: Some(Shifting { stage, .. }), .. }),
            } => {
                self.step(step).at(at, stage);
            }
            Event::StepSucceeded { step, result, took_ms } => {
                self.step(step).end = End::Passed { said: result_words(result), took_ms: *took_ms };
            }
            Event::StepPaused { step, what, took_ms } => {
                self.step(step).end = End::Waits { what: what.clone(), took_ms: *took_ms };
            }
            Event::StepFailed { step, failure, took_ms } => {
                self.step(step).end = End::Failed { failure: failure.clone(), took_ms: *took_ms };
            }
            Event::Dossier { step, cause, .. } => self.step(step).cause = Some(cause.clone()),
            Event::UndoStarted { step, doing } => self.step(step).back = Some(Back::Begun { doing: doing.clone() }),
            Event::Undone { step, now } => self.step(step).back = Some(Back::Done { now: now.clone() }),
            Event::UndoFailed { step, failure } => self.step(step).back = Some(Back::Failed { failure: failure.clone() }),
            Event::RunFinished { outcome } => self.outcome = Some(outcome.clone()),
            // Everything else makes no case.
            _ => {}
        }
    }

    /// As a test suite.
    pub(super) fn suite(&self) -> Suite {
        let environment = self.properties.iter().find(|(name, _)| *name == "environment");
        let name =
            environment.map_or_else(|| self.pipeline.clone(), |(_, environment)| format!("{} {environment}", self.pipeline));
        let exit = self.outcome.iter().map(|outcome| ("exit", outcome.exit.code().to_string()));
        let properties = self.properties.iter().cloned().chain(exit).collect();
        Suite { name, began: self.began.unwrap_or_default(), took_ms: self.took_ms(), properties, cases: self.cases() }
    }

    fn took_ms(&self) -> u64 {
        self.outcome.as_ref().map_or(0, |outcome| outcome.took_ms)
    }

    /// All cases, in the order of the plan. What failed beside every step is a case of the run itself.
    fn cases(&self) -> Vec<Case> {
        let mut all: Vec<Case> = self.steps.iter().flat_map(|step| step.cases(&self.pipeline, self.exit())).collect();
        let failed = all.iter().any(|case| matches!(case.verdict, Verdict::Failed { .. }));
        if let Some(failure) = self.outcome.as_ref().and_then(|outcome| outcome.failure.as_ref()).filter(|_| !failed) {
            let verdict = match self.exit() {
                Exit::Running => Verdict::Skipped { why: ink::safe(&failure.what) },
                exit => failed_by(failure, exit, None),
            };
            let class = class(&self.pipeline, "run");
            all.push(Case { class, name: "run".into(), took_ms: self.took_ms(), verdict });
        }
        all
    }

    fn exit(&self) -> Exit {
        self.outcome.as_ref().map_or(Exit::Failed, |outcome| outcome.exit)
    }

    /// A plan that is told again, for the run goes on, changes nothing of what has been done.
    fn planned(&mut self, planned: &PlannedStep) {
        if self.steps.iter().any(|step| step.id == planned.step) {
            return;
        }
        let end = match planned.work {
            Work::ToDo => End::NotRun,
            Work::Reused => End::Reused { because: planned.because.clone() },
        };
        let (id, verb, subject) = (planned.step.clone(), planned.verb.clone(), planned.subject.clone());
        self.steps.push(Step { id, verb, subject, stages: Vec::new(), cause: None, end, back: None });
    }

    /// The step of that name; one that no plan has named is taken as it comes.
    fn step(&mut self, id: &StepId) -> &mut Step {
        let at = self.steps.iter().position(|step| step.id == *id).unwrap_or_else(|| {
            let (verb, subject) = id.0.split_once(' ').unwrap_or((&id.0, "run"));
            let because = String::new();
            let (verb, subject) = (verb.to_owned(), subject.to_owned());
            self.planned(&PlannedStep { step: id.clone(), verb, subject, because, work: Work::ToDo });
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }
}

impl Step {
    fn at(&mut self, at: Timestamp, stage: &str) {
        if self.back.is_some() || matches!(self.end, End::Failed { .. }) {
            return;
        }
        if let Some(before) = self.stages.last_mut() {
            before.until = at;
        }
        // A stage that comes again, for each step of the traffic, is one.
        match self.stages.iter().position(|seen| seen.name == stage) {
            Some(known) => {
                let stage = self.stages.remove(known);
                self.stages.push(Stage { until: at, ..stage });
            }
            None => self.stages.push(Stage { name: stage.to_owned(), since: at, until: at }),
        }
    }

    fn cases(&self, pipeline: &str, exit: Exit) -> Vec<Case> {
        let class = class(pipeline, &self.subject);
        let case = |name: String, took_ms, verdict| Case { class: class.clone(), name, took_ms, verdict };
        let skipped = |why: &str| Verdict::Skipped { why: ink::safe(why) };
        let (took_ms, verdict) = match &self.end {
            End::NotRun => (0, skipped("not run")),
            End::Reused { because } => (0, Verdict::Passed { said: format!("reused: {}", ink::safe(because)) }),
            End::Begun => (0, skipped("given up")),
            End::Passed { said, took_ms } => (*took_ms, Verdict::Passed { said: ink::safe(said) }),
            End::Waits { what, took_ms } => (*took_ms, skipped(what)),
            End::Failed { failure, took_ms } => (*took_ms, failed_by(failure, exit, self.cause.as_ref().map(told))),
        };
        let mut cases = vec![case(ink::safe(&self.verb), took_ms, verdict)];
        for (at, stage) in self.stages.iter().enumerate() {
            let verdict = match &self.end {
                _ if at + 1 < self.stages.len() => Verdict::Passed { said: String::new() },
                End::Failed { failure, .. } => {
                    let what = format!("the rollout ended at {}: {}", ink::safe(&stage.name), ink::safe(&failure.what));
                    Verdict::Failed { kind: failure.code.to_string(), text: what.clone(), what, file: None }
                }
                End::Waits { what, .. } => skipped(what),
                End::Begun => skipped("given up"),
                _ => Verdict::Passed { said: String::new() },
            };
            let took = u64::try_from(stage.until.duration_since(stage.since).as_millis()).unwrap_or(0);
            cases.push(case(format!("{} at {}", ink::safe(&self.verb), ink::safe(&stage.name)), took, verdict));
        }
        let back = self.back.as_ref().map(|back| match back {
            Back::Begun { doing } => skipped(&format!("under way: {doing}")),
            Back::Done { now } => Verdict::Passed { said: ink::safe(now) },
            Back::Failed { failure } => failed_by(failure, exit, None),
        });
        cases.extend(back.map(|verdict| case("turn back".into(), 0, verdict)));
        cases
    }
}

fn told(cause: &Cause) -> String {
    format!("  cause    {}", ink::safe(&cause_words(cause)))
}
