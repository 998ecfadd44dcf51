//! What to go on with: the journal of a run that was cut, or what the services tell of it. Carrying it out is [`super::run`]'s.

use std::collections::BTreeMap;

use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Book, Entry, Fact, Head, Meanwhile, Next, Rebuilt, from_sight, meanwhile, next, taken_over};
use shipit_core::release::RunId;
use shipit_core::snapshot::ServiceSeen;

use super::coming::coming;
use super::{Context, observe};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which run.
    pub which: Which,
    /// What if someone else has deployed since.
    pub foreign: Foreign,
    /// The name of the run that goes on in place of one that is taken over.
    pub fresh: RunId,
}

/// Which run to go on with.
#[derive(Clone, Debug)]
pub enum Which {
    /// The last one that has not ended.
    Last,
    /// That of this name: by its journal, or without one by what the services tell of it.
    Named(RunId),
    /// That of this journal, from another machine.
    Journal(String),
}

/// What to do when someone else has deployed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Leave it as it is.
    Refuse,
    /// Replace it; a turn-back goes back to it.
    TakeOver,
}

/// A journal that is open, and what a person should know before it is gone on with.
#[derive(Clone, Debug)]
pub struct Found {
    /// The journal.
    pub book: Book,
    /// What to say.
    pub remarks: Vec<String>,
    /// Services that the run was to move and has not, as far as can be told without its journal.
    pub not_moved: Vec<String>,
}

impl Found {
    /// What is left to say when all that was found has gone well, and the run is not whole all the same.
    pub fn not_whole(&self) -> Option<Failure> {
        let commit = &self.book.head.plan.source.commit;
        (!self.not_moved.is_empty()).then(|| {
            let names = self.not_moved.join("`, `");
            Failure::new(Code::StillRunning, format!("run {} is not whole: it has not moved `{names}`", self.book.head.run))
                .because("it was cut before, or ECS has taken it back; without its journal that is not known")
                .now("nothing of the run is in progress")
                .next(format!("git checkout {}, then shipit deploy: what is done is not done twice", commit.short()))
        })
    }
}

/// Finds what to go on with, and opens its journal.
///
/// # Errors
/// There is nothing, its journal cannot be read or is another's, or someone else has deployed since.
pub async fn find(context: &Context<'_>, asked: &Asked) -> Result<Found, Vec<Failure>> {
    let store = &context.ports.store;
    let one = |failure| vec![failure];
    let services = observe::services(context).await?;
    let run = match &asked.which {
        Which::Named(run) => store.runs().await.map_err(Failure::from).map_err(one)?.into_iter().find(|known| known == run),
        Which::Journal(text) => Some(store.adopt(text).await.map_err(Failure::from).map_err(one)?),
        Which::Last => unfinished(context).await.map_err(one)?,
    };
    if let Some(run) = run {
        return by_journal(context, asked, &run, &services).await;
    }
    let ended = store.runs().await.map_err(Failure::from).map_err(one)?.into_iter().next();
    let mut sights = BTreeMap::new();
    for (name, seen) in &services {
        sights.insert(name.clone(), coming(context, seen.clone()).await.map_err(Failure::from).map_err(one)?);
    }
    let rebuilt = from_sight(context.pipeline, &sights).filter(|rebuilt| is_to_follow(rebuilt, &services));
    match (rebuilt, ended) {
        (rebuilt, _) if let Which::Named(run) = &asked.which => match rebuilt.filter(|rebuilt| rebuilt.head.run == *run) {
            Some(rebuilt) => by_sight(context, rebuilt).await.map_err(one),
            // Its store says which runs there are.
            None => by_journal(context, asked, run, &services).await,
        },
        (Some(rebuilt), ended) if ended.as_ref() != Some(&rebuilt.head.run) => by_sight(context, rebuilt).await.map_err(one),
        (_, Some(run)) => by_journal(context, asked, &run, &services).await,
        (_, None) => Err(vec![nothing()]),
    }
}

/// The last run that was cut. One before a run that has moved services since and ended is past: what it had begun is not there
/// any more.
async fn unfinished(context: &Context<'_>) -> Result<Option<RunId>, Failure> {
    for run in context.ports.store.runs().await? {
        // A run that was cut before its plan stood in the journal has done nothing.
        let Ok(Book { head, entries }) = context.ports.store.read(&run).await else { continue };
        if head.plan.pipeline != context.pipeline.name || head.plan.cluster != context.pipeline.cluster {
            continue;
        }
        if next(&head.plan, &entries) != Next::Ended {
            return Ok(Some(run));
        }
        if entries.iter().any(|entry| matches!(entry.fact, Fact::Began { .. })) {
            return Ok(None);
        }
    }
    Ok(None)
}

