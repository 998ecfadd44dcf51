//! The real program, as a process that may be killed.

use std::path::Path;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::{Child, Command};

use super::application::Version;
use crate::support::PATIENCE;

const COMMIT: &str = "4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";

/// Of `probe` and its password: what `/guarded` of the application asks for.
pub const CREDENTIALS: &str = "cHJvYmU6czNjcmV0";

/// A process.
pub struct Program(Child);

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// None when it was killed.
    pub exit: Option<i32>,
    /// What it said to a person.
    pub said: String,
}

impl Program {
    /// Starts it in a folder.
    pub fn begin(folder: &Path, arguments: &[&str], version: Version) -> Self {
        let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
        command.args(arguments).arg("--sandbox");
        if !arguments.contains(&"--output") && arguments[0] != "codepipeline-worker" {
            command.args(["--output", "lines"]);
        }
        if arguments.iter().any(|argument| ["deploy", "push"].contains(argument)) {
            command.args(["--commit", COMMIT]);
        }
        command.env_clear().envs(kept).env("HOME", folder).current_dir(folder);
        command.env("VERSION", version.number.to_string()).env("KIND", version.kind).env("CREDENTIALS", CREDENTIALS);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self(command.spawn().unwrap())
    }

    /// Its process.
    pub fn id(&self) -> Pid {
        let id = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        id.expect("nobody has waited for it yet")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// `kill -9`.
    pub async fn kill(mut self) -> Ended {
        self.0.start_kill().unwrap();
        self.ended().await
    }

    /// Waits for its end.
    pub async fn ended(self) -> Ended {
        let output = tokio::time::timeout(PATIENCE, self.0.wait_with_output()).await.expect("shipit ends").unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ended { exit: output.status.code(), said }
    }
}
