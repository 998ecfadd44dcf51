//! What happens, as one stream: terminal, lines, JSON lines and files only fold it. The engine never reads it.

mod rollout;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::Beside;
use crate::attest::Attestation;
use crate::dossier::Dossier;
use crate::failure::{Cause, Exit, Failure};
use crate::gate::{Record, Verdict};
use crate::pipeline::Name;
use crate::plan::StepId;
use crate::push::PushedBy;
use crate::release::{Digest, Revision, RunId, Tag};
use crate::taskdef::Difference;

pub use rollout::{Compared, RolloutSeen, Shifting, Side};

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When it was told (AWS's clock: virtual in the sandbox).
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Something happened. Progress may be thinned by a reporter, the others never.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// Which.
        run: RunId,
        /// The pipeline's name.
        pipeline: Name,
        /// The environment, if any.
        environment: Option<String>,
        /// The image tag of this run.
        tag: String,
        /// First line of the commit message.
        subject: Option<String>,
        /// The cluster.
        cluster: String,
        /// The region.
        region: String,
        /// What goes on with the run if it is cut, ready to be typed.
        #[serde(default)]
        resume: String,
    },
    /// The plan is made: these steps, in this order.
    Planned {
        /// The steps.
        steps: Vec<PlannedStep>,
        /// Things a person should know before.
        notes: Vec<String>,
    },
    /// A step begins.
    StepStarted {
        /// Which.
        step: StepId,
    },
    /// A step goes on.
    StepProgress {
        /// Which.
        step: StepId,
        /// How far.
        progress: Progress,
    },
    /// A step is done.
    StepSucceeded {
        /// Which.
        step: StepId,
        /// What came of it, in words for a person.
        result: StepResult,
        /// How long it took, in milliseconds of wall time.
        took_ms: u64,
    },
    /// A rollout waits for a person who is not here; the run ends before it does.
    StepPaused {
        /// Which.
        step: StepId,
        /// Where, in words for a person.
        what: String,
        /// How long it took, in milliseconds of wall time.
        took_ms: u64,
    },
    /// A step failed.
    StepFailed {
        /// Which.
        step: StepId,
        /// Why.
        failure: Failure,
        /// How long it took, in milliseconds of wall time.
        took_ms: u64,
    },
    /// What is known of a rollout that goes wrong; told again when its cause is another, and at its end.
    Dossier {
        /// The rollout's step.
        step: StepId,
        /// What it comes to.
        #[serde(flatten)]
        cause: Cause,
        /// What was captured.
        dossier: Box<Dossier>,
    },
    /// A step is undone because the run failed or was interrupted.
    UndoStarted {
        /// Which.
        step: StepId,
        /// What is done, in words for a person.
        doing: String,
    },
    /// It is undone.
    Undone {
        /// Which.
        step: StepId,
        /// How things stand.
        now: String,
    },
    /// It could not be undone.
    UndoFailed {
        /// Which.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// Something a person should know.
    Notice {
        /// What.
        message: String,
    },
    /// The run has ended.
    RunFinished {
        /// How.
        outcome: Outcome,
    },
}

/// A step as the plan lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Which.
    pub step: StepId,
    /// `build`, `push`, `tag`, `attest`, `verify`, `gate`, `register`, `roll`, `smoke`, `artefacts`.
    pub verb: String,
    /// The image or service it is about.
    pub subject: Name,
    /// Why it is here, or what is reused.
    pub because: String,
    /// `reused` steps have nothing to do and say so.
    pub work: Work,
}

