//! Which old revisions of a family may go: none that anything uses, none that a service would be rolled back to.

use std::collections::BTreeMap;

use crate::release::Revision;

/// What uses a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// A service runs it, or a deployment of it moves to or from it.
    Service {
        /// `cluster/service`.
        service: String,
    },
    /// A task runs it.
    Task {
        /// The task's id.
        task: String,
    },
    /// A schedule or rule started a task of it within the last hour.
    Schedule {
        /// The task's `startedBy`.
        schedule: String,
    },
    /// A person named it.
    Spared,
}

impl std::fmt::Display for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Use::Service { service } => write!(f, "used by the service {service}"),
            Use::Task { task } => write!(f, "used by the task {task}"),
            Use::Schedule { schedule } => write!(f, "used by the schedule {schedule}"),
            Use::Spared => f.write_str("spared, as told"),
        }
    }
}

/// What becomes of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is used.
    Used(Use),
    /// A service would be rolled back to it.
    WayBack {
        /// The service.
        service: String,
        /// How many revisions back, from 1.
        steps: usize,
    },
    /// It is newer than all that services run: it may be on its way.
    Newer,
    /// It is one of the newest that are kept.
    Kept,
    /// It goes.
    Goes,
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fate::Used(using) => using.fmt(f),
            Fate::WayBack { service, steps: 1 } => write!(f, "`{service}` would be rolled back to it"),
            Fate::WayBack { service, steps } => write!(f, "`{service}` would be rolled back to it in {steps} steps"),
            Fate::Newer => f.write_str("newer than what runs: it may be on its way"),
            Fate::Kept => f.write_str("one of the newest"),
            Fate::Goes => f.write_str("old, and nothing uses it"),
        }
    }
}

/// A family before it is pruned.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Its ACTIVE revisions, in any order.
    pub revisions: Vec<Revision>,
    /// What uses which of them.
    pub uses: BTreeMap<Revision, Vec<Use>>,
    /// By service, the good revisions it would be rolled back to, nearest first.
    pub ways_back: BTreeMap<String, Vec<Revision>>,
}

/// What becomes of each revision, newest first. `keep` of the newest that do not run are kept, and as many of each service's
/// way back; at least one of either, whatever is asked.
pub fn judge(family: &Family, keep: usize) -> Vec<(Revision, Fate)> {
    let keep = keep.max(1);
    let mut newest_first = family.revisions.clone();
    newest_first.sort_by_key(|revision| std::cmp::Reverse(number(revision)));
    newest_first.dedup();
    let runs =
        |revision: &Revision| family.uses.get(revision).into_iter().flatten().any(|using| matches!(using, Use::Service { .. }));
    let newest_running = newest_first.iter().filter(|revision| runs(revision)).map(number).max();
    let mut kept = 0;
    let mut fate = |revision: &Revision| {
        if let Some(using) = family.uses.get(revision).and_then(|uses| uses.iter().min()) {
            return Fate::Used(using.clone());
        }
        let newer = newest_running.is_some_and(|running| number(revision) > running);
        if !newer {
            kept += 1;
        }
        let way_back = family.ways_back.iter().find_map(|(service, way)| {
            let place = way.iter().take(keep).position(|back| back == revision)?;
            Some(Fate::WayBack { service: service.clone(), steps: place + 1 })
        });
        match way_back {
            Some(fate) => fate,
            None if newer => Fate::Newer,
            None if kept <= keep => Fate::Kept,
            None => Fate::Goes,
        }
    };
    newest_first.iter().map(|revision| (revision.clone(), fate(revision))).collect()
}

fn number(revision: &Revision) -> u64 {
    revision.short().rsplit(':').next().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}
