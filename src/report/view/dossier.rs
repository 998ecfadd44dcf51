//! Why a rollout goes wrong: in a line while it does, as a file to read afterwards.

use shipit_core::failure::{Cause, Kind};
use shipit_core::plan::StepId;

use super::super::ink::{Line, Style};
use super::View;

/// `image missing: task 3f2a91c0 could not start: …`; an unknown cause is only quoted.
pub(in crate::report) fn cause_words(cause: &Cause) -> String {
    match cause.cause {
        Kind::Unknown => cause.because.clone(),
        kind => format!("{}: {}", kind.words(), cause.because),
    }
}

/// The name of a step's dossier in the folder of its run.
pub(in crate::report) fn file(step: &StepId) -> String {
    let subject = step.0.split_once(' ').map_or(step.0.as_str(), |(_, subject)| subject);
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    format!("dossier-{}.json", subject.chars().map(plain).collect::<String>())
}

impl View {
    /// The lines of the summary that name the dossiers of this run.
    pub(super) fn dossiers(&self, label: usize) -> Vec<Line> {
        let Some(head) = &self.head else { return Vec::new() };
        let steps = self.steps.iter().filter(|step| step.cause.is_some());
        let line =
            |name: String| Line::plain("    ").add(Style::Dim, format!("{:<label$}  {}/{name}", "dossier", self.folder(head)));
        steps.map(|step| line(file(&step.id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::dossier::{Dossier, Shipped};
    use shipit_core::event::{Event, Progress, RolloutSeen, ServiceOutcome, Stamped};
    use shipit_core::failure::{Code, Exit, Failure};
    use shipit_core::release::{Commit, RunId};

    use super::super::super::stories::{Story, id, look, revision};
    use super::super::super::{Colour, Reporter, files, json, lines};
    use super::super::Frame;
    use super::*;

    fn told() -> (Story, Cause) {
        let cause = Cause::new(
            Kind::ImageMissing,
            "2 tasks (first 3f2a91c0) could not start: the image of container `web` is not in its registry",
            "push it again",
        );
        let change = Shipped {
            before: Some(revision(42)),
            difference: Some("image".into()),
            commit: Commit("4f2a91c".into()),
            subject: None,
        };
        let dossier = Dossier::new("storefront", "frontend", &revision(43), change);
        let mut story = Story::new();
        story.planned().pushed().passed().rolling();
        story.progress("roll frontend", Progress::Rollout(RolloutSeen { failed_tasks: 2, ..look(0, 1, 2) }));
        for _ in 0..2 {
            story.tell(Event::Dossier { step: id("roll frontend"), cause: cause.clone(), dossier: Box::new(dossier.clone()) });
        }
        (story, cause)
    }

    fn frame(story: &Story) -> Frame {
        Frame { width: 110, colour: Colour::No, now: story.now(), pulse: '●' }
    }

    #[test]
    fn the_cause_stands_under_the_rollout_while_it_goes_on_and_the_file_in_the_summary() {
        let (mut story, cause) = told();
        let block = story.view().block(&frame(&story)).join("\n");
        let (_, rollout) = block.split_once("failed\n").unwrap();
        insta::assert_snapshot!(rollout, @r"
                     stable     frontend:42  2 tasks running
                     waiting for 2 more tasks to run
                     ECS: (service frontend) has started 2 tasks: (task 3f2a91c0c7d1b7a5) (task 8a7b6c5d4e3f2a1b).
                     image missing: 2 tasks (first 3f2a91c0) could not start: the image of container `web` is not i…
        ○ smoke      frontend  http://{load_balancer}/health answers 200
        ✓ rollout    backend   unchanged: backend:17 runs already
        ");
        let failure = Failure::new(Code::RolloutTurnedBack, "`frontend` was turned back to frontend:42").because(cause.because);
        story.finish(Exit::TurnedBack, Some(failure), ServiceOutcome::TurnedBack { to: revision(42) }, 64_000);
        insta::assert_snapshot!(story.view().summary(&frame(&story)).join("\n"), @r"
        ✗ turned back after 1m 04s (exit 4)
          backend    backend:17   unchanged
          frontend   frontend:42  turned back
          run        .shipit/runs/20261118T084640-abc0
          dossier    .shipit/runs/20261118T084640-abc0/dossier-frontend.json
        ");
    }

    #[test]
    fn a_log_tells_a_cause_once() {
        let (story, _) = told();
        let mut out = Vec::new();
        let mut lines = lines::Lines::new(&mut out, Colour::No);
        story.events.iter().for_each(|event| lines.report(event));
        let out = String::from_utf8(out).unwrap();
        let told: Vec<&str> = out.lines().filter(|line| line.contains("image missing")).collect();
        insta::assert_snapshot!(told.join("\n"), @"frontend    roll       ! image missing: 2 tasks (first 3f2a91c0) could not start: the image of container `web` is not in its registry");
    }

    #[test]
    fn the_file_says_what_the_json_line_says() {
        let (story, _) = told();
        let folder = tempfile::tempdir().unwrap();
        let run = RunId("20261118T084640-abc0".into());
        let mut events = files::Events::new(folder.path(), &run);
        let mut out = Vec::new();
        let mut stream = json::Json::new(&mut out);
        for event in &story.events {
            events.report(event);
            stream.report(event);
        }
        let file = folder.path().join(".shipit/runs").join(&run.0).join("dossier-frontend.json");
        let kept: Stamped = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let line = String::from_utf8(out).unwrap().lines().last().unwrap().to_owned();
        assert_eq!(kept, serde_json::from_str::<Stamped>(&line).unwrap());
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&value["event"], &value["cause"], &value["next"]),
            (&"dossier".into(), &"image_missing".into(), &"push it again".into())
        );
        assert_eq!(value["dossier"]["service"], "frontend");
    }

    #[test]
    fn a_strange_name_stays_in_its_folder() {
        assert_eq!(super::file(&StepId("roll ../../etc/passwd".into())), "dossier-______etc_passwd.json");
    }
}
