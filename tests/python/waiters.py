"""The waiters that deploy scripts use, on the storefront of the fixtures; the endpoint comes from the environment."""

import boto3
import botocore.exceptions

OFTEN = {"Delay": 1, "MaxAttempts": 120}
CLUSTER = "storefront"

ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
elb = boto3.client("elbv2")


def tasks(**which):
    pages = ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER, **which)
    return [arn for page in pages for arn in page["taskArns"]]


def wait(client, waiter, **arguments):
    client.get_waiter(waiter).wait(WaiterConfig=OFTEN, **arguments)


wait(ecs, "services_stable", cluster=CLUSTER, services=["backend", "frontend"])
service = ecs.describe_services(cluster=CLUSTER, services=["backend"])["services"][0]
assert service["runningCount"] == service["desiredCount"] == 2, service
assert [it["rolloutState"] for it in service["deployments"]] == ["COMPLETED"], service["deployments"]
assert service["createdAt"].tzinfo is not None

running = tasks(serviceName="backend", desiredStatus="RUNNING")
wait(ecs, "tasks_running", cluster=CLUSTER, tasks=running)
described = ecs.describe_tasks(cluster=CLUSTER, tasks=running)["tasks"]
assert [it["lastStatus"] for it in described] == ["RUNNING", "RUNNING"], described

for group in elb.describe_target_groups(Names=["storefront-backend", "storefront-frontend"])["TargetGroups"]:
    wait(elb, "target_in_service", TargetGroupArn=group["TargetGroupArn"])

# One of two is stopped: the waiter sees its end, and the service starts another.
stopped = ecs.stop_task(cluster=CLUSTER, task=running[0], reason="to see it stop")["task"]
assert stopped["desiredStatus"] == "STOPPED", stopped
wait(ecs, "tasks_stopped", cluster=CLUSTER, tasks=[running[0]])
ended = ecs.describe_tasks(cluster=CLUSTER, tasks=[running[0]])["tasks"][0]
assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "to see it stop"), ended
assert ended["stoppedAt"] >= ended["stoppingAt"] >= ended["startedAt"] >= ended["createdAt"], ended
wait(ecs, "services_stable", cluster=CLUSTER, services=["backend"])
assert running[0] not in tasks(serviceName="backend", desiredStatus="RUNNING")

# What has stopped never runs: the waiter says so instead of waiting.
try:
    wait(ecs, "tasks_running", cluster=CLUSTER, tasks=[running[0]])
except botocore.exceptions.WaiterError as error:
    assert "STOPPED" in str(error), error
else:
    raise AssertionError("a stopped task was called running")

# A new deployment: the waiter ends when one deployment is left, and it is the new one.
new = ecs.update_service(cluster=CLUSTER, service="backend", forceNewDeployment=True)["service"]["deployments"][0]["id"]
wait(ecs, "services_stable", cluster=CLUSTER, services=["backend"])
service = ecs.describe_services(cluster=CLUSTER, services=["backend"])["services"][0]
assert [it["id"] for it in service["deployments"]] == [new], service["deployments"]

image = {"repositoryName": "storefront/backend", "imageId": {"imageTag": "one"}}
wait(ecr, "image_scan_complete", **image)
assert ecr.describe_image_scan_findings(**image)["imageScanStatus"]["status"] == "COMPLETE"

ecs.delete_service(cluster=CLUSTER, service="frontend", force=True)
wait(ecs, "services_inactive", cluster=CLUSTER, services=["frontend"])
