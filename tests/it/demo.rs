//! The demo, as `make demo` runs it: three deploys under load, and a second time with nothing to build or push.

use std::process::Command;

fn demo(folder: &std::path::Path) -> String {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo");
    let done = Command::new(script)
        .env("SHIPIT_PROGRAM", env!("CARGO_BIN_EXE_shipit"))
        .env("SHIPIT_DEMO_FOLDER", folder)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&done.stderr).into_owned());
    assert!(done.status.success(), "{out}\n{err}");
    out
}

/// The table's rows: exit code, images, failed requests.
fn rows(out: &str) -> Vec<(String, String, String)> {
    let table = out.lines().skip_while(|line| !line.starts_with("  commit")).skip(1).take(3);
    table
        .map(|line| {
            let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            (cells[2].to_owned(), cells[4].to_owned(), cells[cells.len() - 2].to_owned())
        })
        .collect()
}

#[test]
#[ignore = "needs Docker"]
fn the_demo_ends_as_it_says_and_a_second_one_builds_and_pushes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = rows(&demo(folder.path()));
    let exits: Vec<&str> = first.iter().map(|(exit, ..)| exit.as_str()).collect();
    assert_eq!(exits, ["0", "0", "4"]);
    assert!(first.iter().all(|(_, images, _)| images == "2 built, 2 pushed"), "{first:?}");
    assert!(first[..2].iter().all(|(.., failed)| failed == "0"), "{first:?}");
    let second = rows(&demo(folder.path()));
    let exits: Vec<&str> = second.iter().map(|(exit, ..)| exit.as_str()).collect();
    assert_eq!(exits, ["0", "0", "4"]);
    assert!(second.iter().all(|(_, images, _)| images == "0 built, 0 pushed"), "{second:?}");
}
