"""The programs that the figures compare, and the one place where everything they leave behind is removed."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
import urllib.parse

from docker_api import Engine
from measure import NotMeasured

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Tools:
    shipit: pathlib.Path
    aws: pathlib.Path
    docker: str
    skopeo: str
    push: pathlib.Path
    content: pathlib.Path

    @staticmethod
    def find():
        release = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
        venv = pathlib.Path(os.environ.get("SHIPIT_VENV", ROOT / ".venv"))
        docker, skopeo = (shutil.which(name) or name for name in ("docker", "skopeo"))
        tools = Tools(release / "shipit", venv / "bin" / "aws", docker, skopeo, release / "shipit-bench-push", release / "shipit-bench-content")
        for program in (tools.shipit, tools.aws, pathlib.Path(docker), pathlib.Path(skopeo), tools.push, tools.content):
            if not os.access(program, os.X_OK):
                raise NotMeasured(f"`{program}` is missing; `make bench` makes it")
        return tools


class BuildCache:
    """What the engine's build cache gathers from now on; what it had before stays."""

    def __init__(self):
        self._engine = Engine()
        self._before = self._entries().keys()

    def _entries(self):
        """Id and type of each."""
        status, answer = self._engine.request("GET", "/system/df", timeout=300)
        if status != 200:
            raise NotMeasured(f"the engine does not say what its build cache holds: {status}")
        return {entry["ID"]: entry["Type"] for entry in json.loads(answer).get("BuildCache") or []}

    def _new(self, kinds):
        return {entry for entry, kind in self._entries().items() if entry not in self._before and (not kinds or kind in kinds)}

    def forget(self, *kinds):
        """All that is new, or only what is of these types. Until nothing more goes: what others are made of goes after them."""
        left = self._new(kinds)
        while left:
            for entry in left:
                only = urllib.parse.quote(json.dumps({"id": {entry: True}}))
                self._engine.request("POST", f"/build/prune?all=true&filters={only}", timeout=300)
            now = self._new(kinds)
            if now >= left:
                return
            left = now


@contextlib.contextmanager
def folder():
    """A folder for one figure."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="shipit-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_images(prefix):
    """Removes all names of images that begin so, and the images that have no other."""
    engine = Engine()
    _, answer = engine.request("GET", "/images/json")
    for image in json.loads(answer):
        for name in [*(image.get("RepoTags") or []), *(image.get("RepoDigests") or [])]:
            if name.startswith(prefix):
                engine.request("DELETE", f"/images/{urllib.parse.quote(name, safe='')}", timeout=120)


def remove_unfinished(variable):
    """Removes what an interrupted classic build leaves: images without name whose environment has one that begins so."""
    engine = Engine()
    nameless = urllib.parse.quote(json.dumps({"dangling": ["true"]}))
    for image in json.loads(engine.request("GET", f"/images/json?filters={nameless}")[1]):
        status, about = engine.request("GET", f"/images/{image['Id']}/json")
        if status == 200 and any(pair.startswith(variable) for pair in json.loads(about)["Config"]["Env"] or []):
            engine.request("DELETE", f"/images/{image['Id']}", timeout=120)