async fn by_journal(
    context: &Context<'_>,
    asked: &Asked,
    run: &RunId,
    services: &BTreeMap<String, ServiceSeen>,
) -> Result<Found, Vec<Failure>> {
    let book = context.ports.store.reopen(run).await.map_err(|error| vec![error.into()])?;
    let Book { head, entries } = &book;
    if head.plan.pipeline != context.pipeline.name || head.plan.cluster != context.pipeline.cluster {
        return Err(vec![of_another_pipeline(context, head)]);
    }
    let remark = match next(&head.plan, entries) {
        Next::Ended => format!("run {run} has ended already"),
        Next::Back(_) => format!("run {run} of {} was given up: it goes on going back", head.by),
        Next::Forward(_) => {
            let foreign = meanwhile(&head.run, &head.plan, entries, services);
            match (foreign.is_empty(), asked.foreign) {
                (true, _) => format!("run {run} of {} goes on", head.by),
                (false, Foreign::TakeOver) => {
                    return take_over(context, asked, &book, &foreign, services).await.map_err(|failure| vec![failure]);
                }
                (false, Foreign::Refuse) => return Err(foreign.iter().map(|one| deployed_meanwhile(run, one)).collect()),
            }
        }
    };
    Ok(Found { book, remarks: vec![remark], not_moved: Vec::new() })
}

/// Opens a journal that begins with facts known beforehand.
///
/// # Errors
/// It cannot be written.
pub async fn begin(context: &Context<'_>, head: Head, facts: Vec<Entry>) -> Result<Book, Failure> {
    let store = &context.ports.store;
    store.open(&head).await?;
    for fact in &facts {
        store.record(&head.run, fact).await?;
    }
    Ok(Book { head, entries: facts })
}

/// The rest as a run of its own; the journal of the first stays as it was.
async fn take_over(
    context: &Context<'_>,
    asked: &Asked,
    book: &Book,
    foreign: &[Meanwhile],
    services: &BTreeMap<String, ServiceSeen>,
) -> Result<Found, Failure> {
    let (plan, facts) = taken_over(&book.head.plan, &book.entries, foreign, services);
    let head = Head { run: asked.fresh.clone(), by: context.by.to_owned(), plan };
    let mut remarks = vec![format!("run {} of {} goes on as {}", book.head.run, book.head.by, head.run)];
    remarks.extend(foreign.iter().map(|one| format!("`{}` is taken over: {}", one.service, stands(one))));
    Ok(Found { book: begin(context, head, facts).await?, remarks, not_moved: Vec::new() })
}

/// There is something to go on with: a rollout in progress, or one that was meant and is not there.
fn is_to_follow(rebuilt: &Rebuilt, services: &BTreeMap<String, ServiceSeen>) -> bool {
    let in_progress =
        |name: &str| services.get(name).and_then(ServiceSeen::present).is_some_and(|seen| seen.in_progress.is_some());
    !rebuilt.not_moved.is_empty() || rebuilt.head.plan.rolls().any(|(_, roll)| in_progress(&roll.service))
}

async fn by_sight(context: &Context<'_>, rebuilt: Rebuilt) -> Result<Found, Failure> {
    let Rebuilt { head, entries, not_moved, without_configuration } = rebuilt;
    for (_, roll) in head.plan.rolls() {
        let current = context.ports.service.current(&roll.ecs_service).await?;
        if let Some(other) = current.filter(|current| entries.iter().all(|entry| !entry.registered(&current.revision))) {
            let what = format!("ECS is taking {} back from `{}`", other.revision.short(), roll.service);
            return Err(Failure::new(Code::StillRunning, what)
                .because("whose run that was, only its journal tells")
                .next("shipit wait"));
        }
    }
    let mut remarks =
        vec![format!("run {} of {} is followed without its journal, by the tags of its revisions", head.run, head.by)];
    remarks.extend(without_configuration.iter().map(|name| {
        format!("`{name}`: the deployment configuration from before is not known; if it goes back, the one of now stays")
    }));
    Ok(Found { book: begin(context, head, entries).await?, remarks, not_moved })
}

fn nothing() -> Failure {
    Failure::new(Code::NoJournal, "there is no run to go on with")
        .because("no journal is in `.shipit/runs`, and no service moves to a revision that shipit has tagged")
        .next("shipit deploy")
}

fn of_another_pipeline(context: &Context<'_>, head: &Head) -> Failure {
    let (plan, here) = (&head.plan, context.pipeline);
    Failure::new(Code::Usage, format!("run {} is not of this pipeline", head.run))
        .because(format!("it deploys `{}` to the cluster `{}`", plan.pipeline, plan.cluster))
        .because(format!("this file is `{}` on the cluster `{}`", here.name, here.cluster))
        .next("give the pipeline file and the environment of that run: shipit resume -f FILE --env NAME")
}

fn stands(one: &Meanwhile) -> String {
    match (&one.now, &one.who) {
        (Some(now), Some(who)) => format!("it runs {} now, by {who}", now.short()),
        _ => "it is gone".to_owned(),
    }
}

fn deployed_meanwhile(run: &RunId, one: &Meanwhile) -> Failure {
    let before = one.before.as_ref().map_or("no revision", |before| before.short());
    Failure::new(Code::DeployedMeanwhile, format!("someone else deployed to `{}` while run {run} was away", one.service))
        .because(format!("it ran {before} when the run was planned; {}", stands(one)))
        .now("nothing was touched")
        .next("leave it as it is, and deploy anew what should run")
        .next(format!("or replace it: shipit resume {run} --take-over"))
}
