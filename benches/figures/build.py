"""How long both images take to build: `shipit build` beside the classic builder, one image after the other."""

import contextlib
import itertools
import os

import contexts
from measure import SECONDS, Row, Share, wall
from project import OURS, project
from tools import remove_images, remove_unfinished

REPEATS = 5
COLD = Share(0.4)
CASES = ("cold", "nothing changed", "one file changed")
PEER_NAME = "shipit-bench-classic"
tags = itertools.count(1)  # an image that loses its only name to a newer one would be left behind


def measure(tools, repeats):
    with project(tools, contexts.fill, contexts.stamp, clock=20) as storefront, classic_images():
        ours, peer = ({case: [] for case in CASES} for _ in range(2))
        for number in range(repeats + 1):
            for samples, build in ((ours, shipit), (peer, classic)):
                for case in CASES:
                    took = prepared(storefront, case, build)
                    if number:  # the first round is the warm-up
                        samples[case].append(took)
        limits = {"cold": COLD}
        return [Row(f"build both, {case}", SECONDS, ours[case], "classic builder", peer[case], limits.get(case)) for case in CASES]


@contextlib.contextmanager
def classic_images():
    try:
        yield
    finally:
        remove_images(f"{PEER_NAME}-")
        remove_unfinished(f"STAMP={os.getpid()}-")


def prepared(storefront, case, build):
    if case == "cold":
        storefront.renew()
    if case == "one file changed":
        contexts.change_one_file(storefront.path, build.__name__)
        storefront.commit("one file")
    return build(storefront)


def shipit(storefront):
    return wall(storefront.in_sandbox("build"), env=OURS)


def classic(storefront):
    """With DOCKER_BUILDKIT=0, each image after the other, as a script does it."""
    took, tag = 0, next(tags)
    for image in ("backend", "frontend"):
        command = [storefront.tools.docker, "build", "--tag", f"{PEER_NAME}-{image}:{tag}", str(storefront.path / image)]
        took += wall(command, env={**OURS, "DOCKER_BUILDKIT": "0"})
    return took
