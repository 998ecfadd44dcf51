//! What each surface shows where every text that comes from outside is the same one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shipit_core::dossier::{Dossier, Shipped};
use shipit_core::event::{Event, PlannedStep, Progress, ServiceOutcome, Shifting, StepResult, Work};
use shipit_core::failure::{Cause, Code, Exit, Failure, Kind, Line};
use shipit_core::gate::{Finding, Fix, GatePolicy, ImageScan, Record, Scan, Severity, Sight, Status, Waiver, judge};
use shipit_core::notify::detail;
use shipit_core::plan::{Plan, Step, StepId, StepKind};
use shipit_core::release::{Commit, Digest, Revision, RunId, Source, Tag, Tree};
use shipit_core::review::Note;
use shipit_core::snapshot::ServiceSeen;
use shipit_core::taskdef::Difference;

use super::super::scanned::{self, Scanned};
use super::super::stories::{Story, id, look, revision};
use super::super::view::Frame;
use super::super::watch::{About, Moment, Place, Standing, Watch};
use super::super::{Colour, Reporter, failure as failures, github, junit, listing, planned, sarif as log};

fn failed(text: &str) -> Failure {
    let at = Line { file: format!("/repo/shop/{text}"), line: 3, column: None };
    Failure::new(Code::BuildFailed, text).because(text).because("known").now(text).next(text).at(Some(at))
}

/// A run of which every step failed, or was done with such a result.
fn story(text: &str) -> Story {
    let mut story = Story::new();
    story.events.clear();
    let name = || text.to_owned();
    story.tell(Event::RunStarted {
        run: RunId(name()),
        pipeline: name(),
        environment: Some(name()),
        tag: name(),
        subject: Some(name()),
        cluster: name(),
        region: name(),
        resume: name(),
    });
    let steps = ["build", "push", "gate", "artefacts", "register", "roll", "smoke", "verify", "odd"];
    let planned = |(at, verb): (usize, &&str)| PlannedStep {
        step: id(&format!("{verb} {at}")),
        verb: (*verb).to_owned(),
        subject: name(),
        because: name(),
        work: if at == 8 { Work::Reused } else { Work::ToDo },
    };
    story.tell(Event::Planned { steps: steps.iter().enumerate().map(planned).collect(), notes: vec![name()] });
    story.tell(Event::Notice { message: name() });
    story.start("build 0").progress("build 0", Progress::BuildOutput { line: name() });
    story.progress("build 0", Progress::Build { current: name(), done: 1, total: 2 });
    story.failed("build 0", 1, &failed(text));
    story.done("push 1", 1, StepResult::Built { ran: 1, steps: 2, builder: name() });
    let record = Record { waived: vec![(finding(text), waiver(text))], known: vec![finding(text)], ..Record::default() };
    story.done("gate 2", 1, StepResult::Gate { record: Box::new(record) });
    story.done("artefacts 3", 1, StepResult::Written { files: vec![name()] });
    let differences = vec![Difference { place: name(), before: Some(name()), after: Some(name()) }];
    let registered =
        StepResult::Registered { before: Some(revision(1)), revision: Revision(name()), change: name(), differences };
    story.done("register 4", 1, registered);
    let mut seen = look(1, 1, 1);
    (seen.waiting_for, seen.event, seen.deployment) = (name(), Some(name()), Some(name()));
    seen.candidate.revision = Revision(name());
    seen.shift = Some(Shifting { stage: name(), share: None, left_ms: None, compared: None });
    story.start("roll 5").progress("roll 5", Progress::Rollout(seen));
    let change = Shipped { before: None, difference: Some(name()), commit: Commit(name()), subject: Some(name()) };
    let dossier = Box::new(Dossier::new(text, text, &revision(2), change));
    story.tell(Event::Dossier { step: id("roll 5"), cause: Cause::new(Kind::Unknown, text, text), dossier });
    story.tell(Event::UndoStarted { step: id("smoke 6"), doing: name() });
    story.tell(Event::UndoFailed { step: id("smoke 6"), failure: failed(text) });
    story.start("verify 7");
    story
}

