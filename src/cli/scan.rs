//! `shipit scan`: images held at the gate, and nothing else done.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use futures_util::future::join_all;
use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::gate::{Detail, Verdict};
use shipit_core::handover::{Gated, Handed};
use shipit_core::plan::{Plan, StepKind};
use shipit_core::release::{Digest, Tag};
use shipit_core::snapshot::{RepositorySeen, Stored};

use super::session::{Session, load_without_contexts, refuse};
use super::{Place, SourceArgs, typed};
use crate::engine::gate::{Held, hold, stopped};
use crate::engine::handover;
use crate::port::{Holds, PortError};
use crate::report::scanned::{self, Scanned};
use crate::report::{self, Colour, failure, json, junit, sarif};

/// Hold images at the scan gate.
#[derive(Clone, Debug, Args)]
pub struct Scan {
    /// An image of the pipeline, or `repository@sha256:…`, `repository:tag`, or one with its registry; all images of this commit
    /// if not given
    image: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    source: SourceArgs,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t)]
    output: Findings,
}

/// How the findings are written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Findings {
    /// For a person.
    #[default]
    Table,
    /// For a program.
    Json,
    /// For code scanning.
    Sarif,
    /// As test results.
    Junit,
}

/// What is held at the gate.
struct Target {
    name: String,
    repository: String,
    digest: Digest,
    against: Vec<Digest>,
}

/// Scans.
pub async fn run(args: Scan) -> Exit {
    match scan(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn scan(args: Scan) -> Result<Exit, Exit> {
    let reference = args.image.as_deref().filter(|image| image.contains(['@', ':', '/']));
    let (session, targets, made_of) = match reference {
        Some(reference) => {
            let session = Session::open_without_contexts(&args.place).await?;
            let target = named(&session, reference).await.map_err(|failure| refuse(&[failure]))?;
            (session, vec![target], None)
        }
        None => {
            let (session, targets, plan) = of_pipeline(&args).await?;
            (session, targets, Some(plan))
        }
    };
    let (images, trouble) = held(&session, targets).await;
    if let Some(plan) = made_of {
        hand_over(&session, &plan, &images).await?;
    }
    let not_passed = images.iter().filter(|image| !matches!(image.judgement.verdict, Verdict::Pass(_)));
    let stopped = not_passed.map(|image| {
        let failure = stopped(&image.name, &image.judgement.verdict).in_full([]);
        (image.name.clone(), typed::failure(failure))
    });
    let stopped: BTreeMap<String, Failure> = stopped.collect();
    match args.output {
        Findings::Table => report::data(&scanned::table(&images, Colour::of_stdout())),
        Findings::Json => report::data(&json::pretty(&scanned::json(&images))),
        Findings::Sarif => report::data(&json::pretty(&sarif::sarif(&images))),
        Findings::Junit => {
            let now = session.connected.clock.now();
            let xml = junit::of_gate(&session.pipeline().name, now, &images, &stopped).unwrap_or_default();
            report::data(String::from_utf8_lossy(&xml).trim_end());
        }
    }
    let trouble = trouble.into_iter().map(|failure| typed::failure(failure.in_full([])));
    let told: Vec<Failure> = stopped.into_values().chain(trouble).collect();
    for failure in &told {
        report::say(&failure::failure(failure, Colour::of_stderr()));
    }
    report::refused(&told);
    Ok(told.first().map_or(Exit::Done, |failure| failure.code.exit()))
}

/// The images of this commit, which must be in the registry.
async fn of_pipeline(args: &Scan) -> Result<(Session, Vec<Target>, Plan), Exit> {
    if let Some(unknown) = &args.image {
        let loaded = load_without_contexts(&args.place)?;
        if loaded.pipeline.image(unknown).is_none() {
            let failure = Failure::new(Code::Usage, format!("there is no image `{unknown}` in the pipeline file"))
                .next("name one of `images:`, or an image of the registry as `repository:tag` or `repository@sha256:…`");
            return Err(refuse(&[failure]));
        }
    }
    let session = Session::open(&args.place, args.source.strategy.as_ref()).await?;
    session.claim("scan").await?;
    let plan = session.plan(&args.source, None).await?.plan;
    let (mut targets, mut missing) = (Vec::new(), Vec::new());
    for step in &plan.steps {
        let StepKind::Gate { image, repository, against } = &step.kind else { continue };
        if args.image.as_ref().is_some_and(|wanted| wanted != image) {
            continue;
        }
        match plan.reused.get(image) {
            Some(stored) => targets.push(Target {
                name: image.clone(),
                repository: repository.clone(),
                digest: stored.image.digest.clone(),
                against: against.clone(),
            }),
            None => missing.push(image.as_str()),
        }
    }
    if !missing.is_empty() {
        let failure = Failure::new(Code::Usage, format!("{} is not in the registry under this commit", missing.join(" and ")))
            .because("the gate judges what the registry has scanned")
            .now("nothing was touched")
            .next("shipit push, then shipit scan");
        return Err(refuse(&[failure]));
    }
    Ok((session, targets, plan))
}

/// An image of the registry, whatever the pipeline is: by digest, or what a tag names now.
async fn named(session: &Session, reference: &str) -> Result<Target, Failure> {
    let registry = &session.connected.ports.registry;
    let (host, path) = match reference.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) => (Some(host), path),
        _ => (None, reference),
    };
    if host.is_some() && registry.holds(reference).await? == Holds::Elsewhere {
        return Err(Failure::new(Code::Usage, format!("`{reference}` is not in the registry of this account and region"))
            .next("name the account's profile and the region, or the repository alone"));
    }
    let (repository, digest) = match (path.split_once('@'), path.split_once(':')) {
        (Some((repository, digest)), _) => {
            // A name may have a tag beside its digest.
            (repository.split_once(':').map_or(repository, |(repository, _)| repository), Digest(digest.to_owned()))
        }
        (None, named) => {
            let (repository, tag) = named.unwrap_or((path, "latest"));
            let missing = |what: &str| Failure::new(Code::Usage, format!("{what} is not in the registry"));
            match registry.look(repository, &Tag(tag.to_owned()), None).await? {
                RepositorySeen::Missing => return Err(missing(&format!("the repository `{repository}`"))),
                RepositorySeen::Present { held: Stored::Nothing | Stored::OfContent(_), .. } => {
                    return Err(missing(&format!("`{repository}:{tag}`")));
                }
                RepositorySeen::Present { held: Stored::OfCommit(stored) | Stored::Given(stored), .. } => {
                    (repository, stored.digest)
                }
            }
        }
    };
    Ok(Target { name: reference.to_owned(), repository: repository.to_owned(), digest, against: Vec::new() })
}

