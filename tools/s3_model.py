#!/usr/bin/env python3
"""Generates the S3 messages of src/s3/proto from botocore's service model, and checks docs/S3.md against it.

    s3_model.py generate MODEL OPERATIONS OUT_DIR   writes model_*.{h,cc,inc} into OUT_DIR
    s3_model.py check-doc MODEL OPERATIONS DOC      exits with 1 and says why if the table in DOC is not the truth

MODEL is botocore's data/s3/2006-03-01/service-2.json (tools/fetch_s3_model brings it), OPERATIONS is
src/s3/proto/implemented_operations.txt. The model says what every element, header and parameter is called, where it
stands and in which order. What S3 does and the model does not say is in the tables below, and nowhere else.
"""

import argparse
import json
import pathlib
import re
import sys
from dataclasses import dataclass

# The root elements of replies, which the model leaves out because botocore does not look at them.
REPLY_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "DeleteObjects": "DeleteResult",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
}

# The root is the value itself: <LocationConstraint>eu-west-1</LocationConstraint>.
TEXT_REPLIES = {"GetBucketLocation": "LocationConstraint"}

# Lists that S3 writes as one sequence in key order: (reply, C++ member) -> the members of the model.
INTERLEAVED = {"ListObjectVersions": ("entries", ["Versions", "DeleteMarkers"])}

# Names that would hide something of ours or say too little, and one that is a keyword.
TYPE_NAMES = {
    "Error": "DeleteError",
    "Object": "ListedObject",
    "Bucket": "ListedBucket",
    "Part": "ListedPart",
    "MultipartUpload": "ListedUpload",
    "Delete": "Deletion",
}
MEMBER_NAMES = {"Delete": "deletion"}

# Request members that cannot change what Weir does, so that no struct has them: nobody pays for reading, there is no
# MFA delete, no governance retention and no restore, and there are no tags or annotations to copy or replace.
IGNORED = {
    "RequestPayer",
    "MFA",
    "BypassGovernanceRetention",
    "OptionalObjectAttributes",
    "TaggingDirective",
    "AnnotationDirective",
}

# Request members that ask for a function Weir does not have: 501 unless the value is one of these, which ask for what
# happens anyway.
REFUSED = {
    "ACL": "private bucket-owner-full-control",
    "GrantFullControl": "",
    "GrantRead": "",
    "GrantReadACP": "",
    "GrantWrite": "",
    "GrantWriteACP": "",
    "WriteOffsetBytes": "",
    "ServerSideEncryption": "",
    "SSECustomerAlgorithm": "",
    "SSECustomerKey": "",
    "SSECustomerKeyMD5": "",
    "SSEKMSKeyId": "",
    "SSEKMSEncryptionContext": "",
    "BucketKeyEnabled": "false",
    "CopySourceSSECustomerAlgorithm": "",
    "CopySourceSSECustomerKey": "",
    "CopySourceSSECustomerKeyMD5": "",
    "WebsiteRedirectLocation": "",
    "Tagging": "",
    "ObjectLockMode": "",
    "ObjectLockRetainUntilDate": "",
    "ObjectLockLegalHoldStatus": "OFF",
    "ObjectLockEventHold": "OFF",
    "ObjectLockEventHoldDurationDays": "",
    "ObjectLockEventHoldDurationYears": "",
    "ObjectLockEnabledForBucket": "false",
    "ObjectOwnership": "BucketOwnerEnforced",
    "BucketNamespace": "global",
    "MFADelete": "Disabled",
    "Tags": "",
}
# The same for elements with children, by the shape that has them.
REFUSED_IN = {"CreateBucketConfiguration": {"Location", "Bucket", "Tags"}}

