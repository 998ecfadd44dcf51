//! How a run stands, in a word and a tone: the first thing that is read.

use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;

use super::model::Model;

/// Whether to worry. Nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Look twice.
    Warn,
    /// It went wrong.
    Bad,
    /// Nothing to say.
    Quiet,
}

impl Tone {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Quiet => "quiet",
        }
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Tone::Good => "✓",
            Tone::Warn => "!",
            Tone::Bad => "✗",
            Tone::Quiet => "○",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whether to worry.
    pub tone: Tone,
    /// In a few words.
    pub word: &'static str,
    /// In a sentence; empty where the failure says more.
    pub says: &'static str,
}

/// Of a run.
pub fn ending(model: &Model) -> Ending {
    let of = |tone, word, says| Ending { tone, word, says };
    let Some((_, outcome)) = &model.ended else {
        return of(
            Tone::Warn,
            "Not ended",
            "The run is still under way, or was cut off. What it has asked for goes on in AWS, or goes back by itself.",
        );
    };
    let any = |wanted: fn(&ServiceOutcome) -> bool| outcome.services.values().any(wanted);
    match outcome.exit {
        Exit::Done | Exit::Changes if any(|one| matches!(one, ServiceOutcome::Baking { .. })) => {
            of(Tone::Good, "Deployed", "The new revision has all traffic; the earlier one is kept for a while.")
        }
        Exit::Done | Exit::Changes if any(|one| matches!(one, ServiceOutcome::Deployed { .. })) => {
            of(Tone::Good, "Deployed", "Every service runs what is wanted.")
        }
        Exit::Done | Exit::Changes if any(|one| matches!(one, ServiceOutcome::Unchanged { .. })) => {
            of(Tone::Good, "Nothing to do", "Every service ran what is wanted already.")
        }
        Exit::Done | Exit::Changes => of(Tone::Good, "Done", ""),
        Exit::Failed => of(Tone::Bad, "Failed", ""),
        Exit::Refused => of(Tone::Bad, "Refused", ""),
        Exit::Gate => of(Tone::Bad, "Stopped at the gate", ""),
        Exit::TurnedBack => of(Tone::Bad, "Turned back", ""),
        Exit::Stuck => of(Tone::Bad, "Stuck: a person is needed", ""),
        Exit::Running if any(|one| matches!(one, ServiceOutcome::Paused { .. })) => of(Tone::Warn, "Waits for a person", ""),
        Exit::Running => of(Tone::Warn, "Still running", ""),
        Exit::Superseded => of(Tone::Warn, "Superseded", ""),
        Exit::Interrupted => of(Tone::Warn, "Interrupted", ""),
    }
}

/// How a service stands: tone, a word, the revision it runs where that is known, and a remark.
pub fn stands(service: &ServiceOutcome) -> (Tone, &'static str, Option<&str>, String) {
    match service {
        ServiceOutcome::Deployed { before: Some(before), revision } => {
            (Tone::Good, "deployed", Some(revision.short()), format!("before: {}", before.short()))
        }
        ServiceOutcome::Deployed { before: None, revision } => {
            (Tone::Good, "deployed", Some(revision.short()), "a new service".to_owned())
        }
        ServiceOutcome::Baking { revision, until, .. } => {
            let until = until.map_or_else(|| "for a while".to_owned(), |until| format!("until {until:.0}"));
            (Tone::Good, "baking", Some(revision.short()), format!("the earlier revision is kept {until}"))
        }
        ServiceOutcome::Paused { revision, stage, expires_at } => {
            let until = expires_at.map_or_else(String::new, |at| format!(", AWS waits until {at:.0}"));
            (Tone::Warn, "paused", Some(revision.short()), format!("at {stage}{until}"))
        }
        ServiceOutcome::Unchanged { revision } => {
            (Tone::Quiet, "unchanged", Some(revision.short()), "it ran the wanted revision".to_owned())
        }
        ServiceOutcome::Untouched => (Tone::Quiet, "not touched", None, String::new()),
        ServiceOutcome::TurnedBack { to } => (Tone::Warn, "turned back", Some(to.short()), "serves again".to_owned()),
        ServiceOutcome::InProgress { revision } => {
            (Tone::Warn, "rolling out", Some(revision.short()), "goes on in AWS".to_owned())
        }
        ServiceOutcome::Superseded { by } => {
            (Tone::Warn, "superseded", Some(by.short()), "by someone else's deployment".to_owned())
        }
        ServiceOutcome::Stuck { why } => (Tone::Bad, "stuck", None, why.clone()),
    }
}
