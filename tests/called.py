"""Which operations of the range the tests have called by real clients, and how that ended.

boto3's clients are counted by botocore's own events; the AWS CLI, which is a process of its own, by the range's list of requests.
"""

import re
from collections import defaultdict
from pathlib import Path

import botocore.session

COVERAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "coverage.md"
# What a caller is told who may not call at all, whatever the input.
REFUSALS = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}

# What cannot succeed in the range: what would have to be there first cannot be made, or is not of this partition.
REFUSED_ALWAYS = {
    ("kms", "ConnectCustomKeyStore"),
    ("kms", "CreateCustomKeyStore"),
    ("kms", "DeleteCustomKeyStore"),
    ("kms", "DisconnectCustomKeyStore"),
    ("kms", "UpdateCustomKeyStore"),
    ("organizations", "CreateGovCloudAccount"),
    ("s3", "GetBucketCors"),
    ("s3", "GetBucketReplication"),
    ("s3", "GetBucketWebsite"),
    ("s3", "GetObjectLockConfiguration"),
}

answered = defaultdict(set)
"""By service and operation: the error codes of the answers; an empty one for success."""


def note(service, operation, status, code):
    """An answer that a client got. What the range does not have, and what is its own fault, is no answer."""
    if status < 400:
        answered[service, operation].add("")
    elif status < 500:
        answered[service, operation].add(code or str(status))


def watch(client):
    """Counts what a boto3 client calls from now on."""

    def after_call(http_response, parsed, model, **_):
        code = parsed.get("Error", {}).get("Code")
        note(model.service_model.service_name, model.name, http_response.status_code, code)

    client.meta.events.register("after-call", after_call)
    return client


def note_requests(requests):
    """Counts what the range's own list of requests shows."""
    for request in requests:
        if action := request["action"]:
            note(*action.split(":", 1), request["status"], request["errorCode"])


def operations():
    """What the range has, by service: the page is made from the code, and `./test` holds it to it."""
    services = {}
    for section in re.split(r"^## ", COVERAGE.read_text(), flags=re.MULTILINE)[1:]:
        name, text = section.split("\n", 1)
        lists = re.findall(r"^(?:Read|Write): (.+)\.$", text, flags=re.MULTILINE)
        if found := [operation for names in lists for operation in names.split(", ")]:
            services[name] = found
    return services


def missing(service, operations):
    """What has not been called with good input, or not with bad."""
    model = botocore.session.get_session().get_service_model(service)

    def bad(operation):
        codes = answered[service, operation] - {""}
        shape = model.operation_model(operation).input_shape
        # Where there is nothing to give, nothing can be given wrong: there a refusal is all that can go wrong.
        return codes - REFUSALS if shape and shape.members else codes

    # An exception that is none any more is a fault too.
    succeeded = {o for o in operations if "" in answered[service, o]}
    excepted = {o for of, o in REFUSED_ALWAYS if of == service}
    return {
        "never called with success": [o for o in operations if o not in succeeded | excepted],
        "said to succeed never": sorted(succeeded & excepted),
        "never called with bad input": [o for o in operations if not bad(o)],
    }
