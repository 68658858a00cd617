"""No secret is ever in a log: a session at the level `trace` through everything that has one, and then every word that the range
wrote is looked through for each of them."""

import base64
import hashlib
import hmac
import json
import re
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import botocore.config
import pytest
from botocore.exceptions import ClientError

from conftest import Cloud, binary, clean_env, eventually, stop

ADMIN = ("AKIAADMINISTRATOR001", "the-administrators-own-secret-0000000001")
# Left in what goes wrong, to find it again.
MARKER = "marker-of-a-secret-that-was-sent"


def code_of(seed, at):
    """The six digits that a device with this seed shows."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class Told:
    """Every secret that was used or given, by what it is."""

    def __init__(self):
        self.secrets = {}

    def add(self, what, secret):
        assert len(secret) >= 6, (what, secret)
        self.secrets[f"{what} {len(self.secrets)}"] = secret

    def found_in(self, text):
        forms = lambda secret: {secret, urllib.parse.quote(secret, safe=""), secret.replace("/", "\\/"), base64.b64encode(secret.encode()).decode()}  # noqa: E731
        return [what for what, secret in self.secrets.items() if any(form in text for form in forms(secret))]


def watched(told, cloud, service, key=None, secret=None, token=None, **extra):
    """A client of which every signature and token is written down."""
    client = cloud.client(service, key, secret, token, **extra)

    def sent(request, **_):
        header = request.headers.get("Authorization", b"")
        header = header.decode() if isinstance(header, bytes) else header
        if signature := re.search(r"Signature=([0-9a-f]{64})", header):
            told.add("a signature", signature[1])

    client.meta.events.register("before-send", sent)
    return client


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A range that says all that it can, into files."""
    home = tmp_path_factory.mktemp("noisy")
    files = home / "stdout", home / "stderr"
    with open(files[0], "w") as out, open(files[1], "w") as err:
        process = subprocess.Popen(
            [str(binary()), "range", "--listen", "127.0.0.1:0", "--admin-key", ":".join(ADMIN), "--trail-delay", "1s", "--tls", "--log", "trace"],
            env=clean_env(home),
            stdout=out,
            stderr=err,
        )
    endpoint = eventually(lambda: re.search(r"http://127\.0\.0\.1:\d+", files[0].read_text()))[0]
    cloud = Cloud(endpoint, *ADMIN, home, process)
    cloud.files = files
    yield cloud
    stop(process)


