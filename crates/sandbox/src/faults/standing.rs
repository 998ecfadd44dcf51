//! The faults that stand, and the questions that the server and the services ask about them.

use serde_json::Value;

use super::stale::Lag;
use super::{Crash, Fault, Kind, Match, Often, Scan};
use crate::dispatch::{Service, is_read};

/// The faults that stand, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    standing: Vec<Standing>,
    next: u64,
    pub(super) lag: Lag,
}

#[derive(Debug)]
struct Standing {
    id: u64,
    fault: Fault,
    occasions: u64,
    happened: u64,
}

impl Faults {
    /// A task of this ECS service has been started: shall it crash? Counts as an occasion.
    pub fn crash(&mut self, service: &str) -> Option<Crash> {
        self.happen(service, |kind| if let Kind::Crash(crash) = kind { Some(*crash) } else { None })
    }

    /// A task of this ECS service is to be placed: why can it not? Counts as an occasion.
    pub fn no_capacity(&mut self, service: &str) -> Option<String> {
        self.happen(service, |kind| if let Kind::NoCapacity { reason } = kind { Some(reason.clone()) } else { None })
    }

    /// The agent of the container instance that has one of these names is not connected, as long as the fault stands.
    pub fn agent_lost(&self, instance: &[&str]) -> bool {
        self.stands(instance, |kind| matches!(kind, Kind::AgentLost {}).then_some(())).is_some()
    }

    /// A task of this ECS service pulls its images: why can it not? Counts as an occasion.
    pub fn pull_failure(&mut self, service: &str) -> Option<String> {
        self.happen(service, |kind| if let Kind::PullFailure { message } = kind { Some(message.clone()) } else { None })
    }

    /// A task of this ECS service is being started: how many virtual seconds longer? Counts as an occasion.
    pub fn slow_start(&mut self, service: &str) -> Option<f64> {
        self.happen(service, |kind| if let Kind::SlowStart { seconds } = kind { Some(*seconds) } else { None })
    }

    /// Health checks of this target group or ECS service fail, with this status, as long as the fault stands.
    pub fn unhealthy(&self, resource: &str) -> Option<u16> {
        self.stands(&[resource], |kind| if let Kind::Unhealthy { status } = kind { Some(*status) } else { None })
    }

    /// What a scan of this image says, as long as the fault stands; a fault of the digest or of the repository.
    pub fn scan(&self, repository: &str, digest: &str) -> Option<Scan> {
        self.stands(&[digest, repository], |kind| if let Kind::Scan(scan) = kind { Some(scan.clone()) } else { None })
    }

    /// Calls of this operation by ECS itself are denied, as long as a fault that names its service stands.
    pub fn denies(&self, service: Service, operation: &str) -> bool {
        self.standing.iter().map(|standing| &standing.fault).any(|fault| {
            fault.kind == Kind::Deny {}
                && fault.matches.service.as_deref() == Some(service.name())
                && fault.matches.call(service, operation)
        })
    }

    /// Every fault that stands with its id, how often it could have happened and how often it has.
    pub fn list(&self) -> Value {
        self.standing
            .iter()
            .map(|standing| {
                let mut shown = standing.fault.to_json();
                shown["id"] = standing.id.into();
                shown["occasions"] = standing.occasions.into();
                shown["happened"] = standing.happened.into();
                shown
            })
            .collect()
    }

    /// Removes a fault; false when there is none with this id.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.standing.len();
        self.standing.retain(|standing| standing.id != id);
        self.standing.len() < before
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.standing.clear();
    }

    /// A request of the registry's own protocol needs this action: what goes wrong with it? Counts as an occasion. What is not
    /// meant for ECR alone goes wrong with its API.
    pub(crate) fn on_registry(&mut self, action: &str) -> Option<Kind> {
        let ecr = Service::Ecr;
        self.standing
            .iter_mut()
            .filter(|standing| match standing.fault.kind {
                Kind::Deny {} | Kind::Cut { .. } => true,
                Kind::Throttle {} | Kind::ServerError { .. } | Kind::Drop {} | Kind::Expire {} => {
                    standing.fault.matches.service.as_deref() == Some(ecr.name())
                }
                _ => false,
            })
            .filter(|standing| standing.fault.matches.call(ecr, action))
            .find_map(|standing| standing.happens().then(|| standing.fault.kind.clone()))
    }

    /// A fault of stale reads stands.
    pub fn can_be_stale(&self) -> bool {
        self.standing.iter().any(|standing| matches!(standing.fault.kind, Kind::Stale { .. }))
    }

    fn happen<T>(&mut self, resource: &str, wanted: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        self.standing.iter_mut().filter(|standing| standing.fault.matches.resource(&[resource])).find_map(|standing| {
            let what = wanted(&standing.fault.kind)?;
            standing.happens().then_some(what)
        })
    }

    fn stands<T>(&self, resources: &[&str], wanted: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        let matching = self.standing.iter().filter(|standing| standing.fault.matches.resource(resources));
        matching.rev().find_map(|standing| wanted(&standing.fault.kind))
    }

    /// Adds a fault and answers its id.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.next += 1;
        self.standing.push(Standing { id: self.next, fault, occasions: 0, happened: 0 });
        self.next
    }

    /// A call is made: what goes wrong with it? Counts as an occasion.
    pub fn on_call(&mut self, service: Service, operation: &str) -> Option<Kind> {
        let read = is_read(operation);
        self.standing
            .iter_mut()
            .filter(|standing| read || !matches!(standing.fault.kind, Kind::Stale { .. }))
            .filter(|standing| standing.fault.kind.is_of_calls() && standing.fault.matches.call(service, operation))
            .find_map(|standing| standing.happens().then(|| standing.fault.kind.clone()))
    }
}