/// A watch of it, at a width at which nothing is cut; the payload stands wherever AWS or a lock tells something too.
fn watch(story: &Story, text: &str, place: Place) -> String {
    let [pipeline, cluster, region] = [(); 3].map(|()| text.to_owned());
    let mut watch = Watch::new(About { pipeline, environment: Some(text.to_owned()), cluster, region });
    let (name, words) = (text.to_owned(), vec![text.to_owned(); 2]);
    watch.service(Standing { name, seen: ServiceSeen::Missing, targets: Vec::new(), words, told: json!(null) }, &[]);
    watch.silent(story.now(), text);
    watch.place(place);
    story.events.iter().for_each(|event| watch.run(&Moment { event: event.clone(), wall: event.at }));
    watch.draw(&Frame { width: 4096, colour: Colour::No, now: story.now(), pulse: '●' }, 4096).join("\n") + "\n"
}

pub fn watched(text: &str) -> String {
    watch(&story(text), text, Place::Runs(text.to_owned())) + &watch(&story(text), text, Place::Cut)
}

pub fn watched_to_the_end(text: &str) -> String {
    watch(&ended(text), text, Place::Free)
}

/// The same at its end.
fn ended(text: &str) -> Story {
    let mut story = story(text);
    story.finish(Exit::Stuck, Some(failed(text).next("shipit resume 1")), ServiceOutcome::Stuck { why: text.to_owned() }, 1);
    let Some(Event::RunFinished { outcome }) = story.events.last_mut().map(|last| &mut last.event) else { unreachable!() };
    outcome.services.insert(
        text.to_owned(),
        ServiceOutcome::Paused { revision: Revision(text.to_owned()), stage: text.to_owned(), expires_at: None },
    );
    outcome.images.insert(text.to_owned(), Digest(text.to_owned()));
    outcome.repositories.insert(text.to_owned(), text.to_owned());
    story
}

fn finding(text: &str) -> Finding {
    let name = || Some(text.to_owned());
    Finding {
        id: text.to_owned(),
        severity: Severity::High,
        package: name(),
        version: name(),
        fix: Fix::In(text.to_owned()),
        url: name(),
    }
}

fn waiver(text: &str) -> Waiver {
    let (id, reason, place) = (text.to_owned(), text.to_owned(), text.to_owned());
    Waiver { id, package: None, until: jiff::civil::date(2027, 1, 31), reason, place }
}

fn scanned(text: &str) -> Vec<Scanned> {
    let now = Timestamp::from_second(1_795_000_000).unwrap();
    let of = |scan: Scan| {
        let policy = GatePolicy { waivers: vec![waiver(text)], ..GatePolicy::default() };
        let scans = [ImageScan { platform: Some(text.to_owned()), scan }];
        let judgement = judge(&policy, &Sight { now, waited: SignedDuration::ZERO, scans: &scans, before: None, running: &[] });
        Scanned { name: text.to_owned(), repository: text.to_owned(), digest: Digest(text.to_owned()), judgement }
    };
    let found = Scan { findings: vec![finding(text)], completed_at: Some(now), ..Scan::of(Status::Complete, "") };
    vec![of(found), of(Scan::of(Status::UnsupportedImage, text))]
}

fn planned(text: &str) -> (Plan, Vec<Note>) {
    let name = || text.to_owned();
    let tree = Tree::Clean;
    let plan = Plan {
        pipeline: name(),
        cluster: name(),
        source: Source { commit: Commit(name()), subject: Some(name()), committed_at: None, origin: Some(name()), tree },
        tag: Tag(name()),
        reused: BTreeMap::new(),
        unchanged: BTreeMap::from([(name(), revision(1))]),
        steps: vec![Step {
            id: StepId(name()),
            needs: Vec::new(),
            kind: StepKind::Gate { image: name(), repository: name(), against: Vec::new() },
            because: name(),
        }],
        forced: None,
    };
    (plan, vec![Note::Remark { message: name() }, Note::Refusal { failure: failed(text) }])
}

/// With colours, of which only our own are taken away.
pub(super) fn terminal(text: &str) -> String {
    let story = ended(text);
    let view = story.view();
    let frame = Frame { width: 200, colour: Colour::Yes, now: story.now(), pulse: '●' };
    let shown: Vec<String> = view.block(&frame).into_iter().chain(view.summary(&frame)).chain(view.failure(&frame)).collect();
    let own = ["0", "1", "2", "31;1", "32", "33", "36"].map(|code| format!("\u{1b}[{code}m"));
    own.iter().fold(shown.join("\n"), |shown, code| shown.replace(code.as_str(), ""))
}

