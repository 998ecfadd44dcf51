//! `shipit codepipeline-worker`: takes jobs of a custom action of CodePipeline, deploys what they bring, and answers them.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use shipit_core::codepipeline::{Answer, Ended};
use shipit_core::failure::Exit;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::watch;

use super::Place;
use super::session::{load_without_contexts, refuse, signal, target};
use crate::app;
use crate::engine::jobs::{Order, Worked, work};
use crate::port::Action;
use crate::report;

/// Between two questions for a job, on the wall: CodePipeline answers at once, also when it has none.
const EVERY: Duration = Duration::from_secs(10);
/// How much of what a deploy says is kept for its job, in bytes: the end of it.
const KEPT: usize = 64 << 10;

/// Deploy what CodePipeline asks for: the worker of a custom action.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    place: Place,
    /// The custom action's provider
    #[arg(long, value_name = "NAME", default_value = "shipit")]
    provider: String,
    /// The custom action's category
    #[arg(long, value_name = "CATEGORY", default_value = "Deploy")]
    category: String,
    /// The custom action's version
    #[arg(long, value_name = "VERSION", default_value = "1")]
    action_version: String,
    /// Only jobs whose action has this queryable property: one worker for each application
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    query: Option<(String, String)>,
    /// End after one job, or where there is none
    #[arg(long)]
    once: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("it is written KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Works until it is told to end: a deploy that is under way is then interrupted as `shipit deploy` is, and its job answered.
pub async fn run(args: Worker) -> Exit {
    match worked(&args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn worked(args: &Worker) -> Result<Exit, Exit> {
    let loaded = load_without_contexts(&args.place)?;
    let action = Action {
        category: args.category.clone(),
        provider: args.provider.clone(),
        version: args.action_version.clone(),
        query: args.query.clone(),
    };
    let target = target(&args.place, &loaded.pipeline);
    let (jobs, clock) = app::jobs(&target, &loaded.pipeline, action).await.map_err(|failure| refuse(&[failure]))?;
    let mut signals = signals();
    loop {
        let deploy = async |order| deploy(&args.place, order, signals.clone()).await;
        let exit = match work(jobs.as_ref(), clock, deploy).await {
            Ok(Worked::Idle) => Exit::Done,
            Ok(Worked::Theirs { id }) => {
                report::say(&format!("job {id}: another worker has it"));
                Exit::Done
            }
            Ok(Worked::Answered { id, answer }) => said(&id, &answer),
            Err(error) if error.is_passing() && !args.once => {
                report::say(&format!("notice: {error}"));
                Exit::Done
            }
            Err(error) => return Err(refuse(&[error.into()])),
        };
        if args.once {
            return Ok(exit);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            told = signals.wait_for(|count| *count > 0) => drop(told),
        }
        if *signals.borrow() > 0 {
            return Ok(Exit::Done);
        }
    }
}

fn said(id: &str, answer: &Answer) -> Exit {
    let (word, more, exit) = match answer {
        Answer::Success(success) => ("succeeded", success.summary.as_str(), Exit::Done),
        Answer::Later { summary, .. } => ("is to be asked for again", summary.as_str(), Exit::Running),
        Answer::Failure { kind, .. } => ("failed", kind.word(), Exit::Failed),
    };
    report::say(&format!("job {id} {word}: {more}"));
    exit
}

/// How many signals have come.
fn signals() -> watch::Receiver<u32> {
    let (tell, count) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            signal().await;
            tell.send_modify(|count| *count += 1);
        }
    });
    count
}

