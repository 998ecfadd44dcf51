//! A small GitHub runner: the steps of a composite action with their file commands, and a cancel as actions/runner does it:
//! SIGINT to the shell's own process, SIGTERM 7.5 s later, and 2.5 s after that an end to the whole tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command as Process;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::commands::{self, Command};
use super::expression::fill;
use crate::support::PATIENCE;

/// From SIGINT to SIGTERM ("Workflow cancellation reference").
const UNTIL_TERM: Duration = Duration::from_millis(7500);
/// From SIGTERM to the end.
const UNTIL_KILL: Duration = Duration::from_millis(2500);
/// How long the log of a step is read on once it has ended.
const LAST_LINES: Duration = Duration::from_secs(2);
/// The longest summary that GitHub takes from a step.
const SUMMARY: usize = 1024 * 1024;

/// Whether somebody cancels the workflow.
#[derive(Clone, Copy)]
pub enum Cancel<'a> {
    /// Nobody does.
    Never,
    /// Once the log has a line with this.
    Once(&'a str),
    /// Once this is told.
    When(&'a Notify),
}

/// A runner with the workspace of one job.
pub struct Runner {
    temp: tempfile::TempDir,
    workspace: PathBuf,
    environment: BTreeMap<String, String>,
    path: String,
    steps: Value,
}

/// What came of an action.
#[derive(Debug)]
pub struct Ran {
    /// How its last step ended; none when it was killed.
    pub exit: Option<i32>,
    /// The action's outputs that are not empty.
    pub outputs: BTreeMap<String, String>,
    /// The summaries of its steps.
    pub summary: String,
    /// What the steps wrote, in order.
    pub log: String,
    /// Workflow commands in it.
    pub commands: Vec<Command>,
    /// Signals that a cancel needed.
    pub signals: Vec<&'static str>,
}

struct Step {
    exit: Option<i32>,
    outputs: BTreeMap<String, String>,
    signals: Vec<&'static str>,
}

impl Runner {
    /// With this folder as its workspace.
    pub fn new(workspace: &Path) -> Self {
        let temp = tempfile::Builder::new().prefix("runner").tempdir().unwrap();
        let kept = ["DOCKER_HOST"].into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut environment: BTreeMap<String, String> = kept.collect();
        for (name, value) in [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "shop/web"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_EVENT_NAME", "push"),
            ("RUNNER_OS", "Linux"),
            ("RUNNER_ARCH", "X64"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment.insert("GITHUB_WORKSPACE".to_owned(), workspace.display().to_string());
        environment.insert("RUNNER_TEMP".to_owned(), temp.path().display().to_string());
        environment.insert("HOME".to_owned(), temp.path().display().to_string());
        let path = std::env::var("PATH").unwrap_or_default();
        Self { temp, workspace: workspace.to_owned(), environment, path, steps: json!({}) }
    }

    /// `env:` of the job, or what it set through `GITHUB_ENV`.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A folder before all others of the PATH.
    pub fn path(&mut self, folder: &Path) -> &mut Self {
        self.path = format!("{}:{}", folder.display(), self.path);
        self
    }

    /// Outputs of a step that has run.
    pub fn step(&mut self, id: &str, outputs: Value) -> &mut Self {
        self.steps[id] = json!({"outputs": outputs});
        self
    }

    /// `uses:` a composite action.
    pub async fn uses(&mut self, action: &Path, with: &[(&str, &str)], cancel: Cancel<'_>) -> Ran {
        let text = std::fs::read_to_string(action.join("action.yml")).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(file["runs"]["using"], "composite");
        for (name, _) in with {
            assert!(file["inputs"].get(name).is_some(), "Unexpected input '{name}'");
        }
        let mut inputs = json!({});
        for (name, input) in file["inputs"].as_object().unwrap() {
            let given = with.iter().rev().find(|(known, _)| known == name).map(|(_, value)| fill(value, &self.contexts()));
            inputs[name] = given.unwrap_or_else(|| input["default"].as_str().unwrap_or_default().to_owned()).into();
        }
        let mut contexts = json!({
            "inputs": inputs,
            "github": {"action_path": action.display().to_string(), "action_repository": "shipit/shipit"},
            "steps": {},
        });
        let mut ran = Ran {
            exit: Some(0),
            outputs: BTreeMap::new(),
            summary: String::new(),
            log: String::new(),
            commands: Vec::new(),
            signals: Vec::new(),
        };
        for (number, step) in file["runs"]["steps"].as_array().unwrap().iter().enumerate() {
            let known = ["name", "id", "shell", "env", "run"];
            assert!(step.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{step}");
            assert_eq!(step["shell"], "bash");
            let done = self.run(number, step, &contexts, cancel, &mut ran).await;
            if let Some(id) = step["id"].as_str() {
                contexts["steps"][id] = json!({"outputs": done.outputs});
            }
            (ran.exit, ran.signals) = (done.exit, done.signals);
            if ran.exit != Some(0) {
                break;
            }
        }
        for (name, output) in file["outputs"].as_object().unwrap() {
            let value = fill(output["value"].as_str().unwrap(), &contexts);
            if !value.is_empty() {
                ran.outputs.insert(name.clone(), value);
            }
        }
        ran.commands = ran.log.lines().filter_map(commands::command).collect();
        ran
    }

    fn contexts(&self) -> Value {
        json!({"steps": self.steps, "env": self.environment})
    }

    async fn run(&mut self, number: usize, step: &Value, contexts: &Value, cancel: Cancel<'_>, ran: &mut Ran) -> Step {
        let temp = self.temp.path();
        let script = temp.join(format!("{number}.sh"));
        std::fs::write(&script, fill(step["run"].as_str().unwrap(), contexts)).unwrap();
        // Tests that run in the background of a shell inherit an ignored SIGINT, which no shell can trap.
        let mut bash = Process::new("env");
        bash.args(["--default-signal=INT", "bash", "--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(&self.workspace);
        bash.env_clear().envs(&self.environment).env("PATH", &self.path);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            bash.env(name, fill(value.as_str().unwrap(), contexts));
        }
        let files = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
        let file = |name: &str| temp.join(format!("{name}-{number}"));
        for name in files {
            std::fs::write(file(name), "").unwrap();
            bash.env(name, file(name));
        }
        bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let (exit, signals) = timeout(PATIENCE, watched(bash, cancel, &mut ran.log)).await.expect("the step ends");
        let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
        let summary = read("GITHUB_STEP_SUMMARY");
        assert!(summary.len() < SUMMARY, "GitHub takes no summary of {} bytes", summary.len());
        ran.summary.push_str(&summary);
        for folder in read("GITHUB_PATH").lines() {
            self.path = format!("{folder}:{}", self.path);
        }
        self.environment.extend(commands::pairs(&read("GITHUB_ENV")).unwrap());
        let outputs = commands::pairs(&read("GITHUB_OUTPUT")).unwrap().into_iter().collect();
        Step { exit, outputs, signals }
    }
}

/// Runs it, reads what it says, and cancels it when it is time.
async fn watched(mut bash: Process, cancel: Cancel<'_>, log: &mut String) -> (Option<i32>, Vec<&'static str>) {
    let mut child = bash.spawn().unwrap();
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).unwrap();
    let (tell, mut lines) = mpsc::unbounded_channel();
    tokio::spawn(read(child.stdout.take().unwrap(), tell.clone()));
    tokio::spawn(read(child.stderr.take().unwrap(), tell));
    let mut signals = Vec::new();
    let mut next: Option<(Instant, &'static str)> = None;
    let (mut ended, mut unheard) = (None, Instant::now());
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                if matches!(cancel, Cancel::Once(wanted) if signals.is_empty() && line.contains(wanted)) {
                    next = Some((Instant::now(), "INT"));
                }
                log.push_str(&line);
                log.push('\n');
            }
            () = told(cancel), if signals.is_empty() && next.is_none() && ended.is_none() => next = Some((Instant::now(), "INT")),
            status = child.wait(), if ended.is_none() => {
                ended = Some(status.unwrap());
                unheard = Instant::now() + LAST_LINES;
            }
            // What it left running may hold the log open for ever.
            () = sleep_until(unheard), if ended.is_some() => break,
            () = sleep_until(next.map_or_else(Instant::now, |(at, _)| at)), if next.is_some() && ended.is_none() => {
                let Some((at, signal)) = next.take() else { continue };
                signals.push(signal);
                next = match signal {
                    "INT" => {
                        kill_process(pid, Signal::INT).unwrap();
                        Some((at + UNTIL_TERM, "TERM"))
                    }
                    "TERM" => {
                        kill_process(pid, Signal::TERM).unwrap();
                        Some((at + UNTIL_KILL, "KILL"))
                    }
                    _ => {
                        for pid in tree(pid) {
                            let _ended_already = kill_process(pid, Signal::KILL);
                        }
                        None
                    }
                };
            }
        }
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().await.unwrap(),
    };
    (status.code(), signals)
}

async fn told(cancel: Cancel<'_>) {
    match cancel {
        Cancel::When(told) => told.notified().await,
        Cancel::Never | Cancel::Once(_) => std::future::pending().await,
    }
}

async fn read(stream: impl AsyncRead + Unpin, tell: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if tell.send(line).is_err() {
            return;
        }
    }
}

/// A process and all that descend from it.
fn tree(root: Pid) -> Vec<Pid> {
    let children = format!("/proc/{0}/task/{0}/children", root.as_raw_nonzero());
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    children.flat_map(tree).chain([root]).collect()
}
