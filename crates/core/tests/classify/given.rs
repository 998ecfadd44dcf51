//! A dossier of one service, in a few words.

use serde_json::json;
use shipit_core::dossier::{
    ContainerEnd, ContainerHealth, Definition, Dossier, Log, Shipped, Stop, Target, TargetGroup, TargetState,
};
use shipit_core::release::{Commit, Revision};

pub const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web@sha256:77ab";
pub const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

/// A dossier in which nothing is known but what the definition says.
#[derive(Debug)]
pub struct Given(pub Dossier);

pub fn nothing() -> Given {
    let change = Shipped { before: None, difference: None, commit: Commit("4f2a91c".into()), subject: None };
    let mut dossier = Dossier::new("prod", "web", &Revision("arn:aws:ecs:eu-west-1:1:task-definition/web:7".into()), change);
    dossier.definition = Some(Definition::read(&json!({
        "executionRoleArn": "arn:aws:iam::123456789012:role/exec", "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "web", "image": IMAGE, "memory": 64, "portMappings": [{"containerPort": 3333}],
            "secrets": [{"name": "DB_URL", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"},
                {"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/key"}],
            "healthCheck": {"command": ["CMD-SHELL", "test -f /ready"]},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1",
                "awslogs-stream-prefix": "ecs"}},
        }],
    })));
    Given(dossier)
}

impl Given {
    /// A task that stopped so.
    pub fn stop(mut self, code: &str, reason: &str, containers: Vec<ContainerEnd>) -> Self {
        let task = format!("{:08x}8df512684aec92f3c57dc3f2", self.0.stops.len() + 1);
        self.0.stops.push(Stop { task, stopped_at: None, code: code.to_owned().into(), reason: reason.into(), containers });
        self
    }

    /// A task that failed to start for this reason, which is its container's too.
    pub fn start(self, reason: &str) -> Self {
        self.stop("TaskFailedToStart", reason, vec![container(None, Some(reason))])
    }

    /// A task whose container exited.
    pub fn exit(self, code: i64, reason: Option<&str>) -> Self {
        self.stop("EssentialContainerExited", "Essential container in task exited", vec![container(Some(code), reason)])
    }

    /// A task that was stopped by the load balancer's health check.
    pub fn unhealthy(self) -> Self {
        let reason = format!("Task failed ELB health checks in (target-group {GROUP})");
        self.stop("ServiceSchedulerInitiated", &reason, vec![container(Some(143), None)])
    }

    /// The first failed task's last words.
    pub fn log(mut self, lines: &[&str]) -> Self {
        let task = self.0.stops.first().map_or_else(|| "none".to_owned(), |stop| stop.task.clone());
        let stream = format!("ecs/web/{task}");
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.0.log = Some(Log { task, container: "web".into(), group: "/ecs/web".into(), stream, lines });
        self
    }

    /// A service event.
    pub fn event(mut self, message: &str) -> Self {
        self.0.events.push(message.into());
        self
    }

    /// The target group with an unhealthy target.
    pub fn target(mut self, description: &str) -> Self {
        let target = Target {
            address: "10.0.0.5".into(),
            port: 3333,
            state: TargetState::Unhealthy,
            reason: None,
            description: Some(description.into()),
        };
        self.0.target_groups.push(TargetGroup {
            arn: GROUP.into(),
            path: Some("/health".into()),
            check_port: "traffic-port".into(),
            timeout: 5,
            interval: 30,
            expects: Some("200".into()),
            container: "web".into(),
            container_port: 3333,
            targets: vec![target],
        });
        self
    }

    /// Why ECS gave it up.
    pub fn said(mut self, reason: &str) -> Self {
        self.0.said = Some(reason.into());
        self
    }

    /// The first task's container found itself healthy.
    pub fn healthy_inside(mut self) -> Self {
        self.0.stops[0].containers[0].health = ContainerHealth::Healthy;
        self
    }
}

pub fn container(exit_code: Option<i64>, reason: Option<&str>) -> ContainerEnd {
    ContainerEnd {
        name: "web".into(),
        image: IMAGE.into(),
        exit_code,
        reason: reason.map(str::to_owned),
        health: ContainerHealth::Unknown,
    }
}
