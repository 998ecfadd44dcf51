//! The ports of ECS: services looked at, changed, followed, stopped; tasks that failed.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use shipit::port::{Change, Evidence as EvidencePort, PortError, PortResult, Routes, Service, StopType};
use shipit_core::analysis::AlarmState;
use shipit_core::dossier::{LogPlace, Stop, TargetGroup};
use shipit_core::pipeline::Traffic;
use shipit_core::plan::Wired;
use shipit_core::release::{DeploymentId, Digest, Revision, RunId};
use shipit_core::rollout::Answer;
use shipit_core::routing::{BalancerSeen, GroupSeen, Known, Mesh, RouteSeen, Routing, WiringSeen};
use shipit_core::runtime::Instance;
use shipit_core::settled::{
    Begun, DeploymentSeen, Evidence, HookId, RolloutState, ServiceDeployment, ServiceDeployments, Status,
};
use shipit_core::snapshot::{RunningService, ServiceSeen, TargetGroupSeen};
use shipit_core::tags;
use shipit_scheduler::{Hold, Phase, Role, Rollout, Span};

use super::faults::Op;
use super::routed::{Side, group};
use super::service_state::{EcsService, deployment_id};
use super::shifting::shift;
use super::surroundings::{ACCOUNT, REGION};
use super::world::{Fake, World};

/// How much of a drain is the stop itself; the rest is the target group's deregistration delay.
const STOP: Span = Span::seconds(30);

fn production_rule(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/shop/1/2/{name}")
}

fn missing(service: &str) -> PortError {
    PortError::NotFound { what: format!("service `{service}`") }
}

impl World {
    /// The service as a read answers it: as it was, right after a change.
    fn read(&self, name: &str) -> Option<&EcsService> {
        let service = self.ecs.services.get(name)?;
        match &service.stale {
            Some((until, before)) if self.now() < *until => Some(before),
            _ => Some(service),
        }
    }

    fn arn(&self, place: u64) -> Revision {
        self.ecs.revisions.at(place).arn.clone()
    }

