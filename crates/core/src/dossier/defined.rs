//! What a task definition says that an explanation needs: names and limits, never a value of the environment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A revision, as far as it explains a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// `executionRoleArn`.
    pub execution_role: Option<String>,
    /// `cpu` of the task.
    pub cpu: Option<String>,
    /// `memory` of the task, MiB.
    pub memory: Option<String>,
    /// `runtimePlatform.cpuArchitecture`: `X86_64` unless it says otherwise.
    pub architecture: String,
    /// Its containers.
    pub containers: Vec<Defined>,
}

/// A container of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defined {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its hard limit, MiB.
    pub memory: Option<u64>,
    /// Ports that it publishes.
    pub ports: Vec<u16>,
    /// The command of its health check.
    pub check: Option<String>,
    /// Variables that come from a secret or a parameter: name and `valueFrom`.
    pub secrets: BTreeMap<String, String>,
    /// Where its output goes, by the awslogs driver.
    pub log: Option<LogPlace>,
}

/// Where the awslogs driver writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// `awslogs-group`.
    pub group: String,
    /// `awslogs-region`.
    pub region: Option<String>,
    /// `awslogs-stream-prefix`; without it the stream's name cannot be known on EC2.
    pub prefix: Option<String>,
}

impl LogPlace {
    /// The stream of a container: `prefix/container/task`.
    pub fn stream(&self, container: &str, task: &str) -> Option<String> {
        self.prefix.as_ref().map(|prefix| format!("{prefix}/{container}/{task}"))
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Definition {
    /// Reads it off what DescribeTaskDefinition answers (`taskDefinition`). What is missing or strange is left out.
    pub fn read(definition: &Value) -> Self {
        let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        Self {
            execution_role: text(&definition["executionRoleArn"]),
            cpu: text(&definition["cpu"]),
            memory: text(&definition["memory"]),
            architecture: text(&definition["runtimePlatform"]["cpuArchitecture"]).unwrap_or_else(|| "X86_64".to_owned()),
            containers: containers.map(container).collect(),
        }
    }
}

fn container(container: &Value) -> Defined {
    let list = |name: &str| container[name].as_array().into_iter().flatten();
    let port = |mapping: &Value| u16::try_from(mapping["containerPort"].as_u64()?).ok();
    let log = &container["logConfiguration"];
    let option = |name: &str| text(&log["options"][name]);
    let place = || {
        Some(LogPlace {
            group: option("awslogs-group")?,
            region: option("awslogs-region"),
            prefix: option("awslogs-stream-prefix"),
        })
    };
    let words: Vec<String> = container["healthCheck"]["command"].as_array().into_iter().flatten().filter_map(text).collect();
    Defined {
        name: text(&container["name"]).unwrap_or_default(),
        image: text(&container["image"]).unwrap_or_default(),
        memory: container["memory"].as_u64(),
        ports: list("portMappings").filter_map(port).collect(),
        check: match words.split_first() {
            Some((first, rest)) if first == "CMD-SHELL" || first == "CMD" => Some(rest.join(" ")),
            Some(_) => Some(words.join(" ")),
            None => None,
        },
        secrets: list("secrets").filter_map(|secret| Some((text(&secret["name"])?, text(&secret["valueFrom"])?))).collect(),
        log: if log["logDriver"] == "awslogs" { place() } else { None },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_limits_are_read_and_no_value_of_the_environment() {
        let read = Definition::read(&json!({"executionRoleArn": "arn:aws:iam::1:role/exec", "cpu": "256", "memory": 512,
            "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64, "portMappings": [{"containerPort": 3333}],
                "environment": [{"name": "PASSWORD", "value": "hunter2"}],
                "secrets": [{"name": "DB", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/db"}],
                "healthCheck": {"command": ["CMD-SHELL", "test -f /ready"]},
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1",
                    "awslogs-stream-prefix": "ecs"}}}, {"name": 7}]}));
        let web = &read.containers[0];
        assert_eq!(
            (web.memory, web.ports.as_slice(), web.check.as_deref()),
            (Some(64), [3333].as_slice(), Some("test -f /ready"))
        );
        let log = web.log.as_ref().unwrap();
        assert_eq!(log.stream("web", "3f2a"), Some("ecs/web/3f2a".into()));
        assert_eq!(read.architecture, "X86_64");
        assert!(!serde_json::to_string(&read).unwrap().contains("hunter2"));
        assert_eq!(Definition::read(&json!("strange")).containers, []);
    }
}
