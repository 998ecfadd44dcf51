//! The step's outputs: names that programs act on, never a sentence from outside.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use shipit_core::event::{ServiceOutcome, StepResult};
use shipit_core::failure::{Exit, Failure};
use shipit_core::imagedefinitions::by_digest;
use shipit_core::release::{Digest, Revision};

use super::super::safe;
use super::super::view::{Seen, State, View};

/// How the run ended, in a word; `cut` while it has not.
pub(super) fn result(view: &View) -> &'static str {
    let Some(outcome) = &view.outcome else { return "cut" };
    let any = |is: fn(&ServiceOutcome) -> bool| outcome.services.values().any(is);
    match outcome.exit {
        Exit::Done | Exit::Changes
            if any(|one| matches!(one, ServiceOutcome::Deployed { .. } | ServiceOutcome::Baking { .. })) =>
        {
            "deployed"
        }
        Exit::Done | Exit::Changes if any(|one| matches!(one, ServiceOutcome::Unchanged { .. })) => "unchanged",
        Exit::Running if any(|one| matches!(one, ServiceOutcome::Paused { .. })) => "paused",
        exit => word(exit),
    }
}

fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Done | Exit::Changes => "done",
        Exit::Failed => "failed",
        Exit::Refused => "refused",
        Exit::Gate => "gate",
        Exit::TurnedBack => "turned_back",
        Exit::Stuck => "stuck",
        Exit::Running => "running",
        Exit::Superseded => "superseded",
        Exit::Interrupted => "interrupted",
    }
}

/// Those of a run, as far as they are known.
pub(super) fn of_run(view: &View) -> String {
    let mut told = Told::default();
    told.one("result", Some(result(view)));
    told.one("exit-code", view.outcome.as_ref().map(|outcome| outcome.exit.code()));
    told.one("failure-code", view.outcome.as_ref().and_then(|outcome| outcome.failure.as_ref()).map(|failure| failure.code));
    told.one("run-id", view.head().map(|head| &head.run));
    told.one("resume-command", resume(view));
    let images = names(view, &["build", "push", "tag", "gate"], |outcome| outcome.images.keys().collect());
    told.all(&images.iter().map(|name| (*name, image(view, name))).collect::<Vec<_>>(), "images");
    let services = names(view, &["register", "roll", "smoke"], |outcome| outcome.services.keys().collect());
    told.all(&services.iter().map(|name| (*name, service(view, name))).collect::<Vec<_>>(), "services");
    told.0
}

/// Those of what ended before there was a run.
pub(super) fn of_refusal(failures: &[Failure]) -> String {
    let mut told = Told::default();
    if let Some(failure) = failures.first() {
        told.one("result", Some(word(failure.code.exit())));
        told.one("exit-code", Some(failure.code.exit().code()));
        told.one("failure-code", Some(failure.code));
    }
    told.0
}

/// Those of a task definition by itself.
pub(super) fn of_revision(word: &str, revision: &Revision) -> String {
    let mut told = Told::default();
    told.one("result", Some(word));
    told.one("exit-code", Some(Exit::Done.code()));
    told.one("task-definition-arn", Some(revision.as_str()));
    told.0
}

/// `name=value` lines.
#[derive(Default)]
struct Told(String);

impl Told {
    /// One value on one line.
    fn one(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.push_str(&format!("{name}={}\n", safe::line(&value.to_string())));
        }
    }

    /// What is known of each as one JSON object; where there is only one of them, each value by itself too.
    fn all(&mut self, those: &[(&str, Map<String, Value>)], name: &str) {
        if let [(_, only)] = those {
            for (name, value) in only.iter().filter(|(name, _)| *name != "stands") {
                self.one(name, value.as_str());
            }
        }
        let all: Map<String, Value> = those.iter().map(|(name, one)| ((*name).to_owned(), one.clone().into())).collect();
        if !all.is_empty() {
            self.0.push_str(&format!("{name}={}\n", safe::json(&Value::Object(all).to_string())));
        }
    }
}

/// Of the outcome, or while there is none of the steps.
fn names<'a>(
    view: &'a View,
    verbs: &[&str],
    of: impl Fn(&'a shipit_core::event::Outcome) -> BTreeSet<&'a String>,
) -> BTreeSet<&'a str> {
    match &view.outcome {
        Some(outcome) => of(outcome).into_iter().map(String::as_str).collect(),
        None => {
            let steps = view.steps.iter().filter(|step| verbs.contains(&step.verb.as_str()));
            steps.map(|step| step.subject.as_str()).collect()
        }
    }
}

