"""ECS's own blue/green, canary and linear deployments by boto3: every operation and every stage that a hook can see. The
service wants no task, so that nothing but traffic and hooks moves."""

import http.server
import json
import os
import threading
import time
import urllib.request

import boto3

ecs = boto3.client("ecs")
elb = boto3.client("elbv2")
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
FUNCTION = "arn:aws:lambda:ap-northeast-2:123456789012:function:check"
ROLE = "arn:aws:iam::123456789012:role/infra"
told = []


class Function(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps({"hookStatus": "SUCCEEDED"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def refused(call, code, says, **arguments):
    try:
        call(**arguments)
    except ecs.exceptions.ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and says in found["Message"], found
        return
    raise AssertionError(f"{arguments} was answered")


def newest():
    brief = ecs.list_service_deployments(cluster="shifts", service="web")["serviceDeployments"][0]
    return ecs.describe_service_deployments(serviceDeploymentArns=[brief["serviceDeploymentArn"]])["serviceDeployments"][0]


def until(what, look):
    end = time.time() + 60
    while time.time() < end:
        found = newest()
        if look(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"never {what}: {newest()}")


def paused(stage):
    return until(f"paused at {stage}", lambda it: it.get("lifecycleStage") == stage and it["lifecycleHookDetails"] and it["lifecycleHookDetails"][0]["status"] == "AWAITING_ACTION")


def weights(deployment):
    source, target = deployment["sourceServiceRevisions"][0], deployment["targetServiceRevision"]
    return source["requestedProductionTrafficWeight"], target["requestedProductionTrafficWeight"]


def on_rule():
    groups = elb.describe_rules(RuleArns=[production])["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return [group["Weight"] for group in groups]


def group(name):
    made = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip")
    return made["TargetGroups"][0]["TargetGroupArn"]


def rule(port, shares):
    forward = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares]}
    made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=[{"Type": "forward", "ForwardConfig": forward}])
    return elb.describe_rules(ListenerArn=made["Listeners"][0]["ListenerArn"])["Rules"][0]["RuleArn"]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Function)
threading.Thread(target=server.serve_forever, daemon=True).start()
register = json.dumps({"arn": FUNCTION, "url": f"http://127.0.0.1:{server.server_address[1]}/"}).encode()
urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/_sandbox/functions", data=register, method="POST"))

balancer = elb.create_load_balancer(Name="web", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]["LoadBalancerArn"]
blue, green = group("blue"), group("green")
production, test = rule(80, [(blue, 1), (green, 0)]), rule(8080, [(blue, 1)])
wiring = {"alternateTargetGroupArn": green, "productionListenerRule": production, "testListenerRule": test, "roleArn": ROLE}
balancers = [{"targetGroupArn": blue, "containerName": "web", "containerPort": 80, "advancedConfiguration": wiring}]

ecs.create_cluster(clusterName="shifts")
definition = ecs.register_task_definition(
    family="web", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
    containerDefinitions=[{"name": "web", "image": "shipit-busybox:1", "portMappings": [{"containerPort": 80}]}],
)["taskDefinition"]["taskDefinitionArn"]
service = {
    "cluster": "shifts", "serviceName": "web", "taskDefinition": definition, "desiredCount": 0, "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}, "loadBalancers": balancers,
}
plain = [{"targetGroupArn": blue, "containerName": "web", "containerPort": 80}]
blue_green = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
refused(
    ecs.create_service, "InvalidParameterException",
    "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
    **{**service, "loadBalancers": plain, "deploymentConfiguration": blue_green},
)
made = ecs.create_service(**service, deploymentConfiguration=blue_green)["service"]
assert made["deploymentConfiguration"]["strategy"] == "BLUE_GREEN", made
assert made["loadBalancers"][0]["advancedConfiguration"] == wiring, made
until("made", lambda it: it["status"] == "SUCCESSFUL")

