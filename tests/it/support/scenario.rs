//! A pipeline in a world, deployed as the command line does it, and what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit::engine::answer::{Stands, give, stand};
use shipit::engine::people::{Asks, People, Question};
use shipit::engine::record::Journal;
use shipit::engine::resume::{Asked, Foreign, Which, begin, find};
use shipit::engine::rollback::{Speed, Wanted, in_order, target};
use shipit::engine::{Context, observe, prune, rollback, run};
use shipit::port::{Clock, Ports, SourceWish};
use shipit_core::analysis::Judge;
use shipit_core::ancestry::Forced;
use shipit_core::event::{Event, Outcome};
use shipit_core::failure::{Exit, Failure};
use shipit_core::gate::GatePolicy;
use shipit_core::journal::{Book, Entry, Head};
use shipit_core::pipeline::{
    Compression, Image, OnInterrupt, Pause, PauseAt, Pipeline, Service, Shift, Smoke, Steps, Strategy, TaskDefinitionSource,
    WhenSame,
};
use shipit_core::plan::{Plan, Reuse, plan};
use shipit_core::prune::Fate;
use shipit_core::release::{Revision, RunId};
use shipit_core::review::{Note, review};
use shipit_core::rollout::{Answer, Until, Wish};
use shipit_core::settled::Status;
use shipit_scheduler::{Breaker, Percents, Rollout, Span};

use super::faults::When;
use super::images::REGISTRY;
use super::revisions::Behaviour;
use super::run::Run;
use super::service_state::EcsService;
use super::surroundings::ACCOUNT;
use super::world::Fake;
use tokio::sync::watch;

/// A virtual day: every run ends long before.
const ENDS_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// What is typed.
enum Verb<'a> {
    Deploy,
    Rollback(&'a [&'a str], Wanted, Speed),
    Resume(Asked),
}

/// A pipeline and the world it is about.
pub struct Scenario {
    pub pipeline: Pipeline,
    pub world: Fake,
    pub wish: SourceWish,
    /// An older commit may replace a newer one.
    pub forced: Option<Forced>,
    /// Whether images that the registry has may serve.
    pub reuse: Reuse,
    /// When the wait for a rollout ends well.
    pub until: Until,
    /// What the person says who sits before the terminal, after half a minute; none where nobody does.
    pub person: Option<Answer>,
}

/// Someone who always says the same.
struct Says(Answer);

#[async_trait]
impl Asks for Says {
    async fn ask(&self, _: &Question) -> Option<Answer> {
        tokio::time::sleep(Duration::from_secs(30)).await;
        Some(self.0)
    }

    fn withdraw(&self, _: &Question) {}
}

impl Scenario {
    /// A backend and a frontend that needs it; both services run two placeholder tasks with the breaker on.
    pub fn storefront() -> Self {
        let mut scenario = Self::empty();
        scenario.service("backend", "api", &[]);
        scenario.service("frontend", "web", &["backend"]);
        scenario
    }

    /// A pipeline without images and services.
    pub fn empty() -> Self {
        let pipeline = Pipeline {
            name: "storefront".into(),
            environment: None,
            region: None,
            account: Some(ACCOUNT.into()),
            assume_role: None,
            cluster: "shop".into(),
            images: Vec::new(),
            given: BTreeMap::new(),
            gate: GatePolicy::default(),
            services: Vec::new(),
            attest: Vec::new(),
            verify: Vec::new(),
            allow_latest: Vec::new(),
            on_interrupt: OnInterrupt::TurnBack,
            notify: shipit_core::notify::Notify::default(),
            folder: PathBuf::from("/shop"),
        };
        Self {
            pipeline,
            world: Fake::new(),
            wish: SourceWish::default(),
            forced: None,
            reuse: Reuse::Same,
            until: Until::Deployed,
            person: None,
        }
    }

