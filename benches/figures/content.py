"""How long it takes to know whether a context has changed: shipit's digest of it beside `git ls-files | xargs sha256sum`."""

import shutil
import subprocess
import time

import contexts
from measure import MILLISECONDS, Row, Share, check, wall
from project import OURS, PLAIN, project

REPEATS = 9
PEER = "git ls-files | xargs sha256sum"
READ, REMEMBERED = Share(0.5), Share(0.15)
SETTLED = 2.5  # seconds; a file that was changed just now is read again


def measure(tools, repeats):
    with project(tools, contexts.fill, contexts.stamp, clock=1) as storefront:
        clone = storefront.path / "frontend"
        alone = storefront.path / ".shipit" / "alone"  # where git knows nothing
        shutil.copytree(clone, alone / "context", symlinks=True)
        time.sleep(SETTLED)
        memory = alone / "memory"
        ways = {
            "all read": ([str(tools.content), str(alone / "context")], READ),
            "remembered": ([str(tools.content), str(alone / "context"), str(memory)], REMEMBERED),
            "by git's index": ([str(tools.content), str(clone)], READ),
        }
        agree([command for command, _ in ways.values()])
        ours, peer = {way: [] for way in ways}, []
        for number in range(repeats + 1):
            took = {way: wall(command, env=OURS) for way, (command, _) in ways.items()}
            beside = wall(["bash", "-c", "set -o pipefail; git ls-files -z | xargs -0 sha256sum"], cwd=clone, env={**OURS, **PLAIN})
            if number:  # the first round is the warm-up
                peer.append(beside)
                for way, value in took.items():
                    ours[way].append(value)
        return [Row(f"context digest, {way}", MILLISECONDS, ours[way], PEER, peer, limit) for way, (_, limit) in ways.items()]


def agree(commands):
    """All of them say the same: the content is one."""
    said = set()
    for command in commands:
        done = subprocess.run(command, env=OURS, capture_output=True, check=False)
        check(command, done)
        said.add(done.stdout)
    assert len(said) == 1, said