async fn held(session: &Session, targets: Vec<Target>) -> (Vec<Scanned>, Vec<Failure>) {
    let silent = |_: Event| {};
    let context = session.context(&silent);
    let one = async |target: Target| {
        let tell = |status: &str| report::say(&format!("{}: {status}", target.name));
        let Target { name, repository, digest, against } = &target;
        let held = Held { repository, digest, against, detail: Detail::Findings };
        let judgement = hold(&context, &held, &tell).await?;
        Ok::<_, PortError>(Scanned { name: name.clone(), repository: repository.clone(), digest: digest.clone(), judgement })
    };
    let (mut images, mut trouble) = (Vec::new(), Vec::new());
    for result in join_all(targets.into_iter().map(one)).await {
        match result {
            Ok(scanned) => images.push(scanned),
            Err(error) => trouble.push(error.into()),
        }
    }
    (images, trouble)
}

async fn hand_over(session: &Session, plan: &Plan, images: &[Scanned]) -> Result<(), Exit> {
    let now = session.connected.clock.now();
    let handed = images.iter().map(|image| {
        let gate = Some(Gated { judged_at: now, verdict: image.judgement.verdict.clone() });
        let (repository, digest) = (image.repository.clone(), Some(image.digest.clone()));
        (
            image.name.clone(),
            Handed { repository, commit: plan.source.commit.clone(), tag: plan.tag.clone(), digest, gate, at: now },
        )
    });
    let ports = &session.connected.ports;
    handover::hand_over(ports, &session.pipeline().name, handed.collect()).await.map_err(|failure| refuse(&[failure]))
}
