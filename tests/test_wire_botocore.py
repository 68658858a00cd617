"""The codecs held against botocore itself: what its serializers write we read, and what we write its parsers read.

Every operation of every table, in every protocol that its service speaks and botocore does. Inputs and outputs are
made from botocore's own models.
"""

import base64
import datetime
import gzip
import io
import json
import os
import random
import re
import subprocess
from pathlib import Path

import botocore.awsrequest
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest

from conftest import ROOT

DATA = Path(botocore.__path__[0]) / "data"
TABLES = ROOT / "crates/wire/tables"
SERVICES = sorted(path.stem for path in TABLES.glob("*.json"))
UTC = datetime.timezone.utc

# Requests that are another operation's to the last byte.
SUPERSEDED = {
    "GetBucketLifecycle",
    "PutBucketLifecycle",
    "GetBucketNotification",
    "PutBucketNotification",
    "ListDirectoryBuckets",
}
# Answered by the query protocol in former years: botocore has the names no longer, but for these.
FORMER = {"sqs": {"query"}}
# botocore has this one put right by a handler of its own: the root of the answer is the value.
HANDLED = {"GetBucketLocation"}


class Echo:
    """The example `echo` of the crate: one question a line."""

    def __init__(self):
        command = ["cargo", "run", "--quiet", "--locked", "-p", "stockade-wire", "--example", "echo"]
        if named := os.environ.get("STOCKADE_WIRE_ECHO"):
            command = [named]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "wrong" not in answer, answer
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="module")
def echo():
    echo = Echo()
    yield echo
    echo.close()


class Maker:
    """Values of a shape."""

    TEXT = ["a", "Z9", " ", "&", "<b>", "\"'", "é", "日本", "+", "%2F", "=", "/", "]]>", "?", "#", ";", "\n", "\t"]
    PLAIN = ["a", "Z9", "-", "/", "=", "+", "%41", ":", "."]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, shape, pieces=TEXT):
        if shape.enum:
            return self.random.choice(shape.enum)
        return "".join(self.random.choice(pieces) for _ in range(self.random.randint(1, 6)))

    def time(self, whole):
        seconds = self.random.randint(1_000_000_000, 2_000_000_000)
        micros = 0 if whole else self.random.choice([0, 250_000])
        return datetime.datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)

    def structure(self, shape, depth, direction, top=False):
        members = {}
        if getattr(shape, "is_tagged_union", False):
            names = list(shape.members)
            if depth > 3:
                names = [n for n in names if shape.members[n].type_name not in ("list", "map")] or names
            name = self.random.choice(names)
            return {name: self.make(shape.members[name], depth + 1, direction)}
        for name, member in shape.members.items():
            if member.serialization.get("eventstream"):
                continue
            wanted = name in shape.required_members or (depth < 4 and self.random.random() < 0.6)
            if wanted and depth < 8:
                members[name] = self.make(member, depth + 1, direction, top=top)
        if not members and depth and shape.members and depth < 9:
            plain = [n for n, m in shape.members.items() if m.type_name not in ("structure", "list", "map")]
            name = (plain or list(shape.members))[0]
            members[name] = self.make(shape.members[name], depth + 1, direction)
        return members

    def make(self, shape, depth=0, direction="in", top=False):
        place = shape.serialization.get("location") if top else None
        kind = shape.type_name
        in_header = place in ("header", "headers")
        pieces = self.PLAIN if in_header else self.TEXT
        if kind == "structure":
            if shape.is_document_type:
                return {"any": ["JSON", 1, None]}
            return self.structure(shape, depth, direction, top=depth == 0)
        if kind == "list":
            items = [self.make(shape.member, depth + 1, direction) for _ in range(self.random.randint(1, 3))]
            if in_header and shape.member.type_name == "string" and not shape.member.enum:
                more = [",", '"'] if direction == "in" else []
                items = [self.text(shape.member, [*self.PLAIN, *more]) for _ in items]
            return items
        if kind == "map":
            keys = {
                ("key-" if in_header else "") + self.text(shape.key, ["a", "b", "1"] if in_header else self.TEXT)
                for _ in range(self.random.randint(1, 3))
            }
            if in_header or place == "querystring":
                make_value = lambda: self.text(shape.value, self.PLAIN) if shape.value.type_name == "string" else [
                    self.text(shape.value.member)
                ]
            else:
                make_value = lambda: self.make(shape.value, depth + 1, direction)
            return {key: make_value() for key in keys}
        if place == "statusCode":
            return self.random.randint(200, 203)
        if kind == "string":
            return self.text(shape, pieces)
        if kind == "blob":
            return self.random.randbytes(self.random.randint(0, 20))
        if kind == "integer":
            return self.random.randint(-(2**31), 2**31 - 1)
        if kind == "long":
            return self.random.randint(-(2**63), 2**63 - 1)
        if kind in ("float", "double"):
            return self.random.randint(1, 1 << 20) / 4
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return self.time(in_header or shape.serialization.get("timestampFormat") == "rfc822")
        raise AssertionError(kind)