# Reply members that speak of such functions: no reply has them.
NOT_REPLIED = (
    set(REFUSED)
    | IGNORED
    | {
        "AbortDate",
        "AbortRuleId",
        "AccessPointAlias",
        "ArchiveStatus",
        "Expiration",
        "MissingMeta",
        "ReplicationStatus",
        "RequestCharged",
        "Restore",
        "RestoreStatus",
        "TagCount",
    }
)
# A version that exists before its upload is complete. Weir's comes with the completion.
NOT_REPLIED_BY = {
    "CreateMultipartUpload": {"VersionId"},
    "UploadPart": {"VersionId"},
    "UploadPartCopy": {"VersionId"},
    "AbortMultipartUpload": {"VersionId"},
    "ListParts": {"VersionId"},
}

# Required whatever the model says: without them the request means nothing.
ALSO_REQUIRED = {
    "CompleteMultipartUploadRequest": {"MultipartUpload"},
    "CompletedPart": {"ETag", "PartNumber"},
}

# Lists in request bodies: between one and this many.
LIST_BOUNDS = {"Delete.Objects": "delete_objects_keys_max", "CompletedMultipartUpload.Parts": "part_number_max"}

# Echoed word for word in the reply's Expires, so never a date here.
AS_TEXT = {"ResponseExpires"}

# What Weir adds to the model's shapes: docs/S3.md says when it is sent.
ADDED_SHAPES = {
    "MetadataEntry": {"type": "structure", "members": {"Name": {"shape": "String"}, "Value": {"shape": "String"}}},
    "MetadataEntries": {"type": "list", "flattened": True, "member": {"shape": "MetadataEntry"}},
    "String": {"type": "string"},
}
ADDED_MEMBERS = {"Object": {"ContentType": {"shape": "ContentType"}, "Metadata": {"shape": "MetadataEntries"}}}

# Not checked against the model: any region will do.
OPEN_ENUMS = {"BucketLocationConstraint"}
ENUM_CODES = {
    "StorageClass": "invalid_storage_class",
    "ChecksumAlgorithm": "invalid_request",
    "ChecksumType": "invalid_request",
}
ENUMS_ANY_CASE = {"ChecksumAlgorithm", "ChecksumType", "ChecksumMode"}

FAMILIES = ("bucket", "object", "multipart", "list")
HEAD = "// Generated by tools/s3_model.py from botocore's model of S3; do not edit.\n"


def snake_case(name):
    if name in MEMBER_NAMES:
        return MEMBER_NAMES[name]
    name = name.replace("ETag", "Etag").replace("SSEKMS", "SseKms").replace("XXHASH", "Xxhash")
    name = name.replace("CRC32C", "Crc32c").replace("CRC64NVME", "Crc64nvme")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return name.lower()


def quoted(text):
    return json.dumps(text)


@dataclass
class Member:
    name: str  # as the model has it
    spec: dict
    shape: dict
    shape_name: str
    required: bool

    @property
    def cpp(self):
        return snake_case(self.name)

    @property
    def place(self):
        return self.spec.get("location", "body")

    @property
    def wire(self):
        return self.spec.get("locationName", self.name)

    @property
    def is_enum(self):
        return "enum" in self.shape and self.shape_name not in OPEN_ENUMS

    @property
    def streams(self):
        return self.shape["type"] == "blob"

    @property
    def kind(self):
        return "string" if self.name in AS_TEXT else self.shape["type"]


@dataclass
class Route:
    operation: str
    level: str
    method: str
    bucket: str
    markers: list
    parameters: list  # required ones
    headers: list  # required ones
    deprecated: bool

    @property
    def place(self):
        return (self.level, self.method, self.bucket, tuple(self.markers))