    fn seen(&self, name: &str) -> ServiceSeen {
        let Some(service) = self.read(name) else { return ServiceSeen::Missing };
        let primary = service.plan.primary();
        let registered = self.ecs.revisions.at(primary.revision);
        let digests = shipit_core::taskdef::images(&registered.definition).into_iter().filter_map(|(container, image)| {
            image.split_once('@').map(|(_, digest)| (container.to_owned(), Digest(digest.to_owned())))
        });
        let id = deployment_id(name, primary.id);
        let in_progress = (primary.rollout == Rollout::InProgress).then(|| (id.clone(), registered.arn.clone()));
        ServiceSeen::Present(Box::new(RunningService {
            arn: format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/{name}"),
            status: service.status.clone(),
            controller: service.controller.clone(),
            revision: registered.arn.clone(),
            definition: registered.definition.clone(),
            tags: registered.tags.clone(),
            runtime: service.runtime.clone(),
            running_digests: digests.chain(service.digests.clone()).collect(),
            desired: service.plan.desired,
            running: running(service),
            percents: service.plan.percents,
            breaker: service.plan.breaker,
            configuration: service.configuration.clone(),
            load_balancers: json!([{
                "targetGroupArn": group(name, Side::A), "containerName": "api", "containerPort": 3333,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": group(name, Side::B), "productionListenerRule": production_rule(name),
                    "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecs-traffic")}
            }]),
            grace: service.plan.grace,
            health: service.plan.health,
            in_progress,
            primary: Some(id),
            target_groups: vec![TargetGroupSeen {
                arn: group(name, Side::A),
                drain: Span(self.ecs.spans.drain.0.saturating_sub(STOP.0)),
                interval: Span(self.ecs.spans.verdict.0.div_ceil(2)),
                healthy_threshold: 2,
            }],
            load_balancer: service.load_balancer.clone(),
            codedeploy: None,
            routing: None,
        }))
    }

    fn begun(&self, name: &str, revision: &Revision) -> Begun {
        let primary = self.ecs.services[name].plan.primary();
        Begun {
            service: name.into(),
            revision: revision.clone(),
            deployment: deployment_id(name, primary.id),
            asked_at: self.timestamp(primary.created_at),
        }
    }

    /// UpdateService; a deployment is made only where the revision is another.
    fn update(&mut self, change: &Change) -> PortResult<Begun> {
        let place = self.ecs.revisions.place(&change.revision);
        let place = place.ok_or_else(|| PortError::NotFound { what: "task definition".into() })?;
        let (now, stale) = (self.now(), self.ecs.spans.stale);
        let service = self.ecs.services.get_mut(&change.service).ok_or_else(|| missing(&change.service))?;
        let before = service.clone();
        service.configure(&change.configuration);
        let in_alarm = |name: &String| self.traffic.alarms.get(name) == Some(&AlarmState::Alarm);
        service.plan.alarmed = self.traffic.alarms.keys().any(|name| in_alarm(name) && service.heeds(name));
        if service.plan.primary().revision != place {
            service.deploy(place, now);
            service.stale = Some((now + stale, Box::new(before)));
            self.step(&change.service, now);
        }
        Ok(self.begun(&change.service, &change.revision))
    }

    fn create(&mut self, change: &Change, definition: &Value) -> PortResult<Begun> {
        if self.ecs.services.contains_key(&change.service) {
            return Err(PortError::Refused {
                action: "ecs:CreateService".into(),
                code: "InvalidParameterException".into(),
                message: "Creation of service was not idempotent.".into(),
            });
        }
        let place = self.ecs.revisions.place(&change.revision);
        let place = place.ok_or_else(|| PortError::NotFound { what: "task definition".into() })?;
        let now = self.now();
        let desired = u32::try_from(definition["desiredCount"].as_u64().unwrap_or(0)).unwrap();
        let plan = shipit_scheduler::Service::new(desired, place, now);
        let mut service = EcsService::new(plan, now);
        service.configure(&definition["deploymentConfiguration"]);
        if let Some(shift) = shift(&service.configuration) {
            service.plan.shift_first(shift, now);
            service.deployments[0].shift.configuration = service.configuration.clone();
        }
        self.ecs.services.insert(change.service.clone(), service);
        self.step(&change.service, now);
        Ok(self.begun(&change.service, &change.revision))
    }

    fn evidence(&self, begun: &Begun) -> PortResult<Evidence> {
        let service = self.read(&begun.service).ok_or_else(|| missing(&begun.service))?;
        let counts = |id, running: bool| {
            let of = service.plan.tasks.iter().filter(|task| task.deployment == id);
            let of = of.filter(|task| if running { is_running(task.phase) } else { task.phase == Phase::Pending });
            u32::try_from(of.count()).unwrap()
        };
        let deployments = service.plan.deployments.iter().map(|deployment| DeploymentSeen {
            id: deployment_id(&begun.service, deployment.id),
            role: if deployment.role == Role::Primary { "PRIMARY".into() } else { "ACTIVE".into() },
            revision: self.arn(deployment.revision),
            rollout: match deployment.rollout {
                Rollout::InProgress => RolloutState::InProgress,
                Rollout::Completed => RolloutState::Completed,
                Rollout::Failed => RolloutState::Failed,
            },
            reason: match (deployment.rollout, deployment.rolls_back) {
                (Rollout::Failed, _) if shift(&service.configuration).is_some() => {
                    let of = service.deployments.iter().rev().find(|one| one.deployment == deployment.id);
                    of.and_then(|one| one.reason.clone())
                }
                (Rollout::Failed, _) => Some("ECS deployment circuit breaker: tasks failed to start.".into()),
                (_, Some(_)) => Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".into()),
                _ => None,
            },
            desired: match (deployment.role, deployment.hold) {
                (Role::Primary, _) | (_, Hold::Full) => service.plan.desired,
                _ => 0,
            },
            running: counts(deployment.id, true),
            pending: counts(deployment.id, false),
            failed: deployment.failed_tasks,
        });
        let events = service.events.iter().rev().filter(|(at, _)| self.timestamp(*at) >= begun.asked_at);
        Ok(Evidence {
            at: self.clock.now(),
            service_deployments: if self.ecs.without_service_deployments {
                ServiceDeployments::Unsupported
            } else {
                ServiceDeployments::Listed { list: self.listed(&begun.service, service) }
            },
            deployments: deployments.collect(),
            desired: service.plan.desired,
            running: running(service),
            pending: u32::try_from(service.plan.tasks.iter().filter(|task| task.phase == Phase::Pending).count()).unwrap(),
            events: events.map(|(_, text)| text.clone()).collect(),
        })
    }

    /// All there are, older ones than were asked for too: the engine must tell its own by itself.
    pub fn listed(&self, name: &str, service: &EcsService) -> Vec<ServiceDeployment> {
        let (now, lag) = (self.now(), self.ecs.spans.listed);
        let shown = service.deployments.iter().enumerate().rev();
        shown
            .filter(|(_, one)| one.created_at + lag <= now)
            .map(|(number, one)| ServiceDeployment {
                arn: format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/shop/{name}/{number}"),
                created_at: self.timestamp(one.created_at),
                revision: self.arn(one.revision),
                status: one.status.clone(),
                reason: one.reason.clone(),
                shift: self.shift_seen(name, service, one),
            })
            .collect()
    }

    fn stop(&mut self, begun: &Begun, how: StopType) -> PortResult<()> {
        let refused = |code: &str, message: &str| PortError::Refused {
            action: "ecs:StopServiceDeployment".into(),
            code: code.into(),
            message: message.into(),
        };
        if self.ecs.without_service_deployments {
            return Err(refused("Unsupported", "the platform has no service deployments"));
        }
        let shifts = self.ecs.services[&begun.service].plan.shifting.is_some();
        if how == StopType::Abort && !shifts {
            return Err(refused("InvalidParameterException", "Invalid stopType. The valid value is ROLLBACK."));
        }
        let (now, place) = (self.now(), self.ecs.revisions.place(&begun.revision));
        let created: Vec<Timestamp> =
            self.ecs.services[&begun.service].deployments.iter().map(|one| self.timestamp(one.created_at)).collect();
        let service = self.service(&begun.service);
        let ours = service.deployments.iter().zip(created);
        let ours = ours.filter(|(one, created)| *created >= begun.asked_at && Some(one.revision) == place).map(|(one, _)| one);
        let ours = ours.min_by_key(|one| one.created_at).ok_or_else(|| missing("the service deployment"))?;
        if !ours.is_open() {
            return Err(refused("ConflictException", "Stopping is not allowed in terminal states."));
        }
        if ours.back.is_some() || matches!(ours.status, Status::RollbackRequested | Status::RollbackInProgress) {
            return Ok(());
        }
        if how == StopType::Abort {
            service.abort();
        } else if !service.roll_back(now) {
            return Err(refused("ConflictException", "there is no earlier service revision"));
        }
        self.step(&begun.service, now);
        Ok(())
    }
}