def as_told(value):
    """A value as an Object of ours has it."""
    if isinstance(value, dict):
        return {key: as_told(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_told(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        value = value.astimezone(UTC)
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return value.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
    return value


def raw_model(service):
    """The model itself: what botocore's loader adds never goes over the wire."""
    newest = max(path for path in (DATA / service).iterdir() if path.is_dir())
    with gzip.open(newest / "service-2.json.gz") as file:
        return json.load(file)


def cases(service):
    model = botocore.model.ServiceModel(raw_model(service), service)
    spoken = model.metadata.get("protocols", [model.metadata["protocol"]])
    for name in model.operation_names:
        operation = model.operation_model(name)
        if name in SUPERSEDED or operation.has_event_stream_input or operation.has_event_stream_output:
            continue
        for protocol in spoken:
            if protocol not in FORMER.get(service, ()):
                yield operation, protocol


def streams_of(service):
    """Shapes that are marked as streams: botocore's models keep the mark, its shapes do not."""
    return {name for name, shape in raw_model(service)["shapes"].items() if shape.get("streaming")}


def member_stream(shape, streams):
    """The name of the member that is sent as bytes beside the others."""
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is None:
        return None
    member = shape.members[payload]
    marked = member.name in streams or member.serialization.get("streaming")
    return payload if marked else None


@pytest.mark.parametrize("service", SERVICES)
def test_what_botocore_writes_is_read(service, echo):
    streams = streams_of(service)
    endpoint = "http://127.0.0.1:4566"
    scope = (
        "AWS4-HMAC-SHA256 Credential=A/20230710/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
    )
    count = 0
    for at, (operation, protocol) in enumerate(cases(service)):
        serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
        made = Maker(at).make(operation.input_shape) if operation.input_shape else {}
        # What stands before the host must be a label there.
        for name in re.findall(r"{(.*?)}", (operation.endpoint or {}).get("hostPrefix", "")):
            made[name] = "a1"
        asked = dict(serializer.serialize_to_request(made, operation))
        asked.pop("host_prefix", None)
        if isinstance(asked["query_string"], dict):
            asked["query_string"] = {k: v for k, v in asked["query_string"].items()}
        asked["context"] = {}
        botocore.awsrequest.prepare_request_dict(asked, endpoint)
        request = botocore.awsrequest.create_request_object(asked).prepare()
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode()
        signing = operation.service_model.signing_name
        headers = {k: v if isinstance(v, str) else v.decode() for k, v in request.headers.items()}
        headers["authorization"] = scope.format(signing)
        told = echo.ask(
            do="decode",
            method=request.method,
            uri=request.url,
            headers=headers,
            body=base64.b64encode(body).decode(),
        )
        what = f"{service}:{operation.name} in {protocol}\n{request.method} {request.url}\n{body[:2000]}"
        assert "error" not in told, (what, told)
        assert (told["service"], told["operation"]) == (service, operation.name), what
        wanted = dict(made)
        stream = member_stream(operation.input_shape, streams)
        if stream:
            sent = wanted.pop(stream, b"")
            assert base64.b64decode(told["body"]) == (sent if isinstance(sent, bytes) else sent.encode()), what
        read = told["input"]
        # An empty body stands for a member that is the body, and the HTTP library counts for itself.
        payload = operation.input_shape.serialization.get("payload") if operation.input_shape else None
        if payload not in wanted and read.get(payload) == {}:
            read.pop(payload)
        wanted.pop("ContentLength", None)
        read.pop("ContentLength", None)
        assert read == as_told(wanted), what
        count += 1
    assert count > 5


@pytest.mark.parametrize("service", SERVICES)
def test_what_we_answer_botocore_reads(service, echo):
    streams = streams_of(service)
    for at, (operation, protocol) in enumerate(cases(service)):
        if operation.name in HANDLED:
            continue
        shape = operation.output_shape
        made = Maker(at).make(shape, direction="out") if shape else {}
        stream = member_stream(shape, streams)
        body = made.pop(stream, b"") if stream else None
        if isinstance(body, str):
            body = body.encode()
        told = echo.ask(
            do="answer",
            service=service,
            operation=operation.name,
            protocol=protocol,
            output=as_told(made),
            body=None if body is None else base64.b64encode(body).decode(),
        )
        answer = response(told, operation, body is not None or payload_bytes(shape))
        read = botocore.parsers.create_parser(protocol).parse(answer, shape)
        metadata = read.pop("ResponseMetadata", {})
        what = f"{service}:{operation.name} in {protocol}\n{base64.b64decode(told['body'])[:3000]}"
        assert metadata["HTTPStatusCode"] < 300, what
        # Its reader of CBOR passes over the id where there is no output.
        assert metadata.get("RequestId") == "request-1" or shape is None, what
        if stream:
            assert read.pop(stream).read() == body, what
        for name, member in (shape.members if shape else {}).items():
            place = member.serialization.get("location")
            if place == "statusCode" and name not in made:
                read.pop(name)
            if place == "headers" and name not in made and read.get(name) == {}:
                read.pop(name)
            if name in read and hasattr(read[name], "read"):
                read[name] = read[name].read()
            # A body that is not there is read as an empty one.
            if name not in made and not read.get(name):
                read.pop(name, None)
            if isinstance(made.get(name), str) and isinstance(read.get(name), bytes):
                read[name] = read[name].decode()
        assert as_told(read) == as_told(made), what


def payload_bytes(shape):
    payload = shape.serialization.get("payload") if shape is not None else None
    return payload is not None and shape.members[payload].type_name in ("blob", "string")


def response(told, operation, raw):
    body = base64.b64decode(told["body"])
    return {
        "status_code": told["status"],
        "headers": botocore.awsrequest.HeadersDict(told["headers"]),
        "body": io.BytesIO(body) if raw else body,
        "context": {"operation_name": operation.name},
    }


@pytest.mark.parametrize("service", SERVICES)
def test_our_errors_botocore_reads(service, echo):
    seen = set()
    table = json.loads((TABLES / f"{service}.json").read_text())
    for at, (operation, protocol) in enumerate(cases(service)):
        for shape in operation.error_shapes:
            if (protocol, shape.name) in seen:
                continue
            seen.add((protocol, shape.name))
            fields = Maker(at).make(shape, direction="out")
            # The text, and what the answer's head says anyhow.
            fields = {k: v for k, v in fields.items() if k.lower() not in ("message", "errortype")}
            facts = table["shapes"][shape.name].get("error", {})
            code = facts.get("code", shape.name)
            status = facts.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400)
            told = echo.ask(
                do="error",
                service=service,
                protocol=protocol,
                code=shape.name,
                message="It is <not> there & é",
                status=status,
                fields=as_told(fields),
            )
            what = f"{service}:{shape.name} in {protocol}\n{told['headers']}\n{base64.b64decode(told['body'])}"
            assert told["status"] == status, what
            answer = response(told, operation, False)
            parser = botocore.parsers.create_parser(protocol)
            read = parser.parse(answer, operation.output_shape)
            error = read["Error"]
            compatible = operation.service_model.is_query_compatible
            by_shape = protocol in ("json", "rest-json", "smithy-rpc-v2-cbor")
            assert error["Code"] == (shape.name if by_shape and not compatible else code), what
            assert error["Message"] == "It is <not> there & é", what
            assert read["ResponseMetadata"].get("RequestId") == "request-1", what
            if by_shape and compatible:
                assert error["QueryErrorCode"] == shape.name, what
                assert error["Type"] == ("Sender" if status < 500 else "Receiver"), what
            modelled = parser.parse(response(told, operation, False), shape)
            if service != "s3" and protocol != "ec2":
                modelled = {k: v for k, v in modelled.items() if k.lower() not in ("message", "errortype")}
                modelled.pop("ResponseMetadata", None)
                assert as_told(modelled) == as_told(fields), what