# Blue/green: a function and a pause at one stage; the roles change.
hooks = [
    {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"], "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"}},
    {"targetType": "AWS_LAMBDA", "hookTargetArn": FUNCTION, "roleArn": ROLE, "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"], "hookDetails": {"for": "shop"}},
]
ecs.update_service(cluster="shifts", service="web", forceNewDeployment=True, deploymentConfiguration={"lifecycleHooks": hooks})
here = paused("POST_TEST_TRAFFIC_SHIFT")
assert here["status"] == "IN_PROGRESS" and weights(here) == (100.0, 0.0), here
assert here["targetServiceRevision"]["requestedTestTrafficWeight"] == 100.0, here
here = until("answered by the function", lambda it: it["lifecycleHookDetails"][1]["status"] == "SUCCEEDED")
pause, function = here["lifecycleHookDetails"]
assert pause["hookId"].startswith("ecs-pause-") and pause["timeoutAction"] == "ROLLBACK", pause
assert 0 < (pause["expiresAt"] - here["createdAt"]).total_seconds() <= 3700, here
assert function["targetArn"] == FUNCTION and function["targetType"] == "AWS_LAMBDA", function
assert told[0]["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT" and told[0]["hookDetails"] == {"for": "shop"}, told
arn = here["serviceDeploymentArn"]
shown = ecs.describe_services(cluster="shifts", services=["web"])["services"][0]
assert shown["currentServiceDeployment"] == arn and [it["status"] for it in shown["deployments"]] == ["PRIMARY", "ACTIVE"], shown
refused(ecs.continue_service_deployment, "InvalidParameterException", "hookId must follow the format", serviceDeploymentArn=arn, hookId="pause")
refused(ecs.continue_service_deployment, "InvalidParameterException", "either completed, unavailable", serviceDeploymentArn=arn, hookId="ecs-pause-x")
answer = ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=pause["hookId"])
assert answer["serviceDeploymentArn"] == arn, answer
here = until("shifted", lambda it: it["status"] == "SUCCESSFUL")
assert weights(here) == (0.0, 100.0) and on_rule() == [0, 100], (here, on_rule())
assert told[1]["executionDetails"]["productionTrafficWeights"] == {here["targetServiceRevision"]["arn"]: 100, here["sourceServiceRevisions"][0]["arn"]: 0}, told
revision = ecs.describe_service_revisions(serviceRevisionArns=[here["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
assert revision["resolvedConfiguration"]["loadBalancers"] == [{"targetGroupArn": green, "productionListenerRule": production}], revision
refused(ecs.continue_service_deployment, "InvalidParameterException", "terminal states", serviceDeploymentArn=arn, hookId=pause["hookId"])

# Linear: a pause before each step, then stopped in the middle.
hooks = [{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}]
linear = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.3, "stepBakeTimeInMinutes": 0}, "lifecycleHooks": hooks}
ecs.update_service(cluster="shifts", service="web", forceNewDeployment=True, deploymentConfiguration=linear)
seen = set()
for share in (0.0, 33.3):
    here = until(f"at {share}", lambda it: it["sourceServiceRevisions"] and weights(it)[1] == share and it["lifecycleHookDetails"] and it["lifecycleHookDetails"][0]["hookId"] not in seen)
    seen.add(here["lifecycleHookDetails"][0]["hookId"])
    assert here["lifecycleStage"] == "PRE_PRODUCTION_TRAFFIC_SHIFT", here
    if share == 0.0:
        ecs.continue_service_deployment(serviceDeploymentArn=here["serviceDeploymentArn"], hookId=here["lifecycleHookDetails"][0]["hookId"], action="CONTINUE")
assert on_rule() == [333, 667], on_rule()
ecs.stop_service_deployment(serviceDeploymentArn=here["serviceDeploymentArn"], stopType="ROLLBACK")
here = until("back", lambda it: it["status"] == "ROLLBACK_SUCCESSFUL")
assert here["rollback"]["serviceRevisionArn"] == here["sourceServiceRevisions"][0]["arn"], here
assert weights(here) == (100.0, 0.0) and on_rule() == [0, 100], (here, on_rule())
refused(ecs.stop_service_deployment, "ConflictException", "terminal", serviceDeploymentArn=here["serviceDeploymentArn"])

# Canary: turned back at its pause.
canary = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.1, "canaryBakeTimeInMinutes": 0}, "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["POST_PRODUCTION_TRAFFIC_SHIFT"]}]}
updated = ecs.update_service(cluster="shifts", service="web", forceNewDeployment=True, deploymentConfiguration=canary)["service"]
assert "linearConfiguration" not in updated["deploymentConfiguration"], updated
here = paused("POST_PRODUCTION_TRAFFIC_SHIFT")
assert weights(here) == (0.0, 100.0), here
ecs.continue_service_deployment(serviceDeploymentArn=here["serviceDeploymentArn"], hookId=here["lifecycleHookDetails"][0]["hookId"], action="ROLLBACK")
here = until("back", lambda it: it["status"] == "ROLLBACK_SUCCESSFUL")
assert here["statusReason"] == "Service deployment rolled back because POST_PRODUCTION_TRAFFIC_SHIFT pause hook failed.", here
assert on_rule() == [0, 100], on_rule()
statuses = [it["status"] for it in ecs.list_service_deployments(cluster="shifts", service="web")["serviceDeployments"]]
assert statuses == ["ROLLBACK_SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"], statuses
