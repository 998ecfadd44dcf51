"""The ORAS client attaches an artifact to an image and takes it back: IMAGE with its digest, its SIZE and MEDIA_TYPE, FILE.
Login comes from the environment. The client lists no referrers by itself: the request for them goes through its session, and
what comes is held against its own schema of an index."""

import json
import pathlib
import sys
import tempfile

import jsonschema
import oras.client
import oras.oci
import oras.schemas

image, size, media_type, file = sys.argv[1:]
name, digest = image.split("@")
client = oras.client.OrasClient(insecure=True, auth_backend="basic")
subject = oras.oci.Subject(mediaType=media_type, digest=digest, size=int(size))
pushed = client.push(
    target=f"{name}:sbom",
    files=[f"{file}:application/spdx+json"],
    manifest_annotations={"org.example.by": "oras"},
    subject=subject,
    disable_path_validation=True,
)
assert pushed.headers["OCI-Subject"] == digest, pushed.headers
artifact = pushed.headers["Docker-Content-Digest"]

registry, repository = name.split("/", 1)
listed = client.do_request(f"http://{registry}/v2/{repository}/referrers/{digest}")
assert listed.status_code == 200, listed.text
index = listed.json()
jsonschema.validate(index, oras.schemas.index)
descriptors = [one for one in index["manifests"] if one["digest"] == artifact]
assert len(descriptors) == 1, index
assert descriptors[0]["annotations"] == {"org.example.by": "oras"}, descriptors

with tempfile.TemporaryDirectory() as folder:
    (pulled,) = client.pull(target=f"{name}@{artifact}", outdir=folder)
    assert pathlib.Path(pulled).read_bytes() == pathlib.Path(file).read_bytes()
print(json.dumps({"digest": artifact, "size": descriptors[0]["size"]}))