fn is_running(phase: Phase) -> bool {
    matches!(phase, Phase::Running(_))
}

fn running(service: &EcsService) -> u32 {
    u32::try_from(service.plan.tasks.iter().filter(|task| is_running(task.phase)).count()).unwrap()
}

#[async_trait]
impl Service for Fake {
    async fn look(&self, service: &str) -> PortResult<ServiceSeen> {
        self.call(Op::DescribeService, service, Value::Null, |world| Ok(world.seen(service))).await
    }

    async fn instances(&self) -> PortResult<Vec<Instance>> {
        self.call(Op::ListInstances, "", Value::Null, |world| Ok(world.ecs.instances.clone())).await
    }

    async fn registered(&self, family: &str, run: &RunId) -> PortResult<Option<Revision>> {
        self.call(Op::FindRevision, family, Value::Null, |world| {
            let newest = world.ecs.revisions.all.iter().rev().find(|known| known.arn.family() == family);
            Ok(newest.filter(|known| known.tags.get(tags::RUN) == Some(&run.0)).map(|known| known.arn.clone()))
        })
        .await
    }

    async fn register(&self, definition: &Value) -> PortResult<Revision> {
        let family = definition["family"].as_str().unwrap_or_default();
        let sent = definition.clone();
        self.call(Op::RegisterTaskDefinition, family, sent, |world| {
            let now = world.clock.now();
            Ok(world.ecs.revisions.register(definition, now))
        })
        .await
    }

    async fn begin(&self, change: &Change) -> PortResult<Begun> {
        let sent = json!({"taskDefinition": change.revision, "deploymentConfiguration": change.configuration});
        match &change.create {
            None => self.call(Op::UpdateService, &change.service, sent, |world| world.update(change)).await,
            Some(create) => {
                self.call(Op::CreateService, &change.service, create.clone(), |world| world.create(change, create)).await
            }
        }
    }

    async fn configure(&self, service: &str, configuration: &Value) -> PortResult<()> {
        let sent = json!({"deploymentConfiguration": configuration});
        self.call(Op::Configure, service, sent, |world| {
            let service = world.ecs.services.get_mut(service).ok_or_else(|| missing(service))?;
            service.configure(configuration);
            Ok(())
        })
        .await
    }