class Model:
    def __init__(self, model_path, operations_path):
        document = json.loads(pathlib.Path(model_path).read_text())
        self.operations = document["operations"]
        self.shapes = document["shapes"] | ADDED_SHAPES
        for shape_name, members in ADDED_MEMBERS.items():
            self.shapes[shape_name]["members"] |= members
        self.families = {}
        for line in pathlib.Path(operations_path).read_text().splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            name, family = words
            if name not in self.operations or family not in FAMILIES:
                sys.exit(f"{operations_path}: {line!r}: no such operation or family")
            self.families[name] = family

    def in_family(self, family):
        return [name for name, of in self.families.items() if of == family]

    def members(self, shape_name):
        shape = self.shapes[shape_name]
        required = set(shape.get("required", [])) | ALSO_REQUIRED.get(shape_name, set())
        return [
            Member(name, spec, self.shapes[spec["shape"]], spec["shape"], name in required)
            for name, spec in shape["members"].items()
        ]

    def request_members(self, operation):
        shape_name = self.operations[operation].get("input", {}).get("shape")
        members = self.members(shape_name) if shape_name else []
        return [m for m in members if not m.streams and m.name not in IGNORED]

    def reply_members(self, operation):
        shape_name = self.operations[operation].get("output", {}).get("shape")
        members = self.members(shape_name) if shape_name else []
        unsent = NOT_REPLIED | NOT_REPLIED_BY.get(operation, set())
        return [m for m in members if not m.streams and m.name not in unsent]

    def payload(self, operation, direction):
        shape_name = self.operations[operation].get(direction, {}).get("shape")
        return self.shapes[shape_name].get("payload") if shape_name else None

    def list_member(self, member):
        """The element's name (flattened lists have the list's own) and the shape of its values."""
        spec = member.shape["member"]
        inner = member.wire if member.shape.get("flattened") else spec.get("locationName", "member")
        return inner, spec["shape"]

    def inner_members(self, shape_name, direction):
        """The members of a nested shape that our structs have."""
        members = self.members(shape_name)
        if direction == "reply":
            return [m for m in members if m.name not in NOT_REPLIED]
        return [m for m in members if not self.is_refused(shape_name, m)]

    @staticmethod
    def is_refused(shape_name, member):
        return member.name in REFUSED_IN.get(shape_name, set()) or (
            member.name in REFUSED and member.place != "uri" and shape_name not in REFUSED_IN
        )

    def nested(self, direction):
        """Nested shapes of all served operations, each after those it holds."""
        found = {}

        def visit(shape_name):
            shape = self.shapes[shape_name]
            if shape["type"] == "list":
                visit(shape["member"]["shape"])
            if shape["type"] != "structure" or shape_name in found:
                return
            for member in self.inner_members(shape_name, direction):
                visit(member.shape_name)
            found[shape_name] = True

        for operation in self.families:
            members = self.request_members(operation) if direction == "request" else self.reply_members(operation)
            for member in members:
                visit(member.shape_name)
        return list(found)

    def routes(self):
        routes = []
        for name, operation in self.operations.items():
            path, _, query = operation["http"]["requestUri"].partition("?")
            shape = self.shapes.get(operation.get("input", {}).get("shape"), {})
            needed = [m for m in (shape.get("members", {})[n] for n in shape.get("required", []))]
            level = "object" if "{Key+}" in path else "service" if path == "/" else "bucket"
            routes.append(
                Route(
                    operation=name,
                    level=level,
                    method=operation["http"]["method"],
                    bucket="" if "{" in path or path == "/" else path.strip("/"),
                    markers=query.split("&") if query else [],
                    parameters=[m["locationName"] for m in needed if m.get("location") == "querystring"],
                    headers=[
                        m["locationName"]
                        for m in needed
                        if m.get("location") == "header" and m["locationName"] == "x-amz-copy-source"
                    ],
                    deprecated=operation.get("deprecated", False) or name == "ListDirectoryBuckets",
                )
            )
        # What a request must have beyond its place only matters where several operations share the place.
        for route in routes:
            if sum(other.place == route.place for other in routes) == 1:
                route.parameters, route.headers = [], []
        routes.sort(
            key=lambda r: (
                -len(r.markers),
                -(bool(r.parameters) + bool(r.headers)),
                r.place,
                r.parameters,
                r.headers,
                r.deprecated,
                r.operation,
            )
        )
        return routes


class Writer:
    """Collects the lines of one generated file."""

    def __init__(self):
        self.lines = [HEAD]

    def add(self, *lines):
        self.lines.extend(lines)

    def save(self, path):
        text = "\n".join(self.lines) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


