//! The commands of every page's blocks, typed in a shell: in the scene that the block names, ending as the page says.

use futures_util::future::join_all;

use super::elsewhere::{all, reason};
use super::scenes::{Scene, Set};

/// Types what the pages show in a scene, in the order of the pages; answers what did not end as it should.
async fn plays(scene: Scene) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut set = Set::up(scene).await;
    for block in all().into_iter().filter(|block| block.scene.as_deref() == Some(scene.word())) {
        let mut shell = set.shell(&block).await;
        let typed = block.commands.iter().filter(|typed| reason(&typed.text).is_none());
        for (nth, typed) in typed.enumerate() {
            set.before(nth, &typed.text).await;
            let ended = set.types(&mut shell, &typed.text).await;
            if ended.exit != typed.exit {
                complaints.push(format!("{}: {} ended with {}:\n{}", block.place, typed.text, ended.exit, ended.said));
            }
        }
    }
    set.down().await;
    complaints
}

async fn all_play(scenes: &[Scene]) {
    let complaints = join_all(scenes.iter().map(|scene| plays(*scene))).await.concat();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_commands_of_the_pages_end_as_the_pages_say() {
    all_play(&Scene::QUICK).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_the_commands_of_the_pages_for_history_pauses_scripts_and_jobs_end_as_the_pages_say() {
    all_play(&Scene::SLOW).await;
}
