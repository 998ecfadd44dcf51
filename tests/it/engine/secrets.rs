//! Secrets in an image: it is not pushed, and no service is touched.

use shipit_core::event::{Event, ServiceOutcome};
use shipit_core::failure::{Code, Exit};
use shipit_core::leak::{Leak, Place, Rule};
use shipit_core::pipeline::{Kept, NotSecret};
use shipit_core::release::Digest;

use crate::support::faults::Op;
use crate::support::scenario::Scenario;

fn leak() -> Leak {
    let layer = Digest(format!("sha256:{}", "c0".repeat(32)));
    let place = Place::File { number: 3, layer, path: "app/test/server.key".into(), line: 1 };
    Leak { rule: Rule::Pattern("private_key"), place }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_holds_a_secret_is_not_pushed() {
    let scenario = Scenario::storefront();
    scenario.world.lock().images.leaks.insert("frontend".into(), vec![leak()]);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Failed, Code::SecretInImage));
    let words = run.words();
    for said in ["layer 3 (sha256:c0c0c0c0c0c0), `/app/test/server.key` line 1", "`private_key`"] {
        assert!(words.contains(said), "{words}");
    }
    assert_eq!(run.calls(Op::Push).iter().filter(|call| call.subject == "shop/frontend").count(), 0);
    assert_eq!(run.touches(), []);
    assert_eq!(*run.stands("backend"), ServiceOutcome::Untouched);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_named_as_no_secret_is_pushed() {
    let mut scenario = Scenario::storefront();
    scenario.world.lock().images.leaks.insert("frontend".into(), vec![leak()]);
    let exception = NotSecret { path: "app/test/**".into(), rule: None, reason: "made for the tests".into() };
    let image = scenario.pipeline.images.iter_mut().find(|image| image.name == "frontend").unwrap();
    image.secrets.exceptions.push(exception);
    assert_eq!(scenario.deploy().await.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn a_build_looks_for_its_cache_in_what_runs() {
    for (kept, from) in [(Kept::Nowhere, 0), (Kept::Inline, 1), (Kept::Registry, 1)] {
        let mut scenario = Scenario::storefront();
        scenario.pipeline.images.iter_mut().for_each(|image| image.cache.kept = kept);
        assert_eq!(scenario.deploy().await.exit, Exit::Done);
        scenario.commit("8d01c2e000000000000000000000000000000bbb", &["frontend"]);
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done);
        let cached = scenario.world.lock().images.caches["frontend"].clone();
        assert_eq!(cached.len(), from, "{kept:?}");
        assert!(cached.iter().all(|image| image.contains("/shop/frontend@sha256:")), "{cached:?}");
        let skipped = |event: &Event| matches!(event, Event::Notice { message } if message.contains("`cache: registry`"));
        assert_eq!(run.events.iter().any(skipped), kept == Kept::Registry);
    }
}
