//! What AWS adds to a task definition when it is registered.

use serde_json::{Map, Value, json};

use super::super::request::{list, object, text, texts};

/// Adds the defaults and writes sizes as AWS answers them (`1 vCPU` is `1024`, `2 GB` is `2048`).
pub(super) fn normalise(body: &mut Value) {
    let network = text(body, "networkMode").unwrap_or("bridge").to_owned();
    let members = object(body);
    for (name, scale) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(size) = members.get(name).and_then(Value::as_str).and_then(|size| units(size, scale)) {
            members.insert(name.to_owned(), size.to_string().into());
        }
    }
    absent(members, "volumes", json!([]));
    absent(members, "placementConstraints", json!([]));
    if let Some(containers) = members.get_mut("containerDefinitions").and_then(Value::as_array_mut) {
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            container_defaults(container, &network);
        }
    }
}

fn container_defaults(container: &mut Map<String, Value>, network: &str) {
    absent(container, "cpu", json!(0));
    absent(container, "portMappings", json!([]));
    absent(container, "essential", json!(true));
    for name in ["environment", "mountPoints", "volumesFrom", "systemControls"] {
        absent(container, name, json!([]));
    }
    let ports = container.get_mut("portMappings").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        let host = match network {
            "bridge" => json!(0),
            _ => port.get("containerPort").cloned().unwrap_or(json!(0)),
        };
        if !port.contains_key("containerPortRange") {
            absent(port, "hostPort", host);
        }
        absent(port, "protocol", json!("tcp"));
    }
}

fn absent(members: &mut Map<String, Value>, name: &str, value: Value) {
    if members.get(name).is_none_or(Value::is_null) {
        members.insert(name.to_owned(), value);
    }
}

/// `"1 vCPU"` or `"0.5GB"` as a number of 1024ths; plain numbers stay as they are.
fn units(size: &str, scale: &str) -> Option<u64> {
    let lower = size.trim().to_ascii_lowercase();
    let number = lower.strip_suffix(scale)?.trim().parse::<f64>().ok()?;
    let units = number * 1024.0;
    (0.0..1e9).contains(&units).then_some(units.round() as u64)
}

/// `requiresAttributes`: what an instance must be able to do.
pub(super) fn attributes(body: &Value) -> Value {
    let containers = list(body, "containerDefinitions");
    let any = |test: &dyn Fn(&Value) -> bool| containers.iter().any(test);
    let mut names = Vec::new();
    if any(&|container| container.pointer("/logConfiguration/logDriver") == Some(&json!("awslogs"))) {
        names.push("com.amazonaws.ecs.capability.logging-driver.awslogs");
        names.push("ecs.capability.execution-role-awslogs");
    }
    if any(&|container| text(container, "image").is_some_and(|image| image.contains(".dkr.ecr."))) {
        names.push("com.amazonaws.ecs.capability.ecr-auth");
        names.push("ecs.capability.execution-role-ecr-pull");
    }
    let secret = |service: &str| {
        let from = |secret: &Value| {
            text(secret, "valueFrom").is_some_and(|from| from.contains(":secretsmanager:") == (service == "asm"))
        };
        any(&|container| list(container, "secrets").iter().any(from))
    };
    if secret("asm") {
        names.push("ecs.capability.secrets.asm.environment-variables");
    }
    if secret("ssm") {
        names.push("ecs.capability.secrets.ssm.environment-variables");
    }
    if any(&|container| container.get("healthCheck").is_some()) {
        names.push("ecs.capability.container-health-check");
    }
    if any(&|container| !list(container, "dependsOn").is_empty()) {
        names.push("ecs.capability.container-ordering");
    }
    if text(body, "taskRoleArn").is_some() {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    names.push("com.amazonaws.ecs.capability.docker-remote-api.1.18");
    if text(body, "networkMode") == Some("awsvpc") {
        names.push("ecs.capability.task-eni");
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

/// `compatibilities`: EC2 always, Fargate when asked for (and then it has been checked) or when it would pass.
pub(super) fn compatibilities(body: &Value) -> Value {
    let asked = texts(body, "requiresCompatibilities").iter().any(|name| name == "FARGATE");
    let would = text(body, "networkMode") == Some("awsvpc") && text(body, "cpu").is_some() && text(body, "memory").is_some();
    if asked || would { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units_become_numbers() {
        assert_eq!(units("1 vCPU", "vcpu"), Some(1024));
        assert_eq!(units(".25 vcpu", "vcpu"), Some(256));
        assert_eq!(units("0.5GB", "gb"), Some(512));
        assert_eq!(units("512", "gb"), None);
    }
}
