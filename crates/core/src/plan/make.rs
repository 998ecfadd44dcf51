//! From what is wanted and what is there to the steps between: pure, all refusals at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::attested::attested;
use super::images::{self, Reuse};
use super::{Plan, Reused, Roll, Step, StepId, StepKind, Template, Wiring, refusal, wiring, zstd};
use crate::artefacts::{AppSpec, Written};
use crate::failure::Failure;
use crate::pipeline::{Name, Pipeline, Service, TaskDefinitionSource, WhenSame};
use crate::release::{Digest, Revision};
use crate::snapshot::{RunningService, ServiceSeen, Snapshot};
use crate::taskdef::{self, Reference};
use crate::timeline;

/// Makes the plan; `reuse` says whether images that the registry has may serve.
///
/// # Errors
/// Every reason why there can be none, at once.
pub fn plan(pipeline: &Pipeline, snapshot: &Snapshot, reuse: Reuse) -> Result<Plan, Vec<Failure>> {
    let mut making = Making {
        pipeline,
        snapshot,
        refusals: Vec::new(),
        steps: Vec::new(),
        reused: BTreeMap::new(),
        unchanged: BTreeMap::new(),
    };
    making.account();
    let images = images::images(pipeline, snapshot, reuse);
    making.refusals.extend(images.refusals);
    making.refusals.extend(zstd::refusals(pipeline, snapshot, reuse));
    making.steps = images.steps;
    making.reused = images.reused;
    attested(pipeline, &mut making.steps, |image| images.repositories.get(image).cloned());
    making.services(&images.repositories, &images.platforms);
    if making.refusals.is_empty() {
        Ok(Plan {
            pipeline: pipeline.name.clone(),
            cluster: pipeline.cluster.clone(),
            source: snapshot.source.clone(),
            tag: snapshot.source.tag(),
            reused: making.reused,
            unchanged: making.unchanged,
            steps: making.steps,
            forced: None,
        })
    } else {
        Err(making.refusals)
    }
}

struct Making<'a> {
    pipeline: &'a Pipeline,
    snapshot: &'a Snapshot,
    refusals: Vec<Failure>,
    steps: Vec<Step>,
    reused: BTreeMap<Name, Reused>,
    unchanged: BTreeMap<Name, Revision>,
}

fn id(verb: &str, subject: &str) -> StepId {
    StepId(format!("{verb} {subject}"))
}

