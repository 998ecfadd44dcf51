//! The quick start as somebody types it, against a sandbox that runs already.

use super::commands::{Shown, commands, words};
use super::page;
use crate::together::stage::Stage;

/// What `--detailed-exitcode` says where there is something to do.
const CHANGES: i32 = 10;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_the_commands_of_the_quick_start_do_what_they_say() {
    let stage = Stage::new("quick-start").await;
    let home = stage.home();
    for note in ["first", "second", "third"] {
        stage.run(&home, &["deploy", "--sandbox"], note).await.done();
    }
    let typed = commands(&page("docs/quick-start.md")).into_iter().filter(|(shown, _)| *shown == Shown::ToBeTyped);
    let mut ran = 0;
    for (_, line) in typed {
        let words = words(&line).unwrap();
        let mut arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        // That one begins and ends a sandbox of its own.
        if matches!(arguments[..], ["sandbox", "up" | "down", ..]) {
            continue;
        }
        if !arguments.contains(&"--sandbox") {
            arguments.push("--sandbox");
        }
        let ended = stage.run(&home, &arguments, "typed").await;
        let asks = arguments.contains(&"--detailed-exitcode");
        assert!(ended.exit == 0 || asks && ended.exit == CHANGES, "{line}: exit {}: {}", ended.exit, ended.said);
        ran += 1;
    }
    assert!(ran > 10, "{ran}");
    stage.finish().await;
}
