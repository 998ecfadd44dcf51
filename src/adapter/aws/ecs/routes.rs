//! How traffic reaches a service that is to be shifted: its own wiring or the wanted one, held against ELBv2 and ECS.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, TargetGroup};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use shipit_core::pipeline::Traffic;
use shipit_core::plan::Wired;
use shipit_core::routing::{BalancerSeen, GroupSeen, Known, Mesh, RouteSeen, Routing, WiringSeen};
use shipit_core::snapshot::RunningService;

use super::Cluster;
use super::reading::{items, text};
use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation;
use crate::port::{Clock, PortError, PortResult, Routes};

/// The load balancers before the services of one cluster.
pub struct Balanced {
    cluster: Cluster,
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

/// What `advancedConfiguration` says, or would say.
struct Wish {
    wired: Wired,
    alternate: String,
    production: String,
    test: Option<String>,
    role: Option<String>,
}

impl Wish {
    fn of_service(advanced: &Value) -> Option<Self> {
        Some(Self {
            wired: Wired::Already,
            alternate: text(&advanced["alternateTargetGroupArn"])?,
            production: text(&advanced["productionListenerRule"])?,
            test: text(&advanced["testListenerRule"]),
            role: text(&advanced["roleArn"]),
        })
    }

    fn of_file(traffic: &Traffic) -> Self {
        Self {
            wired: Wired::ByUs,
            alternate: traffic.alternate_target_group.clone(),
            production: traffic.production_rule.clone(),
            test: traffic.test_rule.clone(),
            role: Some(traffic.role.clone()),
        }
    }
}

#[async_trait]
impl Routes for Balanced {
    async fn routing(&self, name: &str, service: &RunningService, wanted: Option<&Traffic>) -> PortResult<Routing> {
        let seen = self.cluster.describe(name).await?.unwrap_or_default();
        let balancers: Vec<&Value> =
            items(&service.load_balancers).filter(|balancer| balancer["targetGroupArn"].is_string()).collect();
        let resolved = if balancers.is_empty() { Vec::new() } else { self.resolved(name, service, &seen).await? };
        // One `traffic:` describes one pair: a service with several says it itself.
        let wanted = wanted.filter(|_| balancers.len() == 1);
        let looks = balancers.iter().map(|balancer| self.balancer(balancer, wanted, &resolved));
        Ok(Routing { balancers: try_join_all(looks).await?, mesh: mesh(&seen), ..Routing::default() })
    }
}

impl Balanced {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig, cluster: &str, clock: Clock) -> Self {
        Self { cluster: Cluster::new(sdk, cluster, clock), elb: aws_sdk_elasticloadbalancingv2::Client::new(sdk) }
    }

    async fn balancer(
        &self,
        balancer: &Value,
        wanted: Option<&Traffic>,
        resolved: &[(String, String)],
    ) -> PortResult<BalancerSeen> {
        let arn = text(&balancer["targetGroupArn"]).unwrap_or_default();
        let declared = self.group(&arn).await?;
        let declared = declared.ok_or_else(|| PortError::NotFound { what: format!("target group `{arn}`") })?;
        let wish = Wish::of_service(&balancer["advancedConfiguration"]).or_else(|| wanted.map(Wish::of_file));
        let wiring = match wish {
            None => WiringSeen::Unwired { rules: self.rules_to(&declared).await? },
            Some(wish) => WiringSeen::Known(Box::new(self.known(wish, &arn, resolved).await?)),
        };
        Ok(BalancerSeen { declared, wiring })
    }

    async fn known(&self, wish: Wish, declared: &str, resolved: &[(String, String)]) -> PortResult<Known> {
        let test = async {
            match &wish.test {
                Some(rule) => Ok(Some((rule.clone(), self.route(rule).await?))),
                None => Ok(None),
            }
        };
        let (alternate, production, test) =
            futures_util::try_join!(self.group(&wish.alternate), self.route(&wish.production), test)?;
        let pair = [Some(declared), alternate.as_ref().map(|group| group.arn.as_str())];
        let by_rule = resolved.iter().find(|(_, rule)| *rule == wish.production);
        let by_group = || resolved.iter().find(|(group, _)| pair.contains(&Some(group.as_str())));
        let resolved = by_rule.or_else(by_group).map(|(group, _)| group.clone());
        Ok(Known {
            wired: wish.wired,
            alternate_named: wish.alternate,
            alternate,
            production_rule: wish.production,
            production,
            test,
            role: wish.role,
            resolved,
        })
    }

    /// Target groups and rules in which the running service revision serves: those of `resolvedConfiguration`.
    async fn resolved(&self, name: &str, service: &RunningService, seen: &Value) -> PortResult<Vec<(String, String)>> {
        let current: Vec<String> =
            items(&seen["currentServiceRevisions"]).filter_map(|revision| text(&revision["arn"])).collect();
        let arns = if current.is_empty() { self.succeeded(name).await? } else { current };
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for batch in arns.chunks(20) {
            let body = json!({"serviceRevisionArns": batch});
            let mut reply = self.cluster.api.call(operation::DESCRIBE_SERVICE_REVISIONS, &body).await?;
            if let Value::Array(page) = reply["serviceRevisions"].take() {
                found.extend(page);
            }
        }
        let runs = |revision: &&Value| revision["taskDefinition"] == service.revision.as_str();
        let mut newest =
            arns.iter().filter_map(|arn| found.iter().find(|revision| revision["serviceRevisionArn"] == arn.as_str()));
        let Some(running) = newest.find(runs) else { return Ok(Vec::new()) };
        let groups = items(&running["resolvedConfiguration"]["loadBalancers"]);
        Ok(groups
            .filter_map(|one| Some((text(&one["targetGroupArn"])?, text(&one["productionListenerRule"]).unwrap_or_default())))
            .collect())
    }

