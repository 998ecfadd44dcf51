"""How long the control plane takes (register, update, first look): shipit beside three calls of the AWS CLI."""

import json
import os
import shutil
import subprocess
import time

import one_service
from events import first, moment, span
from measure import MILLISECONDS, Row, Share, check, wall
from project import OURS, project

REPEATS = 5
OF_AWS_CLI = Share(0.05)
OF_ACTION = Share(0.25)


def measure(tools, repeats):
    action = os.environ.get("AWS_ACTION_DIST")
    part, whole, cli, actions = [], [], [], []
    with project(tools, one_service.fill, one_service.stamp, clock=1) as service:
        settle(service)
        for number in range(repeats + 1):
            took = shipit(service), aws_cli(service), deploy_action(service, action) if action else 0
            if number:  # the first round is the warm-up
                for samples, value in zip((part, whole, cli, actions), (*took[0], *took[1:])):
                    samples.append(value)
    rows = [Row("register, update, first look", MILLISECONDS, part, "AWS CLI, 3 calls", cli, OF_AWS_CLI)]
    if action:
        rows.append(Row("register, update, first look", MILLISECONDS, part, "AWS deploy action", actions, OF_ACTION))
    else:
        print("control: AWS_ACTION_DIST names no dist/index.js: the AWS deploy action was not measured", flush=True)
    # The whole of it beside the same three calls: what shipit reads and judges before is in it.
    return [*rows, Row("deploy of a scanned image, start to first look", MILLISECONDS, whole, "AWS CLI, 3 calls", cli)]


def settle(service):
    service.run(service.command("wait", "--sandbox"))


def shipit(service):
    """Its control part, and all of it from the start of the process on; the image is pushed and scanned already."""
    service.renew()
    service.run(service.in_sandbox("push"))
    service.run(service.in_sandbox("scan"))
    begin = time.time()
    service.run(service.in_sandbox("deploy"))
    events = service.last_run()
    register = first(events, "register", lambda event: event["event"] == "step_started" and event["step"].startswith("register "))
    look = first(events, "rollout", lambda event: event["event"] == "step_progress" and event["progress"]["kind"] == "rollout")
    return span(register, look), moment(look) - begin


def aws_cli(service):
    """One process a call, as a script does it."""
    environment = service.aws_environment()
    place = ["--cluster", one_service.CLUSTER]
    calls = [
        ["register-task-definition", "--cli-input-json", f"file://{definition(service)}"],
        ["update-service", *place, "--service", one_service.SERVICE, "--task-definition", one_service.FAMILY],
        ["describe-services", *place, "--services", one_service.SERVICE],
    ]
    took = sum(wall([str(service.tools.aws), "ecs", *call], env=environment) for call in calls)
    settle(service)
    return took


def deploy_action(service, program):
    """aws-actions/amazon-ecs-deploy-task-definition as the runner starts it, told not to wait."""
    inputs = {
        "TASK-DEFINITION": definition(service),
        "SERVICE": one_service.SERVICE,
        "CLUSTER": one_service.CLUSTER,
        "WAIT-FOR-SERVICE-STABILITY": "false",
        "MAX-RETRIES": "3",
        "DESIRED-COUNT": "",
        "ENABLE-ECS-MANAGED-TAGS": "",
        "FORCE-NEW-DEPLOYMENT": "false",
        "PROPAGATE-TAGS": "",
        "RUN-TASK": "false",
        "KEEP-NULL-VALUE-KEYS": "",
    }
    output = service.path / ".shipit" / "action-output"
    output.touch()
    environment = {
        **service.aws_environment(),
        **{f"INPUT_{name}": str(value) for name, value in inputs.items()},
        "GITHUB_WORKSPACE": str(service.path),
        "GITHUB_OUTPUT": str(output),
    }
    took = wall([shutil.which("node") or "node", program], env=environment)
    settle(service)
    return took


def definition(service):
    """A definition unlike those before, beside the project."""
    path = service.path / ".shipit" / "taskdef.json"
    path.write_text(json.dumps(one_service.definition(one_service.BASE, {"AT": str(time.time())})))
    return path