/// Deploys in a process of its own, which can fail as it likes: it has the worker's flags and the job's images.
async fn deploy(place: &Place, order: Order, mut signals: watch::Receiver<u32>) -> Ended {
    let not_begun = |why: &str| Ended { exit: None, events: String::new(), said: why.to_owned() };
    let (arguments, stdin) = arguments(place, order);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return not_begun(&format!("error: shipit does not find itself: {error}")),
    };
    let mut command = Command::new(program);
    // A terminal's SIGINT goes to all of its group: the deploy gets the worker's, once.
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return not_begun(&format!("error: the deploy does not start: {error}")),
    };
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let over = async move {
        let (mut events, mut said) = (String::new(), String::new());
        let feed = async {
            if let Some(mut input) = input {
                // One that ends without reading says itself why.
                let _closed = input.write_all(&stdin).await;
            }
        };
        let hear = lines(out, |line| {
            if line.contains("\"run_started\"") || line.contains("\"run_finished\"") {
                events.push_str(line);
            }
        });
        let repeat = lines(err, |line| {
            report::say(line.trim_end());
            said.push_str(line);
            if let Some(first) =
                said.len().checked_sub(KEPT).and_then(|from| said.char_indices().map(|(at, _)| at).find(|at| *at >= from))
            {
                said.drain(..first);
            }
        });
        tokio::join!(feed, hear, repeat);
        let exit = child.wait().await.ok().and_then(|status| u8::try_from(status.code()?).ok());
        Ended { exit, events, said }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            ended = &mut over => return ended,
            Ok(()) = signals.changed() => {
                if let Some(pid) = pid {
                    // One that has ended meanwhile needs no signal.
                    let _gone = kill_process(pid, Signal::TERM);
                }
            }
        }
    }
}

/// Each line as it comes, with its end; bytes that are no text are replaced.
async fn lines(from: Option<impl AsyncRead + Unpin>, mut each: impl FnMut(&str)) {
    let Some(from) = from else { return };
    let (mut from, mut line) = (BufReader::new(from), Vec::new());
    while let Ok(read) = from.read_until(b'\n', &mut line).await {
        if read == 0 {
            return;
        }
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

/// The command line of the deploy, and what it reads on stdin.
fn arguments(place: &Place, order: Order) -> (Vec<OsString>, Vec<u8>) {
    let (verb, more, stdin): (_, Vec<OsString>, _) = match order {
        Order::Deploy { definitions, commit } => {
            let commit = commit.map(|commit| format!("--commit={commit}").into());
            let given = ["--imagedefinitions".into(), "-".into()].into_iter().chain(commit);
            ("deploy", given.collect(), definitions.into_bytes())
        }
        Order::GoOn { run } => ("resume", vec!["--".into(), run.into()], Vec::new()),
    };
    let mut arguments: Vec<OsString> = vec![verb.into(), "--output=json".into()];
    if place.given.lone.is_none() {
        arguments.extend(["--file".into(), place.file.clone().into()]);
    }
    let flags = [
        ("service", &place.given.lone),
        ("task-definition", &place.given.task_definition),
        ("env", &place.environment),
        ("cluster", &place.cluster),
        ("region", &place.region),
        ("profile", &place.profile),
        ("on-interrupt", &place.on_interrupt),
    ];
    arguments.extend(flags.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?).into())));
    if place.sandbox {
        arguments.push("--sandbox".into());
    }
    arguments.extend(more);
    (arguments, stdin)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn worker(arguments: &[&str]) -> Worker {
        let cli = Cli::try_parse_from(["shipit", "codepipeline-worker"].iter().chain(arguments)).unwrap();
        let Command::CodepipelineWorker(worker) = cli.command else { panic!("{arguments:?}") };
        worker
    }

    #[test]
    fn a_deploy_has_the_worker_s_flags_and_what_the_job_says_is_a_value() {
        let given = worker(&["-f", "my shop.yaml", "--env", "production", "--sandbox", "--query", "Application=shop"]);
        assert_eq!(given.query, Some(("Application".to_owned(), "shop".to_owned())));
        let order = Order::Deploy { definitions: "[]".to_owned(), commit: Some("--force".to_owned()) };
        let (arguments, stdin) = arguments(&given.place, order);
        let words =
            ["deploy", "--output=json", "--file", "my shop.yaml", "--env=production", "--sandbox", "--imagedefinitions", "-"];
        assert_eq!(arguments, [&words[..], &["--commit=--force"]].concat());
        assert_eq!(stdin, b"[]");
        let (arguments, _) = super::arguments(&worker(&[]).place, Order::GoOn { run: "--all".to_owned() });
        assert_eq!(arguments, ["resume", "--output=json", "--file", "shipit.yaml", "--", "--all"]);
    }
}