/// Whether a step of the plan has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// It will be done.
    ToDo,
    /// It has been done before: its result is reused.
    Reused,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// Docker builds: the step of the Dockerfile.
    Build {
        /// E.g. `[2/4] RUN make`.
        current: String,
        /// Steps done.
        done: u32,
        /// Steps known.
        total: u32,
    },
    /// A line the build printed.
    BuildOutput {
        /// The line.
        line: String,
    },
    /// Layers are pushed.
    Push {
        /// Bytes pushed.
        sent: u64,
        /// Bytes to push, as far as known.
        total: u64,
        /// Layers that were there already.
        layers_reused: u32,
        /// Layers in all.
        layers: u32,
    },
    /// The registry scans.
    Scan {
        /// The status as AWS gives it.
        status: String,
    },
    /// The gate has judged, and stops the image.
    Judged {
        /// The verdict, with what blocks.
        verdict: Box<Verdict>,
    },
    /// Tasks move.
    Rollout(RolloutSeen),
    /// What both versions served, as CloudWatch has counted it: minutes that are new, or that have been counted further.
    Served {
        /// Oldest first.
        minutes: Vec<Beside>,
    },
    /// The smoke request is tried.
    Smoke {
        /// The answer to the last try.
        last: String,
    },
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepResult {
    /// An image was built.
    Built {
        /// Steps that were run, not taken from the cache.
        ran: u32,
        /// Steps in all.
        steps: u32,
        /// `BuildKit` or `classic builder`.
        builder: String,
    },
    /// An image is in the registry.
    Pushed {
        /// Its digest there.
        digest: Digest,
        /// Bytes sent.
        sent: u64,
        /// Who pushed it.
        by: PushedBy,
    },
    /// An image that the registry has got one more tag.
    Tagged {
        /// Which.
        tag: Tag,
        /// The image's digest.
        digest: Digest,
    },
    /// The registry had it already.
    Reused {
        /// Its digest.
        digest: Digest,
        /// When it was pushed.
        pushed_at: Option<Timestamp>,
    },
    /// What is told about an image stands beside it in the registry.
    Attested {
        /// What was attached.
        made: Vec<Attestation>,
        /// What was there.
        there: Vec<Attestation>,
    },
    /// An image has what is required of it.
    Verified {
        /// What.
        required: Vec<String>,
    },
    /// The gate was passed.
    Gate {
        /// With this on record.
        record: Box<Record>,
    },
    /// Files were written.
    Written {
        /// Paths, relative to the folder of the pipeline file.
        files: Vec<String>,
    },
    /// A revision was registered.
    Registered {
        /// The one before.
        before: Option<Revision>,
        /// The new one.
        revision: Revision,
        /// What changed, in words.
        change: String,
        /// What changed, place by place.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differences: Vec<Difference>,
    },
    /// The running revision is the wanted one.
    Unchanged {
        /// It.
        revision: Revision,
    },
    /// The service runs the new revision.
    RolledOut {
        /// Which.
        revision: Revision,
        /// Tasks that run.
        running: u32,
        /// How sure: `service deployment` or `weaker evidence`.
        evidence: String,
    },
    /// All traffic goes to the new revision, and the platform keeps the earlier one for a while.
    Shifted {
        /// The new one.
        revision: Revision,
        /// Until when, if that is known.
        baking_until: Option<Timestamp>,
    },
    /// The smoke request was answered as expected.
    Smoked {
        /// The URL asked.
        url: String,
        /// The status it answered.
        status: u16,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The exit code's meaning.
    pub exit: Exit,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
    /// How each service stands.
    pub services: BTreeMap<Name, ServiceOutcome>,
    /// The digest of each image.
    pub images: BTreeMap<Name, Digest>,
    /// `<registry>/<name>` of each image that the plan is about.
    #[serde(default)]
    pub repositories: BTreeMap<Name, String>,
    /// Files written, relative to the folder of the pipeline file.
    pub artefacts: Vec<String>,
    /// Wall time of the run, in milliseconds.
    pub took_ms: u64,
}

/// How a service stands at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stands", rename_all = "snake_case")]
pub enum ServiceOutcome {
    /// It runs the new revision.
    Deployed {
        /// The one before.
        before: Option<Revision>,
        /// The new one.
        revision: Revision,
    },
    /// The new revision serves, and the platform keeps the earlier one for a while.
    Baking {
        /// The one before.
        before: Option<Revision>,
        /// The new one.
        revision: Revision,
        /// Until when, if that is known.
        until: Option<Timestamp>,
    },
    /// The rollout waits for a person.
    Paused {
        /// Of this revision.
        revision: Revision,
        /// The stage, in ECS's word.
        stage: String,
        /// When the platform stops waiting.
        expires_at: Option<Timestamp>,
    },
    /// It ran the wanted revision already.
    Unchanged {
        /// It.
        revision: Revision,
    },
    /// It was not touched.
    Untouched,
    /// It is back on the revision it had.
    TurnedBack {
        /// That revision.
        to: Revision,
    },
    /// A rollout is still in progress.
    InProgress {
        /// Of this revision.
        revision: Revision,
    },
    /// Someone else's deployment took over.
    Superseded {
        /// With this revision.
        by: Revision,
    },
    /// A person is needed.
    Stuck {
        /// Why.
        why: String,
    },
}
