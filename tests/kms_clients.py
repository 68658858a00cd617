"""What the tests of KMS have in common: clients that check nothing, keys of their own, callers with few rights."""

import json

import pytest

from iam_clients import UNCHECKED, numbers

DAY = 24 * 3600
NOBODY = "1234abcd-12ab-34cd-56ef-1234567890ab"
"""The id of a key that there is not."""


@pytest.fixture(scope="module")
def kms(range):
    return range.client("kms", config=UNCHECKED)


@pytest.fixture
def key(kms):
    """A symmetric key's id."""
    return make(kms)


def make(kms, spec=None, usage=None, **more):
    """A key's id."""
    if spec:
        more["KeySpec"] = spec
    if usage:
        more["KeyUsage"] = usage
    return kms.create_key(**more)["KeyMetadata"]["KeyId"]


def arn_of(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]


def state_of(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


def statement(action, resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def own_policy(account, *more):
    """A key policy that leaves the key to its account's own policies, and says more."""
    root = statement("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:root"})
    return document(root, *more)


class Caller:
    """A user of the range's first account, with an inline policy."""

    def __init__(self, range, *statements):
        iam = range.client("iam")
        self.name = f"kms-{next(numbers)}"
        self.arn = iam.create_user(UserName=self.name)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.range, self.id, self.secret = range, key["AccessKeyId"], key["SecretAccessKey"]
        self.kms = self.client("kms")

    def client(self, service, region="us-east-1"):
        return self.range.client(service, self.id, self.secret, region=region, config=UNCHECKED)


def advance(range, seconds):
    """Moves the range's clock, and hands back its time."""
    return range.control("clock", {"advance": f"PT{seconds}S"})["now"]
