"""The smallest pipeline that rolls: one service that wants no task, so that what is timed is the control plane alone."""

import json

BASE = "shipit-busybox:1"
CLUSTER = SERVICE = "bench"
FAMILY = "bench-web"
REPOSITORY = "bench/web"
PIPELINE = f"""
pipeline: bench
region: ap-northeast-2
cluster: {CLUSTER}
images:
  web: {{ context: web, repository: {REPOSITORY} }}
gate: {{ fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }}
services:
  {SERVICE}:
    task_definition: web.taskdef.json
    containers: {{ web: web }}
    strategy: {{ rolling: {{ minimum_percent: 100, maximum_percent: 200 }} }}
"""


def definition(image, environment):
    return {
        "family": FAMILY,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/bench-execution",
        "containerDefinitions": [
            {
                "name": "web",
                "image": image,
                "essential": True,
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            }
        ],
    }


def seed():
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60001"], "securityGroups": ["sg-0a1b2c3d4e5f60001"]}}
    service = {
        "cluster": CLUSTER,
        "serviceName": SERVICE,
        "taskDefinition": FAMILY,
        "desiredCount": 0,
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
    }
    requests = [
        ("ecs", "CreateCluster", {"clusterName": CLUSTER}),
        ("ecr", "CreateRepository", {"repositoryName": REPOSITORY}),
        ("ecs", "RegisterTaskDefinition", definition(BASE, {})),
        ("ecs", "CreateService", service),
    ]
    return [{"service": name, "operation": operation, "body": body} for name, operation, body in requests]


def fill(path):
    (path / "shipit.yaml").write_text(PIPELINE)
    (path / ".gitignore").write_text("/.shipit\n")
    (path / "web.taskdef.json").write_text(json.dumps(definition(REPOSITORY, {}), indent=2))
    (path / "seed.json").write_text(json.dumps(seed(), indent=2))
    (path / "web").mkdir()
    stamp(path, "first")


def stamp(path, text):
    (path / "web" / "Dockerfile").write_text(f"FROM {BASE}\nENV STAMP={text}\n")
