//! The shell of a reader: one bash in which the commands of a block are typed, one after the other, as they stand.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::{PATIENCE, venv};

/// It ends with its owner.
pub(super) struct Shell {
    child: Child,
    keys: ChildStdin,
    exits: Lines<BufReader<ChildStdout>>,
    said: PathBuf,
}

/// How a command ended.
pub(super) struct Ended {
    pub exit: i32,
    /// Both of its streams.
    pub said: String,
}

impl Shell {
    /// In a folder, with the program of this build and the AWS CLI, and nothing of this process's environment but where
    /// the Engine is. What is said is kept beside the folder.
    pub fn new(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let shipit = Path::new(env!("CARGO_BIN_EXE_shipit")).parent().unwrap().display().to_string();
        let path = format!("{shipit}:{}:{}", venv::program("").display(), std::env::var("PATH").unwrap());
        let reader = folder.with_file_name("reader");
        std::fs::create_dir_all(&reader).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(folder).env_clear().kill_on_drop(true);
        command.env("PATH", path).env("HOME", &reader).env("LANG", "C.UTF-8");
        // The AWS CLI of the first major version knows the second name alone.
        command.env("AWS_REGION", "ap-northeast-2").env("AWS_DEFAULT_REGION", "ap-northeast-2");
        command.envs(std::env::var("DOCKER_HOST").map(|host| ("DOCKER_HOST", host))).envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, keys, exits: BufReader::new(out).lines(), said: reader.join("said") }
    }

    /// Types a command and waits for its end.
    pub async fn types(&mut self, text: &str) -> Ended {
        self.begins(text).await;
        self.ends(text).await
    }

    /// Waits for the end of what was typed.
    pub async fn ends(&mut self, text: &str) -> Ended {
        let line = tokio::time::timeout(PATIENCE, self.exits.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("it does not end: {text}: {}", self.said())).unwrap();
        let exit = line.unwrap_or_else(|| panic!("the shell ended: {text}")).parse().unwrap();
        Ended { exit, said: self.said() }
    }

    /// Only types it.
    pub async fn begins(&mut self, text: &str) {
        let line = format!("{{ {text}\n}} </dev/null >'{0}' 2>&1; echo $?\n", self.said.display());
        self.keys.write_all(line.as_bytes()).await.unwrap();
    }

    /// A person has seen enough: what runs is told to end.
    pub fn terminates(&self) {
        let shell = self.child.id().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        for child in children.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)) {
            kill_process(child, Signal::TERM).unwrap();
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }
}

#[tokio::test]
async fn what_is_set_stays_and_every_end_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let mut shell = Shell::new(&home, &[("A", "1")]);
    assert_eq!(shell.types("export B=$A$A  # twice").await.exit, 0);
    let ended = shell.types("echo \\\n  \"$B\"; (exit 3)").await;
    assert_eq!((ended.exit, ended.said.as_str()), (3, "11\n"));
    let ended = shell.types("cat; no-such-command").await;
    assert!(ended.exit == 127 && ended.said.contains("no-such-command"), "{}", ended.said);
}
