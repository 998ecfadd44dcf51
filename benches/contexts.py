"""The two build contexts: a frontend of many small files, a backend of one large one."""

import random
import shutil

from tools import ROOT

FILES, EXCLUDED, FILE_BYTES = 2_000, 20_000, 15_000
PROGRAM_BYTES = 60_000_000
INCOMPRESSIBLE = 2 / 3  # of each file; the rest is text that repeats
FIXTURES = ROOT / "fixtures" / "storefront"


def fill(path):
    """The storefront of the fixtures with that added to its images; equal at every run."""
    shutil.copytree(FIXTURES, path, dirs_exist_ok=True)
    pipeline = (ROOT / "pipelines" / "storefront.yaml").read_text().replace("../fixtures/storefront/", "")
    (path / "shipit.yaml").write_text(pipeline)
    (path / ".gitignore").write_text("/.shipit\n/frontend/node_modules\n")

    chance = random.Random(1)
    write_tree(path / "frontend" / "assets", FILES, lambda: content(chance, FILE_BYTES))
    write_tree(path / "frontend" / "node_modules", EXCLUDED, lambda: b"module.exports = 1\n")
    (path / "backend" / "program").write_bytes(content(chance, PROGRAM_BYTES))
    with (path / "frontend" / ".dockerignore").open("a") as rules:
        rules.write("node_modules\n")
    add_to(path / "frontend" / "Dockerfile", "COPY start answer page.html ./", "COPY assets ./assets")
    add_to(path / "backend" / "Dockerfile", "COPY start answer ./", "COPY program stamp ./")
    stamp(path, "first")


def content(chance, size):
    noise = chance.randbytes(int(size * INCOMPRESSIBLE))
    text = b"export const price = (item) => item.amount * item.tax;\n"
    return noise + (text * (size // len(text) + 1))[: size - len(noise)]


def write_tree(top, count, make):
    for number in range(count):
        place = top / f"{number // 100:03}"
        if number % 100 == 0:
            place.mkdir(parents=True)
        (place / f"{number % 100:02}.js").write_bytes(make())


def add_to(dockerfile, line, addition):
    text = dockerfile.read_text()
    assert line in text, f"{dockerfile} has no `{line}`"
    dockerfile.write_text(text.replace(line, f"{line}\n{addition}"))


def stamp(path, text):
    """Another first step, and another large layer."""
    for image, place in (("frontend", "assets/stamp"), ("backend", "stamp")):
        (path / image / place).write_text(text)
        dockerfile = path / image / "Dockerfile"
        steps = [line for line in dockerfile.read_text().splitlines() if not line.startswith("ENV STAMP=")]
        dockerfile.write_text("\n".join([steps[0], f"ENV STAMP={text}", *steps[1:]]) + "\n")


def change_one_file(path, text):
    (path / "frontend" / "assets" / "000" / "00.js").write_text(f"// {text}\n")