    /// Service revisions of deployments that succeeded, newest first; none where the platform knows no service deployments.
    async fn succeeded(&self, name: &str) -> PortResult<Vec<String>> {
        let query = json!({"service": name, "status": ["SUCCESSFUL"], "maxResults": 20});
        let briefs = self.cluster.list_deployments(query).await?.unwrap_or_default();
        Ok(briefs.iter().filter_map(|brief| text(&brief["targetServiceRevisionArn"])).take(20).collect())
    }

    /// A target group by name or ARN, if it exists.
    async fn group(&self, named: &str) -> PortResult<Option<GroupSeen>> {
        let request = self.elb.describe_target_groups();
        let request = if named.starts_with("arn:") { request.target_group_arns(named) } else { request.names(named) };
        match request.send().await {
            Ok(reply) => Ok(reply.target_groups().first().map(group_seen)),
            Err(error) => absent(AwsError::of(operation::DESCRIBE_TARGET_GROUPS, &error), "TargetGroupNotFound"),
        }
    }

    /// What a rule (ALB) or a listener (NLB) does.
    async fn route(&self, arn: &str) -> PortResult<RouteSeen> {
        let actions = if arn.contains(":listener-rule/") {
            match self.elb.describe_rules().rule_arns(arn).send().await {
                Ok(reply) => reply.rules().first().map(|rule| rule.actions().to_vec()),
                Err(error) => absent(AwsError::of(operation::DESCRIBE_RULES, &error), "RuleNotFound")?,
            }
        } else {
            match self.elb.describe_listeners().listener_arns(arn).send().await {
                Ok(reply) => reply.listeners().first().map(|listener| listener.default_actions().to_vec()),
                Err(error) => absent(AwsError::of(operation::DESCRIBE_LISTENERS, &error), "ListenerNotFound")?,
            }
        };
        Ok(actions.map_or(RouteSeen::Missing, |actions| route_seen(&actions)))
    }

    /// The rules and listeners that forward to a group: what its production rule may be.
    async fn rules_to(&self, group: &GroupSeen) -> PortResult<Vec<String>> {
        let Some(balancer) = &group.load_balancer else { return Ok(Vec::new()) };
        let listed = self.elb.describe_listeners().load_balancer_arn(balancer).send().await;
        let listed = listed.map_err(|error| PortError::from(AwsError::of(operation::DESCRIBE_LISTENERS, &error)))?;
        let mut found = Vec::new();
        for listener in listed.listeners() {
            let arn = listener.listener_arn().unwrap_or_default();
            if balancer.contains("/net/") {
                if route_seen(listener.default_actions()).weight(&group.arn).is_some() {
                    found.push(arn.to_owned());
                }
                continue;
            }
            let rules = self.elb.describe_rules().listener_arn(arn).send().await;
            let rules = rules.map_err(|error| PortError::from(AwsError::of(operation::DESCRIBE_RULES, &error)))?;
            let forwards = rules.rules().iter().filter(|rule| route_seen(rule.actions()).weight(&group.arn).is_some());
            found.extend(forwards.filter_map(|rule| rule.rule_arn()).map(str::to_owned));
        }
        Ok(found)
    }
}

fn mesh(service: &Value) -> Mesh {
    let primary = items(&service["deployments"]).find(|deployment| deployment["status"] == "PRIMARY");
    match primary.is_some_and(|primary| primary["serviceConnectConfiguration"]["enabled"] == true) {
        true => Mesh::ServiceConnect,
        false => Mesh::Absent,
    }
}

/// Nothing, where AWS answers that there is none.
fn absent<T>(error: AwsError, code: &str) -> PortResult<Option<T>> {
    let of = error.code().is_some_and(|answered| answered.trim_end_matches("Exception") == code);
    if of { Ok(None) } else { Err(error.into()) }
}

fn group_seen(group: &TargetGroup) -> GroupSeen {
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    GroupSeen {
        arn: word(group.target_group_arn()),
        target_type: word(group.target_type().map(|kind| kind.as_str())),
        protocol: word(group.protocol().map(|protocol| protocol.as_str())),
        vpc: group.vpc_id().map(str::to_owned),
        health: format!(
            "{} {}{}",
            group.health_check_protocol().map_or("none", |protocol| protocol.as_str()),
            group.health_check_port().unwrap_or_default(),
            group.health_check_path().unwrap_or_default()
        ),
        load_balancer: group.load_balancer_arns().first().cloned(),
    }
}

/// The forward among the actions; one target group alone has all the weight.
fn route_seen(actions: &[Action]) -> RouteSeen {
    let Some(forward) = actions.iter().find(|action| action.r#type() == Some(&ActionTypeEnum::Forward)) else {
        let last = actions.last().and_then(Action::r#type);
        return RouteSeen::Other { action: last.map_or("none", ActionTypeEnum::as_str).to_owned() };
    };
    let weighted = forward.forward_config().map(|config| config.target_groups()).unwrap_or_default();
    let mut weights: Vec<(String, u32)> = weighted
        .iter()
        .filter_map(|tuple| {
            let weight = tuple.weight().map_or(1, |weight| u32::try_from(weight).unwrap_or(0));
            Some((tuple.target_group_arn()?.to_owned(), weight))
        })
        .collect();
    if let (true, Some(arn)) = (weights.is_empty(), forward.target_group_arn()) {
        weights.push((arn.to_owned(), 1));
    }
    RouteSeen::Forwards { weights }
}
