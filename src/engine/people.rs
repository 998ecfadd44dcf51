//! Whoever is asked at a `pause:`: a person in front of this process, or nobody.

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use shipit_core::pipeline::{Name, Share};
use shipit_core::rollout::{Answer, Person};
use shipit_core::settled::{HookId, Stage};

/// Who is there.
#[derive(Clone, Copy)]
pub enum People<'a> {
    /// Nobody: a pause ends the wait.
    Away,
    /// Someone who can be asked.
    Here(&'a dyn Asks),
}

/// Asks a person.
#[async_trait]
pub trait Asks: Send + Sync {
    /// The answer, whenever it comes; none when nobody can answer here any more.
    async fn ask(&self, question: &Question) -> Option<Answer>;
    /// The question has lost its sense: someone else has answered, or nothing waits any more.
    fn withdraw(&self, question: &Question);
}

/// What is asked at a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The service's name in the file.
    pub service: Name,
    /// Where it waits.
    pub stage: Stage,
    /// What is to be answered.
    pub hook: HookId,
    /// The candidate's share of the production traffic.
    pub share: Option<Share>,
    /// When AWS stops waiting.
    pub expires_at: Option<Timestamp>,
    /// What AWS does then, in its word.
    pub then: Option<String>,
}

/// The question that is open, if one is.
pub struct Asking<'a> {
    people: People<'a>,
    open: Option<(Question, LocalBoxFuture<'a, Option<Answer>>)>,
    said: Option<(HookId, Answer)>,
}

impl<'a> Asking<'a> {
    /// Nothing is asked yet.
    pub fn new(people: People<'a>) -> Self {
        Self { people, open: None, said: None }
    }

    /// What is to be asked now; the question before is withdrawn where this is another.
    pub fn about(&mut self, question: Option<Question>) {
        let People::Here(asks) = self.people else { return };
        let open = self.open.as_ref().map(|(open, _)| &open.hook);
        if question.as_ref().map(|question| &question.hook) == open {
            return;
        }
        if let Some((before, _)) = self.open.take() {
            asks.withdraw(&before);
        }
        let said = self.said.as_ref().map(|(hook, _)| hook);
        if let Some(question) = question.filter(|question| Some(&question.hook) != said) {
            let put = question.clone();
            self.open = Some((question, Box::pin(async move { asks.ask(&put).await })));
        }
    }

    /// What was said so far.
    pub fn person(&self) -> Person {
        match (self.people, &self.said) {
            (People::Away, _) => Person::Away,
            (People::Here(_), Some((hook, answer))) => Person::Said { hook: hook.clone(), answer: *answer },
            (People::Here(_), None) => Person::Here,
        }
    }

    /// Ends when the open question is answered, or nobody can answer it any more; never, while there is none.
    pub async fn answered(&mut self) {
        let Some((question, answer)) = &mut self.open else { return std::future::pending().await };
        match answer.await {
            Some(answer) => self.said = Some((question.hook.clone(), answer)),
            None => self.people = People::Away,
        }
        self.open = None;
    }
}
