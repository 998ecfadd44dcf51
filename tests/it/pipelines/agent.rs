//! A build agent: shell bodies run as the CI runs them, with its environment and nothing else, and cut off as it cuts them off.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::support::PATIENCE;
use crate::together::stage::git;

/// The environment variable by which Jenkins knows the processes of a body again.
const COOKIE: &str = "JENKINS_SERVER_COOKIE";
/// Between two looks at a process that ends.
const LOOK: Duration = Duration::from_millis(10);

/// One build of a job.
pub struct Build {
    workspace: PathBuf,
    environment: BTreeMap<String, String>,
    bodies: usize,
}

/// How a body ended.
pub struct Ended {
    pub exit: i32,
    /// What stands in the build's log.
    pub log: String,
}

/// A body that runs.
pub struct Running {
    child: Child,
    log: PathBuf,
    cookie: String,
}

impl Build {
    /// As Jenkins sets it up (Jenkins handbook, "Using environment variables"; the git plugin): a detached commit is checked out.
    pub async fn jenkins(workspace: &Path, number: u32, note: &str) -> Self {
        git(workspace, &["checkout", "-q", "--detach"]).await;
        let head = std::fs::read_to_string(workspace.join(".git/HEAD")).unwrap();
        let (workspace_text, number) = (workspace.display().to_string(), number.to_string());
        let job = "https://ci.shop.example/job/shop";
        let build = format!("{job}/{number}/");
        let own = [
            ("CI", "true"),
            ("JENKINS_URL", "https://ci.shop.example/"),
            ("JENKINS_HOME", "/var/jenkins_home"),
            ("JOB_NAME", "shop"),
            ("JOB_BASE_NAME", "shop"),
            ("JOB_URL", job),
            ("BUILD_NUMBER", &number),
            ("BUILD_ID", &number),
            ("BUILD_TAG", &format!("jenkins-shop-{number}")),
            ("BUILD_URL", &build),
            ("RUN_DISPLAY_URL", &build),
            ("EXECUTOR_NUMBER", "0"),
            ("NODE_NAME", "built-in"),
            ("WORKSPACE", &workspace_text),
            ("WORKSPACE_TMP", &format!("{workspace_text}@tmp")),
            ("GIT_COMMIT", head.trim()),
            ("GIT_BRANCH", "origin/main"),
            ("GIT_URL", "https://git.shop.example/shop.git"),
            ("JENKINS_NODE_COOKIE", "6d0a2b1e-1c57-4c9e-8d5e-0f9a1b2c3d4e"),
        ];
        Self::with(workspace, note, &own)
    }

    /// Any other: `own` is what it sets beside what every login has.
    pub fn with(workspace: &Path, note: &str, own: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_shipit")).parent().unwrap().display();
        let path = format!("{program}:{}", std::env::var("PATH").unwrap());
        let home = workspace.parent().unwrap().display().to_string();
        // How this deploy finds its AWS, and what makes it another one.
        let here = [("PATH", path.as_str()), ("HOME", &home), ("LANG", "C.UTF-8"), ("SHIPIT_SANDBOX", "true"), ("NOTE", note)];
        let mut environment: BTreeMap<String, String> =
            here.iter().chain(own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        environment.extend(std::env::var("DOCKER_HOST").map(|host| ("DOCKER_HOST".to_owned(), host)));
        Self { workspace: workspace.to_owned(), environment, bodies: 0 }
    }

    /// Begins a body as durable-task's BourneShellScript does: `sh -xe` of a file, in a session of its own, one log.
    pub fn begin(&mut self, stage: &str, script: &str) -> Running {
        self.start(stage, &["sh", "-xe"], script)
    }

    fn start(&mut self, stage: &str, shell: &[&str], script: &str) -> Running {
        self.bodies += 1;
        let control = PathBuf::from(format!("{}@tmp/durable-{}", self.workspace.display(), self.bodies));
        std::fs::create_dir_all(&control).unwrap();
        std::fs::write(control.join("script.sh"), script).unwrap();
        let (log, cookie) =
            (control.join("jenkins-log.txt"), format!("durable-{:032x}", std::process::id() as usize + self.bodies));
        let out = File::create(&log).unwrap();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(control.join("script.sh")).current_dir(&self.workspace).process_group(0);
        command.env_clear().envs(&self.environment).env("STAGE_NAME", stage).env(COOKIE, &cookie);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out).kill_on_drop(true);
        Running { child: command.spawn().unwrap(), log, cookie }
    }

    /// Runs a body to its end.
    pub async fn run(&mut self, stage: &str, script: &str) -> Ended {
        self.begin(stage, script).ended().await
    }

    /// The same by GitLab's and Buildkite's shell: bash that stops at what fails, also in a pipe.
    pub async fn run_by_bash(&mut self, job: &str, script: &str) -> Ended {
        self.start(job, &["bash", "-eo", "pipefail"], script).ended().await
    }
}

impl Running {
    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        Ended { exit: status.code().unwrap_or(-1), log: std::fs::read_to_string(&self.log).unwrap() }
    }

    /// A person presses the red button: FileMonitoringTask.stop kills every process that carries the cookie
    /// (hudson.util.ProcessTree): children first, each with SIGTERM, and waits for each.
    pub async fn aborted(self) -> Ended {
        let cookie = format!("{COOKIE}={}", self.cookie);
        let killer = tokio::task::spawn_blocking(move || {
            let of_build = processes(&cookie);
            let is_parent = |pid: &i32| of_build.iter().any(|(_, parent)| parent == pid);
            let (parents, children): (Vec<i32>, Vec<i32>) = of_build.iter().map(|(pid, _)| *pid).partition(is_parent);
            assert!(!children.is_empty(), "nothing runs");
            for pid in children.into_iter().chain(parents) {
                terminate(pid);
            }
        });
        let ended = self.ended().await;
        killer.await.unwrap();
        ended
    }
}

/// Processes with that in their environment, and their parents.
fn processes(cookie: &str) -> Vec<(i32, i32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == cookie.as_bytes()) {
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
            found.push((pid, parent.unwrap_or(0)));
        }
    }
    found
}

fn terminate(pid: i32) {
    let Some(process) = Pid::from_raw(pid) else { return };
    // One that has ended already is no error.
    let _ended = kill_process(process, Signal::TERM);
    let end = Instant::now() + PATIENCE;
    while Path::new("/proc").join(pid.to_string()).exists() {
        assert!(Instant::now() < end, "process {pid} does not end");
        std::thread::sleep(LOOK);
    }
}
