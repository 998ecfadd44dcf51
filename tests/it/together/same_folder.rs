//! Two processes with the same state folder: one goes, the other refuses with the first's name; never two.

use super::stage::{Stage, ended};

async fn rounds(name: &str, count: usize) {
    let stage = Stage::new(name).await;
    let home = stage.home();
    for round in 0..count {
        let since = stage.record().len();
        let notes = [format!("{round}-one"), format!("{round}-two")];
        let children = [stage.deploy(&home, &notes[0]), stage.deploy(&home, &notes[1])];
        let [one, two] = children.map(ended);
        let (one, two) = tokio::join!(one, two);
        let (winner, loser, note) = match (one.exit, two.exit) {
            (0, 2) => (one, two, &notes[0]),
            (2, 0) => (two, one, &notes[1]),
            exits => panic!("round {round}: {exits:?}\n{}\n{}", one.said, two.said),
        };
        assert!(loser.said.contains("refused[SHIP603]"), "{}", loser.said);
        assert!(loser.said.contains(&Stage::who(note)), "the first is named: {}", loser.said);
        assert!(!winner.said.contains("SHIP"), "{}", winner.said);
        for operation in ["RegisterTaskDefinition", "UpdateService"] {
            assert_eq!(stage.answered(since, operation).len(), 1, "round {round}: {operation}");
        }
        let lock = stage.run(&home, &["lock", "status"], "status").await;
        assert_eq!(lock.said.trim(), "nobody holds the lock", "round {round}");
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn one_of_two_in_a_folder_goes_and_the_other_names_it() {
    rounds("same-folder", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_one_of_two_in_a_folder_goes_twenty_rounds() {
    rounds("same-folder-20", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_lock_of_a_killed_run_is_told_released_or_taken_over() {
    let stage = Stage::new("killed").await;
    let home = stage.home();
    let slow = stage.fault(serde_json::json!({"match": {"resource": "web"}, "kind": "slow_start", "seconds": 400.0})).await;
    let since = stage.record().len();
    let mut first = stage.deploy(&home, "first");
    stage.until("it rolls", async |stage| (!stage.answered(since, "UpdateService").is_empty()).then_some(())).await;
    let told = stage.run(&home, &["lock", "status"], "status").await;
    assert!(told.said.contains(&format!("{} holds the lock", Stage::who("first"))), "{}", told.said);
    assert!(told.said.contains("\"sell tea and honey\""), "{}", told.said);
    let refused = stage.run(&home, &["lock", "release"], "release").await;
    assert_eq!(refused.exit, 2, "{}", refused.said);
    assert!(refused.said.contains("whose process lives"), "{}", refused.said);

    first.kill().await.unwrap();
    let told = stage.run(&home, &["lock", "status"], "status").await;
    assert!(told.said.contains("has ended"), "{}", told.said);
    stage.end_fault(&slow).await;
    stage.steady().await;
    let second = stage.run(&home, &["deploy", "--sandbox"], "second").await;
    second.done();
    assert!(second.said.contains("the lock is taken over"), "{}", second.said);
    assert!(second.said.contains(&Stage::who("first")), "{}", second.said);
    stage.finish().await;
}
