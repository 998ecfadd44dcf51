//! `shipit continue`: answers the pause of a rollout from any machine, then goes on with its run.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Service;
use shipit_core::release::RunId;
use shipit_core::rollout::Answer;

use super::Common;
use super::finish::go_on;
use super::session::{Session, new_run, refuse};
use crate::engine::answer::{Waiting, give, waiting};
use crate::engine::resume::{Asked, Foreign, Which, find};
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
    let (services, run) = meant(&session.pipeline().services, args.which.as_deref());
    let waiting = waiting(&context, &services, run.as_ref()).await.map_err(|failure| refuse(&[failure]))?;
    let waiting = one(waiting).map_err(|failure| refuse(&[failure]))?;
    give(&context, &waiting, answer).await.map_err(|failure| refuse(&[failure]))?;
    let said = match answer {
        Answer::Continue => "goes on",
        Answer::Rollback => "goes back",
    };
    report::say(&format!("`{}` {said} from {}", waiting.service, waiting.stage.word()));
    if args.no_wait {
        return Ok(Exit::Done);
    }
    match session.connected.ports.store.claim(&session.by, "continue").await {
        Ok(_) => {}
        Err(PortError::Failed(failure)) if failure.code == Code::Locked => {
            report::say("the process that waits for it on this machine goes on with the run");
            return Ok(Exit::Done);
        }
        Err(error) => return Err(refuse(&[error.into()])),
    }
    let which = run.map_or(Which::Last, Which::Named);
    let asked = Asked { which, foreign: Foreign::Refuse, fresh: new_run(jiff::Timestamp::now()) };
    let found = find(&context, &asked).await.map_err(|failures| refuse(&failures))?;
    let not_whole = found.not_whole();
    match (go_on(&session, found.book, &found.remarks, args.common.output).await, not_whole) {
        (Exit::Done, Some(failure)) => Err(refuse(&[failure])),
        (exit, _) => Ok(exit),
    }
}

/// The services to look at, and the run whose pause is meant, if one is named.
fn meant<'a>(services: &'a [Service], which: Option<&str>) -> (Vec<&'a Service>, Option<RunId>) {
    match which.map(|which| (which, services.iter().find(|service| service.name == which))) {
        None => (services.iter().collect(), None),
        Some((_, Some(service))) => (vec![service], None),
        Some((run, None)) => (services.iter().collect(), Some(RunId(run.to_owned()))),
    }
}

fn one(mut waiting: Vec<Waiting>) -> Result<Waiting, Failure> {
    match (waiting.pop(), waiting.as_slice()) {
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let names: Vec<&str> = others.iter().chain([&last]).map(|waiting| waiting.service.as_str()).collect();
            Err(Failure::new(Code::Usage, "which service?")
                .because(format!("{} wait for an answer", names.join(" and ")))
                .next(format!("shipit continue {} --proceed", last.service)))
        }
        (None, _) => Err(Failure::new(Code::NothingPaused, "no rollout waits for an answer").next("shipit status")),
    }
}