impl Standing {
    fn happens(&mut self) -> bool {
        self.occasions += 1;
        let happens = match self.fault.often {
            Often::Always => true,
            Often::Times(times) => self.happened < times.get(),
            Often::Rate(rate) => {
                let due = |occasions: u64| (occasions as f64 * rate).floor();
                due(self.occasions) > due(self.occasions - 1)
            }
        };
        self.happened += u64::from(happens);
        happens
    }
}

impl Match {
    fn call(&self, service: Service, operation: &str) -> bool {
        self.service.as_deref().is_none_or(|wanted| wanted == service.name())
            && self.operation.as_deref().is_none_or(|wanted| wanted == operation)
    }

    fn resource(&self, resources: &[&str]) -> bool {
        self.resource.as_deref().is_none_or(|wanted| resources.contains(&wanted))
    }
}

impl Kind {
    fn is_of_calls(&self) -> bool {
        matches!(
            self,
            Kind::Throttle {}
                | Kind::ServerError { .. }
                | Kind::Drop {}
                | Kind::Deny {}
                | Kind::Expire {}
                | Kind::ClockSkew { .. }
                | Kind::Stale { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(fault: Value) -> Faults {
        let mut faults = Faults::default();
        faults.add(Fault::read(fault).unwrap());
        faults
    }

    #[test]
    fn a_fault_happens_so_many_times_where_it_matches() {
        let mut faults = faults(json!({
            "match": {"service": "ecs", "operation": "UpdateService"}, "kind": "throttle", "times": 2,
        }));
        assert_eq!(faults.on_call(Service::Ecs, "DescribeServices"), None);
        assert_eq!(faults.on_call(Service::Ecr, "UpdateService"), None);
        assert_eq!(faults.on_call(Service::Ecs, "UpdateService"), Some(Kind::Throttle {}));
        assert_eq!(faults.on_call(Service::Ecs, "UpdateService"), Some(Kind::Throttle {}));
        assert_eq!(faults.on_call(Service::Ecs, "UpdateService"), None);
        assert_eq!(faults.list()[0]["happened"], 2);
        assert_eq!(faults.list()[0]["occasions"], 3);
    }

    #[test]
    fn a_rate_is_spread_evenly_and_repeatably() {
        let mut faults = faults(json!({"kind": "server_error", "rate": 0.25}));
        let happened: Vec<bool> = (0..8).map(|_| faults.on_call(Service::Sts, "GetCallerIdentity").is_some()).collect();
        assert_eq!(happened, [false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn the_registry_s_own_protocol_has_the_faults_that_are_meant_for_it() {
        let mut faults = faults(json!({"kind": "throttle"}));
        assert_eq!(faults.on_registry("UploadLayerPart"), None, "it is everyone's");
        faults.add(Fault::read(json!({"match": {"operation": "PutImage"}, "kind": "deny"})).unwrap());
        faults.add(Fault::read(json!({"match": {"service": "ecr"}, "kind": "expire", "times": 1})).unwrap());
        assert_eq!(faults.on_registry("PutImage"), Some(Kind::Deny {}));
        assert_eq!(faults.on_registry("UploadLayerPart"), Some(Kind::Expire {}));
        assert_eq!(faults.on_registry("UploadLayerPart"), None);
        faults.add(Fault::read(json!({"match": {"operation": "UploadLayerPart"}, "kind": "cut", "after": 7})).unwrap());
        assert_eq!(faults.on_registry("UploadLayerPart"), Some(Kind::Cut { after: 7 }));
        faults.clear();
        faults.add(Fault::read(json!({"kind": "cut", "after": 7})).unwrap());
        assert_eq!(faults.on_call(Service::Ecr, "PutImage"), None, "there is nothing to cut in a call");
    }

    #[test]
    fn faults_of_the_world_are_asked_for_by_resource() {
        let mut faults = faults(json!({"match": {"resource": "web"}, "kind": "crash", "exit_code": 137, "times": 1}));
        assert_eq!(faults.on_call(Service::Ecs, "RunTask"), None);
        assert_eq!(faults.crash("api"), None);
        assert_eq!(faults.crash("web"), Some(Crash { exit_code: 137, after_seconds: 0.0 }));
        assert_eq!(faults.crash("web"), None);

        let digest = json!({"match": {"resource": "sha256:aa"}, "kind": "scan", "status": "FAILED"});
        faults.add(Fault::read(digest).unwrap());
        assert_eq!(faults.scan("web", "sha256:bb"), None);
        assert_eq!(faults.scan("web", "sha256:aa").unwrap().status, "FAILED");
        assert_eq!(faults.unhealthy("web"), None);
        let id = faults.add(Fault::read(json!({"kind": "unhealthy"})).unwrap());
        assert_eq!(faults.unhealthy("web"), Some(503));
        assert!(faults.remove(id));
        assert!(!faults.remove(id));
        assert_eq!(faults.unhealthy("web"), None);
        faults.clear();
        assert_eq!(faults.list(), json!([]));
    }
}