class Generator:
    def __init__(self, model, out):
        self.model = model
        self.out = pathlib.Path(out)
        self.out.mkdir(parents=True, exist_ok=True)

    # ---- types

    def value_type(self, shape_name, as_text=False):
        shape = self.model.shapes[shape_name]
        if as_text or shape["type"] == "string":
            return "std::string"
        if shape["type"] == "structure":
            return TYPE_NAMES.get(shape_name, shape_name)
        return {
            "integer": "std::int64_t",
            "long": "std::int64_t",
            "boolean": "bool",
            "timestamp": "UnixNanos",
            "map": "std::map<std::string, std::string>",
        }[shape["type"]]

    def member_type(self, member, plain):
        if member.kind == "list":
            return f"std::vector<{self.value_type(member.shape['member']['shape'])}>"
        value = self.value_type(member.shape_name, member.name in AS_TEXT)
        return value if plain or member.kind == "map" else f"std::optional<{value}>"

    def struct(self, w, name, members, plain_required, extra=()):
        if not members and not extra:
            w.add(f"struct {name} {{}};", "")
            return
        w.add(f"struct {name} {{")
        for member in members:
            plain = plain_required and member.required
            w.add(f"    {self.member_type(member, plain)} {member.cpp} = {{}};")
        w.add(*extra, "};", "")

    # ---- operations

    def operations(self):
        w = Writer()
        for name, operation in self.model.operations.items():
            served = "true" if name in self.model.families else "false"
            w.add(f"WEIR_S3_OPERATION({name}, {quoted(operation['http']['method'])}, {served})")
        w.save(self.out / "model_operations.inc")

        def pair(values):
            assert len(values) <= 2, values
            return "{" + ", ".join(quoted(v) for v in values + [""] * (2 - len(values))) + "}"

        w = Writer()
        w.add("constexpr Route routes[] = {")
        markers = {}
        for r in self.model.routes():
            assert len(r.headers) <= 1
            w.add(
                f"    {{Level::{r.level}, {quoted(r.method)}, {quoted(r.bucket)}, {pair(r.markers)}, "
                f"{pair(r.parameters)}, {quoted(''.join(r.headers))}, Operation::{r.operation}}},"
            )
            for marker in r.markers:
                if "=" not in marker:
                    markers.setdefault(marker, set()).add(r.level)
        w.add("};", "", "constexpr Marker markers[] = {")
        for marker, levels in sorted(markers.items()):
            of_bucket, of_object = ("true" if x in levels else "false" for x in ("bucket", "object"))
            w.add(f"    {{{quoted(marker)}, {of_bucket}, {of_object}}},")
        w.add("};")
        w.save(self.out / "model_routes.inc")

    def examples(self):
        """For the test of the router: the plainest request of each operation, straight from the model."""
        w = Writer()
        for name, operation in self.model.operations.items():
            path, _, query = operation["http"]["requestUri"].partition("?")
            shape = self.model.shapes.get(operation.get("input", {}).get("shape"), {"members": {}})
            needed = [shape["members"][member] for member in shape.get("required", [])]
            parameters = [(m + "=").split("=")[:2] for m in query.split("&") if m]
            parameters += [(m["locationName"], "1") for m in needed if m.get("location") == "querystring"]
            headers = [(m["locationName"], "1") for m in needed if m.get("location") == "header"]
            bucket = "b" if "{Bucket}" in path else path.strip("/")

            def pairs(values):
                return ", ".join(f"{{{quoted(k)}, {quoted(v)}}}" for k, v in values)

            w.add(
                f"{{Operation::{name}, {quoted(operation['http']['method'])}, {quoted(bucket)}, "
                f"{quoted('k' if '{Key+}' in path else '')}, {{{pairs(parameters)}}}, {{{pairs(headers)}}}}},"
            )
        w.save(self.out / "model_examples.inc")

    # ---- nested shapes

    def shapes(self):
        requests, replies = self.model.nested("request"), self.model.nested("reply")
        both = set(requests) & set(replies)
        if both:
            sys.exit(f"shapes used both ways need a rule: {sorted(both)}")

        w = Writer()
        w.add(
            "#pragma once",
            "// What requests and replies are made of.",
            "",
            "#include <cstdint>",
            "#include <map>",
            "#include <optional>",
            "#include <string>",
            "#include <string_view>",
            "#include <variant>",
            "#include <vector>",
            "",
            '#include "base/clock.h"',
            "",
            "namespace weir::s3 {",
            "",
        )
        for direction, names in (("request", requests), ("reply", replies)):
            for name in names:
                self.struct(w, TYPE_NAMES.get(name, name), self.model.inner_members(name, direction), direction == "request")
        w.add(
            '// f(algorithm, member) for each checksum of a message that has them, such as f("CRC32", m.checksum_crc32).',
            "template <typename Message, typename Function>",
            "void for_each_checksum(Message& message, Function&& f) {",
        )
        for algorithm in self.model.shapes["ChecksumAlgorithm"]["enum"]:
            w.add(f"    f(std::string_view({quoted(algorithm)}), message.{snake_case('Checksum' + algorithm)});")
        w.add("}", "", "}  // namespace weir::s3")
        w.save(self.out / "model_shapes.h")

        enums = sorted({shape for op in self.model.families for shape in self.enum_shapes(op)})
        w = Writer()
        w.add(
            "#pragma once",
            "// Between the generated files only.",
            "",
            '#include "s3/proto/model_fields.h"',
            '#include "s3/proto/model_shapes.h"',
            '#include "s3/proto/xml_writer.h"',
            "",
            "namespace weir::s3 {",
            "",
        )
        for name in requests:
            w.add(f"void read_shape(FieldReader& in, XmlElement from, {TYPE_NAMES.get(name, name)}& to);")
        for name in replies:
            w.add(f"void write_shape(XmlWriter& out, const {TYPE_NAMES.get(name, name)}& from);")
        for name in enums:
            w.add(f"extern const EnumInfo enum_{snake_case(name)};")
        w.add("", "}  // namespace weir::s3")
        w.save(self.out / "model_shapes_xml.h")

        w = Writer()
        w.add('#include "s3/proto/model_shapes_xml.h"', "", '#include "base/limits.h"', "", "namespace weir::s3 {", "")
        for name in enums:
            values = self.model.shapes[name]["enum"]
            cpp = snake_case(name)
            w.add(
                f"static constexpr std::string_view values_{cpp}[] = {{{', '.join(map(quoted, values))}}};",
                f"constinit const EnumInfo enum_{cpp}{{{quoted(name)}, values_{cpp}, "
                f"Code::{ENUM_CODES.get(name, 'invalid_argument')}, "
                f"{'true' if name in ENUMS_ANY_CASE else 'false'}}};",
                "",
            )
        for name in requests:
            self.shape_reader(w, name)
        for name in replies:
            w.add(f"void write_shape(XmlWriter& out, const {TYPE_NAMES.get(name, name)}& from) {{")
            for member in self.model.inner_members(name, "reply"):
                self.write_element(w, member, f"from.{member.cpp}")
            w.add("}", "")
        w.add("}  // namespace weir::s3")
        w.save(self.out / "model_shapes.cc")

    def enum_shapes(self, operation):
        def of(shape_name):
            shape = self.model.shapes[shape_name]
            if "enum" in shape and shape_name not in OPEN_ENUMS:
                yield shape_name
            if shape["type"] == "list":
                yield from of(shape["member"]["shape"])
            if shape["type"] == "structure":
                for inner in self.model.inner_members(shape_name, "request"):
                    yield from of(inner.shape_name)

        for member in self.model.request_members(operation):
            if member.name not in REFUSED:
                yield from of(member.shape_name)

    def shape_reader(self, w, name):
        w.add(f"void read_shape(FieldReader& in, XmlElement from, {TYPE_NAMES.get(name, name)}& to) {{")
        for member in self.model.members(name):
            if self.model.is_refused(name, member):
                if member.kind in ("structure", "list"):
                    w.add(f"    in.refuse(from, {quoted(member.wire)});")
                else:
                    w.add(
                        f"    in.refuse(FieldReader::element(from, {quoted(member.wire)}), "
                        f"{quoted(REFUSED.get(member.name, ''))});"
                    )
                continue
            if member.kind == "list":
                self.read_element_list(w, name, member)
            elif member.kind == "structure":
                sys.exit(f"{name}.{member.name}: nested structures in requests need a rule")
            else:
                self.read_field(w, member, f"FieldReader::element(from, {quoted(member.wire)})")
        w.add("}", "")

    def read_element_list(self, w, shape_name, member):
        inner, inner_shape = self.model.list_member(member)
        if not member.shape.get("flattened") or self.model.shapes[inner_shape]["type"] != "structure":
            sys.exit(f"{shape_name}.{member.name}: this kind of list in a request needs a rule")
        bound = LIST_BOUNDS[f"{shape_name}.{member.name}"]
        w.add(
            f"    for (XmlElement item = from.child({quoted(inner)}); item && !in.failed(); "
            f"item = item.next({quoted(inner)})) {{",
            f"        read_shape(in, item, to.{member.cpp}.emplace_back());",
            "    }",
            f"    in.check_list({quoted(inner)}, to.{member.cpp}.size(), {bound});",
        )

    # ---- requests

    def read_field(self, w, member, field):
        target = f"to.{member.cpp}"
        if member.kind in ("integer", "long"):
            low = member.shape.get("min", 0)
            high = member.shape.get("max", 2**31 - 1 if member.kind == "integer" else 2**63 - 1)
            w.add(f"    in.read({field}, {target}, {{{low}, {high}}});")
        elif member.kind == "timestamp":
            # HTTP has a recipient ignore these where they are no dates.
            condition = re.search(r"If(Un)?[Mm]odifiedSince$", member.name)
            w.add(f"    in.read({field}, {target}, BadDate::{'ignored' if condition else 'refused'});")
        elif member.is_enum:
            w.add(f"    in.read({field}, {target}, enum_{snake_case(member.shape_name)});")
        elif member.kind in ("string", "boolean"):
            w.add(f"    in.read({field}, {target});")
        else:
            sys.exit(f"{member.name}: no rule for {member.kind}")

    def parser(self, w, operation):
        name = f"{operation}Request"
        members = self.model.request_members(operation)
        payload = self.model.payload(operation, "input")
        has_body = any(m.place == "body" for m in members)
        w.add(
            "template <>",
            f"Result<{name}> parse<{name}>(const RequestView& view, "
            f"{'std::string_view body' if has_body else '[[maybe_unused]] std::string_view body'}) {{",
            "    FieldReader in(view);",
            f"    {name} to;",
        )
        for member in members:
            if member.place == "uri":
                w.add(f"    to.{member.cpp} = view.{member.cpp};")
            elif member.name in REFUSED:
                w.add(f"    in.refuse({self.field(member)}, {quoted(REFUSED[member.name])});")
            elif member.place == "headers":
                w.add(f"    in.read_metadata({quoted(member.wire)}, to.{member.cpp});")
            elif member.kind == "list":
                enum = snake_case(member.shape["member"]["shape"])
                w.add(f"    in.read_list({quoted(member.wire)}, to.{member.cpp}, enum_{enum});")
                if member.required:
                    w.add(f"    if (to.{member.cpp}.empty()) in.missing({self.field(member)});")
            elif member.place == "body":
                if member.name != payload:
                    sys.exit(f"{operation}.{member.name}: a body that is no payload needs a rule")
                self.read_payload(w, member)
            else:
                self.read_field(w, member, self.field(member))
        w.add("    if (in.failed()) return fail(in.error());", "    return to;", "}", "")

    @staticmethod
    def field(member):
        return f"in.{'header' if member.place == 'header' else 'query'}({quoted(member.wire)})"

    @staticmethod
    def read_payload(w, member):
        required = "true" if member.required else "false"
        target = f"to.{member.cpp}" if member.required else f"to.{member.cpp}.emplace()"
        w.add(
            f"    if (const XmlElement root = in.body(body, {quoted(member.wire)}, {required})) {{",
            f"        read_shape(in, root, {target});",
            "    }",
        )

    # ---- replies

    def write_element(self, w, member, value, indent="    "):
        name = quoted(member.wire)
        if member.kind == "structure":
            w.add(
                f"{indent}if ({value}.has_value()) {{",
                f"{indent}    out.open({name});",
                f"{indent}    write_shape(out, *{value});",
                f"{indent}    out.close({name});",
                f"{indent}}}",
            )
        elif member.kind == "list":
            inner, inner_shape = self.model.list_member(member)
            flattened = member.shape.get("flattened")
            if not flattened:
                w.add(f"{indent}out.open({name});")
            w.add(f"{indent}for (const auto& item : {value}) {{")
            self.write_item(w, inner, inner_shape, "item", indent + "    ")
            w.add(f"{indent}}}")
            if not flattened:
                w.add(f"{indent}out.close({name});")
        else:
            if member.spec.get("xmlAttribute") or member.shape.get("timestampFormat") == "rfc822":
                sys.exit(f"{member.name}: no rule for it in a reply")
            w.add(f"{indent}out.element({name}, {value});")

    def write_item(self, w, name, shape_name, value, indent):
        if self.model.shapes[shape_name]["type"] == "structure":
            w.add(
                f"{indent}out.open({quoted(name)});",
                f"{indent}write_shape(out, {value});",
                f"{indent}out.close({quoted(name)});",
            )
        else:
            w.add(f"{indent}out.element({quoted(name)}, std::string_view({value}));")

    def write_interleaved(self, w, members, value):
        w.add(f"    for (const auto& entry : {value}) {{")
        for member in members:
            inner, inner_shape = self.model.list_member(member)
            w.add(f"        if (const auto* item = std::get_if<{TYPE_NAMES.get(inner_shape, inner_shape)}>(&entry)) {{")
            self.write_item(w, inner, inner_shape, "*item", "            ")
            w.add("        }")
        w.add("    }")

    def writer(self, w, operation):
        members = self.model.reply_members(operation)
        body = [m for m in members if m.place == "body"]
        status = self.model.operations[operation]["http"].get("responseCode", 200)
        w.add(
            f"void write({'[[maybe_unused]] ' if not members else ''}const {operation}Reply& from, Reply& to) {{",
            f"    to.status = {status};",
        )
        for member in members:
            value = f"from.{member.cpp}"
            if member.place == "headers":
                w.add(f"    add_metadata(to, {quoted(member.wire)}, {value});")
            elif member.place == "header" and member.kind == "timestamp":
                kind = "iso" if member.spec.get("timestampFormat") == "iso8601" else "http"
                w.add(f"    add_field(to, {quoted(member.wire)}, {value}, DateFormat::{kind});")
            elif member.place == "header":
                w.add(f"    add_field(to, {quoted(member.wire)}, {value});")
        if body:
            self.document(w, operation, body)
        w.add("}", "")

    def document(self, w, operation, body):
        payload = self.model.payload(operation, "output")
        text = TEXT_REPLIES.get(operation)
        root = text or payload or REPLY_ROOTS[operation]
        w.add(
            '    to.add_header("Content-Type", "application/xml");',
            "    XmlWriter out(to.body);",
            f"    out.open_root({quoted(root)}, xml_namespace_attribute);",
        )
        if text:
            w.add(f"    if (from.{snake_case(text)}.has_value()) out.text(*from.{snake_case(text)});")
        elif payload:
            w.add(f"    if (from.{snake_case(payload)}.has_value()) write_shape(out, *from.{snake_case(payload)});")
        else:
            joined_name, joined = INTERLEAVED.get(operation, ("", []))
            for member in body:
                if member.name in joined[:1]:
                    self.write_interleaved(w, [m for m in body if m.name in joined], f"from.{joined_name}")
                elif member.name not in joined:
                    self.write_element(w, member, f"from.{member.cpp}")
        w.add(f"    out.close({quoted(root)});")

    # ---- families

    def family(self, family):
        operations = self.model.in_family(family)
        w = Writer()
        w.add(
            "#pragma once",
            f"// Requests and replies of the operations: {', '.join(operations)}.",
            "// Plain values. parse() fails as model_fields.h says; write() does not fail.",
            "",
            '#include "s3/proto/model_parse.h"',
            '#include "s3/proto/model_shapes.h"',
            '#include "s3/proto/reply.h"',
            "",
            "namespace weir::s3 {",
            "",
        )
        for operation in operations:
            requests = [m for m in self.model.request_members(operation) if m.name not in REFUSED]
            self.struct(w, f"{operation}Request", requests, True)
            joined_name, joined = INTERLEAVED.get(operation, ("", []))
            replies = [m for m in self.model.reply_members(operation) if m.name not in joined]
            extra = ()
            if joined:
                lists = [m for m in self.model.reply_members(operation) if m.name in joined]
                types = ", ".join(self.value_type(m.shape["member"]["shape"]) for m in lists)
                extra = ("    // In the order of the listing.", f"    std::vector<std::variant<{types}>> {joined_name} = {{}};")
            self.struct(w, f"{operation}Reply", replies, False, extra)
        for operation in operations:
            w.add(
                "template <>",
                f"Result<{operation}Request> parse<{operation}Request>(const RequestView& view, std::string_view body);",
                f"void write(const {operation}Reply& from, Reply& to);",
                "",
            )
        w.add("}  // namespace weir::s3")
        w.save(self.out / f"model_{family}.h")

        w = Writer()
        w.add(
            f'#include "s3/proto/model_{family}.h"',
            "",
            '#include "s3/proto/model_fields.h"',
            '#include "s3/proto/model_shapes_xml.h"',
            "",
            "namespace weir::s3 {",
            "",
        )
        for operation in operations:
            self.parser(w, operation)
            self.writer(w, operation)
        w.add("}  // namespace weir::s3")
        w.save(self.out / f"model_{family}.cc")

    def run(self):
        self.operations()
        self.examples()
        self.shapes()
        for family in FAMILIES:
            self.family(family)


