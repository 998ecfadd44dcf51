//! A question at a pause, put to the person in front of the terminal.

use std::io::{IsTerminal, stderr, stdin};
use std::sync::OnceLock;

use async_trait::async_trait;
use shipit_core::rollout::Answer;
use tokio::sync::{Mutex, mpsc};

use crate::engine::people::{Asks, Question};
use crate::report::{self, ink::safe};

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
    async fn ask(&self, question: &Question) -> Option<Answer> {
        let mut lines = self.lines().lock().await;
        // What was typed before the question is no answer to it.
        while lines.try_recv().is_ok() {}
        report::say(&words(question));
        loop {
            match lines.recv().await.as_deref().map(|line| (read(line), line.trim().to_owned())) {
                Some((Some(answer), _)) => return Some(answer),
                Some((None, line)) => report::say(&unclear(&line)),
                None => return None,
            }
        }
    }

    fn withdraw(&self, question: &Question) {
        report::say(&format!("`{}` needs no answer at {} any more", question.service, question.stage.word()));
    }
}

/// What can be typed.
const ANSWERS: &str = "`y` lets it go on, `n` turns it back, then Enter; Ctrl-D leaves it open";

fn words(question: &Question) -> String {
    let Question { service, stage, share, expires_at, then, .. } = question;
    let share = share.map_or_else(String::new, |share| format!(", the new version has {share} of the traffic"));
    let then = then.as_ref().map_or_else(String::new, |then| format!(", then its answer is {then}"));
    let until = expires_at.map_or_else(String::new, |at| format!(" (AWS waits until {at:.0}{then})"));
    format!("`{service}` waits at {}{share}{until}\n  go on? {ANSWERS}", stage.word())
}

fn unclear(line: &str) -> String {
    let typed: String = line.chars().take(40).collect();
    if typed.is_empty() { format!("  go on? {ANSWERS}") } else { format!("  `{}` is no answer: {ANSWERS}", safe(&typed)) }
}

fn read(line: &str) -> Option<Answer> {
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "p" | "proceed" => Some(Answer::Continue),
        "n" | "no" | "t" | "turn-back" => Some(Answer::Rollback),
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
        for line in [" proceed\n", "y\n", "Yes\r\n", "p"] {
            assert_eq!(read(line), Some(Answer::Continue), "{line:?}");
        }
        for line in ["t\r\n", "n", "NO\n", "turn-back\n"] {
            assert_eq!(read(line), Some(Answer::Rollback), "{line:?}");
        }
        for line in ["", "\n", "yeah", "yn", "pro", "proceed!", "continue"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_question_says_where_how_long_and_what_can_be_typed() {
        let question = Question {
            service: "frontend".into(),
            stage: Stage::PreProductionTrafficShift,
            hook: HookId("ecs-pause-1".into()),
            share: Some(Share::percent(10)),
            expires_at: "2026-11-20T10:00:00Z".parse().ok(),
            then: Some("ROLLBACK".into()),
        };
        assert_eq!(
            words(&question),
            "`frontend` waits at PRE_PRODUCTION_TRAFFIC_SHIFT, the new version has 10% of the traffic (AWS waits until \
             2026-11-20T10:00:00Z, then its answer is ROLLBACK)\n  go on? `y` lets it go on, `n` turns it back, then Enter; \
             Ctrl-D leaves it open"
        );
        let again = "`y` lets it go on, `n` turns it back, then Enter; Ctrl-D leaves it open";
        assert_eq!(unclear("perhaps\u{1b}[2J"), format!("  `perhaps` is no answer: {again}"));
        assert_eq!(unclear(""), format!("  go on? {again}"));
    }
}
