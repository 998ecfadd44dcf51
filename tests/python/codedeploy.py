"""Each CodeDeploy operation once, by botocore's own client, on a service that wants no tasks; hooks answer as functions do."""

import hashlib
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

import boto3
import botocore.exceptions

APPLICATION, GROUP, OTHER = "AppECS-storefront-checkout", "DgpECS-storefront-checkout", "AppECS-storefront-other"
TARGET = "storefront:checkout"
OFTEN = {"Delay": 1, "MaxAttempts": 60}

deploy = boto3.client("codedeploy")
ecs = boto3.client("ecs")


def until(what, look):
    for _ in range(300):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"not within 30 s: {what}")


class Function(http.server.BaseHTTPRequestHandler):
    """What Lambda would run: it says how the hook went by the API, and returns nothing."""

    asked = []

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.asked.append(event)
        deploy.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status="Succeeded",
        )

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Function)
threading.Thread(target=server.serve_forever, daemon=True).start()
function = {
    "arn": "arn:aws:lambda:ap-northeast-2:123456789012:function:check",
    "url": f"http://127.0.0.1:{server.server_port}/check",
}
registered = urllib.request.Request(
    os.environ["AWS_ENDPOINT_URL"] + "/_sandbox/functions", json.dumps(function).encode(), method="POST"
)
urllib.request.urlopen(registered).read()

ecs.update_service(cluster="storefront", service="checkout", desiredCount=0)

deploy.create_application(applicationName=OTHER, computePlatform="ECS")
assert deploy.list_applications()["applications"] == [APPLICATION, OTHER]
assert deploy.get_application(applicationName=OTHER)["application"]["computePlatform"] == "ECS"

configs = deploy.list_deployment_configs()["deploymentConfigsList"]
assert sorted(configs) == [
    "CodeDeployDefault.ECSAllAtOnce",
    "CodeDeployDefault.ECSCanary10Percent15Minutes",
    "CodeDeployDefault.ECSCanary10Percent5Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
], configs
deploy.create_deployment_config(
    deploymentConfigName="half",
    computePlatform="ECS",
    trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 50, "canaryInterval": 1}},
)
half = deploy.get_deployment_config(deploymentConfigName="half")["deploymentConfigInfo"]
assert half["trafficRoutingConfig"]["timeBasedCanary"]["canaryPercentage"] == 50, half

assert deploy.list_deployment_groups(applicationName=APPLICATION)["deploymentGroups"] == [GROUP]
group = deploy.get_deployment_group(applicationName=APPLICATION, deploymentGroupName=GROUP)["deploymentGroupInfo"]
assert group["ecsServices"] == [{"serviceName": "checkout", "clusterName": "storefront"}], group
batch = deploy.batch_get_deployment_groups(applicationName=APPLICATION, deploymentGroupNames=[GROUP, "none"])
assert len(batch["deploymentGroupsInfo"]) == 1 and "none" in batch["errorMessage"], batch
deploy.update_deployment_group(
    applicationName=APPLICATION,
    currentDeploymentGroupName=GROUP,
    blueGreenDeploymentConfiguration={
        "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 60},
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 60},
    },
)
again = {**{name: group[name] for name in ("deploymentStyle", "loadBalancerInfo", "ecsServices", "serviceRoleArn")}}
try:
    deploy.create_deployment_group(
        applicationName=OTHER,
        deploymentGroupName="second",
        blueGreenDeploymentConfiguration=group["blueGreenDeploymentConfiguration"],
        **again,
    )
    sys.exit("two groups for one service")
except deploy.exceptions.ECSServiceMappingLimitExceededException:
    pass

content = json.dumps(
    {
        "version": 0.0,
        "Resources": [
            {
                "TargetService": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "TaskDefinition": "storefront-checkout:1",
                        "LoadBalancerInfo": {"ContainerName": "api", "ContainerPort": 3333},
                    },
                }
            }
        ],
        "Hooks": [{"AfterAllowTestTraffic": "check"}],
    }
)
revision = {
    "revisionType": "AppSpecContent",
    "appSpecContent": {"content": content, "sha256": hashlib.sha256(content.encode()).hexdigest()},
}


def create(**more):
    made = deploy.create_deployment(applicationName=APPLICATION, deploymentGroupName=GROUP, revision=revision, **more)
    return made["deploymentId"]


def info(deployment):
    return deploy.get_deployment(deploymentId=deployment)["deploymentInfo"]


first = create(description="run 1", deploymentConfigName="half")
until("it is ready", lambda: info(first)["status"] == "Ready")
assert [event["DeploymentId"] for event in Function.asked] == [first], Function.asked
shown = info(first)
assert shown["revision"]["appSpecContent"].get("content") is None, shown
assert shown["description"] == "run 1" and shown["creator"] == "user", shown
try:
    create()
    sys.exit("two deployments at a time")
except deploy.exceptions.DeploymentLimitExceededException as error:
    said = error.response["Error"]["Message"]
    assert said == f"The Deployment Group '{GROUP}' already has an active Deployment '{first}'", said

known = deploy.get_application_revision(
    applicationName=APPLICATION,
    revision={"revisionType": "AppSpecContent", "appSpecContent": {"sha256": revision["appSpecContent"]["sha256"]}},
)
assert known["revision"]["appSpecContent"]["content"] == content, known

assert deploy.list_deployment_targets(deploymentId=first)["targetIds"] == [TARGET]
one = deploy.get_deployment_target(deploymentId=first, targetId=TARGET)["deploymentTarget"]["ecsTarget"]
assert [it["taskSetLabel"] for it in one["taskSetsInfo"]] == ["Blue", "Green"], one
assert all(it["identifer"].startswith("ecs-svc/") for it in one["taskSetsInfo"]), one
many = deploy.batch_get_deployment_targets(deploymentId=first, targetIds=[TARGET])["deploymentTargets"]
assert many[0]["ecsTarget"]["status"] == "Ready", many

deploy.continue_deployment(deploymentId=first, deploymentWaitType="READY_WAIT")
until("the original waits", lambda: info(first)["instanceTerminationWaitTimeStarted"])
deploy.continue_deployment(deploymentId=first, deploymentWaitType="TERMINATION_WAIT")
deploy.get_waiter("deployment_successful").wait(deploymentId=first, WaiterConfig=OFTEN)

second = create()
until("it is ready", lambda: info(second)["status"] == "Ready")
stopped = deploy.stop_deployment(deploymentId=second, autoRollbackEnabled=True)
assert stopped["status"] == "Pending", stopped
try:
    deploy.get_waiter("deployment_successful").wait(deploymentId=second, WaiterConfig=OFTEN)
    sys.exit("stopped is no success")
except botocore.exceptions.WaiterError:
    pass
back = info(second)["rollbackInfo"]["rollbackDeploymentId"]
deploy.get_waiter("deployment_successful").wait(deploymentId=back, WaiterConfig=OFTEN)
assert info(back)["creator"] == "codeDeployRollback", info(back)
listed = deploy.list_deployments(applicationName=APPLICATION, deploymentGroupName=GROUP)["deployments"]
assert listed == [back, second, first], listed
infos = deploy.batch_get_deployments(deploymentIds=[first, second, back])["deploymentsInfo"]
assert [it["status"] for it in infos] == ["Succeeded", "Stopped", "Succeeded"], infos
