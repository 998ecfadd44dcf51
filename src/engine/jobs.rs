//! One job of CodePipeline: taken, the `imagedefinitions.json` of its artefacts read, deployed, answered.

use shipit_core::codepipeline::{Answer, Ended, FailureKind, answer, refused};
use shipit_core::failure::{Code, Failure};
use shipit_core::imagedefinitions::{Definition, LIMIT, imagedefinitions, read};

use super::wait::patiently;
use crate::port::{Clock, Held, Job, Jobs, PortError, PortResult};

/// The action's key for the file's name, as CodePipeline's own ECS action has it.
const FILE_NAME: &str = "FileName";
/// The action's key for the commit.
const COMMIT: &str = "Commit";
/// The file's name where the action names none.
const USUAL: &str = "imagedefinitions.json";

/// What is to be done for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Deploy what this names.
    Deploy {
        /// `imagedefinitions.json`, of all artefacts together.
        definitions: String,
        /// The commit, where the action names it.
        commit: Option<String>,
    },
    /// Go on with this run.
    GoOn {
        /// It.
        run: String,
    },
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worked {
    /// There is no job.
    Idle,
    /// Another worker has it.
    Theirs {
        /// Its id.
        id: String,
    },
    /// It was answered.
    Answered {
        /// Its id.
        id: String,
        /// With this.
        answer: Answer,
    },
}

/// Asks for a job and does it.
///
/// # Errors
/// CodePipeline could not be asked, or did not take the answer.
pub async fn work(jobs: &dyn Jobs, clock: Clock, deploy: impl AsyncFnOnce(Order) -> Ended) -> PortResult<Worked> {
    let Some(job) = jobs.poll().await? else { return Ok(Worked::Idle) };
    let id = job.id.clone();
    if patiently(clock, &id, PortError::is_passing, async || jobs.take(&job).await).await? == Held::Theirs {
        return Ok(Worked::Theirs { id });
    }
    let answer = match order(jobs, clock, &job).await {
        Ok(order) => answer(&deploy(order).await),
        Err((failure, kind)) => refused(&failure.in_full([untouched()]), kind),
    };
    patiently(clock, &id, PortError::is_passing, async || jobs.answer(&job, &answer).await).await?;
    Ok(Worked::Answered { id, answer })
}

async fn order(jobs: &dyn Jobs, clock: Clock, job: &Job) -> Result<Order, (Failure, FailureKind)> {
    if let Some(run) = &job.continuation {
        return Ok(Order::GoOn { run: run.clone() });
    }
    let wrong = |failure| (failure, FailureKind::ConfigurationError);
    let name = job.configuration.get(FILE_NAME).map_or(USUAL, String::as_str);
    let mut all: Vec<Definition> = Vec::new();
    for artefact in &job.inputs {
        let file = async || jobs.file(job, artefact, name, LIMIT).await;
        let file = patiently(clock, &artefact.name, PortError::is_passing, file).await;
        if let Some(bytes) = file.map_err(|error| unreadable(&artefact.name, error))? {
            all.extend(read(&format!("{name} of {}", artefact.name), &bytes).map_err(wrong)?);
        }
    }
    if all.is_empty() {
        return Err(wrong(nowhere(job, name)));
    }
    let images = all.iter().map(|definition| (definition.container.as_str(), definition.image.to_string()));
    let definitions = imagedefinitions(images).map_err(|size| {
        let what = format!("`{name}` of all artefacts together has {size} bytes, more than {LIMIT}");
        wrong(Failure::new(Code::ImageDefinitions, what))
    })?;
    Ok(Order::Deploy { definitions, commit: job.configuration.get(COMMIT).cloned() })
}

fn unreadable(artefact: &str, error: PortError) -> (Failure, FailureKind) {
    let kind = if error.is_passing() { FailureKind::SystemUnavailable } else { FailureKind::RevisionUnavailable };
    let failure = Failure::from(error);
    (Failure { what: format!("the input artefact `{artefact}` cannot be read: {}", failure.what), ..failure }, kind)
}

fn nowhere(job: &Job, name: &str) -> Failure {
    let names: Vec<&str> = job.inputs.iter().map(|artefact| artefact.name.as_str()).collect();
    Failure::new(Code::ImageDefinitions, format!("no input artefact holds `{name}`"))
        .because(match names.as_slice() {
            [] => "the action has no input artefact".to_owned(),
            names => format!("it was looked for at the root of `{}`", names.join("`, `")),
        })
        .next(format!("let the stage before write it there, or name it by `{FILE_NAME}` in the action's configuration"))
}

fn untouched() -> String {
    "nothing was touched".to_owned()
}
