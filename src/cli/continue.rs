//! `shipit continue`: answers the pause of a rollout from any machine, then goes on with its run.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Service;
use shipit_core::release::RunId;
use shipit_core::rollout::Answer;

use super::Common;
use super::finish::go_on;
use super::follow::{Follow, follow};
use super::session::{Session, new_run, refuse};
use crate::engine::answer::{Stands, Waiting, give, stand};
use crate::engine::resume::{self, Asked, Foreign, Which, find};
use crate::port::PortError;
use crate::report;

/// Answer the pause of a rollout, and go on with its run.
#[derive(Clone, Debug, Args)]
pub struct Continue {
    /// The run or the service; may be left out where one waits
    #[arg(value_name = "RUN|SERVICE")]
    which: Option<String>,
    /// Let it go on
    #[arg(long, required_unless_present = "turn_back", conflicts_with = "turn_back")]
    proceed: bool,
    /// Let the earlier revision come back
    #[arg(long)]
    turn_back: bool,
    /// Only answer, and leave the rest to AWS or to whoever waits for it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    common: Common,
}

/// Answers.
pub async fn run(args: Continue) -> Exit {
    match answer(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn answer(args: Continue) -> Result<Exit, Exit> {
    let session = Session::open_without_contexts(&args.common).await?;
    let context = session.context(&|_| {});
    let answer = if args.proceed { Answer::Continue } else { Answer::Rollback };
    let refused = |failure| refuse(&[failure]);
    let (services, run) = meant(&session.pipeline().services, args.which.as_deref()).map_err(refused)?;
    let stands = stand(&context, &services, run.as_ref()).await.map_err(refused)?;
    let waiting = one(stands, answer).map_err(refused)?;
    // Once the answer is given AWS moves on at once: whose run it is, and its journal, are found before.
    let found = if args.no_wait { Found::Nothing } else { found(&session, &waiting).await? };
    give(&context, &waiting, answer).await.map_err(refused)?;
    let said = match answer {
        Answer::Continue => "goes on",
        Answer::Rollback => "goes back",
    };
    report::say(&format!("`{}` {said} from {}", waiting.service, waiting.stage.word()));
    let found = match found {
        Found::Nothing => return Ok(Exit::Done),
        Found::Elsewhere => {
            report::say("the process that waits for it on this machine goes on with the run");
            return Ok(Exit::Done);
        }
        Found::Unknown { why } => {
            report::say(&format!("`{}` is only waited for: {why}", waiting.service));
            let Some(service) = services.iter().find(|service| service.name == waiting.service) else { return Ok(Exit::Done) };
            return Ok(follow(&session, &[(service, Some(waiting.begun))], &Follow::to_the_end()).await);
        }
        Found::Run(found) => *found,
    };
    let not_whole = found.not_whole();
    match (go_on(&session, found.book, &found.remarks, args.common.output).await, not_whole) {
        (Exit::Done, Some(failure)) => Err(refuse(&[failure])),
        (exit, _) => Ok(exit),
    }
}

/// Who goes on once the answer is given.
enum Found {
    /// Nobody is to.
    Nothing,
    /// The process that has the lock of this folder.
    Elsewhere,
    /// This process, with the run.
    Run(Box<resume::Found>),
    /// This process, with nothing but the deployment.
    Unknown { why: String },
}

async fn found(session: &Session, waiting: &Waiting) -> Result<Found, Exit> {
    match session.connected.ports.store.claim(&session.by, "continue").await {
        Ok(_) => {}
        Err(PortError::Failed(failure)) if failure.code == Code::Locked => return Ok(Found::Elsewhere),
        Err(error) => return Err(refuse(&[error.into()])),
    }
    let which = waiting.run.clone().map_or(Which::Last, Which::Named);
    let asked = Asked { which, foreign: Foreign::Refuse, fresh: new_run(jiff::Timestamp::now()) };
    Ok(match find(&session.context(&|_| {}), &asked).await {
        Ok(found) => Found::Run(Box::new(found)),
        Err(failures) => Found::Unknown { why: failures.into_iter().next().map_or_else(String::new, |failure| failure.what) },
    })
}

/// The services to look at, and the run whose pause is meant, if one is named.
fn meant<'a>(services: &'a [Service], which: Option<&str>) -> Result<(Vec<&'a Service>, Option<RunId>), Failure> {
    let Some(which) = which else { return Ok((services.iter().collect(), None)) };
    if let Some(service) = services.iter().find(|service| service.name == which) {
        return Ok((vec![service], None));
    }
    if which.starts_with(|letter: char| letter.is_ascii_digit()) && which.contains(['T', '-']) {
        return Ok((services.iter().collect(), Some(RunId(which.to_owned()))));
    }
    let names: Vec<String> = services.iter().map(|service| format!("`{}`", service.name)).collect();
    Err(Failure::new(Code::Usage, format!("`{which}` is neither a service of the pipeline file nor the name of a run"))
        .because(format!("the file has {}; runs are named by their time, such as 20261120T101500-7c320", names.join(", ")))
        .next("shipit status"))
}

fn one(stands: Vec<Stands>, answer: Answer) -> Result<Waiting, Failure> {
    let (mut waiting, mut why) = (Vec::new(), Vec::new());
    for stand in stands {
        match stand {
            Stands::Waits(one) => waiting.push(one),
            Stands::WaitsNot(because) => why.push(because),
        }
    }
    let flag = match answer {
        Answer::Continue => "--proceed",
        Answer::Rollback => "--turn-back",
    };
    match (waiting.pop(), waiting.as_slice()) {
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let names: Vec<&str> = others.iter().chain([&last]).map(|waiting| waiting.service.as_str()).collect();
            let which =
                Failure::new(Code::Usage, "which service?").because(format!("{} wait for an answer", names.join(" and ")));
            Err(names.iter().fold(which, |failure, name| failure.next(format!("shipit continue {name} {flag}"))))
        }
        (None, _) => {
            let none = Failure::new(Code::NothingPaused, "no rollout waits for an answer");
            Err(why.into_iter().fold(none, Failure::because).next("shipit status"))
        }
    }
}
