//! A plan and the state of services as a person reads them: data, so nothing is cut.

use std::collections::BTreeMap;
use std::fmt::Display;

use shipit_core::event::Work;
use shipit_core::plan::{Plan, StepId, StepKind};
use shipit_core::prune::Fate;
use shipit_core::release::Revision;
use shipit_core::snapshot::ServiceSeen;

use super::ink::{self, Line, Style};
use super::view::tag;
use super::{Colour, words};

/// Far wider than anything that is listed.
const UNCUT: usize = 4096;

/// What a plan would do and why, how long the rollouts should take, remarks, and where surprising values came from.
pub fn plan<T: Display>(plan: &Plan, remarks: &[String], origins: &[(String, T)], colour: Colour) -> String {
    let mut lines = vec![header(plan), Line::new()];
    let steps = plan.listing();
    let verbs = steps.iter().map(|step| step.verb.len()).max().unwrap_or(0);
    let names = steps.iter().map(|step| ink::width(&step.subject)).max().unwrap_or(0);
    let mut number = 0;
    for step in &steps {
        let (sign, style) = match step.work {
            Work::Reused => ("-".to_owned(), Style::Dim),
            Work::ToDo => {
                number += 1;
                (number.to_string(), Style::Plain)
            }
        };
        let line =
            Line::new().add(style, format!("{sign:>3} {:<verbs$} {}", step.verb, step.subject)).to(4 + verbs + 1 + names + 2);
        lines.push(line.add(if step.work == Work::Reused { Style::Dim } else { Style::Plain }, &step.because));
    }
    if steps.iter().all(|step| step.work == Work::Reused) {
        lines.extend([Line::new(), Line::plain("  nothing to do")]);
    }
    if let Some(ms) = expected(plan) {
        lines.push(Line::new());
        lines.push(Line::plain(format!("  the rollouts should take about {}", words::about(ms))));
    }
    if !remarks.is_empty() {
        lines.push(Line::new());
        lines.extend(remarks.iter().map(|remark| Line::new().add(Style::Warn, "  ! ").add(Style::Plain, remark)));
    }
    if !origins.is_empty() {
        lines.push(Line::new());
        let values = origins.iter().map(|(value, _)| ink::width(value)).max().unwrap_or(0);
        for (value, origin) in origins {
            lines.push(Line::plain(format!("  {value}")).to(2 + values + 2).add(Style::Dim, format!("from {origin}")));
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| line.paint(UNCUT, colour)).collect();
    lines.join("\n")
}

fn header(plan: &Plan) -> Line {
    let line = Line::new().add(Style::Bold, &plan.pipeline).add(Style::Plain, "  ").join(tag(plan.tag.as_str()));
    let line = match &plan.source.subject {
        Some(subject) => line.add(Style::Plain, format!(" \"{subject}\"")),
        None => line,
    };
    line.add(Style::Plain, format!("  → {}", plan.cluster))
}

/// The longest way through the rollouts, in milliseconds: independent ones go side by side.
pub(super) fn expected(plan: &Plan) -> Option<u64> {
    let mut ends: BTreeMap<&StepId, u64> = BTreeMap::new();
    for step in &plan.steps {
        let begin = step.needs.iter().filter_map(|need| ends.get(need)).max().copied().unwrap_or(0);
        let own = match &step.kind {
            StepKind::Roll(roll) => roll.expected_ms.unwrap_or(0),
            _ => 0,
        };
        ends.insert(&step.id, begin.saturating_add(own));
    }
    ends.into_values().max().filter(|ms| *ms > 0)
}

/// How the services stand.
pub fn services(services: &[(&str, ServiceSeen)]) -> String {
    let mut table = vec![["service", "revision", "tasks", "commit", "deployment"].map(str::to_owned)];
    for (name, seen) in services {
        table.push(match seen.present() {
            None => [(*name).to_owned(), "does not exist".to_owned(), String::new(), String::new(), String::new()],
            Some(running) => [
                (*name).to_owned(),
                running.revision.short().to_owned(),
                format!("{}/{}", running.running, running.desired),
                running.tags.get("shipit:commit").map_or_else(|| "-".to_owned(), |commit| commit.chars().take(7).collect()),
                running.in_progress.as_ref().map_or_else(
                    || "none in progress".to_owned(),
                    |(_, revision)| format!("to {} in progress", revision.short()),
                ),
            ],
        });
    }
    columns(&table)
}

/// What becomes of revisions.
pub fn fates(fates: &[(Revision, Fate)]) -> String {
    let mut table = vec![["revision", "", "because"].map(str::to_owned)];
    table.extend(fates.iter().map(|(revision, fate)| {
        let verb = if *fate == Fate::Goes { "goes" } else { "stays" };
        [revision.short().to_owned(), verb.to_owned(), fate.to_string()]
    }));
    columns(&table)
}

fn columns<const N: usize>(table: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N).map(|column| table.iter().map(|row| ink::width(&row[column])).max().unwrap_or(0)).collect();
    let lines: Vec<String> = table
        .iter()
        .map(|row| {
            let mut line = Line::new();
            let mut column = 0;
            for (cell, width) in row.iter().zip(&widths) {
                line = line.add(Style::Plain, cell).to(column + width + 3);
                column += width + 3;
            }
            line.paint(UNCUT, Colour::No)
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shipit_core::pipeline::{Smoke, Strategy};
    use shipit_core::plan::{Driver, Reused, Roll, Step, Template};
    use shipit_core::push::Expected;
    use shipit_core::release::{Commit, DeploymentId, Digest, Revision, Source, Tag, Tree};
    use shipit_core::snapshot::{RunningService, StoredImage};
    use shipit_scheduler::{Breaker, HealthSource, Percents, Span};

    use super::*;

    fn step(id: &str, needs: &[&str], kind: StepKind, because: &str) -> Step {
        let needs = needs.iter().map(|need| StepId((*need).to_owned())).collect();
        Step { id: StepId(id.to_owned()), needs, kind, because: because.to_owned() }
    }

    fn roll(service: &str, minutes: u64) -> StepKind {
        StepKind::Roll(Box::new(Roll {
            service: service.into(),
            ecs_service: service.into(),
            driver: Driver::Ecs,
            strategy: Strategy::Rolling { minimum_percent: None, maximum_percent: None },
            pause: None,
            judge: None,
            alarms: Default::default(),
            wiring: Vec::new(),
            before: None,
            before_configuration: Value::Null,
            before_load_balancers: Value::Null,
            create: None,
            desired: 2,
            expected_ms: Some(minutes * 60_000),
            patience_ms: 300_000,
        }))
    }

    fn a_plan(steps: Vec<Step>) -> Plan {
        let commit = "4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";
        let digest = Digest(format!("sha256:{:0<64}", "9c1e"));
        Plan {
            pipeline: "storefront".into(),
            cluster: "storefront".into(),
            source: Source {
                commit: Commit(commit.into()),
                subject: Some("free shipping banner".into()),
                committed_at: None,
                origin: None,
                tree: Tree::Clean,
            },
            tag: Tag(commit.into()),
            reused: BTreeMap::from([(
                "backend".into(),
                Reused {
                    image: StoredImage { digest, labels: BTreeMap::new(), pushed_at: None, tags: 1, platforms: Vec::new() },
                    repository: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/storefront/backend".into(),
                    because: "sha256:9c1e00000000 is in the registry under this tag and was built from the same inputs".into(),
                },
            )]),
            unchanged: BTreeMap::from([("jobs".into(), Revision("arn:aws:ecs:eu:1:task-definition/jobs:3".into()))]),
            steps,
            forced: None,
        }
    }

    #[test]
    fn a_plan_says_what_why_and_how_long() {
        let template = Template { definition: json!({}), containers: BTreeMap::new(), repositories: BTreeMap::new() };
        let smoke = Smoke { url: "http://x/health".into(), expect: 200, within: Span::seconds(60) };
        let gate = |image: &str| StepKind::Gate { image: image.into(), repository: image.into(), against: Vec::new() };
        let shown = plan(
            &a_plan(vec![
                step(
                    "push frontend",
                    &[],
                    StepKind::Push {
                        image: "frontend".into(),
                        repository: "r".into(),
                        index: Vec::new(),
                        source: None,
                        way: Some(Expected::LayerByLayer),
                    },
                    &format!("to r {}", Expected::LayerByLayer),
                ),
                step("gate frontend", &["push frontend"], gate("frontend"), "fail on high"),
                step(
                    "register backend",
                    &["gate frontend"],
                    StepKind::Register { service: "backend".into(), template, running: None },
                    "from `running` (backend:42): image",
                ),
                step(
                    "roll backend",
                    &["register backend"],
                    roll("backend", 3),
                    "rolling: 2 tasks, 2 to 4 at a time, about 3 min",
                ),
                step(
                    "smoke backend",
                    &["roll backend"],
                    StepKind::Smoke { service: "backend".into(), smoke, load_balancer: None },
                    "answers 200",
                ),
                step("roll frontend", &["smoke backend"], roll("frontend", 4), "rolling: 2 tasks, 2 to 4 at a time, about 4 min"),
                step("roll apart", &[], roll("apart", 5), "rolling: 2 tasks, 2 to 4 at a time, about 5 min"),
            ]),
            &["`backend` has no deployment circuit breaker".to_owned()],
            &[("cluster".to_owned(), "`--cluster`"), ("gate.fail_on".to_owned(), "`SHIPIT_FAIL_ON`")],
            Colour::No,
        );
        insta::assert_snapshot!(shown, @r#"
        storefront  4f2a91c "free shipping banner"  → storefront

          - build    backend   sha256:9c1e00000000 is in the registry under this tag and was built from the same inputs
          1 push     frontend  to r by shipit, layer by layer, unless the Engine remembers more of it
          2 gate     frontend  fail on high
          3 register backend   from `running` (backend:42): image
          4 roll     backend   rolling: 2 tasks, 2 to 4 at a time, about 3 min
          5 smoke    backend   answers 200
          6 roll     frontend  rolling: 2 tasks, 2 to 4 at a time, about 4 min
          7 roll     apart     rolling: 2 tasks, 2 to 4 at a time, about 5 min
          - roll     jobs      jobs:3 runs already

          the rollouts should take about 7 min

          ! `backend` has no deployment circuit breaker

          cluster       from `--cluster`
          gate.fail_on  from `SHIPIT_FAIL_ON`
        "#);
    }

    #[test]
    fn an_empty_plan_says_so() {
        insta::assert_snapshot!(plan::<&str>(&a_plan(Vec::new()), &[], &[], Colour::No), @r#"
        storefront  4f2a91c "free shipping banner"  → storefront

          - build backend  sha256:9c1e00000000 is in the registry under this tag and was built from the same inputs
          - roll  jobs     jobs:3 runs already

          nothing to do
        "#);
    }

    #[test]
    fn services_in_a_table() {
        let revision = |of: &str| Revision(format!("arn:aws:ecs:eu:1:task-definition/{of}"));
        let running = |of: &str, running, in_progress| {
            ServiceSeen::Present(Box::new(RunningService {
                arn: "arn".into(),
                status: "ACTIVE".into(),
                controller: "ECS".into(),
                revision: revision(of),
                definition: Value::Null,
                tags: BTreeMap::from([("shipit:commit".to_owned(), "4f2a91c0c7d1b7a5".to_owned())]),
                runtime: Default::default(),
                running_digests: BTreeMap::new(),
                desired: 2,
                running,
                percents: Percents { minimum_healthy: 100, maximum: 200 },
                breaker: Breaker::Off,
                configuration: Value::Null,
                load_balancers: Value::Null,
                grace: Span::seconds(0),
                health: HealthSource::default(),
                in_progress,
                primary: None,
                target_groups: Vec::new(),
                load_balancer: None,
                codedeploy: None,
                routing: None,
            }))
        };
        let moving = Some((DeploymentId("ecs-svc/1".into()), revision("frontend:43")));
        let shown = services(&[
            ("backend", running("backend:17", 2, None)),
            ("frontend", running("frontend:42", 3, moving)),
            ("jobs", ServiceSeen::Missing),
        ]);
        insta::assert_snapshot!(shown, @r"
        service    revision         tasks   commit    deployment
        backend    backend:17       2/2     4f2a91c   none in progress
        frontend   frontend:42      3/2     4f2a91c   to frontend:43 in progress
        jobs       does not exist
        ");
    }
}
