//! A case is brought about.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::codedeploy;
use super::outcome::{At, Expected, Fails, Guard, Outcome, With, stages};
use super::place::Place;
use super::program::{Ended, Program};
use super::site::Site;
use super::strategy::Strategy;
use super::table::Row;
use super::world::{Driver, World};

/// Between two looks at what a process has told.
const LOOK: Duration = Duration::from_millis(20);

/// A strategy and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub strategy: Strategy,
    pub outcome: Outcome,
}

impl Case {
    /// All of them; those that take longest first.
    pub fn all(driver: Driver) -> Vec<Self> {
        let of = |strategy: Strategy| Outcome::all(strategy).into_iter().map(move |outcome| Self { strategy, outcome });
        let is_there = |strategy: &Strategy| driver == Driver::Ecs || *strategy != Strategy::Rolling;
        let mut all: Vec<Self> = Strategy::ALL.into_iter().filter(is_there).flat_map(of).collect();
        all.sort_by_key(|case| !matches!(case.outcome, Outcome::Left(Guard::Judge, _) | Outcome::Resumed(_)));
        all
    }

    pub fn name(self) -> String {
        format!("{}-{}", self.strategy.word(), self.outcome.word())
    }

    /// Brings it about, and answers what came of it, with what is not as it should be.
    pub async fn play(self, world: &World) -> (Row, Vec<String>) {
        let Self { strategy, outcome } = self;
        let name = self.name();
        let (lines, configuration) = match world.driver {
            Driver::Ecs => (outcome.lines(strategy, &name), outcome.configuration(strategy, &name)),
            Driver::CodeDeploy => (codedeploy::lines(outcome, strategy, &name), codedeploy::over(outcome)),
        };
        let site = Site::new(world, &name, 1, strategy, &lines, &configuration).await;
        let version = outcome.version();
        let run = site.shipit(&["deploy"], version);
        let ended = match outcome {
            Outcome::Success | Outcome::Crash | Outcome::Unhealthy | Outcome::Broken | Outcome::BrokenAlarmed => {
                vec![run.ended().await]
            }
            Outcome::Alarm => {
                site.serves(version).await;
                site.alarm("ALARM").await;
                vec![run.ended().await]
            }
            Outcome::Stopped => {
                site.serves(version).await;
                site.stop().await;
                vec![run.ended().await]
            }
            Outcome::Interrupted => {
                site.serves(version).await;
                kill_process(run.id(), Signal::TERM).unwrap();
                vec![run.ended().await]
            }
            Outcome::Unanswered => {
                let paused = run.ended().await;
                site.settled().await;
                vec![paused, site.shipit(&["resume"], version).ended().await]
            }
            Outcome::Left(_, At::ScaleUp) => {
                let killed = killed_at(&site.folder, run, Place::new("SCALE_UP", 0.0)).await;
                site.settled().await;
                vec![killed]
            }
            Outcome::Left(_, At::Traffic) => {
                site.under_way().await;
                let killed = run.kill().await;
                site.settled().await;
                vec![killed]
            }
            Outcome::Resumed(with) => killed_and_resumed(&site, run, with).await,
        };
        let row = site.row_of(&name, version, ended).await;
        let expected = match world.driver {
            Driver::Ecs => outcome.expected(strategy),
            Driver::CodeDeploy => codedeploy::expected(outcome, strategy),
        };
        let complaints = complaints(&row, &expected, self, world.driver);
        (row, complaints)
    }
}

/// Kills a process once it has told of a place, and its journal has a plan; one that ends before is not killed.
async fn killed_at(folder: &Path, mut run: Program, wanted: Place) -> Ended {
    while run.runs() {
        let begun = || std::fs::read_to_string(journal(folder)).is_ok_and(|text| text.contains('\n'));
        if Place::of(folder).is_some_and(|place| place >= wanted) && begun() {
            return run.kill().await;
        }
        tokio::time::sleep(LOOK).await;
    }
    run.ended().await
}

/// Each process is killed a stage later than the one before, and each goes on in a folder of its own.
async fn killed_and_resumed(site: &Site<'_>, mut run: Program, with: With) -> Vec<Ended> {
    let mut all = Vec::new();
    let mut folder = site.folder.clone();
    for (round, wanted) in places(site.world.driver, site.strategy, with).into_iter().enumerate() {
        let ended = killed_at(&folder, run, wanted).await;
        let over = ended.exit.is_some();
        all.push(ended);
        if over {
            return all;
        }
        let next = site.another_folder(&format!("again-{round}"));
        let version = Outcome::Resumed(with).version();
        run = match with {
            With::Nothing => Program::begin(&next, &["resume"], version),
            With::Journal => {
                let journal = journal(&folder);
                Program::begin(&next, &["resume", "--journal", journal.to_str().unwrap()], version)
            }
        };
        folder = next;
    }
    all.push(run.ended().await);
    all
}

/// Where a run is killed, in order.
fn places(driver: Driver, strategy: Strategy, with: With) -> Vec<Place> {
    match driver {
        Driver::Ecs => stages(strategy, with),
        Driver::CodeDeploy => codedeploy::stages(strategy, with),
    }
}

/// The journal of the newest run of a folder.
fn journal(folder: &Path) -> PathBuf {
    let runs = std::fs::read_dir(folder.join(".shipit/runs")).unwrap();
    runs.map(|run| run.unwrap().path().join("journal.jsonl")).max().unwrap()
}

fn complaints(row: &Row, expected: &Expected, case: Case, driver: Driver) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |text: String| complaints.push(format!("{}: {text}", row.case));
    if row.exit != expected.exit {
        complain(format!("exit {:?}, not {:?}", row.exit, expected.exit));
    }
    let revision = format!("{}:{}", row.case, expected.revision);
    if row.revision != revision {
        complain(format!("it runs {}, not {revision}", row.revision));
    }
    if row.last != Some(expected.revision) {
        complain(format!("version {:?} serves in the end", row.last));
    }
    if row.shares() != expected.shares {
        complain(format!("its shares were {:?}, not {:?}", row.shares(), expected.shares));
    }
    let strange = match expected.fails {
        Fails::None => row.failed.first(),
        Fails::OfCandidate(_) => row.failed.iter().find(|failed| failed.by != Some(2)),
    };
    if let Some(strange) = strange {
        complain(format!("{} requests failed, {strange:?}", row.failed.len()));
    }
    if let Fails::OfCandidate(most) = expected.fails
        && !(1..=most).contains(&row.failed.len())
    {
        complain(format!("{} requests failed, not 1 to {most}", row.failed.len()));
    }
    let killed = row.before.iter().filter(|exit| exit.is_none()).count();
    let least = match (case.outcome, case.strategy) {
        // The last ones pass quickly.
        (Outcome::Resumed(_), Strategy::Rolling) => 1,
        (Outcome::Resumed(with), strategy) => places(driver, strategy, with).len() - 1,
        _ => 0,
    };
    if killed < least {
        complain(format!("only {killed} processes were killed, not {least}"));
    }
    complaints
}
