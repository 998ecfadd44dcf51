//! A job of CodePipeline, from the poll to its answer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use shipit::engine::jobs::{Order, Worked, work};
use shipit::port::{Artefact, Clock, Held, Job, Jobs, PortError, PortResult};
use shipit_core::codepipeline::{Answer, Ended, FailureKind};
use shipit_core::failure::{Code, Failure};

use crate::support::faults::unreachable;

/// A queue of one job, and what is asked of it.
struct Queue {
    job: Option<Job>,
    held: Held,
    /// By artefact.
    files: BTreeMap<&'static str, PortResult<Vec<u8>>>,
    /// The next calls that fail.
    fails: Mutex<Vec<PortError>>,
    answers: Mutex<Vec<Answer>>,
}

impl Queue {
    fn of(artefacts: &[(&'static str, &str)]) -> Self {
        let artefact = |name: &str| Artefact { name: name.into(), bucket: "b".into(), key: format!("{name}.zip") };
        let job = Job {
            id: "job-1".into(),
            nonce: "3".into(),
            configuration: BTreeMap::new(),
            inputs: artefacts.iter().map(|(name, _)| artefact(name)).chain([artefact("source")]).collect(),
            keys: None,
            continuation: None,
        };
        let files = artefacts.iter().map(|(name, text)| (*name, Ok(text.as_bytes().to_vec()))).collect();
        Self { job: Some(job), held: Held::Ours, files, fails: Mutex::default(), answers: Mutex::default() }
    }

    fn configured(mut self, key: &str, value: &str) -> Self {
        self.job.as_mut().unwrap().configuration.insert(key.into(), value.into());
        self
    }

    /// Works, and says what was to be deployed, if anything was.
    async fn work(&self, ended: Ended) -> (PortResult<Worked>, Option<Order>) {
        let mut ordered = None;
        let clock = Clock::starting(Timestamp::UNIX_EPOCH, 1.0);
        let worked = work(self, clock, async |order| {
            ordered = Some(order);
            ended
        })
        .await;
        (worked, ordered)
    }

    fn failure(&self) -> (FailureKind, String) {
        match self.answers.lock().unwrap().as_slice() {
            [Answer::Failure { kind, message, .. }] => (*kind, message.clone()),
            other => panic!("{other:?}"),
        }
    }
}

#[async_trait]
impl Jobs for Queue {
    async fn poll(&self) -> PortResult<Option<Job>> {
        Ok(self.job.clone())
    }

    async fn take(&self, _: &Job) -> PortResult<Held> {
        Ok(self.held)
    }

    async fn file(&self, _: &Job, artefact: &Artefact, name: &str, _: usize) -> PortResult<Option<Vec<u8>>> {
        if let Some(error) = self.fails.lock().unwrap().pop() {
            return Err(error);
        }
        let file = self.files.get(artefact.name.as_str()).filter(|_| name == "imagedefinitions.json");
        file.cloned().transpose()
    }

    async fn answer(&self, _: &Job, answer: &Answer) -> PortResult<()> {
        if let Some(error) = self.fails.lock().unwrap().pop() {
            return Err(error);
        }
        self.answers.lock().unwrap().push(answer.clone());
        Ok(())
    }
}

fn well() -> Ended {
    Ended { exit: Some(0), ..Ended::default() }
}

const API: &str = r#"[{"name": "api", "imageUri": "r.example/api:1"}]"#;
const WEB: &str = r#"[{"name": "web", "imageUri": "r.example/web:1"}]"#;

#[tokio::test(start_paused = true)]
async fn the_files_of_all_artefacts_are_deployed_together() {
    let queue = Queue::of(&[("backend", API), ("frontend", WEB)]).configured("Commit", "c0de");
    queue.fails.lock().unwrap().push(unreachable());
    let (worked, ordered) = queue.work(well()).await;
    let definitions = r#"[{"name":"api","imageUri":"r.example/api:1"},{"name":"web","imageUri":"r.example/web:1"}]"#.to_owned();
    assert_eq!(ordered, Some(Order::Deploy { definitions, commit: Some("c0de".to_owned()) }), "the outage has passed");
    assert!(matches!(worked, Ok(Worked::Answered { id, answer: Answer::Success(_) }) if id == "job-1"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_offered_again_goes_on_with_its_run() {
    let mut queue = Queue::of(&[]);
    queue.job.as_mut().unwrap().continuation = Some("run-1".to_owned());
    let (_, ordered) = queue.work(well()).await;
    assert_eq!(ordered, Some(Order::GoOn { run: "run-1".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_or_not_there_is_left() {
    let theirs = Queue { held: Held::Theirs, ..Queue::of(&[("backend", API)]) };
    assert!(matches!(theirs.work(well()).await, (Ok(Worked::Theirs { .. }), None)));
    let none = Queue { job: None, ..Queue::of(&[]) };
    assert!(matches!(none.work(well()).await, (Ok(Worked::Idle), None)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_answered_with_its_cause() {
    let nowhere = Queue::of(&[("backend", API)]).configured("FileName", "other.json");
    assert!(nowhere.work(well()).await.1.is_none());
    let (kind, message) = nowhere.failure();
    assert_eq!(kind, FailureKind::ConfigurationError);
    assert!(
        message.contains("no input artefact holds `other.json`\nbecause: it was looked for at the root of `backend`, `source`")
    );

    let broken = Queue::of(&[("backend", "[")]);
    assert!(broken.work(well()).await.1.is_none());
    assert!(broken.failure().1.starts_with("SHIP121: `imagedefinitions.json of backend` is not an imagedefinitions.json"));

    let refused = Queue::of(&[("backend", API)]);
    refused.fails.lock().unwrap().push(Failure::new(Code::ImageDefinitions, "the archive is refused").into());
    assert!(refused.work(well()).await.1.is_none());
    assert_eq!(refused.failure().0, FailureKind::RevisionUnavailable);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_until_it_arrives() {
    let queue = Queue::of(&[("backend", API)]);
    let failing = async |queue: &Queue| {
        let clock = Clock::starting(Timestamp::UNIX_EPOCH, 1.0);
        work(queue, clock, async |_| {
            queue.fails.lock().unwrap().extend([unreachable(), unreachable()]);
            well()
        })
        .await
    };
    assert!(matches!(failing(&queue).await, Ok(Worked::Answered { .. })));
    assert_eq!(queue.answers.lock().unwrap().len(), 1);
}