    async fn follow(&self, begun: &Begun) -> PortResult<Evidence> {
        self.call(Op::Follow, &begun.service, json!(begun), |world| world.evidence(begun)).await
    }

    async fn current(&self, service: &str) -> PortResult<Option<Begun>> {
        self.call(Op::Current, service, Value::Null, |world| {
            let seen = world.read(service).ok_or_else(|| missing(service))?;
            let open = seen.deployments.iter().rev().find(|one| one.is_open());
            Ok(open.map(|open| Begun {
                service: service.into(),
                revision: world.arn(open.revision),
                deployment: deployment_id(service, open.deployment),
                asked_at: world.timestamp(open.created_at),
            }))
        })
        .await
    }

    async fn proceed(&self, begun: &Begun, hook: &HookId, answer: Answer) -> PortResult<()> {
        let sent = json!({"hookId": hook, "action": answer});
        self.call(Op::ContinueServiceDeployment, &begun.service, sent, |world| {
            world.proceed(&begun.service, &begun.revision, hook, answer)
        })
        .await
    }

    async fn stop(&self, begun: &Begun, how: StopType) -> PortResult<()> {
        let sent = json!({"begun": begun, "how": format!("{how:?}")});
        self.call(Op::StopServiceDeployment, &begun.service, sent, |world| world.stop(begun, how)).await
    }
}

#[async_trait]
impl EvidencePort for Fake {
    async fn stopped(&self, service: &str, deployment: &DeploymentId, known: &BTreeSet<String>) -> PortResult<Vec<Stop>> {
        self.call(Op::DescribeStoppedTasks, service, json!(deployment), |world| {
            let seen = world.read(service).ok_or_else(|| missing(service))?;
            let ours =
                seen.failed.iter().filter(|(id, stop)| deployment_id(service, *id) == *deployment && !known.contains(&stop.task));
            Ok(ours.map(|(_, stop)| stop.clone()).collect())
        })
        .await
    }

    async fn definition(&self, revision: &Revision) -> PortResult<Value> {
        self.call(Op::DescribeTaskDefinition, revision.short(), Value::Null, |world| {
            let place = world.ecs.revisions.place(revision).ok_or_else(|| missing("the task definition"))?;
            Ok(world.ecs.revisions.at(place).definition.clone())
        })
        .await
    }

    async fn target_groups(&self, service: &str) -> PortResult<Vec<TargetGroup>> {
        self.call(Op::DescribeTargetHealth, service, Value::Null, |world| {
            let seen = world.read(service).ok_or_else(|| missing(service))?;
            let arn = format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{service}/1");
            Ok(vec![seen.target_group(&arn)])
        })
        .await
    }

    async fn log(&self, place: &LogPlace, stream: &str) -> PortResult<Vec<String>> {
        self.call(Op::GetLogEvents, stream, json!(place), |_| {
            Ok(vec!["listening on :3333".to_owned(), "panic: connect ECONNREFUSED db:5432".to_owned()])
        })
        .await
    }
}

/// Every service is wired for shifting traffic.
#[async_trait]
impl Routes for Fake {
    async fn routing(&self, name: &str, _: &RunningService, _: Option<&Traffic>) -> PortResult<Routing> {
        let seen = |side: Side| GroupSeen {
            arn: group(name, side),
            target_type: "ip".into(),
            protocol: "HTTP".into(),
            vpc: Some("vpc-1".into()),
            health: "HTTP traffic-port/health".into(),
            load_balancer: None,
        };
        let (rule, serves) = {
            let world = self.lock();
            let service = &world.ecs.services[name];
            (service.rule.clone(), service.side(service.plan.primary().id))
        };
        let weight = |side: Side| rule.get(&side).map_or(0, |share| share.0);
        let known = Known {
            wired: Wired::Already,
            alternate_named: group(name, Side::B),
            alternate: Some(seen(Side::B)),
            production_rule: production_rule(name),
            production: RouteSeen::Forwards { weights: [Side::A, Side::B].map(|side| (group(name, side), weight(side))).into() },
            test: None,
            role: None,
            resolved: Some(group(name, serves)),
        };
        let wiring = WiringSeen::Known(Box::new(known));
        Ok(Routing {
            balancers: vec![BalancerSeen { declared: seen(Side::A), wiring }],
            mesh: Mesh::Absent,
            ..Routing::default()
        })
    }
}
