"""How long `shipit --version` takes."""

from measure import MILLISECONDS, Most, Row, start

REPEATS = 50
LIMIT = Most(0.010, MILLISECONDS)


def measure(tools, repeats):
    ours, peer = [], []
    for number in range(repeats + 1):
        took = start([str(tools.shipit), "--version"]), start(["/bin/true"])
        if number:  # the first is the warm-up
            ours.append(took[0])
            peer.append(took[1])
    return [Row("shipit --version", MILLISECONDS, ours, "/bin/true", peer, LIMIT)]
