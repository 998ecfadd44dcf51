"""How long the first half of a pipeline takes when nothing has changed: shipit beside `docker build` and `docker push`."""

import contexts
from figures.push import Registry
from measure import SECONDS, Row, Share, wall
from project import OURS, project

REPEATS = 5
LIMIT = Share(0.1)
PEER = "docker build + push of both"
IMAGES = ("backend", "frontend")


def measure(tools, repeats):
    with project(tools, contexts.fill, contexts.stamp, clock=1) as storefront:
        registry = Registry(storefront)
        storefront.run(storefront.in_sandbox("push"))
        docker(storefront, registry)
        same, other, peer = [], [], []
        for number in range(repeats + 1):
            took = shipit(storefront), docker(storefront, registry)
            storefront.git("commit", "--quiet", "--allow-empty", "--message", f"the same content {number}")
            of_other = shipit(storefront)
            if number:  # the first round is the warm-up
                same.append(took[0])
                peer.append(took[1])
                other.append(of_other)
        return [
            Row("first half, the same commit again", SECONDS, same, PEER, peer, LIMIT),
            Row("first half, another commit of the same content", SECONDS, other, PEER, peer, LIMIT),
        ]


def shipit(storefront):
    return wall(storefront.in_sandbox("push"), env=OURS)


def docker(storefront, registry):
    """Each image after the other, as a script does it."""
    took = 0
    for image in IMAGES:
        name = f"{registry.address}/storefront/{image}:by-docker"
        took += wall([storefront.tools.docker, "build", "--tag", name, str(storefront.path / image)], env=registry.environment)
        took += wall([storefront.tools.docker, "push", name], env=registry.environment)
    return took
