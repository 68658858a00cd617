"""What the tests of IAM have in common: clients, users, roles and groups of their own, certificates, refusals."""

import datetime
import itertools
import json

import botocore.config
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
EC2_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
# Bad input must reach the range: botocore checks nothing.
UNCHECKED = botocore.config.Config(parameter_validation=False, retries={"total_max_attempts": 1})
numbers = itertools.count()


@pytest.fixture(scope="module")
def iam(range):
    return range.client("iam", config=UNCHECKED)


@pytest.fixture(scope="module")
def account(range):
    return range.client("sts").get_caller_identity()["Account"]


@pytest.fixture
def user(iam):
    """A new user's name."""
    name = f"user-{next(numbers)}"
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def role(iam):
    """A new role's name."""
    name = f"role-{next(numbers)}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2_TRUST)
    return name


@pytest.fixture
def group(iam):
    """A new group's name."""
    name = f"group-{next(numbers)}"
    iam.create_group(GroupName=name)
    return name


def low_client(range, iam, name, service="iam", *statements):
    """A client of a user with just these permissions."""
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return range.client(service, key["AccessKeyId"], key["SecretAccessKey"])


def refused(call, code, message=None, status=None, **input):
    """The call fails with this code; hands back the message."""
    with pytest.raises(ClientError) as caught:
        call(**input)
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    if message:
        assert error["Error"]["Message"] == message
    if status:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    return error["Error"]["Message"]


def pages(client, operation, key, **input):
    return [item for page in client.get_paginator(operation).paginate(**input) for item in page[key]]


def certificate(name, issuer=None, key=None, days=365, begins=-1):
    """A certificate in PEM, and its key. `issuer` is such a pair; without one it is signed with its own key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = x509.load_pem_x509_certificate(issuer[0].encode()).subject if issuer else subject
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=begins)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode().strip(), key


def key_pem(key, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def rsa_key():
    return rsa.generate_private_key(65537, 2048)
