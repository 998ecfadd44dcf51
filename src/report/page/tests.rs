//! What the reports of four runs say, before and after they are pages; what nobody can put into one.

use std::path::Path;

use shipit_core::event::{Event, Progress, Stamped};
use shipit_core::failure::{Code, Failure};
use shipit_core::release::RunId;

use super::super::stories::{Story, id, look};
use super::super::{Reporter, files};
use super::ending::{ending, stands};
use super::model::Model;
use super::step::Gate;
use super::{STYLE, charts, page};

const RUNS: [&str; 4] = ["success", "turned-back", "stuck", "gate"];

fn told(run: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runs").join(format!("{run}.jsonl"));
    std::fs::read_to_string(path).unwrap()
}

fn model(run: &str) -> Model {
    Model::of(&told(run).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Stamped>>())
}

/// What the model knows, in the order of the page.
fn essence(model: &Model) -> String {
    let mut lines = vec![format!("{:?} {}", ending(model).tone, ending(model).word)];
    for (name, service) in model.ended.iter().flat_map(|(_, outcome)| &outcome.services) {
        lines.push(format!("service {name}: {:?}", stands(service)));
    }
    for step in model.rollouts() {
        lines.push(format!("rollout {}: {}", step.subject, step.words));
        lines.extend(step.dossier.iter().map(|(cause, dossier)| {
            let log = dossier.log.as_ref().map_or(0, |log| log.lines.len());
            format!("  {}: {}; {} stops, {log} lines", cause.cause, cause.because, dossier.stops.len() + dossier.more_stops)
        }));
        for chart in charts::charts(&step.course, ["candidate", "stable"]) {
            lines.push(format!("  {}: {}", chart.title, chart.summary));
            lines.extend(
                chart
                    .lines
                    .iter()
                    .map(|line| format!("    {} ({:?}) {}, {} steps", line.name, line.look, line.last, line.steps.len())),
            );
        }
        let stages: Vec<&str> = step.course.stages.iter().map(|(_, stage)| stage.as_str()).collect();
        lines.push(format!("  stages {}", stages.join(" ")));
    }
    for (step, gate) in model.gates() {
        let word = if matches!(gate, Gate::Passed(_)) { "passed" } else { "stopped" };
        lines.push(format!("gate {}: {word}", step.subject));
    }
    for step in &model.steps {
        let state = format!("{:?}", step.state);
        let state = state.split('(').next().unwrap_or_default();
        lines.push(format!(
            "step {}: {state}, {} spans, {} differences: {}",
            step.id,
            step.spans.len(),
            step.differences.len(),
            step.words
        ));
    }
    lines.join("\n")
}

#[test]
fn what_a_run_comes_to() {
    for run in RUNS {
        insta::assert_snapshot!(format!("model-{run}"), essence(&model(run)));
    }
}

