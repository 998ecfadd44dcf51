"""Images of a few large layers and some small ones, of which no registry and no memory has anything yet."""

import json
import os
import random

import one_service

REPOSITORIES = ("bench/shipit", "bench/zstd", "bench/docker", "bench/skopeo")
SMALL = 10
HALF = 32 * 1024


def fill(path):
    """The smallest pipeline, and the repositories that the image goes to."""
    one_service.fill(path)
    (path / ".gitignore").write_text("/.shipit\n/image\n")
    requests = one_service.seed()
    requests += [{"service": "ecr", "operation": "CreateRepository", "body": {"repositoryName": name}} for name in REPOSITORIES]
    (path / "seed.json").write_text(json.dumps(requests, indent=2))


def image(folder, sizes, text):
    """The context of an image with large layers of these sizes, and small ones above them; other content for another text."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(text)
    words = vocabulary(chance)
    lines = [f"FROM {one_service.BASE}"]
    for number, size in enumerate(sizes):
        with (folder / f"large{number}").open("wb") as file:
            for _ in range(0, size, 2 * HALF):
                file.write(chance.randbytes(HALF))
                begin = chance.randrange(len(words) - HALF)
                file.write(words[begin : begin + HALF])
        lines.append(f"COPY large{number} /")
    for number in range(SMALL):
        change(folder, number, text)
        lines.append(f"COPY small{number} /")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")


def change(folder, number, text):
    (folder / f"small{number}").write_text(f"{os.getpid()} {text} {number}\n")


def vocabulary(chance):
    """Text that deflates to about a third: with as much noise a layer comes to two thirds."""
    letters = b"etaoinshrdlucmfwypvbgkjqxz"
    known = [bytes(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(400)]
    return b" ".join(chance.choices(known, k=700_000))