    /// Adds an image and a service of that name to pipeline and world.
    pub fn service(&mut self, name: &str, container: &str, needs: &[&str]) {
        let definition = definition(name, container);
        let repository = format!("shop/{name}");
        self.pipeline.images.push(Image {
            name: name.into(),
            context: PathBuf::from("/shop").join(name),
            dockerfile: "Dockerfile".into(),
            repository: repository.clone(),
            args: BTreeMap::new(),
            target: None,
            platforms: Vec::new(),
            secrets: Default::default(),
            cache: Default::default(),
            compression: Compression::default(),
        });
        self.pipeline.services.push(Service {
            name: name.into(),
            service: name.into(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            task_definition: TaskDefinitionSource::File { path: format!("{name}.json").into(), definition: definition.clone() },
            containers: BTreeMap::from([(container.to_owned(), name.to_owned())]),
            images: BTreeMap::new(),
            strategy: Strategy::Rolling { minimum_percent: None, maximum_percent: None },
            smoke: None,
            traffic: None,
            pause: None,
            judge: None,
            service_definition: None,
            when_same: WhenSame::Leave,
            lines: Default::default(),
        });
        let mut world = self.world.lock();
        world.images.create_repository(&repository);
        world.images.contexts.insert(name.into(), format!("{name}, first version"));
        let at = world.clock.now();
        world.ecs.revisions.identity = "ana".into();
        let revision = world.ecs.revisions.register(&definition, at);
        let place = world.ecs.revisions.place(&revision).unwrap();
        let now = world.now();
        let mut service = EcsService::new(shipit_scheduler::Service::settled(2, place, now), now);
        service.deployments[0].status = Status::Successful;
        service.allow(Percents::default(), Breaker::with_rollback());
        world.ecs.services.insert(name.into(), service);
    }

    /// The same with the definition that runs as the one to start from.
    pub fn on_what_runs(mut self, name: &str) -> Self {
        self.wanted(name).task_definition = TaskDefinitionSource::Running;
        self
    }

    /// The service in the pipeline.
    pub fn wanted(&mut self, name: &str) -> &mut Service {
        self.pipeline.services.iter_mut().find(|service| service.name == name).expect("a service of the pipeline")
    }

    /// The service in ECS.
    pub fn ecs<T>(&self, name: &str, change: impl FnOnce(&mut EcsService) -> T) -> T {
        change(self.world.lock().service(name))
    }

    /// The service's traffic moves by these steps, and both versions are kept for so long after.
    pub fn shifted(mut self, name: &str, steps: Steps, terminate_after: Span) -> Self {
        self.wanted(name).strategy = Strategy::Shift(Shift { steps, terminate_after: Some(terminate_after) });
        self
    }

    /// What is judged of its shift.
    pub fn judged(mut self, name: &str, judge: Judge) -> Self {
        self.wanted(name).judge = Some(judge);
        self
    }

    /// Where its shift waits for a person.
    pub fn paused(mut self, name: &str, at: &[PauseAt], timeout: Span) -> Self {
        self.wanted(name).pause = Some(Pause { at: at.to_vec(), timeout });
        self
    }

    /// A smoke request after the rollout.
    pub fn smoked(mut self, name: &str) -> Self {
        let url = "http://{load_balancer}:3333/health".into();
        self.wanted(name).smoke = Some(Smoke { url, expect: 200, within: Span::seconds(60) });
        self
    }

    /// The service does not exist, and this JSON creates it.
    pub fn created(mut self, name: &str) -> Self {
        self.world.lock().ecs.services.remove(name);
        self.wanted(name).service_definition = Some(
            json!({"desiredCount": 2, "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}}),
        );
        self
    }

    /// Tasks of revisions of this service that are registered from now on behave so.
    pub fn new_tasks(self, name: &str, behaviour: Behaviour) -> Self {
        self.world.lock().ecs.revisions.behaviour.insert(name.into(), behaviour);
        self
    }

    /// Tasks that fail are said to have failed to start so.
    pub fn dying_of(self, name: &str, code: &str, reason: &str) -> Self {
        self.ecs(name, |service| service.dies_of = Some((code.into(), reason.into())));
        self
    }

    /// With this circuit breaker.
    pub fn breaker(self, name: &str, breaker: Breaker) -> Self {
        self.ecs(name, |service| service.allow(service.plan.percents, breaker));
        self
    }

    /// With so many tasks, settled for long, and these percents.
    pub fn sized(self, name: &str, desired: u32, percents: Percents) -> Self {
        let now = self.world.lock().now();
        self.ecs(name, |service| {
            let (health, breaker) = (service.plan.health, service.plan.breaker);
            service.plan = shipit_scheduler::Service::settled(desired, service.plan.primary().revision, now);
            service.plan.health = health;
            service.allow(percents, breaker);
        });
        self
    }

    /// A commit that changes the context of these images.
    pub fn commit(&self, hash: &str, changed: &[&str]) {
        let mut world = self.world.lock();
        world.surroundings.commit = hash.into();
        for name in changed {
            world.images.contexts.insert((*name).to_owned(), format!("{name} at {hash}"));
        }
    }

    /// The revision that the service moves to, `family:number`.
    pub fn primary(&self, name: &str) -> String {
        let world = self.world.lock();
        let place = world.ecs.services[name].plan.primary().revision;
        world.ecs.revisions.at(place).arn.short().to_owned()
    }

    /// The revision that the service runs as wanted and alone, `family:number`; none while anything moves or failed.
    pub fn serves(&self, name: &str) -> Option<String> {
        let primary = self.primary(name);
        self.ecs(name, |service| {
            let plan = &service.plan;
            let alone = plan.deployments.len() == 1 && plan.primary().rollout == Rollout::Completed;
            let whole = plan.tasks.len() == plan.desired as usize;
            (alone && whole && service.open().is_none()).then_some(primary)
        })
    }

    /// How the newest service deployment ended.
    pub fn newest_status(&self, name: &str) -> Status {
        self.ecs(name, |service| service.deployments.last().expect("there is one").status.clone())
    }

    /// Observe, plan, review, open the journal, run: as `shipit deploy` does it.
    pub async fn deploy(&self) -> Run {
        self.to_the_end(Verb::Deploy).await
    }

    /// Find the revisions, check them, run: as `shipit rollback` does it.
    pub async fn roll_back(&self, names: &[&str], wanted: Wanted) -> Run {
        self.to_the_end(Verb::Rollback(names, wanted, Speed::Own)).await
    }

    /// The same all at once: as `shipit rollback --fast` does it.
    pub async fn roll_back_fast(&self, names: &[&str], wanted: Wanted) -> Run {
        self.to_the_end(Verb::Rollback(names, wanted, Speed::Fast)).await
    }

    /// Answers the one pause that waits: as `shipit continue --no-wait` does it. Whether there was one.
    pub async fn answer(&self, answer: Answer) -> bool {
        let (ports, clock) = (self.world.ports(), self.world.lock().clock);
        let interrupt = self.world.lock().interrupt.subscribe();
        let context = self.context(&ports, clock, &|_| {}, interrupt);
        let services: Vec<&Service> = self.pipeline.services.iter().collect();
        let stands = stand(&context, &services, None).await.expect("AWS can be asked");
        let mut found = false;
        for one in stands {
            if let Stands::Waits(one) = one {
                give(&context, &one, answer).await.expect("AWS takes the answer");
                found = true;
            }
        }
        found
    }

    pub fn context<'a>(
        &'a self,
        ports: &'a Ports,
        clock: Clock,
        tell: &'a (dyn Fn(Event) + Send + Sync),
        interrupt: watch::Receiver<Wish>,
    ) -> Context<'a> {
        let (pipeline, until) = (&self.pipeline, self.until.clone());
        Context { ports, pipeline, clock, by: "ana@laptop", tell, people: People::Away, until, interrupt }
    }

    /// Go on with a run that was cut: as `shipit resume` does it.
    pub async fn resume(&self, which: Which, foreign: Foreign) -> Run {
        let fresh = RunId(self.world.lock().clock.now().strftime("%Y%m%dT%H%M%S-again").to_string());
        self.to_the_end(Verb::Resume(Asked { which, foreign, fresh })).await
    }

    /// Goes on with the last run, from its journal or without one.
    pub async fn resumed(&self) -> Run {
        self.resume(Which::Last, Foreign::Refuse).await
    }

    /// A deploy whose process is killed at the call of this number, before it takes effect or before its answer arrives;
    /// the deploy, if it came to its end before.
    pub async fn killed_at(&self, number: usize, when: When) -> Option<Run> {
        let killed = self.world.lock().kill_at(number, when);
        let ended = tokio::select! {
            run = self.deploy() => Some(run),
            () = killed.notified() => None,
        };
        self.world.lock().spare();
        ended
    }

    async fn to_the_end(&self, verb: Verb<'_>) -> Run {
        let Ok(run) = tokio::time::timeout(ENDS_WITHIN, self.told(verb)).await else {
            let world = self.world.lock();
            let last: Vec<_> = world.lines.iter().rev().take(8).collect();
            panic!("the run did not end within a day; the last it did, newest first: {last:#?}");
        };
        run
    }

    async fn told(&self, verb: Verb<'_>) -> Run {
        let (ports, clock) = (self.world.ports(), self.world.lock().clock);
        let (began, first) = (clock.now(), self.world.lock().lines.len());
        let events = Mutex::new(Vec::new());
        let tell = |event: Event| events.lock().unwrap().push(event);
        let interrupt = {
            let world = self.world.lock();
            world.interrupt.send_replace(Wish::GoOn);
            world.interrupt.subscribe()
        };
        let says = self.person.map(Says);
        let people = says.as_ref().map_or(People::Away, |says| People::Here(says));
        let context = Context { people, ..self.context(&ports, clock, &tell, interrupt) };
        let ended = match &verb {
            Verb::Deploy => self.carry_out(&context).await,
            Verb::Rollback(names, wanted, speed) => self.go_back(&context, names, wanted, *speed).await,
            Verb::Resume(asked) => self.go_on(&context, asked).await,
        };
        let lines = self.world.lock().lines.split_off(first);
        let took = clock.now().duration_since(began);
        let (exit, outcome, refusals) = match ended {
            Ok(outcome) => (outcome.exit, Some(outcome), Vec::new()),
            Err(refusals) => (refusals[0].code.exit(), None, refusals),
        };
        Run { exit, outcome, refusals, events: events.into_inner().unwrap(), lines, took }
    }

    async fn carry_out(&self, context: &Context<'_>) -> Result<Outcome, Vec<Failure>> {
        let snapshot = observe::observe(context, &self.wish, self.reuse).await?;
        let plan = Plan { forced: self.forced.clone(), ..plan(&self.pipeline, &snapshot, self.reuse)? };
        let refusals: Vec<Failure> = review(&self.pipeline, &snapshot, &plan)
            .into_iter()
            .filter_map(|note| match note {
                Note::Refusal { failure } => Some(failure),
                Note::Remark { .. } => None,
            })
            .collect();
        if !refusals.is_empty() {
            return Err(refusals);
        }
        self.run(context, &plan, Vec::new()).await
    }

    async fn go_on(&self, context: &Context<'_>, asked: &Asked) -> Result<Outcome, Vec<Failure>> {
        let found = find(context, asked).await?;
        let not_whole = found.not_whole();
        let mut outcome = go_on(context, found.book).await;
        if let Some(failure) = not_whole.filter(|_| outcome.exit == Exit::Done) {
            outcome.exit = failure.code.exit();
            outcome.failure = Some(failure);
        }
        Ok(outcome)
    }

    async fn go_back(
        &self,
        context: &Context<'_>,
        names: &[&str],
        wanted: &Wanted,
        speed: Speed,
    ) -> Result<Outcome, Vec<Failure>> {
        let (mut targets, mut failures) = (Vec::new(), Vec::new());
        for service in in_order(&self.pipeline.services).into_iter().filter(|service| names.contains(&service.name.as_str())) {
            match target(context, service, wanted, rollback::Speed::Own).await {
                Ok(target) => targets.push(target),
                Err(failure) => failures.push(failure),
            }
        }
        if !failures.is_empty() {
            return Err(failures);
        }
        let (plan, facts) = rollback::plan(context, &targets, speed);
        self.run(context, &plan, facts).await
    }

    /// Looks, and deregisters what may go: as `shipit prune` does it.
    pub async fn prune(&self, keep: usize) -> Vec<(Revision, Fate)> {
        let (ports, clock) = (self.world.ports(), self.world.lock().clock);
        let interrupt = self.world.lock().interrupt.subscribe();
        let context = self.context(&ports, clock, &|_| {}, interrupt);
        let fates = prune::look(&context, keep, &[]).await.expect("everything can be looked at");
        for (revision, fate) in &fates {
            if *fate == Fate::Goes {
                prune::deregister(&context, revision).await.expect("it can be deregistered");
            }
        }
        fates
    }

    async fn run(&self, context: &Context<'_>, plan: &Plan, facts: Vec<Entry>) -> Result<Outcome, Vec<Failure>> {
        let run_id = RunId(format!("{}", context.clock.now().strftime("%Y%m%dT%H%M%S")));
        let head = Head { run: run_id, by: context.by.into(), plan: plan.clone() };
        let book = begin(context, head, facts).await.map_err(|failure| vec![failure])?;
        Ok(go_on(context, book).await)
    }
}

async fn go_on(context: &Context<'_>, book: Book) -> Outcome {
    let journal = Journal::new(context.ports.store.as_ref(), context.clock, book.head.run, book.entries);
    run::run(context, &book.head.plan, &journal).await
}

/// A definition of one container on a placeholder.
fn definition(family: &str, container: &str) -> Value {
    let placeholder = format!("{REGISTRY}/placeholder@sha256:{}", "0".repeat(64));
    json!({"family": family, "networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": [
        {"name": container, "image": placeholder, "portMappings": [{"containerPort": 3333}], "logConfiguration": {
            "logDriver": "awslogs", "options": {"awslogs-group": format!("/ecs/{family}"), "awslogs-stream-prefix": "ecs"}}}
    ]})
}

/// The revision of a short name.
pub fn revision(short: &str) -> Revision {
    Revision(format!("arn:aws:ecs:{}:{ACCOUNT}:task-definition/{short}", super::surroundings::REGION))
}
