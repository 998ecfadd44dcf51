//! A question at a pause, put to the person in front of the terminal.

use std::io::{IsTerminal, stderr, stdin};
use std::sync::OnceLock;

use async_trait::async_trait;
use shipit_core::rollout::Answer;
use tokio::sync::{Mutex, mpsc};

use crate::engine::people::{Asks, Question};
use crate::report;

/// The terminal.
#[derive(Default)]
pub struct Prompt {
    lines: OnceLock<Mutex<mpsc::UnboundedReceiver<String>>>,
}

impl Prompt {
    /// Someone can read the question and answer it.
    pub fn is_answered() -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    /// What is typed, line by line. One thread reads for as long as the process lives: a read cannot be taken back.
    fn lines(&self) -> &Mutex<mpsc::UnboundedReceiver<String>> {
        self.lines.get_or_init(|| {
            let (tell, lines) = mpsc::unbounded_channel();
            std::thread::spawn(move || {
                let mut line = String::new();
                while matches!(stdin().read_line(&mut line), Ok(read) if read > 0) && tell.send(std::mem::take(&mut line)).is_ok()
                {
                }
            });
            Mutex::new(lines)
        })
    }
}

#[async_trait]
impl Asks for Prompt {
    async fn ask(&self, question: &Question) -> Answer {
        let mut lines = self.lines().lock().await;
        // What was typed before the question is no answer to it.
        while lines.try_recv().is_ok() {}
        loop {
            report::say(&words(question));
            match lines.recv().await.as_deref().map(read) {
                Some(Some(answer)) => return answer,
                Some(None) => {}
                // Nothing more can be typed: the platform stops waiting by itself.
                None => std::future::pending().await,
            }
        }
    }
}

fn words(question: &Question) -> String {
    let Question { service, stage, share, expires_at, .. } = question;
    let share = share.map_or_else(String::new, |share| format!(", the new version has {share} of the traffic"));
    let until = expires_at.map_or_else(String::new, |at| format!(" (AWS waits until {at:.0})"));
    format!("`{service}` waits at {}{share}{until}: `proceed` or `turn-back`, then Enter", stage.word())
}

fn read(line: &str) -> Option<Answer> {
    match line.trim() {
        "proceed" | "p" => Some(Answer::Continue),
        "turn-back" | "t" => Some(Answer::Rollback),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::pipeline::Share;
    use shipit_core::settled::{HookId, Stage};

    use super::*;

    #[test]
    fn only_an_answer_is_one() {
        assert_eq!(read(" proceed\n"), Some(Answer::Continue));
        assert_eq!(read("t\r\n"), Some(Answer::Rollback));
        for line in ["", "\n", "yes", "y", "pro", "proceed!"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_question_says_where_and_how_long() {
        let question = Question {
            service: "frontend".into(),
            stage: Stage::PreProductionTrafficShift,
            hook: HookId("ecs-pause-1".into()),
            share: Some(Share::percent(10)),
            expires_at: "2026-11-20T10:00:00Z".parse().ok(),
        };
        insta::assert_snapshot!(words(&question), @"`frontend` waits at PRE_PRODUCTION_TRAFFIC_SHIFT, the new version has 10% of the traffic (AWS waits until 2026-11-20T10:00:00Z): `proceed` or `turn-back`, then Enter");
    }
}