def keys(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def everything_with_a_secret(cloud, told, tmp):
    told.add("the administrator's secret", ADMIN[1])
    iam, sts, s3 = (watched(told, cloud, service) for service in ("iam", "sts", "s3"))
    iam.create_user(UserName="anna")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="anna", PolicyName="all", PolicyDocument=json.dumps(allow))

    made = iam.create_access_key(UserName="anna")["AccessKey"]
    anna = made["AccessKeyId"], made["SecretAccessKey"]
    told.add("an access key's secret", anna[1])

    passwords = [f"Password-{word}-0!" for word in ("first", "second", "third")]
    for password in passwords:
        told.add("a password", password)
    iam.create_login_profile(UserName="anna", Password=passwords[0])
    iam.update_login_profile(UserName="anna", Password=passwords[1])
    watched(told, cloud, "iam", *anna).change_password(OldPassword=passwords[1], NewPassword=passwords[2])
    told.add("a password that is refused", "weak" + MARKER[:2])
    iam.update_account_password_policy(MinimumPasswordLength=20)
    with pytest.raises(ClientError):
        iam.update_login_profile(UserName="anna", Password="weak" + MARKER[:2])

    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="anna")["VirtualMFADevice"]
    seed = device["Base32StringSeed"]
    seed = seed.decode() if isinstance(seed, bytes) else seed
    try:
        base64.b32decode(seed)
    except ValueError:
        seed = base64.b64decode(seed).decode()
    told.add("a device's seed", seed)
    now = time.time()
    codes = code_of(seed, now - 30), code_of(seed, now)
    iam.enable_mfa_device(UserName="anna", SerialNumber=device["SerialNumber"], AuthenticationCode1=codes[0], AuthenticationCode2=codes[1])

    password = iam.create_service_specific_credential(UserName="anna", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    told.add("a service's password", password["ServicePassword"])
    reset = iam.reset_service_specific_credential(UserName="anna", ServiceSpecificCredentialId=password["ServiceSpecificCredentialId"])
    told.add("a service's password", reset["ServiceSpecificCredential"]["ServicePassword"])

    private = tmp / "server.key"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", str(private), "-out", str(tmp / "server.pem")]
    subprocess.run(make, check=True, capture_output=True)
    for line in private.read_text().splitlines()[1:-1]:
        told.add("a line of a private key", line)
    iam.upload_server_certificate(ServerCertificateName="x", CertificateBody=(tmp / "server.pem").read_text(), PrivateKey=private.read_text())

    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="all", PolicyDocument=json.dumps(allow))
    sessions = [
        sts.assume_role(RoleArn=role, RoleSessionName="one"),
        watched(told, cloud, "sts", *anna).get_session_token(),
        watched(told, cloud, "sts", *anna).get_federation_token(Name="fed", Policy=json.dumps(allow)),
    ]
    for session in sessions:
        key = keys(session["Credentials"])
        told.add("a session's secret", key[1])
        told.add("a session's token", key[2])
        watched(told, cloud, "sts", *key).get_caller_identity()
        with pytest.raises(ClientError):
            watched(told, cloud, "sts", key[0], key[1], key[2][:-8] + "AAAAAAAA").get_caller_identity()

    s3.create_bucket(Bucket="secrets")
    for at, body in enumerate(("a body in the clear", "a second body")):
        told.add("a body", f"{MARKER}: {body}")
        s3.put_object(Bucket="secrets", Key=f"k{at}", Body=f"{MARKER}: {body}".encode())
        assert s3.get_object(Bucket="secrets", Key=f"k{at}")["Body"].read().decode() == f"{MARKER}: {body}"
    customer = hashlib.sha256(b"a customer's key").digest()
    told.add("a customer's key", base64.b64encode(customer).decode())
    try:
        s3.put_object(Bucket="secrets", Key="own", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=customer)
    except ClientError:
        pass  # A service may refuse it; it is no less a secret.

    session = keys(sessions[0]["Credentials"])
    signer = watched(told, cloud, "s3", *session, config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "secrets", "Key": "k0"})
    told.add("a presigned signature", re.search(r"X-Amz-Signature=([0-9a-f]{64})", url)[1])
    told.add("a session's token in an address", urllib.parse.unquote(re.search(r"X-Amz-Security-Token=([^&]+)", url)[1]))
    urllib.request.urlopen(url).read()
    for wrong in (url.replace("k0", "k1"), url + "0"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(wrong).read()


def things_that_go_wrong(cloud, told):
    """Secrets where they do not belong."""
    told.add("what stands in a torn header", MARKER)
    told.add("a wrong secret", "wrong" * 8)
    with pytest.raises(ClientError):
        watched(told, cloud, "sts", secret="wrong" * 8).get_caller_identity()
    attempts = [
        {"Authorization": f"AWS4-HMAC-SHA256 {MARKER}"},
        {"Authorization": f"Bearer {MARKER}"},
        {"Authorization": f"AWS4-HMAC-SHA256 Credential=AKIA/{MARKER}/x/y/z, SignedHeaders=host, Signature={MARKER}"},
        {"Authorization": f"Basic {base64.b64encode(MARKER.encode()).decode()}"},
        {"X-Amz-Security-Token": MARKER, "X-Amz-Target": f"Nothing.{MARKER}"},
        {"Cookie": MARKER},
    ]
    for headers in attempts:
        request = urllib.request.Request(f"{cloud.endpoint}/", data=f"Action=CreateLoginProfile&Version=2010-05-08&Password={MARKER}".encode(), headers=headers)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request)
    for query in (f"X-Amz-Signature={MARKER}&X-Amz-Credential=a/b/c/d/e", f"X-Amz-Security-Token={MARKER}", f"token={MARKER}"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{cloud.endpoint}/some-bucket/key?{query}")


def records(cloud):
    """Every record of the event history, as its lookup shows it."""
    pages = cloud.client("cloudtrail").get_paginator("lookup_events").paginate()
    return [event["CloudTrailEvent"] for page in pages for event in page["Events"]]


def test_no_secret_is_in_what_the_range_says(noisy, tmp_path):
    told = Told()
    everything_with_a_secret(noisy, told, tmp_path)
    things_that_go_wrong(noisy, told)
    assert len(told.secrets) > 40
    log = noisy.files[1].read_text()
    assert "stockade_range::access" in log and "GetCallerIdentity" in log, "the log is on"
    assert told.found_in(log) == []
    assert told.found_in(noisy.files[0].read_text()) == [], "the administrator knows the secret that they gave"
    with urllib.request.urlopen(f"{noisy.endpoint}/_stockade/requests") as answer:
        assert told.found_in(answer.read().decode()) == []
    # AWS shows the token of a session that it hands out in its record, and so does the range.
    found = [what for text in records(noisy) for what in told.found_in(text) if not what.startswith("a session's token")]
    assert found == []
    assert len(records(noisy)) > 20


def test_a_secret_would_be_found():
    told = Told()
    told.add("a token", "abc/def+ghi==")
    for text in ("x abc/def+ghi== y", "abc%2Fdef%2Bghi%3D%3D", r'{"t":"abc\/def+ghi=="}', base64.b64encode(b"abc/def+ghi==").decode()):
        assert told.found_in(text), text
    assert told.found_in("abc def ghi") == []