fn image(view: &View, name: &str) -> Map<String, Value> {
    let outcome = view.outcome.as_ref();
    let digest = outcome.and_then(|outcome| outcome.images.get(name)).or_else(|| digest(view, name));
    let repository = outcome.and_then(|outcome| outcome.repositories.get(name)).filter(|repository| !repository.is_empty());
    let mut told = Map::new();
    if let (Some(repository), Some(digest)) = (repository, digest) {
        told.insert("image-uri".to_owned(), by_digest(repository, digest).into());
    }
    if let Some(digest) = digest {
        told.insert("image-digest".to_owned(), digest.as_str().into());
    }
    told
}

fn digest<'a>(view: &'a View, image: &str) -> Option<&'a Digest> {
    view.steps.iter().filter(|step| step.subject == image).find_map(|step| match done(step)? {
        StepResult::Pushed { digest, .. } | StepResult::Tagged { digest, .. } | StepResult::Reused { digest, .. } => Some(digest),
        _ => None,
    })
}

fn done(step: &Seen) -> Option<&StepResult> {
    match &step.state {
        State::Done { result, .. } => Some(result),
        _ => None,
    }
}

fn service(view: &View, name: &str) -> Map<String, Value> {
    let stands = view.outcome.as_ref().and_then(|outcome| outcome.services.get(name));
    let steps = || view.steps.iter().filter(|step| step.subject == name);
    let registered = steps().find_map(|step| match done(step)? {
        StepResult::Registered { before, revision, .. } => Some((before.as_ref(), revision)),
        StepResult::Unchanged { revision } => Some((None, revision)),
        _ => None,
    });
    let rollout = steps().find_map(|step| step.rollout.as_ref());
    let of_run = match stands {
        Some(
            ServiceOutcome::Deployed { revision, .. }
            | ServiceOutcome::Baking { revision, .. }
            | ServiceOutcome::Unchanged { revision }
            | ServiceOutcome::Paused { revision, .. }
            | ServiceOutcome::InProgress { revision },
        ) => Some(revision),
        _ => rollout.map(|seen| &seen.candidate.revision).or(registered.map(|(_, revision)| revision)),
    };
    let before = match stands {
        Some(ServiceOutcome::Deployed { before, .. } | ServiceOutcome::Baking { before, .. }) => before.as_ref(),
        Some(ServiceOutcome::TurnedBack { to }) => Some(to),
        _ => registered.and_then(|(before, _)| before),
    };
    let deployment = rollout.and_then(|seen| seen.deployment.as_deref());
    let mut told = Map::new();
    let stands = stands.and_then(|stands| serde_json::to_value(stands).ok()).map(|value| value["stands"].clone());
    told.extend(stands.map(|word| ("stands".to_owned(), word)));
    let arn = |name: &str, revision: Option<&Revision>| revision.map(|it| (name.to_owned(), Value::from(it.as_str())));
    told.extend(arn("task-definition-arn", of_run));
    told.extend(arn("previous-task-definition-arn", before));
    told.extend(deployment.map(|id| {
        let name = if id.starts_with("arn:") { "service-deployment-arn" } else { "codedeploy-deployment-id" };
        (name.to_owned(), id.into())
    }));
    told
}

/// What goes on with the run: as its failure says, or while it has not ended as its beginning did.
pub(super) fn resume(view: &View) -> Option<&str> {
    let Some(outcome) = &view.outcome else {
        return view.head().map(|head| head.resume.as_str()).filter(|command| !command.is_empty());
    };
    let next = || outcome.failure.iter().flat_map(|failure| &failure.next).map(String::as_str);
    let own = next().find(|line| line.starts_with("shipit resume "));
    own.or_else(|| next().find(|line| outcome.exit == Exit::Running && line.starts_with("shipit ")))
}

#[cfg(test)]
mod tests {
    use shipit_core::failure::Code;

    use super::super::super::stories::{Story, revision};
    use super::*;