/// The text between the tags, a line each.
fn text(page: &str) -> Vec<&str> {
    let (_, body) = page.split_once("<body>").unwrap();
    body.split('<')
        .filter_map(|piece| piece.split_once('>'))
        .map(|(_, text)| text.trim())
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn what_is_read_first() {
    for run in RUNS {
        let page = page(&told(run)).unwrap();
        let text = text(&page);
        // Up to the first chart, or else the steps: the first of them is in the list of parts.
        let steps = text.iter().rposition(|line| *line == "Steps").unwrap();
        let end = text.iter().position(|line| *line == "Running tasks").unwrap_or(steps);
        insta::assert_snapshot!(format!("page-{run}"), text[..end].join("\n"));
    }
}

#[test]
fn a_page_needs_nothing_but_itself_and_lets_nothing_in() {
    for run in RUNS {
        let page = page(&told(run)).unwrap();
        let body = page.split_once("<body>").unwrap().1;
        for never in ["<script", "<img", "<link", "<iframe", "<style", " src=", " style=", " onload=", " onclick="] {
            assert!(!body.contains(never), "{run}: {never}");
        }
        assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"), "{run}");
        assert!(!STYLE.contains("</") && !STYLE.contains("http"), "the style stays in its element and asks for nothing");
    }
}

#[test]
fn nothing_that_is_quoted_leaves_its_place() {
    let evil = "</code></p><script>alert(1)</script>\n::error::x ##[group]y \u{1b}[31mred\u{1b}]8;;http://x\u{7} \u{202e}gnp.exe <img src=x onerror=a> &amp; \"q\" ' ]]> --> `a`";
    let quoted = serde_json::to_string(evil).unwrap();
    let quoted = &quoted[1..quoted.len() - 1];
    for run in RUNS {
        let events = told(run);
        let texts = [
            "free shipping banner",
            "a faster thumbnailer",
            "read prices from the new table",
            "GET /cart 200 12ms",
            "Error: relation",
            "libwebp",
            "libxml2",
            "not reachable (SEC-77)",
            "Essential container in task exited",
            "needs room for",
            "npm run build",
            "vite v7.1.2",
            "a value",
            "web: image",
            "stop consistently",
            "container `web` exited with 1",
            "fix the cause",
            "Target.ResponseCodeMismatch",
            "has started 8 tasks",
            "the verdict of",
            "storefront-prod",
        ];
        let events = texts.iter().fold(events, |events, text| events.replace(text, quoted));
        let page = page(&events).unwrap();
        assert!(page.contains("alert(1)"), "{run}: it is there, as text");
        for never in ["<script", "<img", "\u{1b}", "\u{202e}", "##[", "]8;;"] {
            assert!(!page.contains(never), "{run}: {never:?}");
        }
        assert!(page.lines().all(|line| !line.trim_start().starts_with("::")), "{run}");
    }
}

#[test]
fn a_run_that_was_cut_off_has_a_report_of_what_is_known() {
    let events = told("success");
    assert_eq!(page(""), None);
    assert_eq!(page("no event\n{}"), None);
    for lines in [1, 2, 7, 40] {
        let mut cut: String = events.lines().take(lines).collect::<Vec<_>>().join("\n");
        cut.push_str("\n{\"at\":\"2026-11-18T08:4");
        let page = page(&cut).unwrap();
        assert!(page.contains("Not ended"), "{lines}");
    }
}

#[test]
fn what_went_on_after_a_cut_is_one_run_with_two_spans() {
    let events = told("success");
    let begun: Vec<&str> = events.lines().take_while(|line| !line.contains("\"kind\":\"pushed\"")).collect();
    let again = [begun.join("\n"), begun.join("\n")].join("\n");
    let model = Model::of(&again.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Stamped>>());
    let push = model.steps.iter().find(|step| step.id.0 == "push frontend").unwrap();
    assert_eq!((push.spans.len(), model.steps.len(), model.notes.len()), (2, 10, 1));
}

#[test]
fn the_rollout_that_failed_stands_before_the_one_that_was_undone_for_it() {
    let mut story = Story::new();
    story.start("roll backend").progress("roll backend", Progress::Rollout(look(2, 0, 0)));
    story.tell(Event::UndoStarted { step: id("roll backend"), doing: "`backend` goes back".into() });
    story.tell(Event::Undone { step: id("roll backend"), now: "`backend` serves backend:17 again".into() });
    story.start("roll other").progress("roll other", Progress::Rollout(look(2, 0, 0)));
    story.start("roll frontend").progress("roll frontend", Progress::Rollout(look(0, 1, 2)));
    story.failed("roll frontend", 1, &Failure::new(Code::RolloutTurnedBack, "turned back"));
    let model = Model::of(&story.events);
    let order: Vec<&str> = model.rollouts().iter().map(|step| step.subject.as_str()).collect();
    assert_eq!(order, ["frontend", "backend", "other"]);
}

#[test]
fn every_run_leaves_its_report_also_when_it_failed() {
    for (story, word) in [(Story::success(), "Deployed"), (Story::turned_back(), "Turned back")] {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId("20261118T084640-abc0".into());
        let report = files::runs(folder.path()).join(&run.0).join(files::REPORT);
        let mut events = files::Events::new(folder.path(), &run);
        for event in &story.events {
            assert!(!report.exists(), "it is written once, at the end");
            events.report(event);
            assert_eq!(report.exists(), matches!(event.event, Event::RunFinished { .. }));
        }
        let page = std::fs::read_to_string(report).unwrap();
        assert!(page.contains(&format!("<h2 id=\"verdict\">{word}</h2>")), "{word}");
        assert_eq!(files::told(folder.path()), [run.0]);
    }
}

/// As it was cut off in the middle of its rollout.
fn cut(run: &str) -> String {
    let all = told(run);
    let looks = all.lines().filter(|line| line.contains("\"kind\":\"rollout\"")).count();
    let mut seen = 0;
    let until_half = |line: &&str| {
        seen += usize::from(line.contains("\"kind\":\"rollout\""));
        seen <= looks / 2
    };
    all.lines().take_while(until_half).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_that_was_cut_off_in_its_rollout_says_how_far_it_is_known_and_what_goes_on_with_it() {
    let events = cut("turned-back");
    let page = page(&events).unwrap();
    let text = text(&page);
    let end = text.iter().position(|line| *line == "Running tasks").unwrap();
    insta::assert_snapshot!("page-cut", text[..end].join("\n"));
    insta::assert_snapshot!(
        "model-cut",
        essence(&Model::of(&events.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Stamped>>()))
    );
}

#[test]
fn nothing_is_drawn_over_a_time_in_which_nobody_looked() {
    let mut story = Story::new();
    story.start("roll frontend");
    for running in [0, 1, 2] {
        story.progress("roll frontend", Progress::Rollout(look(2, running, 0))).pass(9);
    }
    let cut = story.now();
    story.pass(600).start("roll frontend");
    let again = story.now();
    for _ in 0..4 {
        story.progress("roll frontend", Progress::Rollout(look(2, 2, 0))).pass(9);
    }
    let model = Model::of(&story.events);
    let charts = charts::charts(&model.rollouts()[0].course, ["candidate", "stable"]);
    for line in &charts[0].lines {
        assert!(line.steps.len() > 2, "{}: {:?}", line.name, line.steps);
        let over = line.steps.iter().find(|(from, to, _)| *from < cut && *to >= again);
        assert_eq!(over, None, "{} is drawn over the time between", line.name);
    }
}

#[test]
fn a_minute_that_was_not_counted_is_a_gap_in_every_line_and_no_row() {
    let mut events: Vec<Stamped> = told("success").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let starts = |events: &[Stamped]| {
        let model = Model::of(events);
        let minutes = &model.rollouts()[0].course.minutes;
        minutes.keys().copied().collect::<Vec<_>>()
    };
    let all = starts(&events);
    let lost = all[all.len() / 2 - 1..=all.len() / 2].to_vec();
    for event in &mut events {
        if let Event::StepProgress { progress: Progress::Served { minutes }, .. } = &mut event.event {
            minutes.retain(|minute| !lost.contains(&minute.start));
        }
    }
    assert_eq!(starts(&events).len(), all.len() - 2);
    let model = Model::of(&events);
    let charts = charts::charts(&model.rollouts()[0].course, ["candidate", "stable"]);
    let measured = charts.iter().filter(|chart| chart.title != "Running tasks");
    for chart in measured {
        let counted = chart.lines.iter().filter(|line| line.name != "set by the platform");
        for line in counted {
            let over = line.steps.iter().find(|(from, to, _)| *from <= lost[1] && *to > lost[0]);
            assert_eq!(over, None, "{}: {}", chart.title, line.name);
        }
        assert!(chart.rows.iter().all(|(at, cells)| !lost.contains(at) || cells[1].is_empty()), "{}", chart.title);
    }
    assert!(charts.len() >= 3);
}
