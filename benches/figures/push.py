"""How long both images take to push: shipit beside `docker push`, one image after the other."""

import base64
import json
import subprocess

import contexts
from events import span
from measure import SECONDS, Row, check, wall
from project import project

REPEATS = 3
REPOSITORIES = ("storefront/backend", "storefront/frontend")


def measure(tools, repeats):
    with project(tools, contexts.fill, contexts.stamp, clock=1) as storefront:
        environment = logged_in(storefront)
        ours, peer = [], []
        for number in range(repeats + 1):
            storefront.renew()
            storefront.run(storefront.in_sandbox("push"))
            took = shipit(storefront.last_run()), docker(storefront, environment)
            if number:  # the first round is the warm-up
                ours.append(took[0])
                peer.append(took[1])
        return [Row("push both, new layers", SECONDS, ours, "docker push", peer)]


def shipit(events):
    """From the start of the first push to the end of the last."""
    pushes = [event for event in events if event.get("step", "").startswith("push ")]
    return span(pushes[0], pushes[-1])


def docker(storefront, environment):
    """A commit of its own, so that the registry has none of its large layers."""
    storefront.renew()
    storefront.run(storefront.in_sandbox("build"))
    registry = storefront.endpoints()["registry"]
    return sum(wall([storefront.tools.docker, "push", "--all-tags", f"{registry}/{name}"], env=environment) for name in REPOSITORIES)


def logged_in(storefront):
    """The registry's password in a configuration of its own, as `docker login` would write it."""
    command = [str(storefront.tools.aws), "ecr", "get-login-password"]
    done = subprocess.run(command, env=storefront.aws_environment(), capture_output=True, check=False)
    check(command, done)
    login = base64.b64encode(b"AWS:" + done.stdout.strip()).decode()
    folder = storefront.path / ".shipit" / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {storefront.endpoints()["registry"]: {"auth": login}}}))
    return {**storefront.aws_environment(), "DOCKER_CONFIG": str(folder)}