    #[test]
    fn a_run_that_went_well() {
        insta::assert_snapshot!(of_run(&Story::success().view()), @r#"
        result=deployed
        exit-code=0
        run-id=20261118T084640-abc0
        images={"backend":{"image-uri":"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/backend@sha256:9c1e000000000000000000000000000000000000000000000000000000000000","image-digest":"sha256:9c1e000000000000000000000000000000000000000000000000000000000000"},"frontend":{"image-uri":"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000","image-digest":"sha256:77ab000000000000000000000000000000000000000000000000000000000000"}}
        services={"backend":{"stands":"unchanged","task-definition-arn":"arn:aws:ecs:ap-northeast-2:1:task-definition/backend:17"},"frontend":{"stands":"deployed","task-definition-arn":"arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:43","previous-task-definition-arn":"arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:42","service-deployment-arn":"arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/storefront/frontend/EZe5RNVLH6PPzHXINuP28"}}
        "#);
    }

    #[test]
    fn one_that_was_turned_back_names_what_was_tried_and_what_serves() {
        let mut story = Story::turned_back();
        let view = story.view();
        let turned_back: Value =
            of_run(&view).lines().find_map(|line| serde_json::from_str(line.strip_prefix("services=")?).ok()).unwrap();
        insta::assert_snapshot!(format!("{turned_back:#}"), @r#"
        {
          "backend": {
            "stands": "unchanged",
            "task-definition-arn": "arn:aws:ecs:ap-northeast-2:1:task-definition/backend:17"
          },
          "frontend": {
            "stands": "turned_back",
            "task-definition-arn": "arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:43",
            "previous-task-definition-arn": "arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:42",
            "service-deployment-arn": "arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/storefront/frontend/EZe5RNVLH6PPzHXINuP28"
          }
        }
        "#);
        story.events.pop();
        let cut = of_run(&story.view());
        assert!(cut.starts_with("result=cut\nrun-id=") && cut.contains("resume-command=shipit resume 2026"), "{cut}");
        assert!(cut.contains(revision(43).as_str()), "{cut}");
    }

    #[test]
    fn where_there_is_only_one_each_value_stands_by_itself() {
        let mut story = Story::success();
        if let Some(shipit_core::event::Event::RunFinished { outcome }) = story.events.last_mut().map(|last| &mut last.event) {
            outcome.services.remove("backend");
            outcome.images.remove("backend");
        }
        insta::assert_snapshot!(of_run(&story.view()), @r#"
        result=deployed
        exit-code=0
        run-id=20261118T084640-abc0
        image-uri=123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000
        image-digest=sha256:77ab000000000000000000000000000000000000000000000000000000000000
        images={"frontend":{"image-uri":"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/frontend@sha256:77ab000000000000000000000000000000000000000000000000000000000000","image-digest":"sha256:77ab000000000000000000000000000000000000000000000000000000000000"}}
        task-definition-arn=arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:43
        previous-task-definition-arn=arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:42
        service-deployment-arn=arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/storefront/frontend/EZe5RNVLH6PPzHXINuP28
        services={"frontend":{"stands":"deployed","task-definition-arn":"arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:43","previous-task-definition-arn":"arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:42","service-deployment-arn":"arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/storefront/frontend/EZe5RNVLH6PPzHXINuP28"}}
        "#);
    }

    #[test]
    fn what_goes_on_is_what_the_failure_says() {
        for (exit, next, command) in [
            (Exit::Running, vec!["shipit wait"], Some("shipit wait")),
            (Exit::Running, vec!["shipit continue web --proceed", "shipit resume 1"], Some("shipit resume 1")),
            (Exit::Interrupted, vec!["shipit wait", "shipit resume 1"], Some("shipit resume 1")),
            (Exit::TurnedBack, vec!["shipit status"], None),
        ] {
            let failure = next.iter().fold(Failure::new(Code::Paused, "x"), |failure, line| failure.next(*line));
            let mut story = Story::new();
            story.planned().finish(exit, Some(failure), ServiceOutcome::Untouched, 1);
            assert_eq!(resume(&story.view()), command, "{next:?}");
        }
    }

    #[test]
    fn a_refusal_says_so() {
        assert_eq!(of_refusal(&[Failure::new(Code::Config, "a\nb=c")]), "result=refused\nexit-code=2\nfailure-code=SHIP001\n");
    }
}
