//! Real terminals: a tmux server of its own, in whose windows a shell runs what a person would type.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;

/// The server; it ends with this.
pub struct Tmux(TempDir);

impl Tmux {
    /// A server without anyone's settings. A missing tmux is a failure, not a skip.
    pub fn begin() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.0.path().join("socket")).args(["-u", "-f", "/dev/null"]).args(arguments);
        let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).env("HOME", self.0.path()).env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        command.output().expect("tmux is installed by `make tools`")
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a line in a terminal of that size; below what it leaves stands how it has exited.
    pub fn open(&self, window: &str, width: usize, height: usize, line: &str) {
        let script = format!("trap : INT; {line}; echo \"exited $?\"; exec cat");
        let (width, height) = (width.to_string(), height.to_string());
        self.done(&["new-session", "-d", "-s", window, "-x", &width, "-y", &height, "sh", "-c", &script]);
    }

    /// What is seen, without colour.
    pub fn screen(&self, window: &str) -> String {
        self.done(&["capture-pane", "-p", "-t", window])
    }

    /// What is seen, with the escapes that paint it.
    pub fn painted(&self, window: &str) -> String {
        self.done(&["capture-pane", "-p", "-e", "-t", window])
    }

    /// The person draws the window to another size.
    pub fn resize(&self, window: &str, width: usize, height: usize) {
        self.done(&["resize-window", "-t", window, "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Presses a key.
    pub fn keys(&self, window: &str, key: &str) {
        self.done(&["send-keys", "-t", window, key]);
    }

    /// Whether the cursor is there.
    pub fn cursor_is_shown(&self, window: &str) -> bool {
        self.done(&["display-message", "-p", "-t", window, "#{cursor_flag}"]).trim() == "1"
    }

    /// Whether what is typed is seen: a terminal that was left in raw mode shows nothing, or not at the beginning of a line.
    pub async fn echoes(&self, window: &str) -> bool {
        self.done(&["send-keys", "-t", window, "-l", "typed"]);
        self.keys(window, "Enter");
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            // Once as it is typed, once as `cat` answers the line.
            if self.screen(window).lines().filter(|line| *line == "typed").count() == 2 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}
