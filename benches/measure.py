"""What a figure is: medians of one program and its peer, and the limit that their relation must hold."""

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing


class NotMeasured(Exception):
    """Why a figure could not be taken."""


@dataclasses.dataclass(frozen=True)
class Unit:
    name: str
    scale: float
    digits: int

    def text(self, value):
        return f"{value * self.scale:,.{self.digits}f} {self.name}"


SECONDS = Unit("s", 1, 2)
MILLISECONDS = Unit("ms", 1000, 1)
MEGABYTES = Unit("MB", 1e-6, 1)


@dataclasses.dataclass(frozen=True)
class Share:
    """At most this share of the peer's."""

    most: float

    def holds(self, ours, peer):
        return ours <= self.most * peer

    def __str__(self):
        return f"<= {self.most:g} x"


@dataclasses.dataclass(frozen=True)
class Most:
    """At most this much, whatever the peer has."""

    most: float
    unit: Unit

    def holds(self, ours, _peer):
        return ours <= self.most

    def __str__(self):
        return f"<= {self.most * self.unit.scale:g} {self.unit.name}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; samples are in seconds or bytes."""

    name: str
    unit: Unit
    ours: typing.Sequence[float]
    peer_name: str = ""
    peer: typing.Sequence[float] = ()
    limit: typing.Any = None

    def medians(self):
        return statistics.median(self.ours), statistics.median(self.peer) if self.peer else None

    def relation(self):
        ours, peer = self.medians()
        return f"{ours / peer:.3f} x" if peer else self.unit.text(ours)

    def missed(self):
        return self.limit is not None and not self.limit.holds(*self.medians())

    def cells(self):
        ours, peer = self.medians()
        spread = f"{self.unit.text(min(self.ours)).split()[0]}..{self.unit.text(max(self.ours)).split()[0]}"
        holds = "-" if self.limit is None else "MISSED" if self.missed() else "holds"
        beside = f"{self.unit.text(peer)} {self.peer_name}" if peer else "-"
        ratio = self.relation() if peer else "-"
        return [self.name, self.unit.text(ours), spread, beside, ratio, str(self.limit or "-"), holds]


def table(rows):
    lines = [["figure", "shipit", "min..max", "peer", "ratio", "limit", ""], *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


class Machine:
    """How busy the machine was: a busy one makes all figures longer and the ratios less sharp."""

    def __init__(self):
        self.before = os.getloadavg()[0]

    def note(self):
        return f"machine: {os.cpu_count()} processors, load {self.before:.1f} before, {os.getloadavg()[0]:.1f} after"


def wall(command, **options):
    """How long a process took, its start included; a failed one is not a figure."""
    begin = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    took = time.perf_counter() - begin
    check(command, done)
    return took


def check(command, done):
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-15:])
        raise NotMeasured(f"`{' '.join(map(str, command[:3]))} ...` ended with {done.returncode}:\n{last}")


def start(command):
    """How long it takes to start a process that ends at once, with as little of Python as can be between."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    status = os.waitpid(pid, 0)[1]
    took = time.perf_counter() - begin
    if status != 0:
        raise NotMeasured(f"`{' '.join(command)}` ended with {os.waitstatus_to_exitcode(status)}")
    return took


# A process is charged with the memory of the one that started it until it is itself, so a small one starts it.
SPAWNER = """
import os, resource, sys
status = os.waitpid(os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ), 0)[1]
with open(sys.argv[1], "w") as peak:
    peak.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_memory(command, **options):
    """The largest resident set of a process, in bytes; never less than that of the small Python that starts it."""
    with tempfile.NamedTemporaryFile() as peak:
        wall([sys.executable, "-I", "-S", "-c", SPAWNER, peak.name, *map(str, command)], **options)
        return int(peak.read())
