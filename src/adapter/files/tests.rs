use std::fs;

use shipit_core::journal::{Fact, Undo};
use shipit_core::plan::StepId;
use shipit_core::release::Commit;

use super::*;
use crate::port::{Holder, Process};

fn entry(step: &str) -> Entry {
    Entry { at: jiff::Timestamp::UNIX_EPOCH, step: StepId(step.to_owned()), fact: Fact::Started { undo: Undo::Nothing } }
}

fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn head(name: &str) -> Head {
    let plan = serde_json::json!({"pipeline": "shop", "cluster": "shop", "tag": "0123456", "reused": {}, "unchanged": {}, "steps": [],
        "source": {"commit": "0123456789abcdef", "subject": null, "committed_at": null, "origin": null, "tree": {"state": "clean"}}});
    Head { run: run(name), by: "ana@laptop".to_owned(), plan: serde_json::from_value(plan).unwrap() }
}

fn failure(result: PortResult<()>) -> Failure {
    result.unwrap_err().into()
}

#[tokio::test]
async fn a_run_is_written_line_by_line_and_git_never_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    files.open(&head("01AB")).await.unwrap();
    for step in ["build:a", "push:a"] {
        files.record(&run("01AB"), &entry(step)).await.unwrap();
        let text = fs::read_to_string(folder.path().join(".shipit/runs/01AB/journal.jsonl")).unwrap();
        assert_eq!(Book::read(&text).unwrap().entries.last().unwrap().step.0, step);
    }
    assert_eq!(files.read(&run("01AB")).await.unwrap().head, head("01AB"));
    assert_eq!(fs::read_to_string(folder.path().join(".shipit/.gitignore")).unwrap(), "*\n");
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_before_the_next_fact() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join(".shipit/runs/01AB/journal.jsonl");
    let files = Files::open(folder.path()).unwrap();
    files.open(&head("01AB")).await.unwrap();
    files.record(&run("01AB"), &entry("one")).await.unwrap();
    drop(files);
    let whole = fs::read(&at).unwrap();
    let next_line = serde_json::to_vec(&entry("two")).unwrap();
    for cut in 0..next_line.len() {
        let mut torn = whole.clone();
        torn.extend_from_slice(&next_line[..cut]);
        fs::write(&at, &torn).unwrap();
        let files = Files::open(folder.path()).unwrap();
        files.record(&run("01AB"), &entry("three")).await.unwrap();
        let steps: Vec<String> =
            Book::read(&fs::read_to_string(&at).unwrap()).unwrap().entries.into_iter().map(|entry| entry.step.0).collect();
        assert_eq!(steps, ["one", "three"], "torn after {cut} bytes");
    }
}

#[tokio::test]
async fn artefacts_are_whole_and_stay_below_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    let path = Path::new("backend/imagedefinitions.json");
    assert_eq!(files.artefact(path, b"[1]").await.unwrap(), ".shipit/artifacts/backend/imagedefinitions.json");
    files.artefact(path, b"[2]").await.unwrap();
    let below = folder.path().join(".shipit/artifacts/backend");
    assert_eq!(fs::read(below.join("imagedefinitions.json")).unwrap(), b"[2]");
    assert_eq!(fs::read_dir(&below).unwrap().count(), 1, "no part is left beside it");

    std::os::unix::fs::symlink(folder.path(), folder.path().join(".shipit/artifacts/out")).unwrap();
    for bad in ["../x", "/etc/x", "a/../../x", "", ".", "..", "out/x"] {
        let told: Failure = files.artefact(Path::new(bad), b"x").await.unwrap_err().into();
        assert_eq!(told.code, Code::FileTrouble, "{bad}");
    }
    for bad in ["../x", "a/b", "", ".hidden", "a\0b"] {
        assert_eq!(failure(files.open(&head(bad)).await).code, Code::FileTrouble, "{bad}");
    }
}

