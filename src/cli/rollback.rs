//! `shipit rollback`: to the revision before, or to a named one, waited for like every rollout.

use clap::Args;
use jiff::Timestamp;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::journal::{Entry, Fact, Output};
use shipit_core::pipeline::Service;
use shipit_core::plan::{Plan, Step, StepId, StepKind};
use shipit_core::release::{Commit, Revision, Source, Tree};
use shipit_core::snapshot::RunningService;
use shipit_core::timeline;

use super::Common;
use super::finish::carry_out;
use super::session::{Session, refuse};

/// Go back to the revision before, or to a named one.
#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// The service; may be left out where there is one
    service: Option<String>,
    /// The revision: `family:number` or its ARN
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Rolls back.
pub async fn run(args: Rollback) -> Exit {
    let session = match Session::open(&args.common, None).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let service = match wanted(session.pipeline().services.as_slice(), args.service.as_deref()) {
        Ok(service) => service.clone(),
        Err(failure) => return refuse(&[failure]),
    };
    let seen = match session.connected.ports.service.look(&service.service).await {
        Ok(seen) => seen,
        Err(error) => return refuse(&[error.into()]),
    };
    let Some(running) = seen.present() else {
        return refuse(&[Failure::new(Code::ServiceMissing, format!("the service `{}` does not exist", service.service))]);
    };
    let revision = match target(&service, running, args.to.as_deref()) {
        Ok(revision) => revision,
        Err(failure) => return refuse(&[failure]),
    };
    let (plan, facts) = plan(session.pipeline().name.clone(), session.pipeline().cluster.clone(), &service, running, revision);
    carry_out(&session, &plan, &[], args.common.output, facts).await
}

fn wanted<'a>(services: &'a [Service], name: Option<&str>) -> Result<&'a Service, Failure> {
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    match (name, services) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::new(Code::Usage, "which service?")
            .because(format!("the pipeline has {}", names.join(", ")))
            .next(format!("shipit rollback {}", names.first().copied().unwrap_or("SERVICE")))),
        (Some(name), _) => services.iter().find(|service| service.name == name).ok_or_else(|| {
            Failure::new(Code::Usage, format!("there is no service `{name}` in the pipeline file"))
                .because(format!("it has {}", names.join(", ")))
        }),
    }
}

fn target(service: &Service, running: &RunningService, to: Option<&str>) -> Result<Revision, Failure> {
    if let Some(to) = to {
        let account = running.revision.0.rsplit_once('/').map_or("", |(account, _)| account);
        return Ok(if to.starts_with("arn:") { Revision(to.to_owned()) } else { Revision(format!("{account}/{to}")) });
    }
    running.tags.get("shipit:before").map(|before| Revision(before.clone())).ok_or_else(|| {
        Failure::new(
            Code::NothingToRollBackTo,
            format!("it is not known what `{}` ran before {}", service.name, running.revision.short()),
        )
        .because("the running revision carries no `shipit:before` tag: it was not deployed by shipit, or it was the first")
        .now("nothing was touched")
        .next(format!("shipit rollback {} --to {}:NUMBER", service.name, running.revision.family()))
    })
}

fn plan(
    pipeline: String,
    cluster: String,
    service: &Service,
    running: &RunningService,
    revision: Revision,
) -> (Plan, Vec<Entry>) {
    let roll = timeline::roll(service, Some(running));
    let because = format!("from {} back to {}", running.revision.short(), revision.short());
    let commit = running.tags.get("shipit:commit").cloned().unwrap_or_default();
    let source =
        Source { commit: Commit(commit), subject: Some(because.clone()), committed_at: None, origin: None, tree: Tree::Clean };
    let register = StepId(format!("register {}", service.name));
    let step = Step { id: StepId(format!("roll {}", service.name)), needs: Vec::new(), kind: StepKind::Roll(roll), because };
    let plan = Plan {
        pipeline,
        cluster,
        tag: source.tag(),
        source,
        reused: Default::default(),
        unchanged: Default::default(),
        steps: vec![step],
    };
    // The revision exists already: the fact that a register step would have left.
    let known = Entry { at: Timestamp::now(), step: register, fact: Fact::Succeeded { output: Output::Registered { revision } } };
    (plan, vec![known])
}
