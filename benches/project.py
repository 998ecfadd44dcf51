"""A pipeline in a git repository of its own, with a sandbox of its own."""

import contextlib
import itertools
import json
import os
import subprocess

from measure import NotMeasured, check
from tools import BuildCache, folder, remove_images

PLAIN = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "bench", "EMAIL": "bench@shop.example", "DATE": "2026-01-01T00:00:00Z"}.items()
}
# neither the caller's AWS nor the caller's shipit
OURS = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SHIPIT_", "GIT_"))}


class Project:
    """`stamp(path, text)` changes what its images are made of from their first step on."""

    def __init__(self, tools, path, stamp):
        self.tools, self.path, self._stamp = tools, path, stamp
        self._numbers = itertools.count(1)
        self._cache = BuildCache()

    def git(self, *arguments):
        done = subprocess.run(["git", *arguments], cwd=self.path, env={**OURS, **PLAIN, **WHO}, capture_output=True, check=False)
        check(["git", *arguments], done)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def renew(self):
        """A new commit of which no builder has anything: BuildKit would keep a folder's files to be sent only what changed."""
        self._cache.forget("source.local")
        text = f"{os.getpid()}-{next(self._numbers)}"
        self._stamp(self.path, text)
        self.commit(f"stamp {text}")

    def command(self, *arguments):
        return [str(self.tools.shipit), *arguments, "--file", str(self.path / "shipit.yaml")]

    def in_sandbox(self, *arguments):
        return self.command(*arguments, "--sandbox", "--output", "lines")

    def run(self, command):
        check(command, subprocess.run(command, env=OURS, capture_output=True, check=False))

    def endpoints(self):
        return json.loads((self.path / ".shipit" / "sandbox" / "endpoints.json").read_text())

    def remove(self):
        """The sandbox first: an image in use stays."""
        with contextlib.suppress(NotMeasured, OSError):
            registry = self.endpoints()["registry"]
            self.run(self.command("sandbox", "down"))
            remove_images(f"{registry}/")
        self._cache.forget()

    def aws_environment(self):
        """For the AWS CLI and other clients of the sandbox."""
        there = self.endpoints()
        return {
            **OURS,
            "AWS_ENDPOINT_URL": there["endpoint"],
            "AWS_REGION": there["region"],
            "AWS_DEFAULT_REGION": there["region"],  # the one that version 1 of the CLI reads
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_PAGER": "",
        }

    def last_run(self):
        """The events of the newest run."""
        newest = max((self.path / ".shipit" / "runs").iterdir(), key=lambda run: run.stat().st_mtime_ns)
        return [json.loads(line) for line in (newest / "events.jsonl").read_text().splitlines()]


@contextlib.contextmanager
def project(tools, fill, stamp, clock):
    """The project with its sandbox running `clock` times as fast as AWS. All of it is removed, also from the engine."""
    with folder() as path:
        made = Project(tools, path, stamp)
        fill(path)
        made.git("init", "--quiet", "--initial-branch=main")
        made.git("config", "core.compression", "0")
        made.commit("begin")
        try:
            made.run(made.command("sandbox", "up", "--clock", str(clock)))
            yield made
        finally:
            made.remove()