#[tokio::test]
async fn a_reader_never_sees_half_an_artefact() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    let path = folder.path().join(".shipit/artifacts/a.json");
    files.artefact(Path::new("a.json"), &[b'0'; 1 << 16]).await.unwrap();
    let reader = std::thread::spawn(move || {
        for _ in 0..400 {
            let seen = fs::read(&path).unwrap();
            assert_eq!(seen.len(), 1 << 16);
            assert!(seen.iter().all(|byte| *byte == seen[0]), "a mix of two versions");
        }
    });
    let mut turn = 0_u8;
    while !reader.is_finished() {
        turn = (turn + 1) % 10;
        files.artefact(Path::new("a.json"), &[b'0' + turn; 1 << 16]).await.unwrap();
    }
    reader.join().unwrap();
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join(FOLDER).join(LOCK)
}

#[tokio::test]
async fn the_lock_names_its_holder_and_goes_back_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let first = Files::open(folder.path()).unwrap();
    assert_eq!(first.claim("alice@laptop", "deploy").await.unwrap(), Taken::Free);
    assert_eq!(first.claim("alice@laptop", "deploy").await.unwrap(), Taken::Held);
    let second = Files::open(folder.path()).unwrap();
    let early = failure(second.claim("ci", "deploy").await.map(drop));
    assert_eq!(early.code, Code::Locked);
    assert!(early.what.starts_with("alice@laptop holds the lock"), "{early:?}");
    assert!(early.because[0].contains(&format!("`deploy` (process {} on", std::process::id())), "{early:?}");

    let mut told = head("01AB");
    told.plan.source.subject = Some("free shipping".to_owned());
    first.open(&told).await.unwrap();
    let late = failure(second.open(&head("02CD")).await);
    assert!(late.because[0].starts_with("`deploy` 01AB ships 0123456 \"free shipping\" (process"), "{late:?}");
    let Standing::Held(Some(holder)) = standing(&lock_of(folder.path())).unwrap() else { panic!("it is held") };
    assert_eq!((holder.by.as_str(), holder.process.started > 0), ("alice@laptop", true));

    drop(first);
    assert_eq!(standing(&lock_of(folder.path())).unwrap(), Standing::Free);
    assert_eq!(second.claim("ci", "deploy").await.unwrap(), Taken::Free);
}

#[tokio::test]
async fn the_lock_of_a_run_that_died_is_taken_over_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    let dead = Holder {
        by: "https://ci.example/7".into(),
        doing: "deploy".into(),
        since: jiff::Timestamp::UNIX_EPOCH,
        process: Process { pid: 4_000_000, started: 1, host: "ci".into() },
        ships: Some(Ships { run: run("00XY"), commit: Commit("fedcba9".into()), subject: None }),
    };
    fs::write(lock_of(folder.path()), serde_json::to_vec(&dead).unwrap()).unwrap();
    assert_eq!(standing(&lock_of(folder.path())).unwrap(), Standing::Left(dead.clone()));
    assert_eq!(files.claim("alice@laptop", "deploy").await.unwrap(), Taken::Over(dead));
}

#[tokio::test]
async fn a_lock_is_released_by_force_or_when_its_process_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = lock_of(folder.path());
    assert_eq!(release(&path, Force::No).unwrap(), Standing::Free);
    let (first, second) = (Files::open(folder.path()).unwrap(), Files::open(folder.path()).unwrap());
    first.claim("alice@laptop", "deploy").await.unwrap();
    let told = release(&path, Force::No).unwrap_err();
    assert_eq!(told.code, Code::Locked);
    assert!(told.next[0].contains(&format!("kill {}", std::process::id())), "{told:?}");
    assert!(second.claim("ci", "deploy").await.is_err());

    assert!(matches!(release(&path, Force::Yes).unwrap(), Standing::Held(Some(_))));
    assert_eq!(second.claim("ci", "deploy").await.unwrap(), Taken::Free);
    // The one that was forced out ends and takes nothing from the one that came after it.
    drop(first);
    assert!(matches!(standing(&path).unwrap(), Standing::Held(Some(holder)) if holder.by == "ci"));
}

/// Many take and give back at once.
#[test]
fn never_two_hold_the_lock() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let folder = tempfile::tempdir().unwrap();
    let path = lock_of(folder.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (inside, went) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if let Ok((lock, _)) = lock::Lock::take(&path, "someone", "deploy") {
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the lock");
                        went.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                }
            });
        }
    });
    assert!(went.load(Ordering::SeqCst) >= 4, "{went:?} got it");
}

