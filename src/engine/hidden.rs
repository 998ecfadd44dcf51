//! A hook of ours that ECS must be waiting at, and of which it tells nothing: without its id nothing can be answered from here.

use shipit_core::rollout::{Guards, Phase, Policy, Until};
use shipit_core::settled::{Begun, Evidence, service_deployment_of};

use super::rollout::Rolling;

impl Rolling<'_> {
    pub(super) fn hidden(&self, phase: &Phase, evidence: &Evidence) -> Option<String> {
        let Phase::Rolling { begun } = phase else { return None };
        hidden(evidence, begun, &Policy::of(self.roll, Until::Deployed).guards)
    }
}

/// What is waited for, and the ways out there are; none where ECS shows a hook of the stage, or has none of ours there. Just
/// after a stage has begun it may not show it yet.
fn hidden(evidence: &Evidence, begun: &Begun, guards: &Guards) -> Option<String> {
    let deployment = service_deployment_of(begun, evidence)?;
    let shift = deployment.shift.as_ref()?;
    if !shift.stage.pause().is_some_and(|at| guards.contains_key(&at)) || !shift.hooks.is_empty() {
        return None;
    }
    Some(format!(
        "ECS to show the hook at {}: until it does only the console can let it go on (Deployments, Continue); `aws ecs \
         stop-service-deployment --service-deployment-arn {} --stop-type ROLLBACK` goes back",
        shift.stage.word(),
        deployment.arn
    ))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use shipit_core::pipeline::{PauseAt, Share};
    use shipit_core::release::{DeploymentId, Revision};
    use shipit_core::rollout::Guard;
    use shipit_core::settled::{
        HookId, HookKind, HookSeen, HookStatus, ServiceDeployment, ServiceDeployments, ShiftSeen, Stage, Status,
    };

    use super::*;

    fn look(stage: Stage, hooks: Vec<HookSeen>) -> (Begun, Evidence) {
        let (at, revision) = (Timestamp::UNIX_EPOCH, Revision("web:2".into()));
        let shift = ShiftSeen {
            stage,
            production: Some(Share::percent(10)),
            test: None,
            candidate_groups: Vec::new(),
            stable_groups: Vec::new(),
            hooks,
            baking_until: None,
        };
        let ours = ServiceDeployment {
            arn: "arn:sd/1".into(),
            created_at: at,
            revision: revision.clone(),
            status: Status::InProgress,
            reason: None,
            shift: Some(shift),
        };
        let evidence = Evidence {
            at,
            service_deployments: ServiceDeployments::Listed { list: vec![ours] },
            deployments: Vec::new(),
            desired: 2,
            running: 4,
            pending: 0,
            events: Vec::new(),
        };
        (Begun { service: "web".into(), revision, deployment: DeploymentId("1".into()), asked_at: at }, evidence)
    }

    #[test]
    fn a_hook_that_is_not_shown_is_told_with_the_ways_out_and_only_where_it_must_be() {
        let guards = Guards::from([(PauseAt::AfterProduction, Guard::Person)]);
        let told = |stage, hooks| {
            let (begun, evidence) = look(stage, hooks);
            hidden(&evidence, &begun, &guards)
        };
        insta::assert_snapshot!(
            told(Stage::PostProductionTrafficShift, Vec::new()).unwrap(),
            @"ECS to show the hook at POST_PRODUCTION_TRAFFIC_SHIFT: until it does only the console can let it go on (Deployments, Continue); `aws ecs stop-service-deployment --service-deployment-arn arn:sd/1 --stop-type ROLLBACK` goes back"
        );
        assert_eq!(told(Stage::PreProductionTrafficShift, Vec::new()), None, "it has none there");
        assert_eq!(told(Stage::BakeTime, Vec::new()), None);
        let pause = HookSeen {
            id: HookId("ecs-pause-1".into()),
            kind: HookKind::Pause,
            status: HookStatus::AwaitingAction,
            expires_at: None,
            then: None,
        };
        assert_eq!(told(Stage::PostProductionTrafficShift, vec![pause]), None);
    }
}
