//! What the plan says of a push, and `compression: zstd` that is refused before anything is built.

use shipit::engine::observe;
use shipit_core::failure::{Code, Exit};
use shipit_core::pipeline::Compression;
use shipit_core::plan::{Reuse, StepKind, plan};
use shipit_core::push::{Expected, Reach};
use shipit_core::runtime::{Instance, Runtime};

use crate::support::faults::{Op, When, denied};
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const NEXT: &str = "8d01c2e0000000000000000000000000000000bb";
const CONTAINERDS: Reach = Reach::None { why: "its image store is containerd's" };

fn zstd() -> Scenario {
    let mut scenario = Scenario::storefront();
    scenario.pipeline.images[0].compression = Compression::Zstd;
    scenario.world.lock().images.reach = Some(Reach::Layers);
    scenario
}

/// A scenario whose backend is on instances with that Docker.
fn on_docker(version: &str) -> Scenario {
    let scenario = zstd();
    scenario.ecs("backend", |service| service.runtime = Runtime::Instances { providers: Vec::new() });
    let instance = Instance { name: "i-0a1b2c3d4e5f60001".into(), provider: None, docker: Some(version.into()) };
    scenario.world.lock().ecs.instances = vec![instance];
    scenario
}

fn asked(run: &Run) -> [usize; 2] {
    [Op::AskEngine, Op::ListInstances].map(|operation| run.calls(operation).len())
}

fn refused(run: &Run, because: &str) {
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::NoZstd), "{:?}", run.outcome);
    assert_eq!((run.calls(Op::Build).len(), run.writes()), (0, Vec::new()), "nothing was done");
    let words = run.words();
    assert!(words.contains(because) && words.contains("compression: gzip"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn the_engine_is_asked_where_something_will_be_pushed() {
    let scenario = Scenario::storefront();
    assert_eq!(asked(&scenario.deploy().await), [1, 0]);
    assert_eq!(asked(&scenario.deploy().await), [0, 0], "all of it is in the registry");
    scenario.commit(NEXT, &[]);
    assert_eq!(asked(&scenario.deploy().await), [0, 0], "by its content");
}

#[tokio::test(start_paused = true)]
async fn the_plan_says_who_will_push() {
    for (reach, said) in [
        (None, None),
        (Some(Reach::Layers), Some(Expected::LayerByLayer)),
        (Some(Reach::Archive), Some(Expected::Engine { why: "its files cannot be read here".into() })),
        (Some(CONTAINERDS), Some(Expected::Engine { why: "its image store is containerd's".into() })),
    ] {
        let scenario = Scenario::storefront();
        scenario.world.lock().images.reach = reach;
        let (ports, clock) = (scenario.world.ports(), scenario.world.lock().clock);
        let interrupt = scenario.world.lock().interrupt.subscribe();
        let context = scenario.context(&ports, clock, &|_| {}, interrupt);
        let snapshot = observe::observe(&context, &scenario.wish, Reuse::Same).await.unwrap();
        let plan = plan(&scenario.pipeline, &snapshot, Reuse::Same).unwrap();
        let pushes: Vec<_> = plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Push { .. })).collect();
        assert_eq!(pushes.len(), 2);
        for step in pushes {
            let StepKind::Push { way, .. } = &step.kind else { unreachable!() };
            assert_eq!(*way, said);
            assert!(said.iter().all(|said| step.because.ends_with(&said.to_string())), "{}", step.because);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn zstd_is_refused_before_anything_is_built() {
    let scenario = zstd();
    scenario.world.lock().images.reach = Some(CONTAINERDS);
    refused(&scenario.deploy().await, "its image store is containerd's");

    let scenario = zstd();
    scenario.ecs("backend", |service| service.runtime = Runtime::Fargate { platform: "1.3.0".into() });
    let run = scenario.deploy().await;
    refused(&run, "platform version 1.3.0");
    assert_eq!(asked(&run), [1, 0], "no instance runs it");

    refused(&on_docker("DockerVersion: 20.10.25").deploy().await, "whose Docker is 20.10.25");
}

#[tokio::test(start_paused = true)]
async fn zstd_is_pushed_where_nothing_is_known_against_it() {
    let run = on_docker("DockerVersion: 25.0.8").deploy().await;
    assert_eq!((run.exit, asked(&run)), (Exit::Done, [1, 1]));
    let scenario = on_docker("DockerVersion: 20.10.25");
    scenario.world.lock().faults.fail_next(Op::ListInstances, 1, When::Before, denied(Op::ListInstances));
    assert_eq!(scenario.deploy().await.exit, Exit::Done, "what cannot be read is no refusal");
    assert_eq!(zstd().deploy().await.exit, Exit::Done);

    // Gzip is read everywhere: nobody is asked.
    let mut scenario = on_docker("DockerVersion: 20.10.25");
    scenario.pipeline.images[0].compression = Compression::Gzip;
    let run = scenario.deploy().await;
    assert_eq!((run.exit, asked(&run)), (Exit::Done, [1, 0]));
}
