//! Runs as they are told, for the tests of every face.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shipit_core::event::{Event, Outcome, PlannedStep, Progress, RolloutSeen, ServiceOutcome, Side, Stamped, StepResult, Work};
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::gate::{Finding, Fix, Record, Severity, Waiver};
use shipit_core::plan::StepId;
use shipit_core::push::PushedBy;
use shipit_core::release::{Digest, Revision, RunId};

use super::view::View;

const COMMIT: &str = "4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";

/// A run in the making: each event a second after the one before, unless time is let pass.
pub struct Story {
    at: Timestamp,
    pub events: Vec<Stamped>,
}

impl Story {
    pub fn of(tag: &str) -> Self {
        let mut story = Self { at: Timestamp::from_second(1_795_000_000).unwrap(), events: Vec::new() };
        story.tell(Event::RunStarted {
            run: RunId("20261118T084640-abc0".into()),
            pipeline: "storefront".into(),
            environment: None,
            tag: tag.into(),
            subject: Some("free shipping banner".into()),
            cluster: "storefront".into(),
            region: "ap-northeast-2".into(),
            resume: "shipit resume 20261118T084640-abc0".into(),
        });
        story
    }

    pub fn new() -> Self {
        Self::of(COMMIT)
    }

    pub fn now(&self) -> Timestamp {
        self.at
    }

    pub fn tell(&mut self, event: Event) -> &mut Self {
        self.events.push(Stamped { at: self.at, event });
        self.pass(1)
    }

    pub fn pass(&mut self, seconds: i64) -> &mut Self {
        self.at += SignedDuration::from_secs(seconds);
        self
    }

    pub fn view(&self) -> View {
        let mut view = View::default();
        self.events.iter().for_each(|event| view.apply(event));
        view
    }

    /// Both images and both services, the backend's image reused.
    pub fn planned(&mut self) -> &mut Self {
        self.tell(Event::Planned {
            steps: vec![
                planned(
                    "build backend",
                    "sha256:9c1e8d7f6a5b is in the registry under this tag and was built from the same inputs",
                    Work::Reused,
                ),
                planned("gate backend", "fail on high", Work::ToDo),
                planned("build frontend", "4f2a91c is not in `storefront/frontend` yet", Work::ToDo),
                planned("push frontend", "to 1.dkr.ecr/storefront/frontend", Work::ToDo),
                planned("gate frontend", "fail on high", Work::ToDo),
                planned("artefacts frontend", "imagedefinitions.json, imageDetail.json, task definition", Work::ToDo),
                planned("register frontend", "from `running` (frontend:42): image", Work::ToDo),
                planned("roll frontend", "rolling: 2 tasks, 2 to 4 at a time, about 3 min", Work::ToDo),
                planned("smoke frontend", "http://{load_balancer}/health answers 200", Work::ToDo),
                planned("roll backend", "backend:17 runs already", Work::Reused),
            ],
            notes: Vec::new(),
        })
    }

    pub fn start(&mut self, step: &str) -> &mut Self {
        self.tell(Event::StepStarted { step: id(step) })
    }

    pub fn progress(&mut self, step: &str, progress: Progress) -> &mut Self {
        self.tell(Event::StepProgress { step: id(step), progress })
    }

    pub fn done(&mut self, step: &str, took_ms: u64, result: StepResult) -> &mut Self {
        self.tell(Event::StepSucceeded { step: id(step), result, took_ms })
    }

    pub fn failed(&mut self, step: &str, took_ms: u64, failure: &Failure) -> &mut Self {
        self.tell(Event::StepFailed { step: id(step), failure: failure.clone(), took_ms })
    }

    /// Built and pushed.
    pub fn pushed(&mut self) -> &mut Self {
        self.start("build frontend")
            .progress("build frontend", building())
            .done("build frontend", 3_100, StepResult::Built { ran: 1, steps: 2, builder: "BuildKit".into() })
            .start("push frontend")
            .progress("push frontend", Progress::Push { sent: 1_200_000, total: 3_100_000, layers_reused: 4, layers: 6 })
            .done(
                "push frontend",
                1_100,
                StepResult::Pushed { digest: digest("77ab"), sent: 3_100_000, by: PushedBy::Shipit { sent: 1, layers: 6 } },
            )
    }

    /// Through the gate, with a waiver.
    pub fn passed(&mut self) -> &mut Self {
        let waived = vec![(finding("CVE-2026-1234", Severity::High), waiver())];
        self.start("gate backend")
            .done("gate backend", 200, gate(vec![(Severity::High, 1), (Severity::Medium, 2)], waived.clone()))
            .start("gate frontend")
            .done("gate frontend", 1_900, gate(vec![(Severity::High, 1), (Severity::Medium, 1)], waived))
    }

    /// Registered, and the rollout begun.
    pub fn rolling(&mut self) -> &mut Self {
        let files = ["imagedefinitions.json", "imageDetail.json", "taskdef.json"];
        self.start("artefacts frontend")
            .done(
                "artefacts frontend",
                3,
                StepResult::Written { files: files.map(|file| format!("artifacts/frontend/{file}")).to_vec() },
            )
            .start("register frontend")
            .done(
                "register frontend",
                240,
                StepResult::Registered {
                    before: Some(revision(42)),
                    revision: revision(43),
                    change: "image, +1 env".into(),
                    differences: Vec::new(),
                },
            )
            .start("roll frontend")
    }

