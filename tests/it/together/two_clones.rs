//! Two clones with state folders of their own: AWS has no compare-and-set, so the later UpdateService wins, and the other one
//! leaves with exit 7 at its next look and without an act.

use serde_json::{Value, json};

use super::stage::{Ended, Stage, ended};

/// The revision that a call of UpdateService asked for.
fn asked(exchange: &Value) -> &str {
    exchange["request"]["taskDefinition"].as_str().unwrap()
}

/// When the sandbox took the change. The record has replies in the order in which they were written, which can be another.
fn taken_at(exchange: &Value) -> f64 {
    exchange["reply"]["service"]["deployments"][0]["createdAt"].as_f64().unwrap()
}

/// Whose tag a registered revision carries.
fn registered_by(stage: &Stage, since: usize, revision: &str) -> String {
    let registered = stage.answered(since, "RegisterTaskDefinition");
    let of = |exchange: &&Value| exchange["reply"]["taskDefinition"]["taskDefinitionArn"] == revision;
    let tags = registered.iter().find(of).expect("a revision of this round")["request"]["tags"].clone();
    let by = tags.as_array().unwrap().iter().find(|tag| tag["key"] == "shipit:by").expect("it says whose it is");
    by["value"].as_str().unwrap().to_owned()
}

async fn rounds(name: &str, count: usize) {
    let stage = Stage::new(name).await;
    let clones = [stage.clone_of("one").await, stage.clone_of("two").await];
    for round in 0..count {
        let since = stage.record().len();
        let notes = [format!("{round}-one"), format!("{round}-two")];
        // Both are past their look when the first UpdateService is taken: until then all are throttled.
        let slow = stage.fault(json!({"match": {"resource": "web"}, "kind": "slow_start", "seconds": 80.0})).await;
        let call = json!({"service": "ecs", "operation": "UpdateService"});
        let throttle = stage.fault(json!({"match": call, "kind": "throttle"})).await;
        let children = [stage.deploy(&clones[0], &notes[0]), stage.deploy(&clones[1], &notes[1])];
        stage
            .until("both ask for their change", async |stage| {
                let record = stage.record();
                let asking = record.iter().skip(since).filter(|exchange| exchange["operation"] == "UpdateService").map(asked);
                (asking.collect::<std::collections::BTreeSet<_>>().len() == 2).then_some(())
            })
            .await;
        stage.end_fault(&throttle).await;
        let both = stage.until("both have changed the service", async |stage| {
            Some(stage.answered(since, "UpdateService")).filter(|taken| taken.len() == 2)
        });
        let mut both = both.await;
        both.sort_by(|one, other| taken_at(one).total_cmp(&taken_at(other)));
        stage.end_fault(&slow).await;
        let [one, two] = children.map(ended);
        let ends = tokio::join!(one, two);
        judge(&stage, since, &both, [(&notes[0], ends.0), (&notes[1], ends.1)]).await;
        stage.steady().await;
        assert_eq!(stage.service().await["taskDefinition"], asked(&both[1]), "round {round}: the later one runs");
    }
    stage.finish().await;
}

async fn judge(stage: &Stage, since: usize, both: &[Value], ends: [(&String, Ended); 2]) {
    let (first, later) = (&both[0], &both[1]);
    let winner = registered_by(stage, since, asked(later));
    let exit_of = |by: &str| ends.iter().find(|(note, _)| Stage::who(note) == by).expect("one of the two");
    let (_, won) = exit_of(&winner);
    let (_, lost) = exit_of(&registered_by(stage, since, asked(first)));
    assert_eq!((won.exit, lost.exit), (0, 7), "{}\n{}", won.said, lost.said);
    let short = asked(later).rsplit('/').next().unwrap();
    for word in ["error[SHIP206]", short, &winner, "nothing of theirs is undone"] {
        assert!(lost.said.contains(word), "{word} in {}", lost.said);
    }
    // It looks by the time of its own call: one look after the later call, and nothing else of it.
    let mine = taken_at(first) - 2.0;
    let record = stage.record();
    let taken = record.iter().position(|exchange| exchange == later).unwrap();
    let is_mine = |exchange: &&Value| {
        exchange["operation"] == "ListServiceDeployments"
            && exchange["request"]["createdAt"]["after"].as_f64().is_some_and(|after| (after - mine).abs() < 0.0015)
    };
    let looks = record[taken..].iter().filter(is_mine).count();
    assert!(looks <= 1, "within one look, which may have been under way already: {looks}");
    assert_eq!(stage.answered(since, "StopServiceDeployment").len(), 0, "nothing of theirs is stopped");
    assert_eq!(stage.answered(since, "UpdateService").len(), 2, "and nothing is asked for again");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_later_of_two_clones_wins_and_the_other_leaves_at_its_next_look() {
    rounds("clones", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_the_later_of_two_clones_wins_twenty_rounds() {
    rounds("clones-20", 20).await;
}
