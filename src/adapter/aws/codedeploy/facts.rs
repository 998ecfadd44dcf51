//! What is read of a service's deployment group before anything is planned: wiring, configuration, hooks.

use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetGroup};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use shipit_core::codedeploy::{Balancer, CodeDeploySeen, Hooks};

use super::api::{Api, Which};
use super::follow::primary;
use super::seen::{Deployment, Group, Location};
use super::{CodeDeploy, appspec};
use crate::adapter::aws::ecs::describe::Balancers;
use crate::adapter::aws::ecs::reading::{items, text};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::{PortError, PortResult};

/// A service's deployment group, with all that a deployment to it needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// As CodeDeploy answers it.
    pub group: Group,
    /// In core's words.
    pub seen: CodeDeploySeen,
    /// The `Hooks` of the last AppSpec that succeeded, untouched.
    pub hooks: Value,
}

impl CodeDeploy {
    /// Reads them anew, with what the load balancers say.
    pub(super) async fn facts(&self, group: Group, service: &Value) -> PortResult<(Facts, Balancers)> {
        let ((targets, balancers), steps, (hooks, known)) = futures_util::try_join!(
            self.targets(&group, service),
            async { Ok(self.api.configuration(&group.configuration).await?.flatten()) },
            hooks(&self.api, &group),
        )?;
        let seen = CodeDeploySeen {
            application: group.application.clone(),
            group: group.name.clone(),
            configuration: group.configuration.clone(),
            steps,
            target_groups: targets.iter().filter_map(|target| target.target_group_arn.clone()).collect(),
            production_listeners: group.production_listeners.clone(),
            test_listener: group.test_listener.clone(),
            balancer: if targets.iter().any(is_network) { Balancer::Network } else { Balancer::Application },
            load_balancer: targets.iter().flat_map(|target| target.load_balancer_arns()).next().cloned(),
            ready: group.ready,
            terminate: group.terminate,
            alarms: group.alarms.clone(),
            rolls_back_on: group.rolls_back_on.clone(),
            hooks: known,
        };
        Ok((Facts { group, seen, hooks }, balancers))
    }

    /// The target groups of a deployment group, the live one first.
    async fn targets(&self, group: &Group, service: &Value) -> PortResult<(Vec<TargetGroup>, Balancers)> {
        let found = try_join_all(group.target_groups.iter().map(|name| self.target_group(name))).await?;
        let mut found: Vec<TargetGroup> = found.into_iter().flatten().collect();
        let live: Vec<&str> = primary(service)
            .into_iter()
            .flat_map(|primary| items(&primary["loadBalancers"]))
            .filter_map(|balancer| balancer["targetGroupArn"].as_str())
            .collect();
        found.sort_by_key(|target| !target.target_group_arn().is_some_and(|arn| live.contains(&arn)));
        let arns: Vec<Value> = found.iter().map(|target| json!({"targetGroupArn": target.target_group_arn()})).collect();
        let balancers = self.cluster.balancers(&json!({"loadBalancers": arns})).await?;
        Ok((found, balancers))
    }

    /// A target group by its name; none where there is no such, which is the plan's to say.
    async fn target_group(&self, name: &str) -> PortResult<Option<TargetGroup>> {
        let reply = self.elb.describe_target_groups().names(name).send().await;
        let reply = reply
            .map_err(|error| named(AwsError::of(operation::DESCRIBE_TARGET_GROUPS, &error), || format!("target group `{name}`")));
        match reply {
            Ok(reply) => Ok(reply.target_groups.unwrap_or_default().into_iter().next()),
            Err(PortError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_network(target: &TargetGroup) -> bool {
    use ProtocolEnum::{Tcp, TcpUdp, Tls, Udp};
    matches!(target.protocol(), Some(Tcp | TcpUdp | Tls | Udp))
}

/// The hooks of the last deployment of a group that succeeded: untouched, and by name.
async fn hooks(api: &Api, group: &Group) -> PortResult<(Value, Hooks)> {
    let none = (Value::Null, Hooks::Known(Vec::new()));
    let Some(last) = last_good(api, group).await? else { return Ok(none) };
    let (place, read) = match &last.location {
        Location::AppSpec { sha256 } => (sha256.clone(), api.appspec(&last.application, sha256).await?),
        Location::Elsewhere { place } => (place.clone(), None),
    };
    Ok(match read {
        Some(read) => {
            let hooks = appspec::hooks(&read);
            let named = appspec::named_hooks(&hooks);
            (hooks, Hooks::Known(named))
        }
        None => (Value::Null, Hooks::Elsewhere { place }),
    })
}

/// The last deployment that succeeded and was no way back; a platform that does not tell it is asked for all.
async fn last_good(api: &Api, group: &Group) -> PortResult<Option<Deployment>> {
    if let Some(id) = &group.succeeded
        && let Some(last) = api.deployment(id).await?.filter(|last| !last.is_rollback())
    {
        return Ok(Some(last));
    }
    let ids = api.list(&group.application, &group.name, Which::Newest).await?;
    let all = api.deployments(&ids).await?;
    Ok(all.into_iter().find(|deployment| deployment.status == "Succeeded" && !deployment.is_rollback()))
}

/// The task definition that a deployment brings, as an ARN like those of the service; none where that cannot be read.
pub(super) async fn task_definition(api: &Api, deployment: &Deployment, service: &Value) -> PortResult<Option<String>> {
    if let Location::AppSpec { sha256 } = &deployment.location
        && let Some(read) = api.appspec(&deployment.application, sha256).await?
        && let Some(named) = appspec::task_definition(&read)
    {
        return Ok(Some(full(&named, service)));
    }
    let of_it = items(&service["taskSets"]).find(|set| set["externalId"] == deployment.id.as_str());
    Ok(of_it.and_then(|set| text(&set["taskDefinition"])))
}

/// `web:7` as the ARN that ECS makes of it.
fn full(named: &str, service: &Value) -> String {
    let like = service["taskDefinition"].as_str().and_then(|arn| arn.split_once("task-definition/"));
    match like {
        Some((before, _)) if !named.starts_with("arn:") => format!("{before}task-definition/{named}"),
        _ => named.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_made_an_arn() {
        let service = json!({"taskDefinition": "arn:aws:ecs:eu-west-1:1:task-definition/web:3"});
        assert_eq!(full("web:7", &service), "arn:aws:ecs:eu-west-1:1:task-definition/web:7");
        assert_eq!(
            full("arn:aws:ecs:eu-west-1:1:task-definition/api:7", &service),
            "arn:aws:ecs:eu-west-1:1:task-definition/api:7"
        );
    }
}
