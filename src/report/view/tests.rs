//! What a person sees, once a case.

use proptest::prelude::*;
use shipit_core::event::{Event, Progress, RolloutSeen, ServiceOutcome, StepResult};
use shipit_core::failure::{Code, Exit, Failure};
use unicode_width::UnicodeWidthStr;

use super::super::Colour;
use super::super::files::Kept;
use super::super::stories::{Story, building, id, look, revision};
use super::{Frame, View};

fn shown(view: &View, story: &Story, width: usize) -> String {
    let frame = Frame { width, colour: Colour::No, now: story.now(), pulse: '●' };
    let mut lines = view.block(&frame);
    let summary = view.summary(&frame);
    if !summary.is_empty() {
        lines.push(String::new());
        lines.extend(summary);
    }
    if let Some(failure) = view.failure(&frame) {
        lines.push(String::new());
        lines.push(failure);
    }
    lines.join("\n")
}

fn at_80(story: &Story) -> String {
    shown(&story.view(), story, 80)
}

#[test]
fn success_with_a_reused_image() {
    insta::assert_snapshot!(at_80(&Story::success()), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit  sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                       1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and f…
      ✓ artefacts  3 files in artifacts/frontend                                0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                    0.2s
      ✓ rollout    frontend  rolled out frontend:43  2/2 tasks                1m 12s
      ✓ smoke      frontend  200 from http://storefront-1.elb.amazonaws.com…    0.3s
      ✓ rollout    backend   unchanged: backend:17 runs already

      ✓ deployed 4f2a91c in 1m 31s
        backend    backend:17   unchanged
        frontend   frontend:43  was frontend:42
        run        .shipit/runs/20261118T084640-abc0
    "#);
}

#[test]
fn success_on_a_wide_terminal() {
    let story = Story::success();
    insta::assert_snapshot!(shown(&story.view(), &story, 200), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                                                          sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit                                sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                                                     1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and frontend): not reachable (SEC-77)
      ✓ artefacts  3 files in artifacts/frontend                                                              0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                                                  0.2s
      ✓ rollout    frontend  rolled out frontend:43  2/2 tasks                                              1m 12s
      ✓ smoke      frontend  200 from http://storefront-1.elb.amazonaws.com/health                            0.3s
      ✓ rollout    backend   unchanged: backend:17 runs already

      ✓ deployed 4f2a91c in 1m 31s
        backend    backend:17   unchanged
        frontend   frontend:43  was frontend:42
        run        .shipit/runs/20261118T084640-abc0
    "#);
}

#[test]
fn planned_and_building() {
    let mut story = Story::new();
    story.planned().start("build frontend").start("gate backend").progress("build frontend", building());
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ● frontend   [2/2] RUN npm run build                                      3.0s
      ● gate       scanning backend                                             2.0s
      ○ artefacts  imagedefinitions.json, imageDetail.json, task definition
      ○ revision   from `running` (frontend:42): image
      ○ rollout    frontend  rolling: 2 tasks, 2 to 4 at a time, about 3 min
      ○ smoke      frontend  http://{load_balancer}/health answers 200
      ✓ rollout    backend   unchanged: backend:17 runs already
    "#);
}

#[test]
fn in_the_middle_of_a_rollout() {
    let mut story = Story::new();
    story.planned().pushed().passed().rolling();
    story.progress("roll frontend", Progress::Rollout(look(1, 1, 2))).pass(30);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit  sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                       1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and f…
      ✓ artefacts  3 files in artifacts/frontend                                0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                    0.2s
      ● rollout    frontend  ▕████████▒▒▒▒▒▒▒▒▏ 1/2 tasks                        32s
                   candidate  frontend:43  1 task running, 1 starting
                   stable     frontend:42  2 tasks running
                   waiting for 1 more task to run
                   ECS: (service frontend) has started 2 tasks: (task 3f2a91c0c7d1b…
      ○ smoke      frontend  http://{load_balancer}/health answers 200
      ✓ rollout    backend   unchanged: backend:17 runs already
    "#);
    insta::assert_snapshot!(shown(&story.view(), &story, 200), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                                                          sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit                                sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                                                     1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and frontend): not reachable (SEC-77)
      ✓ artefacts  3 files in artifacts/frontend                                                              0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                                                  0.2s
      ● rollout    frontend  ▕████████████▒▒▒▒▒▒▒▒▒▒▒▒▏ 1/2 tasks                                              32s
                   candidate  frontend:43  1 task running, 1 starting
                   stable     frontend:42  2 tasks running
                   waiting for 1 more task to run
                   ECS: (service frontend) has started 2 tasks: (task 3f2a91c0c7d1b7a5) (task 8a7b6c5d4e3f2a1b).
      ○ smoke      frontend  http://{load_balancer}/health answers 200
      ✓ rollout    backend   unchanged: backend:17 runs already
    "#);
}

#[test]
fn on_a_narrow_terminal() {
    let mut story = Story::new();
    story.planned().pushed().passed().rolling();
    story.progress("roll frontend", Progress::Rollout(look(1, 1, 2)));
    insta::assert_snapshot!(shown(&story.view(), &story, 36), @r"
    storefront  4f2a91c  → storefront (…

      ✓ backend    unchanged, reused
      ✓ frontend   built 1 of 2 steps,…
      ✓ gate       0 critical, 0 high,…
                   waived until 2027-01…
      ✓ artefacts  3 files in artifacts…
      ✓ revision   frontend:42 → fronte…
      ● rollout    frontend  1/2 tasks
                   candidate  frontend:…
                   stable     frontend:…
                   waiting for 1 more
                   task to run
                   ECS: (service fronte…
      ○ smoke      frontend  http://{lo…
      ✓ rollout    backend   unchanged:…
    ");
}

#[test]
fn stopped_at_the_gate() {
    let mut story = Story::new();
    let failure = Failure::new(Code::GateBlocked, "`frontend` is stopped at the gate: 2 findings")
        .because("critical CVE-2026-7 in openssl 3.0.1, fixed in 3.0.9")
        .because("high CVE-2026-9 in zlib 1.2")
        .now("the image is in the registry, no service was touched")
        .next("update the packages, or waive a finding under `gate: waivers:` with a reason and a last day");
    story.planned().pushed().start("gate frontend").failed("gate frontend", 2_000, &failure);
    story.finish(Exit::Gate, Some(failure), ServiceOutcome::Untouched, 7_300);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit  sha256:77ab…    4.2s
      ✗ gate       `frontend` is stopped at the gate: 2 findings                2.0s
      ✓ rollout    backend   unchanged: backend:17 runs already
      ○ not run    artefacts, revision, rollout and smoke

      ✗ stopped at the gate after 7.3s (exit 3)
        backend    not touched
        frontend   not touched
        run        .shipit/runs/20261118T084640-abc0

    error[SHIP411]: `frontend` is stopped at the gate: 2 findings
      because  critical CVE-2026-7 in openssl 3.0.1, fixed in 3.0.9
               high CVE-2026-9 in zlib 1.2
      now      the image is in the registry, no service was touched
      next     update the packages, or waive a finding under `gate: waivers:` with a reason and a last day
    "#);
}

#[test]
fn the_build_failed() {
    let mut story = Story::new();
    let failure = Failure::new(Code::BuildFailed, "the build of `frontend` failed at `RUN npm run build`")
        .because("it exited with 1")
        .now("no service was touched")
        .next("docker build storefront/frontend");
    story.planned().start("build frontend").progress("build frontend", building());
    for line in ["> vite build", "src/App.tsx(3,7): error TS2322", "\u{1b}[31merror\u{1b}[0m ::error::not a command"] {
        story.progress("build frontend", Progress::BuildOutput { line: line.into() });
    }
    story.failed("build frontend", 12_400, &failure);
    story.finish(Exit::Failed, Some(failure), ServiceOutcome::Untouched, 12_600);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✗ frontend   the build of `frontend` failed at `RUN npm run build`         12s
                   │ > vite build
                   │ src/App.tsx(3,7): error TS2322
                   │ error ::error::not a command
      ✓ rollout    backend   unchanged: backend:17 runs already
      ○ not run    gate, artefacts, revision, rollout and smoke

      ✗ failed after 13s (exit 1)
        backend    not touched
        frontend   not touched
        run        .shipit/runs/20261118T084640-abc0

    error[SHIP304]: the build of `frontend` failed at `RUN npm run build`
      because  it exited with 1
      now      no service was touched
      next     docker build storefront/frontend
    "#);
}

#[test]
fn turned_back_with_its_dossier() {
    insta::assert_snapshot!(at_80(&Story::turned_back()), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit  sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                       1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and f…
      ✓ artefacts  3 files in artifacts/frontend                                0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                    0.2s
      ✗ rollout    `frontend` was turned back to frontend:42                  1m 04s
      ✓ rollout    backend   unchanged: backend:17 runs already
      ○ not run    smoke

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
    "#);
}

#[test]
fn stuck() {
    let mut story = Story::new();
    story.planned().pushed().passed().rolling();
    story.progress("roll frontend", Progress::Rollout(look(0, 1, 1)));
    let failure = Failure::new(Code::RolloutStuck, "the rollout of `frontend` failed and a person is needed")
        .because("the way back failed: no progress")
        .now("1 of 2 tasks runs frontend:42")
        .next("shipit status");
    story.failed("roll frontend", 600_000, &failure);
    story.tell(Event::UndoStarted { step: id("roll frontend"), doing: "`frontend` goes back to frontend:42".into() });
    story.pass(30);
    insta::assert_snapshot!(at_80(&story).lines().find(|line| line.contains("rollout    ")).unwrap_or_default(), @r"  ← rollout    `frontend` goes back to frontend:42                           31s");
    story.tell(Event::UndoFailed { step: id("roll frontend"), failure: failure.clone() });
    story.finish(Exit::Stuck, Some(failure), ServiceOutcome::Stuck { why: "the way back failed".into() }, 640_000);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ✓ frontend   built 1 of 2 steps, pushed 3.1 MB by shipit  sha256:77ab…    4.2s
      ✓ gate       0 critical, 0 high, 3 medium, 2 waived                       1.9s
                   waived until 2027-01-31  CVE-2026-1234 in libxml2 (backend and f…
      ✓ artefacts  3 files in artifacts/frontend                                0.0s
      ✓ revision   frontend:42 → frontend:43   image, +1 env                    0.2s
      ✗ rollout    the rollout of `frontend` failed and a person is needed
      ✓ rollout    backend   unchanged: backend:17 runs already
      ○ not run    smoke

      ✗ stuck: a person is needed after 10m 40s (exit 5)
        backend    backend:17  unchanged
        frontend   stuck       the way back failed
        run        .shipit/runs/20261118T084640-abc0

    error[SHIP202]: the rollout of `frontend` failed and a person is needed
      because  the way back failed: no progress
      now      1 of 2 tasks runs frontend:42
      next     shipit status
    "#);
}

#[test]
fn interrupted() {
    let mut story = Story::new();
    story.planned().start("build frontend").progress("build frontend", building());
    story.tell(Event::Notice { message: "`build frontend` was given up".into() });
    let failure = Failure::new(Code::Interrupted, "the run was interrupted").because("a signal asked it to end");
    story.finish(Exit::Interrupted, Some(failure), ServiceOutcome::Untouched, 4_000);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)
      ! `build frontend` was given up

      ✓ backend    unchanged, reused                            sha256:9c1e…
      ○ frontend   given up                                     sha256:77ab…
      ✓ rollout    backend   unchanged: backend:17 runs already
      ○ not run    gate, artefacts, revision, rollout and smoke

      ✗ interrupted after 4.0s (exit 130)
        backend    not touched
        frontend   not touched
        run        .shipit/runs/20261118T084640-abc0

    error[SHIP208]: the run was interrupted
      because  a signal asked it to end
    "#);
}

#[test]
fn nothing_to_do() {
    let mut story = Story::new();
    story.tell(Event::Planned { steps: Vec::new(), notes: Vec::new() });
    story.finish(Exit::Done, None, ServiceOutcome::Unchanged { revision: revision(42) }, 900);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c "free shipping banner"  → storefront (ap-northeast-2)

      ✓ nothing to do: every service runs what is wanted (0.9s)
        backend    backend:17   unchanged
        frontend   frontend:42  unchanged
        run        .shipit/runs/20261118T084640-abc0
    "#);
}

#[test]
fn a_dirty_tree_is_named() {
    let mut story = Story::of("4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a-dirty-0123456789ab");
    story.tell(Event::Notice {
        message: "the tree differs from its commit (storefront/frontend/api.js, storefront/backend/server.js): the tag says so"
            .into(),
    });
    story.finish(Exit::Done, None, ServiceOutcome::Deployed { before: None, revision: revision(1) }, 65_000);
    insta::assert_snapshot!(at_80(&story), @r#"
    storefront  4f2a91c-dirty-0123456 "free shippin…"  → storefront (ap-northeast-2)
      ! the tree differs from its commit (storefront/frontend/api.js,
        storefront/backend/server.js): the tag says so

      ✓ deployed 4f2a91c-dirty-0123456 in 1m 05s
        backend    backend:17  unchanged
        frontend   frontend:1  new service
        run        .shipit/runs/20261118T084640-abc0
    "#);
}

#[test]
fn colour_adds_nothing_but_colour() {
    let story = Story::turned_back();
    let view = story.view();
    let frame = |colour| Frame { width: 80, colour, now: story.now(), pulse: '●' };
    let stripped = |lines: Vec<String>| lines.iter().map(|line| super::super::ink::safe(line)).collect::<Vec<_>>();
    assert_eq!(stripped(view.block(&frame(Colour::Yes))), view.block(&frame(Colour::No)));
    assert_eq!(stripped(view.summary(&frame(Colour::Yes))), view.summary(&frame(Colour::No)));
    assert!(view.block(&frame(Colour::Yes)).iter().any(|line| line.contains("\u{1b}[")));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,6}", "\\PC{0,40}", any::<String>(), Just("漢字 ❤\u{fe0f} ::x:: ##[y] \u{1b}[2J\r\n".to_owned())]
}

fn step() -> impl Strategy<Value = String> {
    ("(build|push|gate|artefacts|register|roll|smoke|odd)", prop_oneof![Just("backend".to_owned()), text()])
        .prop_map(|(verb, subject)| format!("{verb} {subject}"))
}

fn seen() -> impl Strategy<Value = RolloutSeen> {
    (0..9_u32, 0..9_u32, 0..5_u32, text(), any::<u32>()).prop_map(|(running, pending, desired, event, failed_tasks)| {
        RolloutSeen { desired, failed_tasks, event: Some(event.clone()), waiting_for: event, ..look(0, 0, 0) }
            .with(running, pending)
    })
}

trait With {
    fn with(self, running: u32, pending: u32) -> Self;
}

impl With for RolloutSeen {
    fn with(mut self, running: u32, pending: u32) -> Self {
        self.candidate.running = running;
        self.candidate.pending = if pending == 8 { u32::MAX } else { pending };
        self
    }
}

fn failure() -> impl Strategy<Value = Failure> {
    (text(), text()).prop_map(|(what, because)| Failure::new(Code::BuildFailed, what).because(because))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        step().prop_map(|step| Event::StepStarted { step: id(&step) }),
        (step(), seen()).prop_map(|(step, seen)| Event::StepProgress { step: id(&step), progress: Progress::Rollout(seen) }),
        (step(), text())
            .prop_map(|(step, line)| Event::StepProgress { step: id(&step), progress: Progress::BuildOutput { line } }),
        (step(), any::<u64>(), any::<u64>()).prop_map(|(step, sent, total)| Event::StepProgress {
            step: id(&step),
            progress: Progress::Push { sent, total, layers_reused: 1, layers: 2 }
        }),
        (step(), any::<u64>(), text()).prop_map(|(step, took_ms, builder)| Event::StepSucceeded {
            step: id(&step),
            result: StepResult::Built { ran: 1, steps: 2, builder },
            took_ms
        }),
        (step(), any::<u64>(), text()).prop_map(|(step, took_ms, file)| Event::StepSucceeded {
            step: id(&step),
            result: StepResult::Written { files: vec![file] },
            took_ms
        }),
        (step(), failure(), any::<u64>()).prop_map(|(step, failure, took_ms)| Event::StepFailed {
            step: id(&step),
            failure,
            took_ms
        }),
        (step(), text()).prop_map(|(step, doing)| Event::UndoStarted { step: id(&step), doing }),
        (step(), failure()).prop_map(|(step, failure)| Event::UndoFailed { step: id(&step), failure }),
        text().prop_map(|message| Event::Notice { message }),
        Just(Story::turned_back().events.pop().map_or_else(|| Event::Notice { message: String::new() }, |last| last.event)),
        Just(Story::new().planned().events.pop().map_or_else(|| Event::Notice { message: String::new() }, |last| last.event)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn whatever_happens_every_line_fits(events in prop::collection::vec(event(), 0..16), tag in text(), width in 0..130_usize) {
        let mut story = Story::of(&tag);
        for event in events {
            story.tell(event);
        }
        let view = story.view();
        for colour in [Colour::No, Colour::Yes] {
            let frame = Frame { width, colour, now: story.now(), pulse: '●' };
            for line in view.block(&frame).into_iter().chain(view.summary(&frame)) {
                let plain = super::super::ink::safe(&line);
                prop_assert!(plain.width() <= width, "{} > {width}: {plain:?}", plain.width());
                prop_assert!(colour == Colour::Yes || !line.contains(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn the_report_is_named_where_it_was_written_after_a_failure_as_what_to_read_next() {
    let at_end = |story: &Story| {
        let mut view = story.view();
        let folder = "pipelines/.shipit/runs/20261118T084640-abc0".to_owned();
        view.kept = Some(Kept { folder, report: Some("report.html") });
        let frame = Frame { width: 80, colour: Colour::No, now: story.now(), pulse: '●' };
        let failure = view.failure(&frame).unwrap_or_default();
        view.summary(&frame).into_iter().chain(failure.lines().map(str::to_owned)).collect::<Vec<_>>().join("\n")
    };
    let path = "pipelines/.shipit/runs/20261118T084640-abc0/report.html";
    let well = at_end(&Story::success());
    assert!(well.ends_with(&format!("    run        {path}")), "{well}");
    let back = at_end(&Story::turned_back());
    assert!(
        back.ends_with(&format!("  next     fix the cause, then deploy again\n           {path} shows the whole run")),
        "{back}"
    );
    assert_eq!((well.matches("report.html").count(), back.matches("report.html").count()), (1, 1));
}
