"""How long one image takes into a registry, and how much memory: shipit's push beside `docker push` and `skopeo copy`.

As root: shipit's own push reads the engine's files. Otherwise the engine pushes in either case.
"""

import base64
import contextlib
import json
import os
import subprocess

import layered
import one_service
from measure import MEGABYTES, SECONDS, Most, NotMeasured, Row, Share, check, peak_memory, wall
from project import project
from tools import remove_images

REPEATS = 8
LARGE_REPEATS = 2
PEER = "docker push"
COLD, COLD_ZSTD, SMALL, UNCHANGED = Share(0.5), Share(0.4), Share(1.05), Share(1.0)
MEMORY = Most(100 * 2**20, MEGABYTES)
ONE_LARGE = "200 MB and 10 small layers", (200_000_000,)
MANY = "1 GB in 40 layers", (25_000_000,) * 40
CASES = ("cold", "one small layer new", "unchanged")


def measure(tools, repeats):
    if os.geteuid():
        raise NotMeasured("shipit's own push reads the engine's files: it is measured as root")
    with project(tools, layered.fill, one_service.stamp, clock=1) as storefront:
        registry = Registry(storefront)
        return [*one_large(registry, repeats), *many(registry, min(repeats, LARGE_REPEATS))]


def one_large(registry, repeats):
    name, sizes = ONE_LARGE
    samples = {way: {case: [] for case in CASES} for way in registry.ways}
    with registry.images(repeats + 1, sizes) as images:
        for number, image in enumerate(images):
            for case in CASES:
                if case == "one small layer new":
                    image.change()
                for way, push in turned(registry.ways.items(), number):
                    took = push(image)
                    if number:  # the first round is the warm-up
                        samples[way][case].append(took)
        rows = beside_docker(f"push, {name}", samples, CASES)
        for compression in ("gzip", "zstd"):
            rows.append(Row(f"peak memory of a push, {compression}", MEGABYTES, [registry.memory(image, compression)], limit=MEMORY))
    return rows


def many(registry, repeats):
    name, sizes = MANY
    samples = {way: {"cold": []} for way in registry.ways}
    with registry.images(repeats, sizes) as images:
        for image in images:
            for way, push in registry.ways.items():
                samples[way]["cold"].append(push(image))
        return [
            *beside_docker(f"push, {name}", samples, ("cold",)),
            Row(f"peak memory of a push, {name}", MEGABYTES, [registry.memory(image, "gzip")], limit=MEMORY),
        ]


def turned(ways, number):
    """Each begins as often as the others: what comes right after a build finds an engine that is still busy."""
    ways = list(ways)
    first = number % len(ways)
    return ways[first:] + ways[:first]


def beside_docker(name, samples, cases):
    peer = samples["docker"]
    limits = {"cold": COLD, "one small layer new": SMALL, "unchanged": UNCHANGED}
    rows = []
    for case in cases:
        rows.append(Row(f"{name}, {case}", SECONDS, samples["shipit"][case], PEER, peer[case], limits[case]))
        zstd = COLD_ZSTD if case == "cold" else None
        rows.append(Row(f"{name}, {case}, zstd", SECONDS, samples["zstd"][case], PEER, peer[case], zstd))
        rows.append(Row(f"{name}, {case}", SECONDS, samples["shipit"][case], "skopeo copy", samples["skopeo"][case]))
    return rows


class Image:
    """One image under one name of each repository."""

    def __init__(self, registry, folder, text):
        self._registry, self._folder, self._text, self._changes = registry, folder, text, 0
        self.tag = text
        self._build()

    def change(self):
        """Its uppermost layer is another one, and so is its tag."""
        self._changes += 1
        layered.change(self._folder, layered.SMALL - 1, f"{self._text}-{self._changes}")
        self.tag = f"{self._text}-{self._changes}"
        self._build()

    def _build(self):
        names = [word for repository in layered.REPOSITORIES for word in ("--tag", self.name(repository))]
        command = [self._registry.tools.docker, "build", "--quiet", *names, str(self._folder)]
        check(command, subprocess.run(command, env={**self._registry.environment, "DOCKER_BUILDKIT": "0"}, capture_output=True, check=False))

    def name(self, repository):
        return f"{self._registry.address}/{repository}:{self.tag}"


class Registry:
    """The sandbox's, and every way into it."""

    def __init__(self, storefront):
        self.tools = storefront.tools
        self.address = storefront.endpoints()["registry"]
        command = [str(self.tools.aws), "ecr", "get-login-password"]
        done = subprocess.run(command, env=storefront.aws_environment(), capture_output=True, check=False)
        check(command, done)
        self._password = done.stdout.decode().strip()
        self._folder = storefront.path
        self.environment = {**storefront.aws_environment(), "DOCKER_CONFIG": str(self._logged_in())}
        self.ways = {"shipit": self._shipit("gzip"), "docker": self._docker, "zstd": self._shipit("zstd"), "skopeo": self._skopeo}

    @contextlib.contextmanager
    def images(self, count, sizes):
        """One after the other: each is removed when the next is wanted, the last at the end."""

        def made():
            for number in range(count):
                remove_images(f"{self.address}/")
                layered.image(folder, sizes, f"{len(sizes)}-{number}")
                yield Image(self, folder, f"{len(sizes)}-{number}")

        folder = self._folder / "image"
        try:
            yield made()
        finally:
            remove_images(f"{self.address}/")

    def memory(self, image, compression):
        """Into a repository and with a memory that have nothing of it."""
        command, environment = self._pushing(image, compression, f"{compression}-fresh")
        return peak_memory(command, env=environment)

    def _pushing(self, image, compression, memory):
        repository = "bench/shipit" if compression == "gzip" else "bench/zstd"
        folder = self._folder / ".shipit" / "pushed" / memory
        return [str(self.tools.push), image.name(repository), compression, str(folder)], {**self.environment, "PASSWORD": self._password}

    def _shipit(self, compression):
        def push(image):
            command, environment = self._pushing(image, compression, compression)
            return wall(command, env=environment)

        return push

    def _docker(self, image):
        return wall([self.tools.docker, "push", image.name("bench/docker")], env=self.environment)

    def _skopeo(self, image):
        name = image.name("bench/skopeo")
        command = [self.tools.skopeo, "copy", "--quiet", "--authfile", str(self._folder / ".shipit" / "docker" / "config.json")]
        command += ["--dest-tls-verify=false", f"docker-daemon:{name}", f"docker://{name}"]
        return wall(command, env=self.environment)

    def _logged_in(self):
        """The registry's password in a configuration of its own, as `docker login` would write it."""
        folder = self._folder / ".shipit" / "docker"
        folder.mkdir()
        login = base64.b64encode(f"AWS:{self._password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": login}}}))
        return folder