impl Making<'_> {
    fn account(&mut self) {
        if let Some(wanted) = self.pipeline.account.as_ref().filter(|account| **account != self.snapshot.account) {
            self.refusals.push(refusal::wrong_account(wanted, &self.snapshot.account));
        }
    }

    fn services(&mut self, repositories: &BTreeMap<Name, String>, platforms: &BTreeMap<Name, Vec<String>>) {
        // No service is touched before every image of the run has passed its gate.
        let is_gate = |kind: &StepKind| matches!(kind, StepKind::Gate { .. } | StepKind::Attest { .. } | StepKind::Verify { .. });
        let gates: Vec<StepId> = self.steps.iter().filter(|step| is_gate(&step.kind)).map(|step| step.id.clone()).collect();
        let mut last: BTreeMap<Name, StepId> = BTreeMap::new();
        for service in in_order(&self.pipeline.services) {
            let Some(seen) = self.snapshot.services.get(&service.name) else { continue };
            self.refuse_platforms(service, seen.present(), platforms);
            let needs: Vec<StepId> = service.needs.iter().filter_map(|need| last.get(need).cloned()).collect();
            if let Some(end) = self.service(service, seen, repositories, &gates, needs) {
                last.insert(service.name.clone(), end);
            }
        }
    }

    fn service(
        &mut self,
        service: &Service,
        seen: &ServiceSeen,
        repositories: &BTreeMap<Name, String>,
        gates: &[StepId],
        needs: Vec<StepId>,
    ) -> Option<StepId> {
        let running = seen.present();
        self.refuse_controller(service, running);
        let wired = running.map(|running| wiring(service, running)).transpose();
        let wired = wired.map_err(|failures| self.refusals.extend(failures)).ok().flatten().unwrap_or_default();
        if running.is_none() && service.service_definition.is_none() {
            self.refusals.push(refusal::missing(service, self.pipeline, &self.snapshot.region));
            return None;
        }
        let definition = self.definition(service, running)?;
        let template = Template {
            definition,
            containers: service.containers.clone(),
            repositories: service
                .containers
                .values()
                .filter_map(|image| repositories.get(image).map(|uri| (image.clone(), uri.clone())))
                .collect(),
        };
        if let Some(running) = running
            && self.is_unchanged(service, &template, running)
        {
            self.unchanged.insert(service.name.clone(), running.revision.clone());
            return None;
        }
        Some(self.roll_out(service, running, template, wired, gates, needs))
    }

    fn roll_out(
        &mut self,
        service: &Service,
        running: Option<&RunningService>,
        template: Template,
        wired: Vec<Wiring>,
        gates: &[StepId],
        needs: Vec<StepId>,
    ) -> StepId {
        let artefacts = self.step(
            "artefacts",
            &service.name,
            gates.to_vec(),
            StepKind::Artefacts {
                service: service.name.clone(),
                written: Written { template: template.clone(), appspec: running.and_then(AppSpec::of) },
            },
            "imagedefinitions.json, imageDetail.json, task definition".to_owned(),
        );
        let because = self.because_register(service, running, &template);
        let register = self.step(
            "register",
            &service.name,
            vec![artefacts],
            StepKind::Register {
                service: service.name.clone(),
                template,
                running: running.map(|running| running.revision.clone()),
            },
            because,
        );
        let roll = Roll { wiring: wired, ..timeline::roll(service, running) };
        let because = timeline::because(service, running, &roll);
        let load_balancer = running.and_then(|running| running.load_balancer.clone());
        let mut roll_needs = vec![register];
        roll_needs.extend(needs);
        let end = self.step("roll", &service.name, roll_needs, StepKind::Roll(Box::new(roll)), because);
        match &service.smoke {
            None => end,
            Some(smoke) => self.step(
                "smoke",
                &service.name,
                vec![end],
                StepKind::Smoke { service: service.name.clone(), smoke: smoke.clone(), load_balancer },
                format!("{} answers {}", smoke.url, smoke.expect),
            ),
        }
    }

    fn refuse_controller(&mut self, service: &Service, running: Option<&RunningService>) {
        let Some(running) = running else { return };
        self.refusals.extend(refusal::controller(service, &running.controller, &self.pipeline.cluster));
        if running.status != "ACTIVE" {
            self.refusals.push(refusal::not_active(service, &running.status));
        }
    }

    /// An image that is built for another machine than the one its task runs on would only ever stop.
    fn refuse_platforms(&mut self, service: &Service, running: Option<&RunningService>, platforms: &BTreeMap<Name, Vec<String>>) {
        let definition = match (&service.task_definition, running) {
            (TaskDefinitionSource::File { definition, .. }, _) => definition,
            (TaskDefinitionSource::Running, Some(running)) => &running.definition,
            (TaskDefinitionSource::Running, None) => return,
        };
        let Some(wanted) = taskdef::platform(definition) else { return };
        for (container, image) in &service.containers {
            let Some(built) = platforms.get(image).filter(|built| !built.is_empty() && !built.contains(&wanted)) else {
                continue;
            };
            self.refusals.push(refusal::other_platform(service, container, image, &wanted, built));
        }
    }

    /// The definition to start from, with every other container pinned or allowed.
    fn definition(&mut self, service: &Service, running: Option<&RunningService>) -> Option<Value> {
        let definition = match (&service.task_definition, running) {
            (TaskDefinitionSource::File { definition, .. }, _) => taskdef::registrable(definition),
            (TaskDefinitionSource::Running, Some(running)) => {
                let tags: Vec<(&str, String)> = running.tags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
                taskdef::with_tags(taskdef::registrable(&running.definition), &tags)
            }
            (TaskDefinitionSource::Running, None) => {
                self.refusals.push(refusal::nothing_runs(service));
                return None;
            }
        };
        let definition = service
            .images
            .iter()
            .fold(definition, |definition, (container, image)| taskdef::with_image(definition, container, image));
        let names: BTreeSet<&str> = taskdef::containers(&definition).into_iter().collect();
        for named in service.images.keys().filter(|named| !names.contains(named.as_str())) {
            let known: Vec<&str> = names.iter().copied().collect();
            self.refusals.push(refusal::container_unknown(service, named, &known));
        }
        for wanted in service.containers.keys().filter(|wanted| !names.contains(wanted.as_str())) {
            let known: Vec<&str> = names.iter().copied().collect();
            self.refusals.push(refusal::container_missing(service, wanted, &known));
        }
        Some(self.pin_others(service, running, definition))
    }

    fn pin_others(&mut self, service: &Service, running: Option<&RunningService>, definition: Value) -> Value {
        let others: Vec<(String, String)> = taskdef::images(&definition)
            .into_iter()
            .filter(|(container, image)| {
                !service.containers.contains_key(*container) && taskdef::reference(image) == Reference::Moving
            })
            .map(|(container, image)| (container.to_owned(), image.to_owned()))
            .collect();
        let mut definition = definition;
        for (container, image) in others {
            if self.pipeline.allow_latest.contains(&image) {
                continue;
            }
            // Where the definition alone brings the images, one that is pinned to what runs would bring nothing.
            let alone = service.containers.is_empty() && service.images.is_empty();
            let running = running.filter(|_| !alone && !service.images.contains_key(&container));
            match running.and_then(|running| running.running_digests.get(&container)) {
                Some(digest) => {
                    let name = image.strip_suffix(":latest").unwrap_or(&image);
                    definition = taskdef::with_image(definition, &container, &format!("{name}@{digest}"));
                }
                None => self.refusals.push(refusal::moving_tag(service, &container, &image)),
            }
        }
        definition
    }

    fn is_unchanged(&self, service: &Service, template: &Template, running: &RunningService) -> bool {
        let digests: BTreeMap<Name, Digest> =
            self.reused.iter().map(|(name, reused)| (name.clone(), reused.image.digest.clone())).collect();
        let known = service.containers.values().all(|image| digests.contains_key(image));
        known
            && service.when_same == WhenSame::Leave
            && running.in_progress.is_none()
            && is_same(&taskdef::render(template, &digests), running)
    }

    fn because_register(&self, service: &Service, running: Option<&RunningService>, template: &Template) -> String {
        let from = match (&service.task_definition, running) {
            (TaskDefinitionSource::Running, Some(running)) => format!("from `running` ({})", running.revision.short()),
            (TaskDefinitionSource::File { path, .. }, _) => format!("from {}", path.display()),
            (TaskDefinitionSource::Running, None) => String::new(),
        };
        let Some(running) = running else { return from };
        let fresh: BTreeMap<Name, Digest> =
            template.containers.values().map(|image| (image.clone(), Digest("sha256:new".to_owned()))).collect();
        format!("{from}: {}", taskdef::change(&running.definition, &taskdef::render(template, &fresh)))
    }

    fn step(&mut self, verb: &str, subject: &str, needs: Vec<StepId>, kind: StepKind, because: String) -> StepId {
        let id = id(verb, subject);
        self.steps.push(Step { id: id.clone(), needs, kind, because });
        id
    }
}

/// The rendered definition registers to what runs; tags that shipit adds make no difference.
pub fn is_same(rendered: &Value, running: &RunningService) -> bool {
    let tags: Vec<(&str, String)> = running.tags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let running_with_tags = taskdef::with_tags(running.definition.clone(), &tags);
    taskdef::same(rendered, &running_with_tags)
}

/// Services so that each comes after those it needs; the order of the file otherwise. The reader has refused cycles.
fn in_order(services: &[Service]) -> Vec<&Service> {
    let mut order: Vec<&Service> = Vec::new();
    while order.len() < services.len() {
        let next = services.iter().find(|service| {
            !order.iter().any(|done| done.name == service.name)
                && service
                    .needs
                    .iter()
                    .all(|need| order.iter().any(|done| done.name == *need) || services.iter().all(|other| other.name != *need))
        });
        match next {
            Some(service) => order.push(service),
            None => break,
        }
    }
    order
}
