//! The end of a run as a message to people who were not there.

use super::super::words;
use super::{Frame, View};

/// Longer messages are cut: what matters comes first, and the rest is in the run's folder.
const LONGEST: usize = 3_000;

impl View {
    /// What the run was about, and below it how it ended.
    pub(in crate::report) fn message(&self, frame: &Frame) -> (String, String) {
        let summary = self.summary(frame);
        let verdict = summary.first().map_or("", |line| line.trim());
        let head = self.head.as_ref().map_or_else(String::new, |head| {
            let environment = head.environment.as_ref().map_or_else(String::new, |environment| format!(" {environment}"));
            let subject = head.subject.as_ref().map_or_else(String::new, |subject| format!(" \"{subject}\""));
            format!("{}{environment}: {verdict}{subject}", head.pipeline)
        });
        let mut rest = summary.into_iter().skip(1).collect::<Vec<_>>().join("\n");
        if let Some(failure) = self.failure(frame) {
            rest = format!("{failure}\n\n{rest}");
        }
        (words::cut(&super::super::ink::safe(&head), LONGEST), words::cut(&rest, LONGEST))
    }
}