    pub fn finish(&mut self, exit: Exit, failure: Option<Failure>, frontend: ServiceOutcome, took_ms: u64) -> &mut Self {
        let backend = match frontend {
            ServiceOutcome::Untouched => ServiceOutcome::Untouched,
            _ => {
                ServiceOutcome::Unchanged { revision: Revision("arn:aws:ecs:ap-northeast-2:1:task-definition/backend:17".into()) }
            }
        };
        let outcome = Outcome {
            exit,
            failure,
            services: BTreeMap::from([("backend".to_owned(), backend), ("frontend".to_owned(), frontend)]),
            images: BTreeMap::from([("backend".to_owned(), digest("9c1e")), ("frontend".to_owned(), digest("77ab"))]),
            repositories: ["backend", "frontend"]
                .map(|name| (name.to_owned(), format!("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/storefront/{name}")))
                .into(),
            artefacts: Vec::new(),
            took_ms,
        };
        self.tell(Event::RunFinished { outcome })
    }

    /// All of it, and well.
    pub fn success() -> Self {
        let mut story = Self::new();
        story.planned().pushed().passed().rolling();
        story.progress("roll frontend", Progress::Rollout(look(0, 2, 2))).pass(20);
        story.progress("roll frontend", Progress::Rollout(look(2, 0, 2))).pass(40);
        story.progress("roll frontend", Progress::Rollout(look(2, 0, 0)));
        story
            .done(
                "roll frontend",
                72_000,
                StepResult::RolledOut { revision: revision(43), running: 2, evidence: "service deployment".into() },
            )
            .start("smoke frontend")
            .progress("smoke frontend", Progress::Smoke { last: "it answered 503".into() })
            .done(
                "smoke frontend",
                300,
                StepResult::Smoked { url: "http://storefront-1.elb.amazonaws.com/health".into(), status: 200 },
            );
        story.finish(Exit::Done, None, ServiceOutcome::Deployed { before: Some(revision(42)), revision: revision(43) }, 91_000);
        story
    }

    /// The new tasks crash and ECS rolls back.
    pub fn turned_back() -> Self {
        let mut story = Self::new();
        story.planned().pushed().passed().rolling();
        story.progress("roll frontend", Progress::Rollout(RolloutSeen { failed_tasks: 2, ..look(0, 1, 2) })).pass(60);
        let failure = Failure::new(Code::RolloutTurnedBack, "`frontend` was turned back to frontend:42")
            .because("task 3f2a91c0 stopped: Essential container in task exited (web exited with 1)")
            .because("its last log lines: connect ECONNREFUSED backend:3333 | exiting")
            .because("ECS: tasks failed to start.")
            .now("`frontend` serves frontend:42 again")
            .next("fix the cause, then deploy again");
        story.failed("roll frontend", 64_000, &failure);
        story.finish(Exit::TurnedBack, Some(failure), ServiceOutcome::TurnedBack { to: revision(42) }, 83_000);
        story
    }
}

pub fn id(step: &str) -> StepId {
    StepId(step.to_owned())
}

fn planned(step: &str, because: &str, work: Work) -> PlannedStep {
    let (verb, subject) = step.split_once(' ').unwrap();
    PlannedStep { step: id(step), verb: verb.into(), subject: subject.into(), because: because.into(), work }
}

pub fn building() -> Progress {
    Progress::Build { current: "[2/2] RUN npm run build".into(), done: 1, total: 2 }
}

pub fn digest(start: &str) -> Digest {
    Digest(format!("sha256:{start:0<64}"))
}

pub fn revision(number: u32) -> Revision {
    Revision(format!("arn:aws:ecs:ap-northeast-2:123456789012:task-definition/frontend:{number}"))
}

pub fn gate(counts: Vec<(Severity, usize)>, waived: Vec<(Finding, Waiver)>) -> StepResult {
    let scanned_at = Some(Timestamp::UNIX_EPOCH);
    StepResult::Gate { record: Box::new(Record { counts, waived, scanned_at, ..Record::default() }) }
}

pub fn finding(id: &str, severity: Severity) -> Finding {
    Finding { id: id.into(), severity, package: Some("libxml2".into()), version: Some("2.9".into()), fix: Fix::Untold, url: None }
}

pub fn waiver() -> Waiver {
    Waiver {
        id: "CVE-2026-1234".into(),
        package: Some("libxml2".into()),
        until: jiff::civil::date(2027, 1, 31),
        reason: "not reachable (SEC-77)".into(),
        place: "shipit.yaml:14:7".into(),
    }
}

/// Two tasks wanted: so many of the candidate run and start, so many of the stable run.
pub fn look(running: u32, pending: u32, stable: u32) -> RolloutSeen {
    let waiting_for = match (2 - running, stable) {
        (0, 0) => "ECS to call the deployment successful".to_owned(),
        (0, stable) => format!("{stable} old tasks to drain"),
        (1, _) => "1 more task to run".to_owned(),
        (missing, _) => format!("{missing} more tasks to run"),
    };
    RolloutSeen {
        candidate: Side { revision: revision(43), running, pending },
        stable: Some(Side { revision: revision(42), running: stable, pending: 0 }),
        desired: 2,
        failed_tasks: 0,
        waiting_for,
        event: Some("(service frontend) has started 2 tasks: (task 3f2a91c0c7d1b7a5) (task 8a7b6c5d4e3f2a1b).".into()),
        shift: None,
        deployment: Some(
            "arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/storefront/frontend/EZe5RNVLH6PPzHXINuP28".into(),
        ),
    }
}