#[tokio::test]
async fn a_journal_that_was_cut_anywhere_is_read_up_to_its_last_whole_fact() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::open(folder.path()).unwrap();
    files.open(&head("01AB")).await.unwrap();
    for step in ["one", "two"] {
        files.record(&run("01AB"), &entry(step)).await.unwrap();
    }
    let at = folder.path().join(".shipit/runs/01AB/journal.jsonl");
    let whole = fs::read(&at).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&at, &whole[..cut]).unwrap();
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        match files.read(&run("01AB")).await {
            Ok(book) => assert_eq!(book.entries.len() + 1, lines, "cut at {cut}"),
            Err(error) => {
                let told: Failure = error.into();
                assert_eq!((told.code, lines), (Code::NoJournal, 0), "{told:?}");
                assert_eq!(told.next, ["shipit deploy"]);
            }
        }
    }
    fs::write(&at, b"{}\nnothing\n").unwrap();
    let told: Failure = files.read(&run("01AB")).await.unwrap_err().into();
    assert!(told.because[0].starts_with("line 1"), "{told:?}");
}

#[tokio::test]
async fn a_journal_from_elsewhere_is_taken_in_unless_another_is_here() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = |folder: &tempfile::TempDir| folder.path().join(".shipit/runs/01AB/journal.jsonl");
    let theirs = Files::open(there.path()).unwrap();
    theirs.open(&head("01AB")).await.unwrap();
    theirs.record(&run("01AB"), &entry("one")).await.unwrap();
    let text = fs::read_to_string(journal(&there)).unwrap();

    let ours = Files::open(here.path()).unwrap();
    assert_eq!(ours.adopt(&format!("{text}{{\"torn")).await.unwrap(), run("01AB"));
    let book = ours.reopen(&run("01AB")).await.unwrap();
    assert_eq!((book.head, book.entries), (head("01AB"), vec![entry("one")]));
    ours.record(&run("01AB"), &entry("two")).await.unwrap();
    ours.adopt(&text).await.unwrap();
    assert_eq!(ours.read(&run("01AB")).await.unwrap().entries.len(), 2, "an older copy takes nothing away");

    theirs.record(&run("01AB"), &entry("three")).await.unwrap();
    let told: Failure = ours.adopt(&fs::read_to_string(journal(&there)).unwrap()).await.unwrap_err().into();
    assert_eq!(told.code, Code::NoJournal);
    assert!(told.next[0].contains("shipit resume 01AB"), "{told:?}");
    let told: Failure = ours.adopt("nothing").await.unwrap_err().into();
    assert_eq!(told.code, Code::NoJournal);
    assert_eq!(ours.runs().await.unwrap(), [run("01AB")]);
    let told: Failure = ours.read(&run("02CD")).await.unwrap_err().into();
    assert_eq!(told.next, ["shipit resume 01AB"]);
}

#[tokio::test]
async fn the_note_alone_tells_how_the_lock_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".shipit").join(LOCK);
    assert_eq!(noted(&path), Standing::Free);
    let files = Files::open(folder.path()).unwrap();
    files.claim("ana@laptop", "deploy").await.unwrap();
    let Standing::Held(Some(holder)) = noted(&path) else { panic!("{:?}", noted(&path)) };
    assert_eq!((holder.by.as_str(), holder.doing.as_str()), ("ana@laptop", "deploy"));
    drop(files);
    assert_eq!(noted(&path), Standing::Free);
    let mut dead = holder.clone();
    dead.process.started += 1;
    fs::write(&path, serde_json::to_string(&dead).unwrap()).unwrap();
    assert_eq!(noted(&path), Standing::Left(dead.clone()));
    // Of another host's processes nothing is known here.
    dead.process.host = "elsewhere".into();
    fs::write(&path, serde_json::to_string(&dead).unwrap()).unwrap();
    assert_eq!(noted(&path), Standing::Held(Some(dead)));
}
