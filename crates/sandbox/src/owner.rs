//! Which process a sandbox's containers belong to, and whether it still lives.

use std::collections::HashMap;
use std::fs;

/// The label that carries the sandbox's id; everything the sandbox makes in the Engine has it.
pub const LABEL_ID: &str = "shipit.sandbox";
const LABEL_PID: &str = "shipit.sandbox.pid";
const LABEL_STARTED: &str = "shipit.sandbox.pid-started";
const LABEL_PLACE: &str = "shipit.sandbox.place";

/// A sandbox and its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The sandbox's id.
    pub id: String,
    /// The process.
    pub process: Process,
}

/// A process that cannot be taken for another one which later has the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its start in clock ticks since boot (`/proc/PID/stat`, field 22); 0 where the system does not tell.
    pub started: u64,
    /// The boot and the pid namespace in which the number means something; empty where the system does not tell.
    pub place: String,
}

impl Owner {
    /// This process as the owner of a sandbox.
    pub fn this(id: impl Into<String>) -> Self {
        Self { id: id.into(), process: Process::this() }
    }

    /// The labels for containers, networks and volumes.
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (LABEL_ID.to_owned(), self.id.clone()),
            (LABEL_PID.to_owned(), self.process.pid.to_string()),
            (LABEL_STARTED.to_owned(), self.process.started.to_string()),
            (LABEL_PLACE.to_owned(), self.process.place.clone()),
        ])
    }

    /// Reads the labels back; none when they are not a sandbox's.
    pub fn from_labels(labels: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            id: labels.get(LABEL_ID)?.clone(),
            process: Process {
                pid: labels.get(LABEL_PID)?.parse().ok()?,
                started: labels.get(LABEL_STARTED)?.parse().ok()?,
                place: labels.get(LABEL_PLACE)?.clone(),
            },
        })
    }
}

/// What can be said about a process from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It has ended.
    Dead,
    /// It lives, if at all, in another pid namespace: nothing can be said.
    Unknown,
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).ticks(), place: place() }
    }

    /// Does it still run? A start time that differs is another process with the same number.
    pub fn life(&self) -> Life {
        let here = place();
        if self.place != here {
            let boot = |place: &str| place.split('/').next().map(str::to_owned);
            return if boot(&self.place) == boot(&here) { Life::Unknown } else { Life::Dead };
        }
        match (is_there(self.pid), started(self.pid)) {
            // A process that has ended and whose parent has not asked yet how, has ended.
            (false, _) => Life::Dead,
            (true, Started::Ended) => Life::Dead,
            (true, Started::At(started)) if self.started != 0 && started != self.started => Life::Dead,
            (true, _) => Life::Alive,
        }
    }
}

#[cfg(unix)]
fn is_there(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// No sandbox is started on Windows.
#[cfg(windows)]
fn is_there(_: u32) -> bool {
    true
}

/// What `/proc` tells of a process.
enum Started {
    /// Its start time, in ticks since the boot.
    At(u64),
    /// It has ended, and its parent has not noticed.
    Ended,
    /// Nothing.
    Unknown,
}

impl Started {
    /// The start time; 0 where it is not known.
    fn ticks(&self) -> u64 {
        match self {
            Started::At(ticks) => *ticks,
            Started::Ended | Started::Unknown => 0,
        }
    }
}

/// Fields 3 and 22 of `/proc/PID/stat`; the second field is the name in brackets and may hold anything.
fn started(pid: u32) -> Started {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, after)| after.split_whitespace().collect()).unwrap_or_default();
    match (fields.first(), fields.get(19).and_then(|ticks| ticks.parse().ok())) {
        (Some(&"Z" | &"X"), _) => Started::Ended,
        (_, Some(ticks)) => Started::At(ticks),
        (_, None) => Started::Unknown,
    }
}

fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match boot.trim() {
        "" => String::new(),
        boot => format!("{boot}/{}", namespace.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_back_to_the_owner() {
        let owner = Owner::this("one");
        assert_eq!(Owner::from_labels(&owner.labels()), Some(owner));
        assert_eq!(Owner::from_labels(&HashMap::new()), None);
    }

    #[test]
    fn a_process_lives_until_it_ends_and_its_number_is_not_enough() {
        let this = Process::this();
        assert_eq!(this.life(), Life::Alive);
        assert_eq!(Process { started: this.started + 1, ..this.clone() }.life(), Life::Dead);

        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let process = Process { pid, started: started(pid).ticks(), place: place() };
        assert_eq!(process.life(), Life::Alive);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.life(), Life::Dead);
    }

    #[test]
    fn another_namespace_is_not_judged_another_boot_is_over() {
        let this = Process::this();
        let boot = this.place.split('/').next().unwrap();
        assert_eq!(Process { place: format!("{boot}/pid:[1]"), ..this.clone() }.life(), Life::Unknown);
        assert_eq!(Process { place: "earlier/pid:[1]".to_owned(), ..this.clone() }.life(), Life::Dead);
    }
}