fn reported<R: Reporter>(mut reporter: R, story: &Story) {
    story.events.iter().for_each(|event| reporter.report(event));
}

pub(super) fn lines(text: &str) -> String {
    let mut out = Vec::new();
    reported(super::super::lines::Lines::new(&mut out, Colour::No), &ended(text));
    String::from_utf8(out).unwrap()
}

pub(super) fn failure(text: &str) -> String {
    failures::failure(&failed(text), Colour::No)
}

pub(super) fn plan(text: &str) -> String {
    listing::plan(&planned(text).0, &[text.to_owned()], &[(text.to_owned(), text)], Colour::No)
}

pub(super) fn plan_markdown(text: &str) -> String {
    let (plan, notes) = planned(text);
    planned::markdown(&plan, &notes, &[(text.to_owned(), text)])
}

pub(super) fn plan_json(text: &str) -> String {
    let (plan, notes) = planned(text);
    super::super::json::compact(&json!({"plan": plan, "notes": notes}))
}

pub(super) fn scan_table(text: &str) -> String {
    scanned::table(&scanned(text), Colour::No)
}

pub(super) fn scan_json(text: &str) -> String {
    super::super::json::pretty(&scanned::json(&scanned(text)))
}

pub(super) fn sarif(text: &str) -> String {
    super::super::json::pretty(&log::sarif(&scanned(text)))
}

pub(super) fn json_lines(text: &str) -> String {
    let mut out = Vec::new();
    reported(super::super::json::Json::new(&mut out), &ended(text));
    String::from_utf8(out).unwrap()
}

/// What GitHub's face of a run leaves.
struct Shown {
    summary: String,
    outputs: String,
    said: String,
}

fn shown(tell: impl FnOnce(github::Place, github::Say)) -> Shown {
    let folder = tempfile::tempdir().unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    tell(github::Place::below(folder.path()), Box::new(move |line| heard.lock().unwrap().push_str(&format!("{line}\n"))));
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    let said = said.lock().unwrap().clone();
    Shown { summary: read("summary"), outputs: read("outputs"), said }
}

fn github(story: &Story) -> Shown {
    shown(|place, say| reported(github::Github::new(place, say), story))
}

fn refused(text: &str) -> Shown {
    shown(|place, say| github::refused(&[failed(text), failed(text)], place, &say))
}

pub(super) fn summary(text: &str) -> String {
    github(&ended(text)).summary
}

pub(super) fn summary_of_a_cut_run(text: &str) -> String {
    github(&story(text)).summary
}

pub(super) fn summary_of_a_refusal(text: &str) -> String {
    refused(text).summary
}

pub(super) fn annotations(text: &str) -> String {
    github(&ended(text)).said
}

pub(super) fn annotations_of_a_refusal(text: &str) -> String {
    refused(text).said
}

pub(super) fn outputs(text: &str) -> String {
    github(&ended(text)).outputs
}

/// The report of a run, from its `events.jsonl`.
fn report(story: &Story) -> String {
    let events: Vec<String> = story.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    super::super::page::page(&events.join("\n")).unwrap()
}

pub(super) fn page(text: &str) -> String {
    report(&ended(text))
}

pub(super) fn page_of_a_cut_run(text: &str) -> String {
    report(&story(text))
}

pub(super) fn webhook(text: &str) -> String {
    super::super::webhook::body(&ended(text).events, text)["text"].as_str().unwrap().to_owned()
}

pub(super) fn event_bridge(text: &str) -> String {
    let Some(Event::RunFinished { outcome }) = ended(text).events.pop().map(|last| last.event) else { unreachable!() };
    detail(&RunId(text.to_owned()), &planned(text).0, Some(text), text, &outcome).to_string()
}

pub(super) fn junit_of_a_run(text: &str) -> String {
    String::from_utf8(junit::of_run(ended(text).events).unwrap()).unwrap()
}

pub(super) fn junit_of_the_gate(text: &str) -> String {
    let failures = BTreeMap::from([(text.to_owned(), failed(text))]);
    String::from_utf8(junit::of_gate(text, Timestamp::UNIX_EPOCH, &scanned(text), &failures).unwrap()).unwrap()
}
