"""The validators of SPDX and of in-toto on what shipit attaches: SBOM, STATEMENT, DIGEST."""

import json
import sys

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

sbom, statement, digest = sys.argv[1:]
digest = digest.removeprefix("sha256:")

document = parse_file(sbom)
complaints = validate_full_spdx_document(document, "SPDX-2.3")
assert complaints == [], complaints
image = next(package for package in document.packages if package.spdx_id == "SPDXRef-Image")
assert [checksum.value for checksum in image.checksums] == [digest], image.checksums
print(json.dumps(sorted(package.name for package in document.packages if package is not image)))

with open(statement, encoding="utf-8") as file:
    text = file.read()
# What the models do not know is refused.
told = Statement.copy_from_pb(json_format.Parse(text, statement_pb2.Statement()))
told.validate()
assert told.pb.subject[0].digest["sha256"] == digest, told.pb.subject
predicate = json.loads(text)["predicate"]
provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
assert provenance.build_definition.build_type and provenance.run_details.builder.id
assert len(provenance.build_definition.external_parameters) > 0
for dependency in provenance.build_definition.resolved_dependencies:
    ResourceDescriptor.copy_from_pb(dependency).validate()
