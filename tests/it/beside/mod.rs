//! The same binary beside a stranger: one good rollout, one that crashes and is rolled back, and a good one after it, on the
//! sandbox and on ministack, which nobody here wrote. What differs is on one list; everything else must be equal.

mod divergences;
mod ministack;
mod state;
mod story;
mod world;

use crate::support::sandbox::TestSandbox;
use divergences::KNOWN;
use ministack::Ministack;
use story::Story;
use world::World;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_rollout_and_a_rollback_are_the_same_on_ministack() {
    // Real time: ministack has no other.
    let (sandbox, ministack) = (TestSandbox::with_engine("beside", 1.0).await, Ministack::start().await);
    let folder = tempfile::tempdir().unwrap();
    let here = World::new("sandbox", sandbox.endpoint(), folder.path());
    let there = World::new("ministack", ministack.endpoint(), folder.path());
    let (mut here, mut there) = tokio::join!(Story::of(&here), Story::of(&there));
    for divergence in KNOWN {
        assert!(
            (divergence.shown)(&here, &there),
            "no longer so: {}\nsandbox: {here:#?}\nministack: {there:#?}",
            divergence.what
        );
    }
    for divergence in KNOWN {
        (divergence.fold)(&mut here);
        (divergence.fold)(&mut there);
    }
    let same = here.to_string() == there.to_string();
    assert!(same, "they differ in more than what is known\n\nSANDBOX\n{here}\nMINISTACK\n{there}");
    sandbox.finish().await;
}
