//! RegisterTaskDefinition: the next revision of a family; never the same one twice, however equal.

use serde_json::{Value, json};

use super::super::request::{list, object};
use super::{Definition, check, defaults};
use crate::error::AwsError;
use crate::state::State;

/// Registers a revision.
pub(super) fn register(state: &mut State, mut body: Value) -> Result<Value, AwsError> {
    let family = check::family(&body)?.to_owned();
    check::size(&body)?;
    defaults::normalise(&mut body);
    check::definition(&body, &state.address)?;

    let tags = list(&body, "tags").to_vec();
    let revision = state.ecs.families.get(&family).map_or(0, Vec::len) as u64 + 1;
    let arn = state.arn("ecs", &format!("task-definition/{family}:{revision}"));
    let (attributes, compatibilities) = (defaults::attributes(&body), defaults::compatibilities(&body));
    let registered_by = state.caller().arn;
    let registered_at = state.now_seconds();

    let mut value = json!({ "taskDefinitionArn": arn });
    let members = object(&mut value);
    members.extend(object(&mut body).clone().into_iter().filter(|(name, _)| name != "tags"));
    members.insert("revision".into(), revision.into());
    members.insert("status".into(), "ACTIVE".into());
    members.insert("requiresAttributes".into(), attributes);
    members.insert("compatibilities".into(), compatibilities);
    members.insert("registeredAt".into(), registered_at.into());
    members.insert("registeredBy".into(), registered_by.into());

    let reply = json!({ "taskDefinition": value, "tags": tags });
    let definition = Definition { family: family.clone(), revision, arn, active: true, value, tags };
    state.ecs.families.entry(family).or_default().push(definition);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::tests::{call, refused, state};

    #[test]
    fn defaults_are_added_as_aws_adds_them_and_unknown_members_stay() {
        let mut state = state();
        let reply = call(
            &mut state,
            "RegisterTaskDefinition",
            json!({
                "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                "cpu": "1 vCPU", "memory": "2 GB", "newMember": {"deep": [1]},
                "tags": [{"key": "k", "value": "v"}],
                "containerDefinitions": [{"name": "web", "image": "nginx", "portMappings": [{"containerPort": 80}], "newer": true}],
            }),
        );
        let definition = &reply["taskDefinition"];
        assert_eq!(
            definition["containerDefinitions"],
            json!([{
                "name": "web", "image": "nginx", "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "newer": true, "cpu": 0, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [],
                "systemControls": [],
            }])
        );
        assert_eq!(definition["cpu"], "1024");
        assert_eq!(definition["memory"], "2048");
        assert_eq!(definition["newMember"], json!({"deep": [1]}));
        assert_eq!(definition["compatibilities"], json!(["EC2", "FARGATE"]));
        assert_eq!(definition["volumes"], json!([]));
        assert_eq!(definition["placementConstraints"], json!([]));
        assert!(definition.get("tags").is_none());
        assert_eq!(reply["tags"], json!([{"key": "k", "value": "v"}]));
    }

    #[test]
    fn an_equal_definition_is_a_new_revision() {
        let mut state = state();
        let body = json!({"family": "web", "containerDefinitions": [{"name": "web", "image": "nginx", "memory": 64}]});
        for revision in 1..=3 {
            let reply = call(&mut state, "RegisterTaskDefinition", body.clone());
            assert_eq!(reply["taskDefinition"]["revision"], revision);
        }
        call(&mut state, "DeregisterTaskDefinition", json!({"taskDefinition": "web:3"}));
        let newest = call(&mut state, "DescribeTaskDefinition", json!({"taskDefinition": "web"}));
        assert_eq!(newest["taskDefinition"]["revision"], 2);
        assert_eq!(call(&mut state, "RegisterTaskDefinition", body)["taskDefinition"]["revision"], 4);
    }

    #[test]
    fn what_aws_refuses_is_refused_in_its_words() {
        let fargate = |cpu: &str, memory: &str| {
            json!({"family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": cpu, "memory": memory,
                   "containerDefinitions": [{"name": "a", "image": "nginx"}]})
        };
        let one = |container: serde_json::Value| json!({"family": "f", "containerDefinitions": [container]});
        let cases = [
            (json!({"containerDefinitions": []}), "family can not be blank."),
            (json!({"family": "a b", "containerDefinitions": []}), "Family contains invalid characters."),
            (json!({"family": "f", "containerDefinitions": []}), "Container list cannot be empty."),
            (one(json!({"name": "a", "memory": 64})), "Container.image should not be null or empty."),
            (
                json!({"family": "f", "containerDefinitions": [{"name": "a", "image": "i", "memory": 64}, {"name": "a", "image": "i", "memory": 64}]}),
                "Container name must be unique. Duplicate name: 'a'.",
            ),
            (one(json!({"name": "a", "image": "i"})), "At least one of 'memory' or 'memoryReservation' must be specified."),
            (one(json!({"name": "a", "image": "i", "memory": 64, "essential": false})), "At least one container"),
            (
                one(
                    json!({"name": "a", "image": "i", "memory": 64, "dependsOn": [{"containerName": "b", "condition": "START"}]}),
                ),
                "'b'",
            ),
            (
                one(json!({"name": "a", "image": "i", "memory": 64, "environment": [{"name": "X", "value": "1"}],
                           "secrets": [{"name": "X", "valueFrom": "p"}]})),
                "such as 'X'.",
            ),
            (
                one(json!({"name": "a", "image": "i", "memory": 64, "secrets": [{"name": "X", "valueFrom": "p"}]})),
                "you must also specify a value for 'executionRoleArn'.",
            ),
            (fargate("256", "256"), "No Fargate configuration exists for given values"),
            (fargate("300", "512"), "No Fargate configuration exists for given values"),
            (
                json!({"family": "f", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
                    "containerDefinitions": [{"name": "a", "image": "nginx"}]}),
                "Fargate only supports network mode",
            ),
            (
                json!({"family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
                    "containerDefinitions": [{"name": "a", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1"}]}),
                "Fargate requires task definition to have execution role ARN to support ECR images.",
            ),
            (
                json!({"family": "f", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
                    "containerDefinitions": [{"name": "a", "image": "nginx", "logConfiguration": {"logDriver": "awslogs"}}]}),
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            ),
            (
                json!({"family": "f", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
                    "containerDefinitions": [{"name": "a", "image": "nginx", "portMappings": [{"containerPort": 80, "hostPort": 81}]}]}),
                "the host ports and container ports in port mappings must match",
            ),
            (
                one(json!({"name": "a", "image": "i", "memory": 64, "command": ["x".repeat(70_000)]})),
                "Max allowed length is '65536' bytes.",
            ),
        ];
        for (body, text) in cases {
            let error = refused(&mut state(), "RegisterTaskDefinition", body.clone());
            assert!(error.message.contains(text), "{body}: {} should say {text}", error.message);
        }
    }
}
