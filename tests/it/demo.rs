//! The demo, as `make demo` runs it: four deploys under load, and again with nothing to build or push.

use std::path::Path;
use std::process::Command;

/// The demo's table of so many commits; waits twice as short as for people.
fn demo(folder: &Path, commits: usize) -> Vec<Row> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo");
    let done = Command::new(script)
        .env("SHIPIT_PROGRAM", env!("CARGO_BIN_EXE_shipit"))
        .env("SHIPIT_DEMO_FOLDER", folder)
        .env("SHIPIT_DEMO_COMMITS", commits.to_string())
        .env("SHIPIT_DEMO_CLOCK", "20")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&done.stderr).into_owned());
    assert!(done.status.success(), "{out}\n{err}");
    let table = out.lines().skip_while(|line| !line.starts_with("  commit")).skip(1).take(commits);
    let rows: Vec<Row> = table.map(Row::read).collect();
    assert_eq!(rows.len(), commits, "{out}");
    rows
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    exit: String,
    images: String,
    /// Requests to the frontend by the version that answered.
    frontend: Vec<(String, u32)>,
    failed: u32,
}

impl Row {
    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let by_version = |part: &str| {
            let (version, count) = part.split_once(": ").unwrap();
            (version.to_owned(), count.parse().unwrap())
        };
        Self {
            exit: cells[2].to_owned(),
            images: cells[4].to_owned(),
            frontend: cells[5].split(", ").map(by_version).collect(),
            failed: cells[cells.len() - 2].parse().unwrap(),
        }
    }

    fn served_by(&self, version: &str) -> u32 {
        self.frontend.iter().find(|(served, _)| served == version).map_or(0, |(_, count)| *count)
    }
}

#[test]
#[ignore = "needs Docker"]
fn the_demo_ends_as_it_says_and_a_second_one_builds_and_pushes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(folder.path(), 4);
    let exits: Vec<&str> = first.iter().map(|row| row.exit.as_str()).collect();
    assert_eq!(exits, ["0", "0", "4", "4"]);
    assert!(first.iter().all(|row| row.images == "2 built, 2 pushed"), "{first:?}");
    assert!(first[..2].iter().all(|row| row.failed == 0), "{first:?}");
    // Of the version that fails under load a tenth of the traffic saw something, and never more than its share.
    let (seen, stable) = (first[3].served_by("4") + first[3].failed, first[3].served_by("2"));
    assert!(first[3].failed > 0 && seen * 6 < stable, "{first:?}");
    let second = demo(folder.path(), 2);
    assert!(second.iter().all(|row| row.exit == "0" && row.images == "0 built, 0 pushed"), "{second:?}");
}