def doc_rows(doc_path):
    """The rows of the table: operation -> status."""
    rows = {}
    for line in pathlib.Path(doc_path).read_text().splitlines():
        match = re.match(r"\|\s*`?(\w+)`?\s*\|\s*([^|]*?)\s*\|([^|]*)\|\s*$", line)
        if match and match[1] != "Operation":
            if match[1] in rows:
                yield f"{match[1]} has two rows"
            rows[match[1]] = match[2]
    return rows


def check_doc(model, doc_path):
    problems, rows = [], None
    generator = doc_rows(doc_path)
    while rows is None:
        try:
            problems.append(next(generator))
        except StopIteration as stop:
            rows = stop.value
    for operation in model.operations:
        expected = "served" if operation in model.families else "501"
        status = rows.pop(operation, None)
        if status is None:
            problems.append(f"{operation} has no row")
        elif status != expected:
            problems.append(f"{operation} is {status!r} in the table, and {expected!r} in truth")
    problems += [f"{operation} is no operation of the model" for operation in rows]
    for problem in problems:
        print(f"{doc_path}: {problem}", file=sys.stderr)
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("generate", "check-doc"))
    parser.add_argument("model")
    parser.add_argument("operations")
    parser.add_argument("target")
    arguments = parser.parse_args()
    model = Model(arguments.model, arguments.operations)
    if arguments.mode == "check-doc":
        return check_doc(model, arguments.target)
    Generator(model, arguments.target).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
