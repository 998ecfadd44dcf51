//! The end of a run, to be read in five seconds: how it ended, how each service stands, where to read more.

use shipit_core::event::{Outcome, ServiceOutcome};
use shipit_core::failure::Exit;
use shipit_core::release::Revision;

use super::super::failure;
use super::super::ink::{self, Line, Style};
use super::super::words;
use super::block::tag;
use super::{Frame, Head, View};

impl View {
    /// The summary; nothing while the run goes on.
    pub fn summary(&self, frame: &Frame) -> Vec<String> {
        self.summary_lines().iter().map(|line| line.paint(frame.width, frame.colour)).collect()
    }

    /// The same, not cut yet.
    pub(in crate::report) fn summary_lines(&self) -> Vec<Line> {
        let Some(outcome) = &self.outcome else { return Vec::new() };
        let mut lines = vec![self.verdict(outcome)];
        let label = outcome.services.keys().map(|name| ink::width(name)).max().unwrap_or(0).clamp(9, 24);
        let stands: Vec<(&String, Line, Line)> = outcome
            .services
            .iter()
            .map(|(name, service)| {
                let (revision, remark) = stands(service);
                (name, revision, remark)
            })
            .collect();
        let column = 4 + label + 2 + stands.iter().map(|(_, revision, _)| revision.width()).max().unwrap_or(0);
        for (name, revision, remark) in stands {
            let line = Line::plain(format!("    {}", ink::fit(name, label))).to(4 + label + 2).join(revision);
            lines.push(line.to(column + 2).join(remark));
        }
        if let Some(head) = &self.head {
            // After a failure the report is what to read next.
            let report = self.report().filter(|_| outcome.failure.is_none());
            let run = report.unwrap_or_else(|| self.folder(head));
            lines.push(Line::plain("    ").add(Style::Dim, format!("{:<label$}  {run}", "run")));
        }
        lines.extend(self.dossiers(label));
        lines
    }

    /// The failure's four parts, last; nothing where there is none. Not cut: what can be typed stays whole.
    pub fn failure(&self, frame: &Frame) -> Option<String> {
        let outcome = self.outcome.as_ref()?;
        let mut failure = outcome.failure.clone()?;
        if let Some(report) = self.report() {
            failure = failure.next(format!("{report} shows the whole run"));
        }
        Some(failure::ending(&failure, outcome.exit, frame.colour))
    }

    /// The folder of the run.
    pub(super) fn folder(&self, head: &Head) -> String {
        self.kept.as_ref().map_or_else(|| format!(".shipit/runs/{}", head.run), |kept| kept.folder.clone())
    }

    fn report(&self) -> Option<String> {
        let kept = self.kept.as_ref()?;
        Some(format!("{}/{}", kept.folder, kept.report?))
    }

    fn verdict(&self, outcome: &Outcome) -> Line {
        let took = words::duration(outcome.took_ms);
        let what = self.head.as_ref().map_or_else(Line::new, |head| Line::plain(" ").join(tag(&head.tag)));
        let services = || outcome.services.values();
        let (style, word, what) = match outcome.exit {
            Exit::Done | Exit::Changes
                if services()
                    .any(|service| matches!(service, ServiceOutcome::Deployed { .. } | ServiceOutcome::Baking { .. })) =>
            {
                (Style::Good, "✓ deployed", what)
            }
            Exit::Done | Exit::Changes if services().any(|service| matches!(service, ServiceOutcome::Unchanged { .. })) => {
                let line = Line::plain("  ").add(Style::Good, "✓ nothing to do");
                return line.add(Style::Plain, format!(": every service runs what is wanted ({took})"));
            }
            Exit::Done | Exit::Changes => (Style::Good, "✓ done", Line::new()),
            Exit::Failed => (Style::Bad, "✗ failed", Line::new()),
            Exit::Refused => (Style::Bad, "✗ refused", Line::new()),
            Exit::Gate => (Style::Bad, "✗ stopped at the gate", Line::new()),
            Exit::TurnedBack => (Style::Bad, "✗ turned back", Line::new()),
            Exit::Stuck => (Style::Bad, "✗ stuck: a person is needed", Line::new()),
            Exit::Running if services().any(|service| matches!(service, ServiceOutcome::Paused { .. })) => {
                (Style::Warn, "● waits for a person", Line::new())
            }
            Exit::Running => (Style::Warn, "● still running", Line::new()),
            Exit::Superseded => (Style::Warn, "✗ superseded by someone else's deployment", Line::new()),
            Exit::Interrupted => (Style::Warn, "✗ interrupted", Line::new()),
        };
        let code = outcome.exit.code();
        let end = if code == 0 { format!(" in {took}") } else { format!(" after {took} (exit {code})") };
        Line::plain("  ").add(style, word).join(what).add(Style::Plain, end)
    }
}

/// The revision that a service runs, where that is known, and a remark.
fn stands(service: &ServiceOutcome) -> (Line, Line) {
    let said = |style, revision: &Revision| Line::new().add(style, revision.short());
    match service {
        ServiceOutcome::Deployed { before: Some(before), revision } => {
            (said(Style::Good, revision), Line::new().add(Style::Dim, format!("was {}", before.short())))
        }
        ServiceOutcome::Deployed { before: None, revision } => {
            (said(Style::Good, revision), Line::new().add(Style::Dim, "new service"))
        }
        ServiceOutcome::Baking { revision, until, .. } => {
            let until = until.map_or_else(String::new, |until| format!(" until {until:.0}"));
            (said(Style::Good, revision), Line::plain(format!("baking{until}")))
        }
        ServiceOutcome::Paused { revision, stage, expires_at } => {
            let until = expires_at.map_or_else(String::new, |at| format!(" until {at:.0}"));
            (said(Style::Warn, revision), Line::plain(format!("waits at {stage}{until}")))
        }
        ServiceOutcome::Unchanged { revision } => (said(Style::Plain, revision), Line::new().add(Style::Dim, "unchanged")),
        ServiceOutcome::Untouched => (Line::plain("not touched"), Line::new()),
        ServiceOutcome::TurnedBack { to } => (said(Style::Warn, to), Line::plain("turned back")),
        ServiceOutcome::InProgress { revision } => (said(Style::Warn, revision), Line::plain("still rolling out")),
        ServiceOutcome::Superseded { by } => (said(Style::Warn, by), Line::plain("someone else's deployment")),
        ServiceOutcome::Stuck { why } => (Line::new().add(Style::Bad, "stuck"), Line::plain(why)),
    }
}
